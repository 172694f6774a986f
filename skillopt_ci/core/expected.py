"""What a run of the loop usually takes: not a bound, an estimate from what runs did take.

How much a skill can be taught, and how soon, is what nobody can know before. So the estimate is a range: from a run
that learns nothing, or all at once, to one whose every epoch finds as much to try as its first. In the likely run that
becomes less from epoch to epoch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from skillopt_ci.core.costs import PRUNE_RUNS, Shape

UNKNOWN = 0.5  # of the tasks are taken to pass where nobody knows
FADES = 0.6  # of what an epoch finds to try the next one finds
LEFT = 0.25  # of the failures of the start are left after the first epoch
# Rollouts of screening in a step for each edit that it may keep, as a part of what one edit may take: as runs mostly
# took; where an optimizer never runs out of edits.
USUAL_PART, MANY_PART = 0.4, 0.7
GATES = 1.5  # validations of an epoch where candidates are close
RARE = 0.05  # a chance from which on it is said that validation may be perfect at the start


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Rollouts of the target and calls of the optimizer together; `limited` where a budget ends the likely run."""

    low: int
    likely: int
    high: int
    limited: bool = False


def pass_rate(verdicts: Sequence[Sequence[bool]], val: int) -> float | None:
    """Share of the tasks that were run whose first run passed; None of fewer than half as many as validation has."""
    first = [row[0] for row in verdicts if row]
    return sum(first) / len(first) if first and 2 * len(first) >= val else None


def expected_calls(shape: Shape, most: int, passing: float = UNKNOWN) -> Expected:
    """Calls that a run probably takes, of at most `most`, where a share `passing` of the tasks pass at the start.

    A run whose validation is perfect ends, one that changed nothing has no closing comparison, and a batch without a
    failure is not read.
    """
    closing = 2 * shape.test * shape.confirm_runs
    perfect = passing**shape.val
    failing, going, share = 1 - passing, 1.0, 1.0
    total = float(shape.val)
    for epoch in range(shape.epochs):
        going *= 1 - (1 - failing) ** shape.val
        reads = 1 - (1 - failing) ** min(shape.batch_size, shape.train)
        tries = _screening(shape, USUAL_PART) + _gates(shape, 1) + (_slow(shape) if epoch else 0)
        total += going * (shape.train + reads * (_readers(shape, failing) + share * tries))
        share *= FADES
        failing *= 1 if epoch else LEFT
    likely = min(most, round(total + (1 - perfect) * (closing + _pruning(shape))))
    every = shape.train + _readers(shape, UNKNOWN) + _screening(shape, MANY_PART) + _gates(shape, GATES)
    high = shape.val + shape.epochs * every + (shape.epochs - 1) * _slow(shape) + closing + 2 * _pruning(shape)
    low = shape.val if perfect >= RARE else _least(shape, 1 - passing)
    return Expected(low=min(low, likely), likely=likely, high=max(likely, min(most, round(high))))


def by_earlier_runs(expected: Expected, calls: Sequence[int]) -> Expected:
    """The same where runs of the same skill, sizes and settings are known: the likely figure is what they took."""
    if not calls:
        return expected
    low, high = min(expected.low, *calls), max(expected.high, *calls)
    return replace(expected, low=low, likely=round(sum(calls) / len(calls)), high=high)


def within(expected: Expected, limit: int | None, *, val: int) -> Expected:
    """The same where `limit` calls are all that a run may buy; `val` are the validation tasks.

    A run keeps two validations back for edits that still wait when it ends, and mostly spends one of them.
    """
    if limit is None:
        return expected
    high = min(expected.high, limit)
    if expected.likely <= limit - val:
        return replace(expected, high=high)
    likely = max(0, limit - val)
    return replace(expected, low=min(expected.low, likely), likely=likely, high=high, limited=True)


def _least(shape: Shape, failing: float) -> int:
    """A run in which nothing is tried, or one that ends after its first epoch, whose edits needed no screening."""
    reads = 1 - (1 - failing) ** min(shape.batch_size, shape.train)
    nothing = shape.epochs * (shape.train + reads * _readers(shape, failing))
    learnt = shape.train + _readers(shape, failing) + _gates(shape, 1) + 2 * shape.test * shape.confirm_runs
    return round(shape.val + min(nothing, learnt))


def _steps(shape: Shape) -> int:
    return ceil(shape.train / shape.batch_size)


def _readers(shape: Shape, failing: float) -> float:
    """Readings of an epoch in which every batch has failures: failures and successes apart."""
    batch = shape.train / _steps(shape)
    readers = ceil(batch * failing / shape.minibatch_size) + ceil(batch * (1 - failing) / shape.minibatch_size)
    return _steps(shape) * readers


def _screening(shape: Shape, part: float) -> float:
    return _steps(shape) * shape.edit_budget * part * shape.screen_runs


def _gates(shape: Shape, gates: float) -> float:
    """Validations of an epoch: one gate for its screened edits, else one a step and what the first asks for again."""
    return shape.val * (gates if shape.screen_runs else _steps(shape) + 1)


def _slow(shape: Shape) -> int:
    """Train tasks side by side, where the epoch changed the skill."""
    return 2 * min(shape.slow_sample, shape.train) if shape.slow_update else 0


def _pruning(shape: Shape) -> int:
    """Runs without each of the edits that were kept, and a validation without some."""
    return PRUNE_RUNS * shape.edit_budget + 2 * shape.val if shape.prune else 0
