"""Native JSON Lines from tasks; reading them again gives the same tasks."""

import json
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from skillopt_ci.core.digest import digest
from skillopt_ci.core.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The text of a task file, and its attachments by their path relative to it."""

    text: str
    files: dict[str, bytes]


def to_jsonl(tasks: Iterable[Task], *, folder: str) -> Written:
    """Tasks as JSON Lines; attachments go to `folder`, each content once, named by its digest."""
    lines: list[str] = []
    files: dict[str, bytes] = {}
    for task in tasks:
        paths = {}
        for one in task.files:
            paths[one.name] = f"{folder}/{digest(one.data.hex())[:12]}-{posixpath.basename(one.name)[-80:]}"
            files[paths[one.name]] = one.data
        lines.append(json.dumps(_fields(task, paths), ensure_ascii=False) + "\n")
    return Written(text="".join(lines), files=files)


def _fields(task: Task, paths: dict[str, str]) -> dict[str, object]:
    """The fields of a task that say something."""
    made: dict[str, object] = {"id": task.id, "prompt": task.prompt}
    optional: dict[str, object] = {
        "expected": list(task.expected),
        "context": task.context,
        "files": paths,
        "setup": list(task.setup),
        "split": task.split,
        "golden": task.golden,
        "tags": list(task.tags),
        "metadata": dict(task.metadata),
    }
    made.update({key: value for key, value in optional.items() if value})
    if task.should_trigger is not None:
        made["should_trigger"] = task.should_trigger
    if task.graders is not None:
        made["graders"] = [
            {"type": g.type, **g.options, **({} if g.hidden is None else {"hidden": g.hidden})} for g in task.graders
        ]
    return made
