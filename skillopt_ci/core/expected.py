"""What a run of the loop usually takes: not a bound, an estimate from what runs did take.

How much a skill can be taught, and how soon, is what nobody can know before. So the estimate is a range: from a run
that learns nothing, or all at once, to one whose every epoch finds as much to try as its first. In the likely run that
becomes less from epoch to epoch, and from step to step. `benchmarks/planned.py` measures how near it comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, floor
from statistics import median

from skillopt_ci.core.costs import PRUNE_RUNS, SLOW_SAMPLE, Shape, confirmation_runs

UNKNOWN = 0.5  # of the tasks are taken to pass where nobody knows
FADES = 0.6  # of what an epoch finds to try the next one finds
AGAIN = 0.85  # of what a step finds to try the next of its epoch finds: the rest was said before
LEFT = 0.12  # of the tasks fail after the first epoch, whatever failed before: some are hard, or luck
# Rollouts of screening in a first step for each edit that it may keep, as a part of what one edit may take: as runs
# mostly took; where an optimizer never runs out of edits.
USUAL_PART, MANY_PART = 0.4, 0.7
GATES = 1.5  # validations of an epoch where candidates are close
# Of a first epoch that finds as much to try as it can the likely run has, where more epochs follow: no run ends before
# such an epoch could be over, and with less its end would be further off than the usual `over_plan`.
FULL = 0.87
RARE = 0.05  # a chance from which on it is said that validation may be perfect at the start


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Rollouts of the targets and calls of the optimizer together.

    `reading` is the part of the likely calls that are the optimizer's. `limited` where a budget ends the likely run;
    `ends_at` where the run ends by its plan at the latest; `gates_from` where a budget leaves too little for a first
    gate: the limit from which on it probably would not.
    """

    low: int
    likely: int
    high: int
    reading: float = 0.0
    limited: bool = False
    ends_at: int | None = None
    gates_from: int | None = None


def pass_rate(verdicts: Sequence[Sequence[bool]], val: int) -> float | None:
    """Share of the tasks that were run whose first run passed; None of fewer than half as many as validation has."""
    first = [row[0] for row in verdicts if row]
    return sum(first) / len(first) if first and 2 * len(first) >= val else None


def expected_calls(shape: Shape, most: int, passing: float = UNKNOWN) -> Expected:
    """Calls that a run probably takes, of at most `most`, where a share `passing` of the tasks pass at the start.

    A run whose validation is perfect ends, one that changed nothing has no closing comparison, and a batch without a
    failure is not read.
    """
    closing = closing_calls(shape)
    perfect = passing**shape.val
    failing, going, share = 1 - passing, 1.0, 1.0
    total, asked = float(shape.val), 0.0
    for epoch in range(shape.epochs):
        going *= 1 - (1 - failing) ** shape.val
        reads = 1 - (1 - failing) ** min(shape.batch_size, shape.train)
        gated = _gates(shape, 1) + (_slow(shape) if epoch else 0)
        # What is gated was found, and then helped; without screening everything is.
        tries = share * (_screening(shape, USUAL_PART) + (share if shape.screen_runs else 1) * gated)
        readers = going * reads * _readers(shape, failing)
        asked += readers
        total += going * (shape.train + reads * tries) + readers
        share *= FADES
        failing = min(failing, LEFT)
    total += (1 - perfect) * (closing + _pruning(shape))
    if shape.epochs > 1:
        total = max(total, (1 - perfect) * FULL * _first_epoch(shape))
    likely = min(most, round(total))
    reading = asked / total if total else 0.0
    slow = (shape.epochs - 1) * _slow(shape)
    high = shape.val + shape.epochs * _most_of_epoch(shape) + slow + closing + 2 * _pruning(shape)
    low = shape.val if perfect >= RARE else _least(shape, 1 - passing)
    return Expected(low=min(low, likely), likely=likely, high=max(likely, min(most, round(high))), reading=reading)


def by_earlier_runs(expected: Expected, calls: Sequence[int]) -> Expected:
    """The same where runs of the same skill, sizes and settings are known: the likely figure is what they took.

    The median: what a run would have taken that its plan ended nobody knows, and the median need not know.
    """
    if not calls:
        return expected
    low, high = min(expected.low, *calls), max(expected.high, *calls)
    return replace(expected, low=low, likely=round(median(calls)), high=high)


def within(expected: Expected, shape: Shape, limit: int | None, *, calls: float = 1.0) -> Expected:
    """The same where `limit` calls are all that a run may buy.

    The closing comparison is kept back, and not made where nothing is accepted: least of all where no gate fits before
    it. The limit counts every call that a rollout takes, an agent's and the judge's: `calls` of them.
    """
    if limit is None:
        return expected
    each = expected.reading + (1 - expected.reading) * calls
    closing = closing_calls(shape) * calls
    training, limit = max(0, floor((limit - closing) / each)), floor(limit / each)
    found = replace(expected, low=min(expected.low, training), high=min(expected.high, limit))
    if expected.likely <= limit:
        return found
    first = _first_gate(shape)
    none_fits = training < first
    likely = min(expected.likely, training) if none_fits else limit
    gates_from = ceil(first * each + closing) if none_fits else None
    return replace(found, low=min(found.low, likely), likely=likely, limited=True, gates_from=gates_from)


def closing_calls(shape: Shape) -> int:
    """Rollouts of the closing comparison."""
    return 2 * shape.test * confirmation_runs(shape.test) * shape.targets


def reading_calls(shape: Shape, rollouts: int) -> int:
    """Calls of the optimizer about a batch of so many rollouts at most: readers of both kinds, a merge, a ranking."""
    return ceil(rollouts / shape.minibatch_size) + 3 if rollouts else 0


def ends_at(shape: Shape, most: int, likely: int, over: float) -> int:
    """Calls at which a run ends by its plan: `over` is the part of `likely` that it may take beyond that.

    Never before a first epoch could be over that finds as much to try as those of a productive optimizer do: of a small
    suite that is most of the run, and of what nobody has seen before the plan may be wrong.
    """
    return max(likely, min(most, _first_epoch(shape)), floor(min(most, likely * (1 + over))))


def by_plan(expected: Expected, end: int) -> Expected:
    """The same where the run ends at `end` calls at the latest."""
    return replace(expected, high=min(expected.high, end), ends_at=end)


def _least(shape: Shape, failing: float) -> int:
    """A run in which nothing is tried, or one that ends after its first epoch, whose edits needed no screening."""
    reads = 1 - (1 - failing) ** min(shape.batch_size, shape.train)
    nothing = shape.epochs * (shape.train + reads * _readers(shape, failing))
    learnt = shape.train + _readers(shape, failing) + _gates(shape, 1) + closing_calls(shape)
    return round(shape.val + min(nothing, learnt))


def _most_of_epoch(shape: Shape) -> float:
    """An epoch that finds as much to try as it can."""
    return shape.train + _readers(shape, UNKNOWN) + _screening(shape, MANY_PART) + _gates(shape, GATES)


def _first_epoch(shape: Shape) -> int:
    """A run of one such epoch, with what is kept back for edits that wait: a validation, where steps wait at all."""
    kept = shape.val if _steps(shape) > 1 else 0
    return round(shape.val + _most_of_epoch(shape) + kept + closing_calls(shape) + 2 * _pruning(shape))


def _first_gate(shape: Shape) -> int:
    """Calls until a first gate is over, after a first step that finds as much to try as it can."""
    steps, screening = _steps(shape), MANY_PART * shape.edit_budget * shape.screen_runs
    gate = shape.val * (1 if shape.screen_runs else 2)
    return round(shape.val + (shape.train + _readers(shape, UNKNOWN)) / steps + screening + gate)


def _steps(shape: Shape) -> int:
    return ceil(shape.train / shape.batch_size)


def _readers(shape: Shape, failing: float) -> float:
    """Readings of an epoch in which every batch has failures: failures and successes apart."""
    batch = shape.train / _steps(shape)
    readers = ceil(batch * failing / shape.minibatch_size) + ceil(batch * (1 - failing) / shape.minibatch_size)
    return _steps(shape) * readers


def _screening(shape: Shape, part: float) -> float:
    """Screening of an epoch, in which a step finds less than the one before it."""
    steps = (1 - AGAIN ** _steps(shape)) / (1 - AGAIN)
    return steps * shape.edit_budget * part * shape.screen_runs


def _gates(shape: Shape, gates: float) -> float:
    """Validations of an epoch: one gate for its screened edits, else one a step and what the first asks for again."""
    return shape.val * (gates if shape.screen_runs else _steps(shape) + 1)


def _slow(shape: Shape) -> int:
    """Train tasks side by side, where the epoch changed the skill."""
    return 2 * min(SLOW_SAMPLE, shape.train) if shape.slow_update else 0


def _pruning(shape: Shape) -> int:
    """Runs without each of the edits that were kept, and a validation without some."""
    return PRUNE_RUNS * shape.edit_budget + 2 * shape.val if shape.prune else 0
