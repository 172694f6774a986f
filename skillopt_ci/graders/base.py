"""The port `Grader`, and how several are combined."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders.place import Place
from skillopt_ci.providers.base import Model as JudgeModel

__all__ = ["AllOf", "Grader", "GraderFactory", "JudgeModel", "Sandboxed", "check_options", "reaches", "strings"]


class Grader(Protocol):
    """Grades one trajectory."""

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        """Return the score. Raises `CallFailedError` when nothing can be said: that is a failure, never a 0."""
        ...


@runtime_checkable
class Sandboxed(Protocol):
    """A grader that runs commands, or holds one that does."""

    def within(self, place: Place, /) -> Grader:
        """The same grader with a place to run."""
        ...


class GraderFactory(Protocol):
    """Makes a grader from its options; raises `ConfigError` (one line, no file) when they do not fit."""

    def __call__(self, spec: GraderSpec, judge: JudgeModel | None, /) -> Grader:
        """Build the grader."""
        ...


@dataclass(frozen=True, slots=True)
class AllOf:
    """Several graders: passed when all passed, the value is the lowest one."""

    graders: tuple[Grader, ...]

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        """Grade with each; the words of those that did not pass come first."""
        scores = [g.grade(task, trajectory) for g in self.graders]
        if len(scores) == 1:
            return scores[0]
        ordered = sorted(scores, key=lambda s: s.passed)
        return Score(
            value=min(s.value for s in scores),
            passed=all(s.passed for s in scores),
            why="; ".join(s.why for s in ordered),
            hint="; ".join(s.hint for s in ordered),
            checks=tuple(c for s in scores for c in s.checks),
        )


def check_options(spec: GraderSpec, allowed: Mapping[str, type | tuple[type, ...]]) -> None:
    """Refuse unknown options and wrong types of a grader.

    Raises:
        ConfigError: says which option, what was given and what is wanted.
    """
    for key, value in spec.options.items():
        if key not in allowed:
            known = ", ".join(sorted(allowed)) or "none"
            raise ConfigError(f"grader '{spec.type}': unknown option '{key}' (it takes: {known})")
        wanted = allowed[key]
        kinds = wanted if isinstance(wanted, tuple) else (wanted,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            said = " or ".join(k.__name__ for k in kinds)
            raise ConfigError(f"grader '{spec.type}': option '{key}' must be {said}, not {type(value).__name__}")


def reaches(value: float, threshold: float) -> bool:
    """Whether a score is at its threshold or above, but for rounding errors."""
    return value >= threshold - 1e-9


def strings(spec: GraderSpec, key: str) -> tuple[str, ...]:
    """An option that is a string or a list of strings. Raises `ConfigError` otherwise."""
    value = spec.options.get(key)
    if value is None:
        return ()
    items: Sequence[object] = [value] if isinstance(value, str) else value if isinstance(value, list) else [None]
    if not all(isinstance(i, str) for i in items):
        raise ConfigError(f"grader '{spec.type}': option '{key}' must be a string or a list of strings")
    return tuple(str(i) for i in items)
