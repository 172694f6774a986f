"""Files that script graders name: read once with the rules, so that a changed script is a changed grader."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from skillopt_ci.core.nested import COMBINATIONS
from skillopt_ci.core.task import GraderSpec, Suite, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError

SCRIPT = "script"
_MOST_BYTES = 1024 * 1024


def with_scripts(specs: Sequence[GraderSpec], tree: Tree, folder: str) -> tuple[GraderSpec, ...]:
    """Graders whose `files` are texts by name instead of paths, inside combinations too.

    Args:
        specs: as written.
        tree: of the rules.
        folder: that the paths are relative to; empty is the root.

    Raises:
        ConfigError: a file that is missing, too large or no text, or two of one name.
    """
    return tuple(replace(s, options=MappingProxyType(_options(s.type, s.options, tree, folder))) for s in specs)


def suite_with_scripts(suite: Suite, tree: Tree) -> Suite:
    """The same for graders of tasks; their paths are relative to the file of the task. Raises `ConfigError`."""
    return Suite(tasks=tuple(_task(task, tree) for task in suite.tasks))


def _task(task: Task, tree: Tree) -> Task:
    if not task.graders or not any(s.type == SCRIPT or s.type in COMBINATIONS for s in task.graders):
        return task
    return replace(task, graders=with_scripts(task.graders, tree, posixpath.dirname(task.source.file)))


def _options(kind: object, options: Mapping[str, object], tree: Tree, folder: str) -> dict[str, object]:
    made = dict(options)
    files, inner = made.get("files"), made.get("graders")
    if kind == SCRIPT and isinstance(files, list) and all(isinstance(f, str) for f in files):
        made["files"] = _read(files, tree, folder)
    elif kind in COMBINATIONS and isinstance(inner, list):
        made["graders"] = [_options(m.get("type"), m, tree, folder) if isinstance(m, Mapping) else m for m in inner]
    return made


def _read(paths: Sequence[str], tree: Tree, folder: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    for written in paths:
        path = posixpath.normpath(posixpath.join(folder, written))
        name = posixpath.basename(path)
        if name in texts:
            raise ConfigError.about(path, "two files of a script grader have this name")
        data = tree.read(path)
        if len(data) > _MOST_BYTES:
            raise ConfigError.about(path, "larger than 1 MiB, which a file of a script grader may have")
        try:
            texts[name] = data.decode("utf-8")
        except UnicodeDecodeError:
            raise ConfigError.about(path, "not a UTF-8 text, which a file of a script grader must be") from None
    return texts
