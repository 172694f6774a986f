"""What a run of the loop usually takes: not a bound, an estimate from what runs did take.

How soon nothing fails any more is what nobody can know before; so the estimate is a range, with the run that learns in
every epoch as its likely figure and the run that has learnt everything in its first step as its lowest.
"""

from dataclasses import dataclass, replace
from math import ceil

from skillopt_ci.core.costs import Shape

SCREEN_SHARE = 0.65  # of the looks at as many edits as a step may keep
SLOW_SHARE = 0.6  # of the slow updates that have something to compare
AGAIN_SHARE = 0.2  # of a validation that a further gate of an epoch takes where edits are not screened
SPREAD = 1.15  # above the likely figure, where the gate asks for more rounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Calls of target and optimizer together; `limited` where a budget ends the likely run."""

    low: int
    likely: int
    high: int
    limited: bool = False


def expected_calls(shape: Shape, most: int) -> Expected:
    """Calls that a run probably takes, of at most `most`.

    Screened edits take one validation an epoch; others two an epoch, and a part of one for every further step.
    """
    steps = shape.epochs * ceil(shape.train / shape.batch_size)
    sizes = [min(shape.batch_size, shape.train - at) for at in range(0, shape.train, shape.batch_size)]
    readers = sum(ceil(size / shape.minibatch_size) for size in sizes)
    closing = 2 * shape.test * shape.confirm_runs
    screened = SCREEN_SHARE * shape.screen_runs * shape.edit_budget
    if shape.screen_runs:
        gates = float(shape.val * shape.epochs)
    else:
        gates = shape.val * (2 * shape.epochs + AGAIN_SHARE * (steps - shape.epochs))
    slow = 2 * max(0, shape.epochs - 1) * min(shape.slow_sample, shape.train) * SLOW_SHARE if shape.slow_update else 0
    training = shape.epochs * (shape.train + readers + screened) + gates + slow
    likely = min(most, round(shape.val + training + closing))
    first = sizes[0] + ceil(sizes[0] / shape.minibatch_size) if sizes else 0
    low = min(likely, shape.val * 2 + first + closing)
    return Expected(low=low, likely=likely, high=min(most, round(likely * SPREAD)))


def within(expected: Expected, limit: int | None, *, val: int) -> Expected:
    """The same where `limit` calls are all that a run may buy; `val` are the validation tasks.

    A run keeps two validations back for edits that still wait when it ends, and mostly spends one of them.
    """
    if limit is None or expected.likely <= limit - val:
        return expected
    likely = max(0, limit - val)
    return replace(expected, low=min(expected.low, likely), likely=likely, high=min(expected.high, limit), limited=True)
