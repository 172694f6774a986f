"""Graders from what a task or a skill says."""

from collections.abc import Iterable, Sequence

from skillopt_ci import plugins
from skillopt_ci.core.nested import leaves
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders.base import AllOf, Grader, GraderFactory, JudgeModel, Sandboxed
from skillopt_ci.graders.place import Place


def build(specs: Sequence[GraderSpec], judge: JudgeModel | None, place: Place | None = None) -> AllOf:
    """The graders of a task, as one. `place` is where those that run commands do so.

    Raises:
        ConfigError: there is none, or the options of one do not fit.
        UsageError: an unknown type.
    """
    if not specs:
        raise ConfigError("no graders: give the skill or the task at least one")
    made = (build_one(spec, judge) for spec in specs)
    return AllOf(tuple(g.within(place) if place and isinstance(g, Sandboxed) else g for g in made))


def build_one(spec: GraderSpec, judge: JudgeModel | None) -> Grader:
    """One grader; raises as `build` does."""
    factory: GraderFactory = plugins.load("graders", spec.type)
    return factory(spec, judge)


def needs_judge(specs: Iterable[GraderSpec]) -> bool:
    """Whether a grader asks the judge model."""
    return any(spec.type == "judge" for spec in leaves(specs))


def judge_calls(common: Sequence[GraderSpec], tasks: Sequence[Task]) -> int:
    """Judge calls that grading one answer to each of the tasks takes."""
    total = 0
    for task in tasks:
        for spec in leaves(task.graders if task.graders is not None else common):
            if needs_judge([spec]):
                votes = spec.options.get("votes", 1)
                total += votes if isinstance(votes, int) else 1
    return total
