"""Graders made of graders: `all`, `any`, `weighted` and `within`."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from skillopt_ci.core.nested import ABOUT_MEMBER, COMBINATIONS, DEEPEST, member
from skillopt_ci.core.rollout import Check, Score
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.texts import plural
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.graders import wording
from skillopt_ci.graders.base import AllOf, Grader, JudgeModel, Sandboxed, check_options, reaches
from skillopt_ci.graders.build import build_one
from skillopt_ci.graders.place import Place
from skillopt_ci.graders.validate import Particular

_HEAVIEST = 1_000_000_000  # weights that can be summed
_TAG = re.compile(r"[A-Za-z][\w-]{0,60}")


@dataclass(frozen=True, slots=True)
class _Member:
    grader: Grader
    weight: float
    required: bool
    hard: bool

    def value(self, score: Score) -> float:
        """What a score counts in a mean: with `hard`, all or nothing."""
        return float(score.passed) if self.hard else score.value


@dataclass(frozen=True, slots=True)
class _Combined:
    """What the three have in common."""

    members: tuple[_Member, ...]

    def problem(self, task: Task) -> str | None:
        """The first thing that a member finds lacking in a task."""
        said = (m.grader.problem(task) for m in self.members if isinstance(m.grader, Particular))
        return next((problem for problem in said if problem is not None), None)

    def within(self, place: Place, /) -> Grader:
        """The same with a place to run for those members that need one."""
        members = tuple(
            replace(m, grader=m.grader.within(place)) if isinstance(m.grader, Sandboxed) else m for m in self.members
        )
        made: Grader = replace(self, members=members)  # type: ignore[assignment]  # each of the three is one
        return made


@dataclass(frozen=True, slots=True)
class _All(_Combined):
    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        return AllOf(tuple(m.grader for m in self.members)).grade(task, trajectory)


@dataclass(frozen=True, slots=True)
class _Any(_Combined):
    name: str

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        score = self._best(task, trajectory)
        # One check whichever member spoke: a member that fails alone shows nothing that must be mended.
        check = Check(text=self.name, passed=score.passed, evidence=score.why)
        return replace(score, checks=(check,))

    def _best(self, task: Task, trajectory: Trajectory) -> Score:
        scores: list[Score] = []
        failed: CallFailedError | None = None
        for one in self.members:
            try:
                scores.append(one.grader.grade(task, trajectory))
            except CallFailedError as error:
                failed = failed or error
                continue
            if scores[-1].passed and scores[-1].value == 1.0:
                return scores[-1]  # no other one can change it, and a judge would cost money
        if failed is not None:
            raise failed
        best = max(scores, key=lambda s: (s.passed, s.value))
        if best.passed:
            return Score(value=max(s.value for s in scores), passed=True, why=best.why, hint=best.hint)
        return Score(
            value=max(s.value for s in scores),
            passed=False,
            why=f"none of {len(scores)}: " + "; ".join(s.why for s in scores),
            hint="one of these is enough: " + "; ".join(dict.fromkeys(s.hint for s in scores)),
        )


@dataclass(frozen=True, slots=True)
class _Weighted(_Combined):
    threshold: float

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        scores = [m.grader.grade(task, trajectory) for m in self.members]
        counted = [m.value(s) for m, s in zip(self.members, scores, strict=True)]
        total = math.fsum(m.weight for m in self.members)
        value = math.fsum(m.weight * c for m, c in zip(self.members, counted, strict=True)) / total
        value = min(1.0, max(0.0, value))
        lacking = [m for m, s in zip(self.members, scores, strict=True) if m.required and not s.passed]
        passed = reaches(value, self.threshold) and not lacking
        said = f"{value:.2f} of 1 by weight"
        if lacking:
            said += f"; {plural(len(lacking), 'required check')} not passed"
        # what costs most comes first
        order = sorted(range(len(scores)), key=lambda i: self.members[i].weight * (counted[i] - 1))
        open_ones = [scores[i] for i in order if not scores[i].passed]
        return Score(
            value=value,
            passed=passed,
            why="; ".join((said, *(s.why for s in open_ones))),
            hint="; ".join(dict.fromkeys((said, *(s.hint for s in open_ones)))),
            checks=tuple(
                c for m, s in zip(self.members, scores, strict=True) if m.weight or m.required for c in s.checks
            ),
        )


@dataclass(frozen=True, slots=True)
class _Within(_Combined):
    tag: str

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        inner = wording.between(trajectory.answer, self.tag)
        if inner == "":  # as an answer that is empty: nobody looks at it
            said = f"nothing stands between the <{self.tag}> tags"
            return Score(value=0.0, passed=False, why=said, hint=said)
        if inner is not None:
            last = replace(trajectory.messages[-1], content=inner)
            trajectory = replace(trajectory, messages=(*trajectory.messages[:-1], last))
        return AllOf(tuple(m.grader for m in self.members)).grade(task, trajectory)


def _members(spec: GraderSpec, judge: JudgeModel | None, depth: int) -> tuple[_Member, ...]:
    listed = spec.options.get("graders")
    if not isinstance(listed, list) or not listed or not all(isinstance(m, Mapping) for m in listed):
        raise ConfigError(f"grader '{spec.type}': option 'graders' must be a list such as [{{type: exact}}]")
    if depth > DEEPEST:
        raise ConfigError(f"grader '{spec.type}': graders inside graders, over {DEEPEST} deep")
    return tuple(_member(spec, number, written, judge, depth) for number, written in enumerate(listed, 1))


def _member(
    spec: GraderSpec, number: int, written: Mapping[str, object], judge: JudgeModel | None, depth: int
) -> _Member:
    where = f"grader '{spec.type}', number {number}"
    if not isinstance(written.get("type"), str):
        raise ConfigError(f"{where}: it has no 'type'")
    for key, wanted in zip(ABOUT_MEMBER[1:], ((bool,), (int, float), (bool,), (bool,)), strict=True):
        value = written.get(key)
        if value is not None and (not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted)):
            words = "true or false" if bool in wanted else "a number"
            raise ConfigError(f"{where}: '{key}' must be {words}, not {value!r}")
    weighs = [key for key in ABOUT_MEMBER[2:] if key in written]
    if weighs and spec.type != "weighted":
        raise ConfigError(f"{where}: '{weighs[0]}' has a meaning inside 'weighted' only")
    weight = written.get("weight", 1)
    if not isinstance(weight, (int, float)) or not weight >= 0:
        raise ConfigError(f"{where}: 'weight' must be 0 or more, not {weight!r}")
    if weight > _HEAVIEST:
        raise ConfigError(f"{where}: 'weight' must be {_HEAVIEST:,} at most")
    inner = member(written, spec)
    grader = _MAKE[inner.type](inner, judge, depth + 1) if inner.type in COMBINATIONS else build_one(inner, judge)
    return _Member(grader, float(weight), written.get("required") is True, written.get("hard") is True)


def all_of(spec: GraderSpec, judge: JudgeModel | None, /, depth: int = 1) -> Grader:
    """Every one of `graders` passes; the value is the lowest of theirs."""
    check_options(spec, {"graders": list})
    return _All(_members(spec, judge, depth))


def any_of(spec: GraderSpec, judge: JudgeModel | None, /, depth: int = 1) -> Grader:
    """One of `graders` passes; the value is the highest of theirs. It stops at the first full score."""
    check_options(spec, {"graders": list})
    return _Any(_members(spec, judge, depth), wording.named(spec))


def weighted(spec: GraderSpec, judge: JudgeModel | None, /, depth: int = 1) -> Grader:
    """The mean of `graders` by their `weight` (1; 0 only informs) reaches `threshold` (1.0).

    A member with `required: true` must pass as well; one with `hard: true` counts 1 when it passes, else 0.
    """
    check_options(spec, {"graders": list, "threshold": (int, float)})
    threshold = spec.options.get("threshold", 1.0)
    if not isinstance(threshold, (int, float)) or not 0 < threshold <= 1:
        raise ConfigError(f"grader 'weighted': option 'threshold' must lie above 0 and at most at 1, not {threshold}")
    members = _members(spec, judge, depth)
    if not sum(m.weight for m in members):
        raise ConfigError("grader 'weighted': at least one 'weight' must be above 0")
    return _Weighted(members, float(threshold))


def within(spec: GraderSpec, judge: JudgeModel | None, /, depth: int = 1) -> Grader:
    """Every one of `graders` passes what stands between the last `<answer>` tags; the value is the lowest of theirs.

    `tag` (`answer`) names the tags. An answer without them is graded whole; nothing between them is a score of 0.
    """
    check_options(spec, {"graders": list, "tag": str})
    tag = str(spec.options.get("tag", "answer"))
    if not _TAG.fullmatch(tag):
        raise ConfigError(f"grader 'within': option 'tag' must be a name such as answer, not '{tag[:40]}'")
    return _Within(_members(spec, judge, depth), tag)


_MAKE = {"all": all_of, "any": any_of, "weighted": weighted, "within": within}
