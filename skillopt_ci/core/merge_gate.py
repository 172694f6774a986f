"""The merge gate: did this pull request make the skill worse on this suite?

Group-sequential: the head skill is run once on every task, then a decision is looked for; undecided, it is run again,
at most `max_rounds` times. A regression needs the exact within-task permutation test at Pocock's nominal level, a pass
needs a loss of `margin` to be ruled out, and a comparison that has no prospect of showing a loss any more is given up.
"""

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

from skillopt_ci.core.boundaries import MOST_LOOKS, pocock
from skillopt_ci.core.compare import TOO_MUCH_MISSING
from skillopt_ci.core.permutation import paired_test, task_p
from skillopt_ci.core.runs import Pairs, Rows, filled, first_runs, measured, missing_share, paired
from skillopt_ci.core.suite_effect import Moments, moments, projected_se, run_variance

_NORMAL = NormalDist()
POWER = 0.8
FUTILE = 0.2
DOUBTFUL = 0.1  # what a PASS by the usual rule leaves to a loss of the margin
SUSPECT = 0.05
USUAL_VARIANCE = 0.11  # within a task, of one run: published run-to-run noise of agent benchmarks
PassRule = Literal["usual", "strict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRule:
    """The rule of one gate.

    Attributes:
        margin: the loss a PASS rules out (1.0 is 100 points).
        min_effect: a shown loss smaller than this does not block.
        alpha: one-sided chance of blocking a skill that is not worse, over all looks and pairs.
        max_rounds: runs of the head skill per task, at most.
        pass_rule: `usual` rules the margin out with about 90% over all looks, `strict` with 1 - alpha.
        pairs: changed skills times targets judged in this gate; alpha is divided by it.

    Raises:
        ValueError: a setting outside its range.
    """

    margin: float = 0.05
    min_effect: float = 0.0
    alpha: float = 0.05
    max_rounds: int = 4
    pass_rule: PassRule = "usual"
    pairs: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.margin <= 1:
            raise ValueError(f"margin must be above 0 and at most 1, not {self.margin}")
        if not 0 <= self.min_effect <= 1:
            raise ValueError(f"min_effect must be in [0, 1], not {self.min_effect}")
        if not 0 < self.alpha <= 0.5:
            raise ValueError(f"alpha must be above 0 and at most 0.5, not {self.alpha}")
        if not 1 <= self.max_rounds <= MOST_LOOKS:
            raise ValueError(f"max_rounds must be between 1 and {MOST_LOOKS}, not {self.max_rounds}")
        if self.pairs < 1:
            raise ValueError(f"pairs must be 1 or more, not {self.pairs}")

    @property
    def constant(self) -> float:
        """The z-value that shows a regression, at every look: Pocock's, at alpha / pairs."""
        return pocock(self.max_rounds, self.alpha / self.pairs)

    @property
    def threshold(self) -> float:
        """The nominal p-value of one look: .0193 for alpha .05, four rounds and one pair."""
        return 1 - _NORMAL.cdf(self.constant)

    @property
    def pass_constant(self) -> float:
        """The z-value of a PASS; not corrected for `pairs`, as every pair must pass."""
        looks = self.max_rounds if self.pass_rule == "strict" else 1
        return pocock(looks, self.alpha)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at the data says.

    Attributes:
        decision: `continue` asks for one more round; the others are final.
        reason: `loss-shown`, `loss-ruled-out`, `more-rounds`, `infrastructure` (more than 5% of the runs of a side are
            missing), or why it is inconclusive: `undecided` after all rounds, `futile` before them.
        round: runs of the head per task that were looked at.
        p: one-sided mid-p of "the head is worse"; None when no task was measured on both sides.
        threshold: what p is held against.
        difference: head minus base on this suite (1.0 is 100 points); None as for p.
        se: standard error of the difference from run-to-run noise.
        minimum_detectable_effect: the loss this gate shows with 80% power, given the noise that was measured.
        n_tasks: tasks measured on both sides.
        missing_base, missing_head: shares of the runs without a result.
    """

    decision: Literal["regression", "pass", "continue", "inconclusive"]
    reason: str
    round: int
    threshold: float
    missing_base: float
    missing_head: float
    p: float | None = None
    difference: float | None = None
    se: float | None = None
    minimum_detectable_effect: float | None = None
    n_tasks: int = 0


def look(base: Rows, head: Rows, round_number: int, rule: MergeRule, *, seed: int = 0) -> Look:
    """Judge after `round_number` runs of the head; runs of the head after it are not looked at.

    Args:
        base: the base's runs of each task, stored or interleaved; more runs than rounds are used.
        head: the head's runs, tasks in the same order.
        round_number: from 1; at `rule.max_rounds` the decision is final.
        rule: the rule.
        seed: of the Monte-Carlo test that scores without a common grid need.

    Raises:
        ValueError: different numbers of tasks, scores outside [0, 1], a round outside 1..max_rounds.
    """
    if not 1 <= round_number <= rule.max_rounds:
        raise ValueError(f"the round must be between 1 and {rule.max_rounds}, not {round_number}")
    head = first_runs(head, round_number)
    pairs = paired(base, head)
    found = moments(pairs)
    missing_base, missing_head = missing_share(base), missing_share(head)
    if found is None or max(missing_base, missing_head) > TOO_MUCH_MISSING:
        return Look(
            decision="inconclusive",
            reason="infrastructure",
            round=round_number,
            threshold=rule.threshold,
            missing_base=missing_base,
            missing_head=missing_head,
            n_tasks=found.n_tasks if found else 0,
        )
    p = paired_test(pairs, seed=seed).mid_p
    detectable = _detectable(base, pairs, rule)
    final_se = projected_se(pairs, rule.max_rounds)
    # Whether more runs would tell is a question of noise alone, not of what blocks.
    told = _detectable(base, pairs, replace(rule, min_effect=0.0))
    power = conditional_power(found, final_se, rule, effect=max(rule.margin, told))
    decision: Literal["regression", "pass", "continue", "inconclusive"]
    if found.difference < 0 and p <= rule.threshold and -found.difference >= rule.min_effect - 1e-9:
        decision, reason = "regression", "loss-shown"
    elif _passes(base, head, found, rule):
        decision, reason = "pass", "loss-ruled-out"
    elif round_number == rule.max_rounds:
        decision, reason = "inconclusive", "undecided"
    elif power < FUTILE:
        decision, reason = "inconclusive", "futile"
    else:
        decision, reason = "continue", "more-rounds"
    return Look(
        decision=decision,
        reason=reason,
        round=round_number,
        threshold=rule.threshold,
        missing_base=missing_base,
        missing_head=missing_head,
        p=p,
        difference=found.difference,
        se=found.se,
        minimum_detectable_effect=detectable,
        n_tasks=found.n_tasks,
    )


def conditional_power(now: Moments, final_se: float, rule: MergeRule, *, effect: float) -> float:
    """Chance that the last look shows a loss, given the data so far and a true loss of `effect` from here on.

    The usual normal approximation (Lan & Wittes 1988); information is 1 / se^2, that of the last look projected from
    the noise measured so far. It is 1 without any noise so far, as a loss would show; 0 or 1 at the last look.
    """
    if now.se == 0:
        return 1.0
    if final_se >= now.se:
        return float(-now.difference >= rule.constant * now.se)
    here, final = now.se**-2, final_se**-2
    expected = -now.difference * here + effect * (final - here)
    return _NORMAL.cdf((expected - rule.constant * math.sqrt(final)) / math.sqrt(final - here))


def minimum_detectable_effect(rule: MergeRule, *, n_tasks: int, base_runs: int, variance: float | None = None) -> float:
    """The true loss that the gate shows with 80% power: (c + .84) sqrt(variance (1/base + 1/rounds) / tasks).

    A loss below the margin is not always looked at so long: the first look may rule the margin out. Then it takes what
    that look shows by itself, or a loss so near to the margin that no more than a tenth passes there. Of a loss that is
    just `min_effect` every second one is measured smaller, and does not block.

    Args:
        rule: the rule.
        n_tasks: tasks of the suite.
        base_runs: stored base runs; fewer than the rounds are filled up round by round.
        variance: of one run within a task; .11 when it was not measured.

    Returns:
        1.0 is 100 points. At least the tasks that must be lost for good to show on a target without noise; at most 1.
    """

    def shown(rounds: int) -> tuple[float, float]:
        runs = max(base_runs, rounds)
        se = planned_error(rounds, n_tasks, runs, variance)
        counts = rule.min_effect if se else math.ceil(rule.min_effect * n_tasks - 1e-9) / n_tasks
        told = max((rule.constant + _NORMAL.inv_cdf(POWER)) * se, counts + _NORMAL.inv_cdf(POWER) * se)
        return se, max(_fewest_lost(rule, runs, rounds) / n_tasks, told)

    (first_se, first), (_, last) = shown(1), shown(rule.max_rounds)
    return min(1.0, max(last, min(first, _not_passed(rule, n_tasks, base_runs, first_se))))


def planned_error(rounds: int, n_tasks: int, base_runs: int, variance: float | None) -> float:
    """The standard error of a difference after so many rounds. `variance`: of one run within a task, or the usual."""
    noise = USUAL_VARIANCE if variance is None else variance
    return math.sqrt(noise * (1 / base_runs + 1 / rounds) / n_tasks)


def _not_passed(rule: MergeRule, n_tasks: int, base_runs: int, se: float) -> float:
    """The loss that the first look does not take for one below the margin.

    Without noise these are whole tasks, m of them with a standard error of sqrt(m / base_runs) / tasks; with noise the
    loss of which a tenth passes.
    """
    lean = rule.pass_constant / math.sqrt(base_runs or 1)
    lost = ((math.sqrt(lean**2 + 4 * rule.margin * n_tasks) - lean) / 2) ** 2
    whole = math.ceil(lost - 1e-9) / n_tasks
    return min(whole, rule.margin - (rule.pass_constant - _NORMAL.inv_cdf(1 - DOUBTFUL)) * se) if se else whole


def _fewest_lost(rule: MergeRule, base_runs: int, rounds: int) -> int:
    """Tasks that must go from always passed to never passed for the exact test to show it after so many rounds.

    Without noise each of them has one arrangement in C(base + rounds, rounds), so m have mid-p C^-m / 2.
    """
    arrangements = math.comb(base_runs + rounds, rounds)
    return max(1, math.ceil(math.log(0.5 / rule.threshold) / math.log(arrangements) - 1e-9))


def suspects(base: Rows, head: Rows) -> list[int]:
    """Indices of tasks whose own exact p-value of "worse" is at most .05: for people, never a verdict.

    One test per task: of many tasks without a change, some are listed by chance.
    """
    rows = zip(measured(base), measured(head), strict=True)
    return [i for i, (b, h) in enumerate(rows) if b and h and task_p(b, h) <= SUSPECT]


def unseen_loss(now: Look, margin: float, runs: int) -> float | None:
    """Chance that a loss of `margin`, spread over tasks that always passed, shows no more than this look does.

    The noise that a PASS is held against is that of the runs so far. Where they hardly differ, a loss that makes every
    task fail now and then has not had the runs to show: the binomial tail says how likely that is.

    Args:
        now: the look.
        margin: the loss.
        runs: measured runs of the head.

    Returns:
        None where the noise that was seen is larger than such a loss would bring, or the chance is a tenth or less.
    """
    if now.difference is None or now.se is None or now.se**2 * runs >= margin * (1 - margin):
        return None
    lost = math.floor(-now.difference * runs + 1e-9)
    term, chance = (1 - margin) ** runs, 0.0
    for k in range(lost + 1):
        chance += term
        term *= (runs - k) / (k + 1) * margin / (1 - margin)
    return chance if chance > DOUBTFUL else None


def _detectable(base: Rows, pairs: Pairs, rule: MergeRule) -> float:
    runs = round(sum(len(b) for b, _ in pairs) / len(pairs))
    return minimum_detectable_effect(rule, n_tasks=len(pairs), base_runs=runs, variance=run_variance(base))


def _passes(base: Rows, head: Rows, found: Moments, rule: MergeRule) -> bool:
    """A loss of the margin is ruled out, also when every missing run hid the worst for the head."""
    at_worst = found
    if missing_share(base) or missing_share(head):
        at_worst = moments(paired(filled(base, 1.0), filled(head, 0.0))) or found
    noise = max(found.se, _unseen_noise(paired(base, head)))
    return all(m.difference - rule.pass_constant * max(m.se, noise) > -rule.margin for m in (found, at_worst))


def _unseen_noise(pairs: Pairs) -> float:
    """Standard error to reckon with where no run was ever repeated: of one coin-flip task; 0 once one was.

    One run on either side, all equal, does not show that the target has no noise: on a few tasks it would be luck.
    """
    if any(len(b) > 1 or len(h) > 1 for b, h in pairs):
        return 0.0
    return math.sqrt(0.5) / len(pairs)
