"""From patterns of a configuration to a suite: find the files, read each in its format, divide, check."""

import json
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

from skillopt_ci import plugins
from skillopt_ci.core.split import SplitWeights, assign_splits
from skillopt_ci.core.task import Suite, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError, Problem, UsageError
from skillopt_ci.suites.base import Reader, ReadResult
from skillopt_ci.suites.checks import duplicate_ids, repeated_prompts, sizes
from skillopt_ci.suites.skillopt_splits import split_of

MAX_FILE_BYTES = 64 * 1024 * 1024
_SPLIT_FOLDERS = "{train,val,test}/items.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEntry:
    """Where tasks are: a path, pattern or split folder below the root, and the format; None finds the format out."""

    pattern: str
    format: str | None = None


def load_suite(
    tree: Tree, entries: Sequence[TaskEntry], *, split: SplitWeights, need: Sequence[str] = ()
) -> tuple[Suite, list[Problem]]:
    """Read every task of a skill. Bad input is never raised, it is told in the problems, ordered by file and line.

    Args:
        tree: where files are read from.
        entries: in order; a file that two entries match is read once.
        split: weights and seed for tasks without a split of their own.
        need: splits that must not be empty.

    Returns:
        The suite of all tasks that can be used, every split decided; and errors and warnings. With an error among
        them the suite is not whole and must not be measured on.
    """
    problems: list[Problem] = []
    tasks: list[Task] = []
    held_out = False
    for path, format_name in _files(tree, entries, problems):
        name, result = _read(tree, path, format_name)
        problems.extend(result.problems)
        tasks.extend(result.tasks)
        held_out = held_out or (name != "native" and any(t.split == "test" for t in result.tasks))
    divided = assign_splits(tasks, split, held_out=held_out)
    problems += duplicate_ids(divided)
    problems += repeated_prompts(divided)
    # Sizes of a suite that could not be read whole would only mislead.
    if all(p.warning for p in problems):
        where = entries[0].pattern if entries else "tasks"
        if divided:
            problems += sizes(divided, where=where, need=need)
        else:
            problems.append(Problem(where, 0, 0, "there are no tasks"))
    return Suite(tasks=divided), sorted(problems, key=lambda p: (p.file, p.line, p.column, p.warning, p.message))


def detect(path: str, data: bytes) -> str:
    """The format of a task file, by its name and its first object."""
    if split_of(path):
        return "skillopt-splits"
    if path.lower().endswith(".jsonl"):
        lines = (line.strip() for line in BytesIO(data))
        first = next((line for line in lines if line and not line.startswith(b"#")), b"")
        try:
            value = json.loads(first)
        except (ValueError, RecursionError):
            gbrain = b'"task_id"' in first and b'"judge"' in first
        else:
            gbrain = isinstance(value, dict) and "task_id" in value and "judge" in value
        if gbrain:
            return "gbrain"
    return "native"


def _files(tree: Tree, entries: Sequence[TaskEntry], problems: list[Problem]) -> Iterator[tuple[str, str | None]]:
    """Paths with the format their entry names, each once."""
    seen: set[str] = set()
    for entry in entries:
        try:
            paths = [p for p in tree.glob(entry.pattern) if posixpath.basename(p) != "split_manifest.json"]
            if not paths and entry.format in (None, "skillopt-splits"):
                folder = entry.pattern.rstrip("/")
                paths = [p for s in ("train", "val", "test") for p in tree.glob(f"{folder}/{s}/items.json")]
        except ConfigError as error:
            problems.extend(_problems(entry.pattern, error))
            continue
        if not paths:
            advice = f"name task files, or a folder that holds {_SPLIT_FOLDERS}"
            problems.append(Problem(entry.pattern, 0, 0, f"no task file is here; {advice}"))
        for path in paths:
            if path not in seen:
                seen.add(path)
                yield path, entry.format


def _read(tree: Tree, path: str, format_name: str | None) -> tuple[str, ReadResult]:
    """The format's name, and the file's tasks and problems."""
    try:
        data = tree.read(path)
        if len(data) > MAX_FILE_BYTES:
            raise ConfigError([Problem(path, 0, 0, f"{len(data)} bytes; a task file may have {MAX_FILE_BYTES}")])
        name = format_name or detect(path, data)
        reader: Reader = plugins.load("suites", name)
        return name, reader(tree, path, data)
    except ConfigError as error:
        return "", ReadResult(tasks=(), problems=tuple(_problems(path, error)))
    except UsageError as error:
        return "", ReadResult(tasks=(), problems=(Problem(path, 0, 0, str(error)),))


def _problems(path: str, error: ConfigError) -> Sequence[Problem]:
    return error.problems or [Problem(path, 0, 0, str(error))]
