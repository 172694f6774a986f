"""The merge gate's rule: a plain paired comparison with the plus-two interval."""

import math
from dataclasses import replace
from typing import Literal

from skillopt_ci.core.compare import Comparison, cluster_differences
from skillopt_ci.core.stats import plus_two

Word = Literal["pass", "regression", "inconclusive"]


def judge(comparison: Comparison, *, margin: float, runs: int) -> tuple[Word, str]:
    """Decide on a comparison of equal runs per side: (verdict, reason code).

    `regression`: the 95% interval lies below 0. `pass`: it lies above -margin, also when every missing head task
    counts 0 and every missing base task 1. Else `inconclusive`, with `infrastructure` when more than 5% is missing.
    """
    effect = comparison.effect
    if effect is None or comparison.too_much_missing:
        return "inconclusive", "infrastructure"
    if effect.high < 0:
        return "regression", "loss-shown"
    if effect.low > -margin and _worst_low(comparison, runs) > -margin:
        return "pass", "margin-ruled-out"
    return "inconclusive", "undecided"


def _worst_low(comparison: Comparison, runs: int) -> float:
    pairs = [
        replace(p, base=1.0 if p.base is None else p.base, head=0.0 if p.head is None else p.head)
        for p in comparison.pairs
    ]
    worst = plus_two(cluster_differences(pairs, {p.task_id: p.cluster for p in pairs}), runs=runs)
    return worst.low if worst else -math.inf
