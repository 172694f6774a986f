"""Golden tasks: a few that must pass. One failure is not believed; three of four are."""

from collections.abc import Sequence
from typing import Literal

ARMED_AT = 7  # passes of the base's 8 runs
ARMED_OF = 8
RUNS = 4  # of the head, once its first run failed
BROKEN_AT = 3  # failures of those

GoldenState = Literal["held", "rerun", "broken", "not-measured"]


def passes(base: Sequence[bool | None]) -> int:
    """Passed runs: what "golden not armed (3/8)" counts."""
    return sum(bool(run) for run in base)


def armed(base: Sequence[bool | None]) -> bool:
    """Whether the base passes the task reliably: in 7 of 8 runs, the same share of more, never with fewer than 7.

    A task the base fails now and then would block pull requests that changed nothing.
    """
    measured = sum(run is not None for run in base)
    return passes(base) * ARMED_OF >= ARMED_AT * max(ARMED_OF, measured)


def golden_state(head: Sequence[bool | None]) -> GoldenState:
    """What the head's runs of one armed task say; the first run, and after a failure three more, are looked at.

    `rerun` asks for runs up to four. A skill that passes with probability p is called broken with probability
    q (3 q^2 - 2 q^3), q = 1 - p: .00002 at p = .98, .87 at p = .1. Without a result: `not-measured`, never broken.

    Args:
        head: passed or not, in the order of the runs; None is a run without a result.
    """
    if head and head[0]:
        return "held"
    looked_at = head[:RUNS]
    failed = sum(run is not None and not run for run in looked_at)
    if failed >= BROKEN_AT:
        return "broken"
    if sum(bool(run) for run in looked_at) > RUNS - BROKEN_AT:
        return "held"
    return "rerun" if len(head) < RUNS else "not-measured"
