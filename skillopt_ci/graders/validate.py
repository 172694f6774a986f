"""What `check` finds out about graders without a model: their options, and what they need of a task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from skillopt_ci.core.nested import leaves
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.trigger import only_triggers
from skillopt_ci.errors import ConfigError, UsageError
from skillopt_ci.graders.base import Grader
from skillopt_ci.graders.build import build_one

_OF_AGENTS: Mapping[str, str] = MappingProxyType(
    {
        "files": "files that an agent writes",
        "diff": "changes that an agent makes to files",
        "tool-calls": "tools that an agent uses",
    }
)


@runtime_checkable
class Particular(Protocol):
    """A grader that cannot grade every task."""

    def problem(self, task: Task) -> str | None:
        """Say what the task lacks, or None. Then `grade` raises `CallFailedError` with the same words."""
        ...


@dataclass(frozen=True, slots=True)
class _Key:
    """Specs hold mappings, which have no hash: their text tells them apart."""

    text: str
    spec: GraderSpec = field(compare=False)


def validate(specs: Sequence[GraderSpec], task: Task) -> list[str]:
    """Everything wrong with the graders of a task, one line each; empty when all is well. Offline and fast."""
    if not specs:
        if only_triggers(task):
            return []
        return ["no graders: give the skill or the task at least one"]
    problems: list[str] = []
    for spec in specs:
        grader = _built(_Key(repr(spec), spec))
        if isinstance(grader, str):
            problems.append(grader)
        elif isinstance(grader, Particular) and (problem := grader.problem(task)) is not None:
            problems.append(problem)
    return problems


def fault(spec: GraderSpec) -> str | None:
    """Why a grader cannot be made of its options, whatever the task; None when all is well."""
    made = _built(_Key(repr(spec), spec))
    return made if isinstance(made, str) else None


def needs_workspace(specs: Sequence[GraderSpec]) -> str | None:
    """Why direct chat cannot be graded: a grader looks at what only an agent does. None when all is well."""
    for spec in leaves(specs):
        if spec.type == "spreadsheet" and spec.options.get("source", "workbook") == "workbook":
            return (
                "grader 'spreadsheet' reads workbooks that an agent writes, and direct chat writes none: choose an "
                "agent harness, or 'source: answer'"
            )
        if spec.type in _OF_AGENTS:
            return (
                f"grader '{spec.type}' looks at {_OF_AGENTS[spec.type]}, and direct chat has none: choose an agent "
                "harness, or another grader"
            )
    return None


@lru_cache(maxsize=1024)
def _built(key: _Key) -> Grader | str:
    """The grader, or why it cannot be built. Tasks mostly share their specs."""
    try:
        return build_one(key.spec, None)
    except (ConfigError, UsageError) as error:
        return str(error)
