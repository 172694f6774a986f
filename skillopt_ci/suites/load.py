"""From patterns of a configuration to a suite: find the files, read each in its format, divide, check."""

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from skillopt_ci import plugins
from skillopt_ci.core.conflicts import UNMERGED, conflict_line
from skillopt_ci.core.split import SplitWeights, assign_splits
from skillopt_ci.core.suggestion import closest
from skillopt_ci.core.task import Suite, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError, Problem, UsageError
from skillopt_ci.suites.base import Loss, Reader, ReadResult
from skillopt_ci.suites.checks import about_triggering, duplicate_ids, repeated_prompts, sizes
from skillopt_ci.suites.detect import NATIVE, PART, detect

__all__ = ["MAX_FILE_BYTES", "TaskEntry", "detect", "load_suite", "read_files"]

MAX_FILE_BYTES = 64 * 1024 * 1024
_ADVICE = "name task files, or a folder that holds {train,val,test}/items.json or another known layout"
_TASK = '{"prompt": "What is 2 + 3?", "expected": "5"}'
_OF_TASKS = (".jsonl", ".json", ".yaml", ".yml", ".csv", ".tsv")
_FOLDER_FILES = (
    *("train/items.json", "val/items.json", "test/items.json"),
    *("evals.json", "evals/evals.json", "eval_queries.json", "evals/eval_queries.json", "trigger_tests.yaml"),
    *("promptfooconfig.yaml", "promptfooconfig.yml", "eval.yaml", "suite.yml", "*.eval.yaml", "*.prompt.yml"),
    *("qa_*_final.json", "*/qa_*_final.json"),
    *("*/prompt.md", "*/case.yaml", "evals/*/prompt.md", "evals/*/case.yaml", "*/task.md", "evals/*/task.md"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEntry:
    """Where tasks are: a path, pattern or split folder below the root, and the format; None finds the format out."""

    pattern: str
    format: str | None = None


@dataclass(frozen=True, kw_only=True)
class Files:
    """What the files of several entries hold, before tasks are divided. `held_out`: a format's own test split."""

    tasks: list[Task] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    held_out: bool = False


def load_suite(
    tree: Tree, entries: Sequence[TaskEntry], *, split: SplitWeights, need: Sequence[str] = (), triggers: bool = True
) -> tuple[Suite, list[Problem], list[Loss]]:
    """Read every task of a skill. Bad input is never raised, it is told in the problems, ordered by file and line.

    Args:
        tree: where files are read from.
        entries: in order; a file that two entries match is read once.
        split: weights and seed for tasks without a split of their own.
        need: splits that must not be empty.
        triggers: whether tasks about triggering are kept; a harness that always gives the skill cannot run them.

    Returns:
        The suite of all tasks that can be used, every split decided; errors and warnings; and what of foreign files
        could not be expressed. With an error the suite is not whole and must not be measured on.
    """
    found = read_files(tree, entries)
    problems, tasks = found.problems, found.tasks
    if not triggers:
        left_out, tasks = about_triggering(tasks)
        problems += left_out
    divided = assign_splits(tasks, split, held_out=found.held_out)
    problems += duplicate_ids(divided)
    problems += repeated_prompts(divided)
    # Sizes of a suite that could not be read whole would only mislead.
    if all(p.warning for p in problems):
        where = entries[0].pattern if entries else "tasks"
        if divided:
            problems += sizes(divided, where=where, need=need)
        else:
            problems.append(Problem(where, 0, 0, f"there are no tasks; add some, such as {_TASK}"))
    ordered = sorted(problems, key=lambda p: (p.file, p.line, p.column, p.warning, p.message))
    return Suite(tasks=divided), ordered, sorted(found.losses)


def read_files(tree: Tree, entries: Sequence[TaskEntry]) -> Files:
    """Read every file of the entries; one that another file has read as a part of it is no suite of its own.

    A file that an entry names exactly is always read.
    """
    problems: list[Problem] = []
    results: dict[str, tuple[str, ReadResult]] = {}
    parts: dict[str, set[str]] = {}
    exact = {entry.pattern for entry in entries}
    for path, format_name in _files(tree, entries, problems):
        watched = _Watched(tree)
        name, result = _read(watched, path, format_name)
        if name != PART or path in exact:
            results[path] = (name, result)
            parts[path] = watched.paths - {path}
    owned = {p for path, own in parts.items() for p in own if not (path in parts.get(p, ()) and p < path)}
    kept = [r for path, r in results.items() if path in exact or path not in owned]
    return Files(
        tasks=[t for _, result in kept for t in result.tasks],
        problems=problems + [p for _, result in kept for p in result.problems],
        losses=[loss for _, result in kept for loss in result.losses],
        held_out=any(name != NATIVE and any(t.split == "test" for t in r.tasks) for name, r in kept),
    )


class _Watched:
    """A tree that notes which files were read."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.paths: set[str] = set()

    def read(self, path: str, /) -> bytes:
        self.paths.add(path)
        return self._tree.read(path)

    def glob(self, pattern: str, /) -> Sequence[str]:
        return self._tree.glob(pattern)


def _files(tree: Tree, entries: Sequence[TaskEntry], problems: list[Problem]) -> Iterator[tuple[str, str | None]]:
    """Paths with the format their entry names, each once."""
    seen: set[str] = set()
    for entry in entries:
        try:
            paths = list(tree.glob(entry.pattern))
            folder = entry.pattern.rstrip("/")
            if not paths:
                paths = sorted({p for name in _FOLDER_FILES for p in tree.glob(f"{folder}/{name}")})
            near = () if paths else _near(tree, folder)
        except ConfigError as error:
            problems.extend(_problems(entry.pattern, error))
            continue
        if not paths:
            advice = f"perhaps you meant {near[0]}" if near else _ADVICE
            problems.append(Problem(entry.pattern, 0, 0, f"no task file is here; {advice}"))
        for path in paths:
            if path not in seen:
                seen.add(path)
                yield path, entry.format


def _near(tree: Tree, named: str) -> list[str]:
    """Files that may have been meant by a path with none: a folder's task files, else one beside it of a like name."""
    inside = [path for path in tree.glob(f"{named}/*") if path.endswith(_OF_TASKS)]
    folder, name = posixpath.split(named)
    names = [posixpath.basename(p) for p in tree.glob(posixpath.join(folder, "*")) if p.endswith(_OF_TASKS)]
    like = closest(name, names)
    return inside or [posixpath.join(folder, like)] * bool(like)


def _read(tree: Tree, path: str, format_name: str | None) -> tuple[str, ReadResult]:
    """The format's name, and the file's tasks and problems."""
    try:
        data = tree.read(path)
        if len(data) > MAX_FILE_BYTES:
            raise ConfigError.about(path, f"{len(data)} bytes; a task file may have {MAX_FILE_BYTES}")
        unmerged = conflict_line(data.decode("utf-8", "replace"), quoted=path.endswith((".csv", ".tsv")))
        if unmerged and path.endswith(_OF_TASKS):  # in a text such as a prompt.md they may be what it is about
            return "", ReadResult(tasks=(), problems=(Problem(path, unmerged, 0, UNMERGED),))
        name = format_name or detect(path, data)
        if name == PART:
            message = "not a suite of tasks but a part of one; name the file it belongs to"
            return name, ReadResult(tasks=(), problems=(Problem(path, 0, 0, message),))
        reader: Reader = plugins.load("suites", name)
        return name, reader(tree, path, data)
    except ConfigError as error:
        return "", ReadResult(tasks=(), problems=tuple(_problems(path, error)))
    except UsageError as error:
        return "", ReadResult(tasks=(), problems=(Problem(path, 0, 0, str(error)),))


def _problems(path: str, error: ConfigError) -> Sequence[Problem]:
    return error.problems or [Problem(path, 0, 0, str(error))]
