"""Has the model behind the stored base runs changed since they were stored?"""

from dataclasses import dataclass

from skillopt_ci.core.permutation import paired_test
from skillopt_ci.core.runs import Rows, paired
from skillopt_ci.core.suite_effect import moments

LEVEL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Fresh runs of the same skill against its stored ones.

    Attributes:
        p: two-sided, within-task permutation test (twice the smaller mid-p).
        difference: fresh minus stored (1.0 is 100 points); None when no task was measured on both sides.
        drifted: the stored runs must not be compared with anything measured now. True also without a comparison.
    """

    p: float
    difference: float | None
    drifted: bool


def drift(stored: Rows, fresh: Rows, *, seed: int = 0) -> Drift:
    """Compare stored base runs with a fresh round of the same skill; a gain hides a loss as much as a loss feigns one.

    Raises:
        ValueError: different numbers of tasks, or scores outside [0, 1].
    """
    pairs = paired(stored, fresh)
    found = moments(pairs)
    if found is None:
        return Drift(p=1.0, difference=None, drifted=True)
    p = paired_test(pairs, seed=seed).two_sided
    return Drift(p=p, difference=found.difference, drifted=p <= LEVEL)
