"""The training gate: is this candidate worth keeping? A rule over runs, whoever takes them.

`next_move` looks at every run of incumbent and candidate so far and says what to measure next, or decides. It has no
memory: runs of an earlier proposal of the same candidate simply count, and the same runs give the same move.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from skillopt_ci.core.compare import TOO_MUCH_MISSING, TaskPair, cluster_differences
from skillopt_ci.core.digest import text_digest
from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.stats import harmonic_runs
from skillopt_ci.core.strict import TOLERANCE, bound, failures_first, next_wave

FEWEST_TASKS = 10  # below, "improved" is not a word to use
MANY_TASKS = 100  # above, tasks come in random order with interim looks
LOOKS = (10, 15, 22, 33, 50, 75, 112, 168)
AGREEING_PAIRS = 60  # rule of three: a flip rate below 5%


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRule:
    """A rule: at most `max_rounds` runs of the candidate per task, evidence wanted at the end.

    Attributes:
        max_rounds: K.
        min_evidence: z0, the z-value that accepts at round K. Exactly 1 is refused: one improved task and no loss give
            z = 1 whatever the number of tasks, so that rounding would decide.
        min_accept_round: no acceptance before this round.
        incumbent_runs: runs of the incumbent per task before anything is decided.
        exact_stop: measure the tasks the incumbent failed first, and stop when nothing could make the candidate better.
        benefit: z-value by which a candidate may lie below the incumbent in its first round, half of it in its second,
            and so on, and be measured again all the same, up to `max_rounds`; with it there is no exact stop.

    Raises:
        ValueError: a setting outside its range.
    """

    max_rounds: int = 3
    min_evidence: float = 0.4
    min_accept_round: int = 2
    incumbent_runs: int = 2
    exact_stop: bool = True
    benefit: float = 0.0

    def __post_init__(self) -> None:
        if self.max_rounds < 1 or self.incumbent_runs < 1 or not 1 <= self.min_accept_round <= self.max_rounds:
            raise ValueError("rounds and runs must be 1 or more, and min_accept_round at most max_rounds")
        if self.benefit < 0:
            raise ValueError(f"benefit must be 0 or more, not {self.benefit}")
        if self.min_evidence < 0 or self.min_evidence == 1:
            raise ValueError(f"min_evidence must be 0 or more and not 1, not {self.min_evidence}")


CONFIRM = TrainingRule()
CAREFUL = TrainingRule(max_rounds=4, min_evidence=1.4)
STRICT = TrainingRule(max_rounds=1, min_evidence=0.0, min_accept_round=1, incumbent_runs=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What to do next.

    Attributes:
        action: `measure`, `accept` or `reject`.
        reason: `better on validation`; `cannot win`, `not better`, `futile`, `not enough evidence`, `infrastructure`
            (more than 5% of the tasks unmeasured on a side: no decision, the incumbent stays); "" while measuring.
        round: round of the candidate that is being measured or was judged.
        candidate: indices of tasks to run once more with the candidate, in this order.
        incumbent: the same with the incumbent; both sides of a round are measured together.
        z: evidence, mean difference over its standard error across tasks; None before a full round.
        difference: mean difference over tasks; None before a full round.
        upper_bound: mean the candidate could still reach, where it was rejected within its first round.
    """

    action: Literal["measure", "accept", "reject"]
    reason: str
    round: int
    candidate: tuple[int, ...] = ()
    incumbent: tuple[int, ...] = ()
    z: float | None = None
    difference: float | None = None
    upper_bound: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    difference: float
    z: float


def next_move(
    incumbent: Evaluation,
    candidate: Evaluation,
    rule: TrainingRule,
    *,
    clusters: Mapping[str, str | None] | None = None,
) -> Move:
    """Measure, accept or reject.

    Args:
        incumbent: every run so far, missing ones included; runs the rule still wants are asked for first.
        candidate: the same tasks in the same order; rows may be empty, or of different length within a round.
        rule: the rule.
        clusters: task id to cluster for tasks that stand or fall together: one unit of evidence in z. A rule of one
            round compares plain means, as the exact stop does, and takes no notice of them.

    Raises:
        ValueError: the evaluations have different tasks, or no tasks.
    """
    if incumbent.task_ids != candidate.task_ids or not incumbent.task_ids:
        raise ValueError("incumbent and candidate must have the same tasks, and at least one")
    groups = clusters if clusters and rule.max_rounds > 1 else {}
    short = _short(incumbent, rule.incumbent_runs)
    if short:
        return Move(action="measure", reason="", round=0, incumbent=short)
    if not any(len(row) > 1 for row in candidate.values) and _short(candidate, 1):
        return _first_round(incumbent, candidate, rule, groups)
    done = min(len(row) for row in candidate.values)
    started = max(len(row) for row in candidate.values)
    if started > done:
        return _round(incumbent, candidate, started)
    if _short(incumbent, done):
        return Move(action="measure", reason="", round=done, incumbent=_short(incumbent, done))
    return _judge(incumbent, candidate, rule, groups, done)


def boundaries(rule: TrainingRule, *, candidate_runs: float, incumbent_runs: float) -> tuple[float, float]:
    """z-values at or below which to reject and at or above which to accept: a triangular test (Whitehead 1997).

    With t the share of the final information and a = z0 / 2: a (3t - 1) / sqrt(t) and a (1 + t) / sqrt(t); they meet at
    z0 when t = 1.
    """
    share = min(1.0, harmonic_runs(candidate_runs, incumbent_runs) / rule.max_rounds)
    return _triangle(rule.min_evidence, share)


def deterministic(*evaluations: Evaluation) -> bool:
    """Whether repeated runs may be spared: every task agreed with itself, over 60 repeated pairs or more.

    Then the rule to use is STRICT. A temperature of 0 alone is not evidence.
    """
    repeats = 0
    for evaluation in evaluations:
        for row in evaluation.values:
            got = [v for v in row if v is not None]
            if got and max(got) - min(got) > TOLERANCE:
                return False
            repeats += max(0, len(got) - 1)
    return repeats >= AGREEING_PAIRS


def _triangle(min_evidence: float, share: float) -> tuple[float, float]:
    a = min_evidence / 2
    return a * (3 * share - 1) / math.sqrt(share), a * (1 + share) / math.sqrt(share)


def _short(evaluation: Evaluation, runs: int) -> tuple[int, ...]:
    """Tasks with fewer than `runs` runs, missing results counted as run."""
    return tuple(i for i, row in enumerate(evaluation.values) if len(row) < runs)


def _round(incumbent: Evaluation, candidate: Evaluation, number: int) -> Move:
    return Move(
        action="measure",
        reason="",
        round=number,
        candidate=_short(candidate, number),
        incumbent=_short(incumbent, number),
    )


def _first_round(
    incumbent: Evaluation, candidate: Evaluation, rule: TrainingRule, clusters: Mapping[str, str | None]
) -> Move:
    """The first round comes in waves: failures first, or in random order with interim looks on a large suite."""
    missing = _short(candidate, 1)
    if not rule.exact_stop or rule.benefit:
        return Move(action="measure", reason="", round=1, candidate=missing)
    before, after = incumbent.means, candidate.means
    known = [(task, mean) for task, mean in before.items() if mean is not None]
    state = bound([mean for _, mean in known], [after[task] for task, _ in known])
    if state.cannot_win:
        reachable = (state.upper_sum + math.fsum(mean for _, mean in known)) / len(known) if known else None
        return Move(action="reject", reason="cannot win", round=1, upper_bound=reachable)
    place = {task: index for index, task in enumerate(candidate.task_ids)}
    n_done = len(place) - len(missing)
    if rule.max_rounds > 1 and len(place) > MANY_TASKS:
        if n_done and _futile(incumbent, candidate, rule, clusters):
            return Move(action="reject", reason="futile", round=1)
        order = sorted(
            place, key=lambda task: text_digest(f"{candidate.skill}\x1f{task}")
        )  # another for each candidate
        size = next((n for n in LOOKS if n > n_done), len(place)) - n_done
    else:
        order = failures_first(known) + [task for task, mean in before.items() if mean is None]
        size = next_wave(state, len(missing))
    wanted = [place[task] for task in order if not candidate.values[place[task]]]
    return Move(action="measure", reason="", round=1, candidate=tuple(wanted[:size]))


def _futile(
    incumbent: Evaluation, candidate: Evaluation, rule: TrainingRule, clusters: Mapping[str, str | None]
) -> bool:
    """The lower boundary at an interim look, its information scaled by the share of tasks measured."""
    found = _evidence(incumbent, candidate, clusters)
    if found is None:
        return False
    share = sum(bool(row) for row in candidate.values) / len(candidate.values)
    information = min(1.0, harmonic_runs(1, _mean_runs(incumbent)) / rule.max_rounds)
    return found.z <= _triangle(rule.min_evidence, information * share)[0]


def _judge(
    incumbent: Evaluation,
    candidate: Evaluation,
    rule: TrainingRule,
    clusters: Mapping[str, str | None],
    done: int,
) -> Move:
    found = _evidence(incumbent, candidate, clusters)
    pairs = _pairs(incumbent, candidate)
    dropped = (len(candidate.task_ids) - len(pairs)) / len(candidate.task_ids)
    if found is None or dropped > TOO_MUCH_MISSING:
        return Move(action="reject", reason="infrastructure", round=done)
    low, high = boundaries(rule, candidate_runs=_mean_runs(candidate), incumbent_runs=_mean_runs(incumbent))
    last = done >= rule.max_rounds
    again = rule.benefit > 0 and not last and found.z > -rule.benefit / done
    action: Literal["accept", "reject"] = "reject"
    if found.difference <= TOLERANCE and not again:
        reason = "not better"
    elif (last and found.z >= rule.min_evidence) or (done >= rule.min_accept_round and found.z >= high):
        action, reason = "accept", "better on validation"
    elif again:
        return _round(incumbent, candidate, done + 1)
    elif last:
        reason = "not enough evidence"
    elif found.z <= low:
        reason = "futile"
    else:
        return _round(incumbent, candidate, done + 1)
    return Move(action=action, reason=reason, round=done, z=found.z, difference=found.difference)


def _evidence(incumbent: Evaluation, candidate: Evaluation, clusters: Mapping[str, str | None]) -> _Evidence | None:
    """Mean difference over tasks measured on both sides, and z across tasks or clusters; None without any."""
    pairs = _pairs(incumbent, candidate)
    differences = cluster_differences(pairs, clusters)
    n = len(differences)
    if not n:
        return None
    plain = cluster_differences(pairs, {}) if clusters else differences
    mean = math.fsum(differences) / n
    spread = math.sqrt(math.fsum((d - mean) ** 2 for d in differences) / (n - 1)) if n > 1 else 0.0
    if abs(mean) <= TOLERANCE:
        z = 0.0
    elif spread <= TOLERANCE:
        z = math.copysign(math.inf, mean)  # all tasks moved equally
    else:
        z = mean / (spread / math.sqrt(n))
    return _Evidence(difference=math.fsum(plain) / len(plain), z=z)


def _pairs(incumbent: Evaluation, candidate: Evaluation) -> list[TaskPair]:
    before, after = incumbent.means, candidate.means
    pairs = [TaskPair(task_id=t, base=before[t], head=after[t]) for t in candidate.task_ids]
    return [p for p in pairs if p.base is not None and p.head is not None]


def _mean_runs(evaluation: Evaluation) -> float:
    """Mean measured runs of the tasks that have any; 1 when none has."""
    counts = [sum(v is not None for v in row) for row in evaluation.values]
    measured = [c for c in counts if c]
    return sum(measured) / len(measured) if measured else 1.0
