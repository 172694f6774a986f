"""What a gate's rule can show on a suite, look by look."""

from dataclasses import replace

from skillopt_ci.core.merge_gate import MergeRule, minimum_detectable_effect
from skillopt_ci.report.page.model import GatePower


def power_of(
    rule: MergeRule, *, n_tasks: int, base_runs: int, variance: float | None, used: int | None = None
) -> GatePower:
    """The minimum detectable loss for every number of rounds up to the rule's.

    Args:
        rule: of the gate.
        n_tasks: held-out tasks, at least one.
        base_runs: runs of the base a task.
        variance: of one run within a task; None takes the usual one.
        used: rounds that a comparison took; None when there was none.
    """
    looks = tuple(
        (
            rounds,
            minimum_detectable_effect(
                replace(rule, max_rounds=rounds), n_tasks=n_tasks, base_runs=base_runs, variance=variance
            ),
        )
        for rounds in range(1, rule.max_rounds + 1)
    )
    return GatePower(
        margin=rule.margin, n_tasks=n_tasks, base_runs=base_runs, looks=looks, used=used, variance=variance
    )
