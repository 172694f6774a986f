"""Graders from what a task or a skill says."""

from collections.abc import Iterable, Sequence

from skillopt_ci import plugins
from skillopt_ci.core.nested import leaves
from skillopt_ci.core.task import GraderSpec
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders.base import AllOf, Grader, GraderFactory, JudgeModel


def build(specs: Sequence[GraderSpec], judge: JudgeModel | None) -> AllOf:
    """The graders of a task, as one.

    Raises:
        ConfigError: there is none, or the options of one do not fit.
        UsageError: an unknown type.
    """
    if not specs:
        raise ConfigError("no graders: give the skill or the task at least one")
    return AllOf(tuple(build_one(spec, judge) for spec in specs))


def build_one(spec: GraderSpec, judge: JudgeModel | None) -> Grader:
    """One grader; raises as `build` does."""
    factory: GraderFactory = plugins.load("graders", spec.type)
    return factory(spec, judge)


def needs_judge(specs: Iterable[GraderSpec]) -> bool:
    """Whether a grader asks the judge model."""
    return any(spec.type == "judge" for spec in leaves(specs))
