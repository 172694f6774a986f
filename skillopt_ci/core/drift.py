"""Old stored runs of a base: has the model behind them changed, and does a loss against them hold today?"""

from dataclasses import dataclass

from skillopt_ci.core.compare import TOO_MUCH_MISSING
from skillopt_ci.core.permutation import paired_test
from skillopt_ci.core.runs import Rows, missing_share, paired
from skillopt_ci.core.suite_effect import moments

LEVEL = 0.05
CONFIRM_ROUNDS = 2  # of both sides, side by side, before a loss against old runs blocks
CONFIRM_LEVEL = 0.20


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Fresh runs of the same skill against its stored ones.

    Attributes:
        p: two-sided, within-task permutation test (twice the smaller mid-p).
        drifted: the stored runs must not be compared with anything measured now. True also without a comparison.
    """

    p: float
    drifted: bool


def drift(stored: Rows, fresh: Rows) -> Drift:
    """Compare stored base runs with a fresh round of the same skill; a gain hides a loss as much as a loss feigns one.

    Raises:
        ValueError: different numbers of tasks, or scores outside [0, 1].
    """
    pairs = paired(stored, fresh)
    if not pairs:
        return Drift(p=1.0, drifted=True)
    p = paired_test(pairs).two_sided
    return Drift(p=p, drifted=p <= LEVEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """Fresh runs of head and base, after a loss against old stored runs was shown.

    Attributes:
        p: one-sided mid-p of "the head is worse" in the fresh runs alone; None when too many of them are missing.
        holds: the loss shows in them, too. One round of the base finds a drift of 5 points in one case of six only, so
            old runs alone would block unchanged skills.
    """

    p: float | None
    holds: bool


def confirm(base: Rows, head: Rows) -> Confirmation:
    """Whether fresh runs of both sides point the same way as old ones did.

    Raises:
        ValueError: different numbers of tasks, or scores outside [0, 1].
    """
    pairs = paired(base, head)
    found = moments(pairs)
    if found is None or max(missing_share(base), missing_share(head)) > TOO_MUCH_MISSING:
        return Confirmation(p=None, holds=False)
    p = paired_test(pairs).mid_p
    return Confirmation(p=p, holds=found.difference < 0 and p <= CONFIRM_LEVEL)


def p_words(p: float) -> str:
    """A p-value for people; one that is too small to be shown is never called zero."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
