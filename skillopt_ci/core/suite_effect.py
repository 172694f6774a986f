"""What the runs say about this suite: the effect, its noise, and the interval that is conditional on these tasks.

The interval for the population of tasks is `stats.plus_two`; it is wider, as it also carries the choice of tasks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul
from statistics import NormalDist

from skillopt_ci.core.runs import Pairs, Row, Rows, measured, paired
from skillopt_ci.core.stats import Effect

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Head minus base over the tasks that were measured on both sides (1.0 is 100 points).

    Attributes:
        difference: mean over tasks of the difference of a task's means.
        se: its standard error from run-to-run noise alone; 0 when no task's runs ever differed.
        n_tasks: tasks measured on both sides.
    """

    difference: float
    se: float
    n_tasks: int


def moments(pairs: Pairs) -> Moments | None:
    """Effect and standard error on this suite; None without pairs.

    se = sqrt(sum_i s_i^2 (1/n_head + 1/n_base)) / V, where s_i^2 is the sample variance of all of task i's runs, both
    sides together: what the within-task permutation gives.
    """
    if not pairs:
        return None
    difference = math.fsum(math.fsum(h) / len(h) - math.fsum(b) / len(b) for b, h in pairs)
    return Moments(difference=difference / len(pairs), se=projected_se(pairs, 1), n_tasks=len(pairs))


def projected_se(pairs: Pairs, rounds: int) -> float:
    """The standard error once every task has at least `rounds` runs on either side; 0 without pairs."""
    noise = math.fsum(_variance([*b, *h]) * (1 / max(len(b), rounds) + 1 / max(len(h), rounds)) for b, h in pairs)
    return math.sqrt(noise) / max(1, len(pairs))


def suite_effect(base: Rows, head: Rows) -> Effect | None:
    """95% interval for the effect on exactly these tasks, not adjusted for early stopping; None without pairs.

    The usual z interval, widened by the noise of one coin-flip task: without it a suite of ties would claim to know the
    effect exactly.

    Raises:
        ValueError: different numbers of tasks, or scores outside [0, 1].
    """
    pairs = paired(base, head)
    found = moments(pairs)
    if found is None:
        return None
    coin = 0.25 * math.fsum(1 / len(b) + 1 / len(h) for b, h in pairs) / len(pairs)
    half = _NORMAL.inv_cdf(0.975) * math.sqrt(found.se**2 + coin / len(pairs) ** 2)
    return Effect(
        mean=found.difference,
        low=max(-1.0, found.difference - half),
        high=min(1.0, found.difference + half),
    )


def run_variance(rows: Rows) -> float | None:
    """Mean within-task variance of repeated runs; None when no task was measured twice."""
    repeated = [row for row in measured(rows) if len(row) > 1]
    return math.fsum(_variance(row) for row in repeated) / len(repeated) if repeated else None


def flip_rate(row: Row) -> float | None:
    """Share of pairs of a task's runs that disagree, in [0, 1]; None below two measured runs."""
    got = [v for v in row if v is not None]
    if len(got) < 2:
        return None
    pairs = [abs(a - b) > 1e-9 for i, a in enumerate(got) for b in got[:i]]
    return sum(pairs) / len(pairs)


def _variance(runs: Sequence[float]) -> float:
    """Sample variance with n - 1; 0 for a single run, and exactly 0 for equal ones."""
    n = len(runs)
    if max(runs) == min(runs):
        return 0.0
    total = math.fsum(runs)
    return max(0.0, math.fsum(map(mul, runs, runs)) - total * total / n) / (n - 1)
