"""What a suite can show: the minimum detectable effect now, and what a wanted one would take."""

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

from skillopt_ci.core.boundaries import MOST_LOOKS, pocock
from skillopt_ci.core.merge_gate import POWER, MergeRule, minimum_detectable_effect, planned_error

_NORMAL = NormalDist()
MOST_TASKS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Losses are differences of the suite's mean (1.0 is 100 points), shown with 80% power.

    Attributes:
        minimum_detectable_effect: with the suite and the rule as they are.
        wanted: the loss that should be shown.
        tasks: how many tasks show it with the rule as it is; None above 100,000.
        rounds: the fewest rounds that show it on this suite, with at least as many base runs; None when 16 do not.
        margin: the smallest margin, in whole points, that is not below the minimum detectable effect.
        min_effect: the rule's: a shown loss smaller than this does not block.
    """

    minimum_detectable_effect: float
    wanted: float
    tasks: int | None
    rounds: int | None
    margin: float
    min_effect: float = 0.0


def power(rule: MergeRule, *, n_tasks: int, base_runs: int, variance: float | None, wanted: float) -> Power:
    """Plan a suite.

    Args:
        rule: the rule.
        n_tasks: tasks of the suite now.
        base_runs: base runs that are, or will be, stored.
        variance: of one run within a task (`suite_effect.run_variance`); None takes the usual .11.
        wanted: the loss to show, in (0, 1].

    Raises:
        ValueError: no tasks, or `wanted` outside (0, 1].
    """
    if n_tasks < 1:
        raise ValueError("a suite needs at least one task")
    if not 0 < wanted <= 1:
        raise ValueError(f"the wanted effect must be above 0 and at most 1, not {wanted}")

    def detectable(tasks: int, at: MergeRule) -> float:
        return minimum_detectable_effect(at, n_tasks=tasks, base_runs=base_runs, variance=variance)

    def shows(rounds: int) -> bool:
        # The constant of many looks takes long. Where the lower one of eight shows too little, it is not asked for.
        constant = pocock(min(8, rounds), rule.alpha / rule.pairs)
        least = (constant + _NORMAL.inv_cdf(POWER)) * planned_error(rounds, n_tasks, max(base_runs, rounds), variance)
        reach = wanted + 1e-12
        return min(1.0, least) <= reach and detectable(n_tasks, replace(rule, max_rounds=rounds)) <= reach

    now = detectable(n_tasks, rule)
    return Power(
        minimum_detectable_effect=now,
        wanted=wanted,
        tasks=fewest_tasks(rule, base_runs=base_runs, variance=variance, wanted=wanted, there=n_tasks),
        rounds=next((k for k in range(1, MOST_LOOKS + 1) if shows(k)), None),
        margin=min(1.0, math.ceil(now * 100 - 1e-9) / 100),
        min_effect=rule.min_effect,
    )


def fewest_tasks(rule: MergeRule, *, base_runs: int, variance: float | None, wanted: float, there: int) -> int | None:
    """How many tasks show a loss with a rule as it is; None above 100,000. More show more, or nearly as much.

    It is more than the tasks that are `there` (one or more) when those do not show it, and no more when they do.
    """

    def enough(tasks: int) -> bool:
        found = minimum_detectable_effect(rule, n_tasks=tasks, base_runs=base_runs, variance=variance)
        return found <= wanted + 1e-12

    low, high = (0, there) if enough(there) else (there, MOST_TASKS)
    if low >= high or not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
