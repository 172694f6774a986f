"""Attribution: which of the edits that stood in a text explain how the runs of a task came out?

What is said of a task here holds of each of its checks, too, where they are read one by one (`measures`).

Edits are tried together, so that one run tells of several of them. A task is mended by none of those that answer it, or
by up to three: `each` mends a part of what the others leave, or only all `together`, or `either` as much as the other.
How likely each of these makes the task's runs is counted out, whatever the task does without any edit; what an edit
does on other tasks tells how likely it is the cause here, and back again (loopy belief propagation; Pearl 1988).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from skillopt_ci.core.measures import Measure

Form = Literal["each", "together", "either"]
# The forms in which several edits may mend a task, with their weights; and what is mended of it together, or by either.
FORMS: tuple[tuple[Form, float], ...] = (("each", 1 / 3), ("together", 1 / 3), ("either", 1 / 3))
WHOLE = 0.8
CAUSES = 3  # edits that may mend a task, at most; two where many edits answer it
MANY = 8
PARTS = (0.25, 0.5, 0.75, 1.0)  # of an edit's tasks that it may mend, all as likely
HELPS = 0.5  # of the edits are taken to help
# What failed tasks are taken to do when run again, before that is known: a quarter pass, as if three had been run.
AGAIN, AGAIN_RUNS = 0.25, 3
ROUNDS = 3  # of telling tasks what the others say
_LEAST = 0.01
Factors = Mapping[Measure, float]
_Case = tuple[str | None, float, list[float]]


@dataclass(frozen=True, slots=True)
class _Cause:
    """Edits that may mend a task, and how; `weight` is relative to other forms of the same edits."""

    edits: frozenset[int]
    form: Form
    weight: float

    def left(self, present: frozenset[int], share: float) -> float:
        """Part of what the task loses that is left with some edits in the text."""
        n = len(self.edits & present)
        if self.form == "each":
            return (1 - share) ** n
        mends = n == len(self.edits) if self.form == "together" else n > 0
        return 1 - WHOLE if mends else 1.0


class TaskRuns:
    """The runs of one task, and how likely each cause makes them at each rate at which it may pass by itself."""

    def __init__(self, edits: Sequence[int], share: float, again: float = AGAIN) -> None:
        """Nothing was run yet.

        Args:
            edits: those that answer the task.
            share: part of what the task loses that an edit mends.
            again: what the task is taken to score when run again, above 0 and below 1.
        """
        self._share = share
        self._rates = _rates(again)
        self._edits = tuple(edits)
        self._causes = _causes(self._edits)
        self._likely = [[weight for _, weight in self._rates] for _ in self._causes]

    def add(self, present: frozenset[int], value: float) -> None:
        """Count a run with these edits in the text; a score between 0 and 1 counts as so much of a pass."""
        by_left: dict[float, list[float]] = {}
        for cause, row in zip(self._causes, self._likely, strict=True):
            left = cause.left(present, self._share)
            if left not in by_left:
                passes = [1 - left * (1 - rate) for rate, _ in self._rates]
                by_left[left] = [p**value * (1 - p) ** (1 - value) for p in passes]
            row[:] = [old * new for old, new in zip(row, by_left[left], strict=True)]
        most = max(map(max, self._likely))
        if most < _SMALL:  # only how they compare counts
            self._likely = [[value / most for value in row] for row in self._likely]

    def factors(self, chances: Mapping[int, float], kept: frozenset[int]) -> dict[int, float]:
        """Per edit: how many times likelier the runs are if it mends this task than if it does not.

        An edit that does as much as one that is kept mends nothing more.

        Args:
            chances: of each edit that it mends the task, by what is known from elsewhere; above 0 and below 1.
            kept: edits that stay.
        """
        none = math.prod(1 - chances[e] for e in self._edits)
        odds = {e: chances[e] / (1 - chances[e]) for e in self._edits}
        # Per edit, if it mends the task and if not: how likely the runs are, and how likely that was before them.
        cases = {e: ([0.0, 0.0], [0.0, 0.0]) for e in self._edits}
        for cause, row in zip(self._causes, self._likely, strict=True):
            prior = none * cause.weight * math.prod(odds[e] for e in cause.edits)
            likely = prior * math.fsum(row)
            needless = cause.edits - kept if cause.form == "either" and cause.edits & kept else frozenset()
            for edit, (mends, idle) in cases.items():
                case = mends if edit in cause.edits and edit not in needless else idle
                case[0] += likely
                case[1] += prior
        return {e: _ratio(mends[0] / mends[1], idle[0] / idle[1]) for e, (mends, idle) in cases.items()}


def explained(
    runs: Mapping[Measure, TaskRuns], tasks: Mapping[int, Sequence[Measure]], kept: frozenset[int]
) -> dict[int, dict[Measure, float]]:
    """Per edit and measure: how many times likelier its runs are if the edit mends it than if it does not.

    Args:
        runs: by task, or by each of its checks.
        tasks: the measures of those that each edit answers.
        kept: edits that stay: what does no more than one of them mends nothing.
    """
    found = {edit: dict.fromkeys(own, 1.0) for edit, own in tasks.items()}
    by_task: dict[str, list[Measure]] = {}
    for measure in runs:
        by_task.setdefault(measure.task, []).append(measure)
    answered = {task: [edit for edit, own in tasks.items() if all_of[0] in own] for task, all_of in by_task.items()}
    for _ in range(ROUNDS):
        told: dict[int, dict[Measure, float]] = {edit: {} for edit in tasks}
        for task, all_of in by_task.items():
            elsewhere = {e: _cases({m: f for m, f in found[e].items() if m.task != task}) for e in answered[task]}
            for measure in all_of:
                chances = {e: _chance(measure.check, len(all_of), cases) for e, cases in elsewhere.items()}
                for edit, factor in runs[measure].factors(chances, kept).items():
                    told[edit][measure] = factor
        found = told
    return found


def evidence(factors: Factors) -> float:
    """Natural logarithm of how many times likelier the runs of its tasks are if an edit helps, in a part of them.

    Of each it mends some one thing, or the one check that several of them have.
    """
    return math.log(math.fsum(weight * row for _, weight, rows in _cases(factors) for row in rows))


def _ratio(one: float, other: float) -> float:
    """How many times likelier, within what can be multiplied."""
    return min(max(one / other, 1 / _MOST), _MOST) if other else _MOST


def _cases(factors: Factors) -> list[_Case]:
    """What an edit may mend, how likely that is, and, by the part of its tasks, how likely the runs are then.

    Some one thing in each task (None), or a check that several tasks have: the one is as likely as the others together.
    More than one thing of a task is never counted: its checks share the luck of a run.
    """
    checks: dict[str, list[float]] = {}
    tasks: dict[str, list[float]] = {}
    for measure, factor in factors.items():
        tasks.setdefault(measure.task, []).append(factor)
        if measure.check is not None:
            checks.setdefault(measure.check, []).append(factor)
    common = {check: own for check, own in checks.items() if len(own) > 1}
    listed: list[_Case] = [
        (None, 1 / 2 if common else 1, [math.fsum(own) / len(own) for own in tasks.values()]),
        *((check, 1 / 2 / len(common), own) for check, own in common.items()),
    ]
    return [
        (check, weight / len(PARTS), [math.prod(part * f + 1 - part for f in own) for part in PARTS])
        for check, weight, own in listed
    ]


def _chance(check: str | None, things: int, cases: Sequence[_Case]) -> float:
    """Chance that an edit mends this of the things that a task has, by what it does on other tasks."""
    mean = math.fsum(weight * row for _, weight, rows in cases for row in rows)
    helps = HELPS * mean / (HELPS * mean + 1 - HELPS)
    mended = math.fsum(
        weight * part * row / (things if case is None else 1)
        for case, weight, rows in cases
        if case in (None, check)
        for part, row in zip(PARTS, rows, strict=True)
    )
    return min(max(helps * mended / mean, _LEAST), 1 - _LEAST)


def _causes(edits: Sequence[int]) -> list[_Cause]:
    alone = [_Cause(frozenset(), "each", 1.0), *(_Cause(frozenset([e]), "each", 1.0) for e in edits)]
    most = CAUSES if len(edits) <= MANY else 2
    several = [frozenset(group) for size in range(2, most + 1) for group in combinations(edits, size)]
    return [*alone, *(_Cause(group, form, weight) for group in several for form, weight in FORMS)]


def _rates(again: float) -> list[tuple[float, float]]:
    """A beta distribution of a failed task's pass rate, as (rate, weight) in the middle of equal parts."""
    a, b = again * AGAIN_RUNS, (1 - again) * AGAIN_RUNS
    middles = [(n + 0.5) / 10 for n in range(10)]
    weights = [x ** (a - 1) * (1 - x) ** (b - 1) for x in middles]
    return [(x, w / math.fsum(weights)) for x, w in zip(middles, weights, strict=True)]


_SMALL, _MOST = 1e-100, 1e15
