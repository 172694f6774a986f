"""The gate's own error rates on a user's suite: gates simulated from runs of one skill.

A simulated base and head draw their runs from each task's measured runs, shrunken towards the suite's: a task that
passed 12 of 12 may still fail now and then. The gates that judge them are `merge_gate.look`, not a model of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from skillopt_ci.core.golden import RUNS as GOLDEN_RUNS
from skillopt_ci.core.golden import armed, golden_state
from skillopt_ci.core.merge_gate import MergeRule, look
from skillopt_ci.core.noise import uniforms
from skillopt_ci.core.power import Power, power
from skillopt_ci.core.runs import Rows, measured
from skillopt_ci.core.suite_effect import flip_rate, run_variance

GATES = 2000
RUNS = 12  # per task, bought once


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """Which rows are golden tasks, and the scores that count as passed."""

    tasks: frozenset[int] = frozenset()
    passing: frozenset[float] = frozenset()


NO_GOLDEN = Golden()


@dataclass(frozen=True, slots=True, kw_only=True)
class Characteristics:
    """What simulated gates did at one true effect. Shares in [0, 1].

    Attributes:
        loss: the true loss on the suite (1.0 is 100 points); 0 is an unchanged skill.
        regression, passed, inconclusive: shares of the verdicts.
        rounds: mean runs of the head per task.
        gates: how many were simulated; a share has a standard error of at most .5 / sqrt(gates).
    """

    loss: float
    regression: float
    passed: float
    inconclusive: float
    rounds: float
    gates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Attributes:
    unchanged: an unchanged skill; `regression` is the false-block rate.
    losses: the gate at losses of one and of two margins; a loss larger than the suite's mean is left out.
    flip_rates: per task, the share of pairs of its runs that disagree; None below two measured runs.
    variance: mean within-task variance of one run; None when no task was measured twice.
    power: minimum detectable effect, and the tasks, rounds or margin that would suit the suite.
    """

    unchanged: Characteristics
    losses: tuple[Characteristics, ...]
    flip_rates: tuple[float | None, ...]
    variance: float | None
    power: Power


def calibrate(
    rows: Rows, rule: MergeRule, *, base_runs: int = 8, gates: int = GATES, seed: int = 0, golden: Golden = NO_GOLDEN
) -> Calibration:
    """Simulate the gate on a suite.

    Args:
        rows: runs of one skill, 12 per task or so; tasks without a measured run are left out.
        rule: the rule to judge by.
        base_runs: stored base runs per task; fewer than the rounds are filled up round by round.
        gates: to simulate at each effect.
        seed: of the simulation.
        golden: the golden tasks; one that breaks blocks, as at work.

    Raises:
        ValueError: nothing was measured, a score outside [0, 1], or base_runs or gates below 1.
    """
    clean = measured(rows)
    kept = [row for row in clean if row]
    places = [i for i, row in enumerate(clean) if row]
    if not kept:
        raise ValueError("nothing was measured: there is nothing to calibrate with")
    if base_runs < 1 or gates < 1:
        raise ValueError("base_runs and gates must be 1 or more")
    urns = shrunken(kept)
    variance = run_variance(kept)
    mean = math.fsum(u.mean for u in urns) / len(urns)
    must_hold = tuple(at for at, place in enumerate(places) if place in golden.tasks)
    setting = _Setting(
        urns=urns, rule=rule, base_runs=base_runs, gates=gates, seed=seed, golden=must_hold, passing=golden.passing
    )
    losses = [loss for loss in (rule.margin, 2 * rule.margin) if loss <= mean]
    return Calibration(
        unchanged=_characteristics(setting, 0.0),
        losses=tuple(_characteristics(setting, loss) for loss in losses),
        flip_rates=tuple(flip_rate(row) for row in rows),
        variance=variance,
        power=power(rule, n_tasks=len(kept), base_runs=base_runs, variance=variance, wanted=rule.margin),
    )


@dataclass(frozen=True, slots=True)
class Urn:
    """What one task's runs are drawn from: its own runs with probability `weight`, else any run of the suite."""

    own: Sequence[float]
    suite: Sequence[float]
    weight: float
    mean: float

    def draw(self, u: float) -> float:
        """The score at `u`, uniform in [0, 1)."""
        if u < self.weight:
            return self.own[min(len(self.own) - 1, int(u / self.weight * len(self.own)))]
        return self.suite[min(len(self.suite) - 1, int((u - self.weight) / (1 - self.weight) * len(self.suite)))]


def shrunken(rows: Sequence[Sequence[float]]) -> list[Urn]:
    """An urn per task. A task with n runs trusts them with weight n / (n + m).

    m, the prior's worth in runs, is the ratio of the variance within tasks to the variance between their true means
    (Buehlmann's credibility, by moments); for scores 0 and 1 this is the beta-binomial posterior mean. A suite where
    no task ever disagreed with itself has m = 0: its tasks are taken as they are.
    """
    suite = [v for row in rows for v in row]
    within = run_variance(rows) or 0.0
    means = [math.fsum(row) / len(row) for row in rows]
    centre = math.fsum(means) / len(means)
    spread = math.fsum((m - centre) ** 2 for m in means) / max(1, len(means) - 1)
    between = spread - within * math.fsum(1 / len(row) for row in rows) / len(rows)
    prior = within / max(between, 1e-9)
    overall = math.fsum(suite) / len(suite)
    urns = []
    for row, mean in zip(rows, means, strict=True):
        weight = len(row) / (len(row) + prior)
        urns.append(Urn(own=row, suite=suite, weight=weight, mean=weight * mean + (1 - weight) * overall))
    return urns


@dataclass(frozen=True, slots=True)
class _Setting:
    urns: Sequence[Urn]
    rule: MergeRule
    base_runs: int
    gates: int
    seed: int
    golden: tuple[int, ...]  # places in `urns`
    passing: frozenset[float]


def _characteristics(setting: _Setting, loss: float) -> Characteristics:
    counts = {"regression": 0, "pass": 0, "inconclusive": 0}
    rounds = 0
    for number in range(setting.gates):
        decision, taken = _gate(setting, loss, number)
        counts[decision] += 1
        rounds += taken
    return Characteristics(
        loss=loss,
        regression=counts["regression"] / setting.gates,
        passed=counts["pass"] / setting.gates,
        inconclusive=counts["inconclusive"] / setting.gates,
        rounds=rounds / setting.gates,
        gates=setting.gates,
    )


def _gate(setting: _Setting, loss: float, number: int) -> tuple[str, int]:
    """Decision and rounds of one simulated gate: base rounds are added beside the head's where fewer are stored."""
    urns, rule, most = setting.urns, setting.rule, setting.rule.max_rounds
    harm = _harm([u.mean for u in urns], loss, setting.seed, number)
    base_runs, head_runs = max(setting.base_runs, most), max(most, GOLDEN_RUNS)
    draws = iter(uniforms(len(urns) * (base_runs + 2 * head_runs), "gate", setting.seed, str(loss), number))
    base = [[urn.draw(next(draws)) for _ in range(base_runs)] for urn in urns]
    head = [
        [urn.draw(next(draws)) * (next(draws) >= lost) for _ in range(head_runs)]
        for urn, lost in zip(urns, harm, strict=True)
    ]
    for i in setting.golden:
        stored = [v in setting.passing for v in base[i][: setting.base_runs]]
        if armed(stored) and _broken([v in setting.passing for v in head[i]]):
            return "regression", 1
    for k in range(1, most + 1):
        now = look([row[: max(setting.base_runs, k)] for row in base], head, k, rule, seed=number)
        if now.decision != "continue":
            return now.decision, now.round
    raise AssertionError("the last look decides")


def _broken(head: Sequence[bool]) -> bool:
    """An armed golden task: one run, and three more after a failure."""
    first = golden_state(head[:1])
    return (golden_state(head[:GOLDEN_RUNS]) if first == "rerun" else first) == "broken"


def _harm(means: Sequence[float], loss: float, seed: int, number: int) -> list[float]:
    """Share of each task's score that the head loses, so that the suite loses exactly `loss`.

    Tasks are hit in random order, each by a share drawn from Beta(2, 1), until the loss is reached; then, where that
    was not enough, the rest of what they have.
    """
    harm = [0.0] * len(means)
    left = loss * len(means)
    order = uniforms(2 * len(means), "harm", seed, str(loss), number)
    hit = sorted(range(len(means)), key=order.__getitem__)
    for everything in (False, True):
        for task in hit:
            share = 1.0 if everything else math.sqrt(order[len(means) + task])
            lost = min(left, (share - harm[task]) * means[task])
            if lost > 0:
                harm[task] += lost / means[task]
                left -= lost
    return harm
