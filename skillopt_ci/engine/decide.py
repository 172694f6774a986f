"""The training gate at work: measures a candidate until a decision is certain."""

import math
from collections.abc import Sequence

from skillopt_ci.core.compare import TOO_MUCH_MISSING, TaskPair, cluster_differences
from skillopt_ci.core.history import Decision
from skillopt_ci.core.rollout import Evaluation, Failure, Rollout, Score, evaluate
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.stats import plus_two
from skillopt_ci.core.strict import beats, bound, failures_first, next_wave
from skillopt_ci.core.task import Task
from skillopt_ci.engine.lab import Job, Lab

VAL = "val"


def decide_strict(
    lab: Lab, candidate: Skill, incumbent: Evaluation, tasks: Sequence[Task], *, exact_stop: bool
) -> Decision:
    """Keep the candidate only when its validation mean is strictly above the incumbent's frozen one.

    With `exact_stop`, tasks the incumbent failed come first, in waves of a size that depends on results alone, and the
    rest is not bought once nothing could make the candidate better. Tasks missing on either side are left out of both
    means; with more than 5% of the tasks left out there is no decision (`accept` False, reason `infrastructure`).
    """
    frozen = {task: mean for task, mean in incumbent.means.items() if mean is not None}
    by_id = {t.id: t for t in tasks if t.id in frozen}
    order = failures_first([(t, frozen[t]) for t in by_id]) if exact_stop else list(by_id)
    base = [frozen[t] for t in order]
    done: list[Rollout] = []
    state = bound(base, [None] * len(base))
    incumbent_mean = math.fsum(base) / len(base)
    hopeless = False
    while len(done) < len(order) and not hopeless and not (exact_stop and state.cannot_win):
        size = next_wave(state, len(order) - len(done)) if exact_stop else len(order)
        wave = [by_id[t] for t in order[len(done) : len(done) + size]]
        jobs = [Job(candidate, t, lab.sample(t, VAL)) for t in wave]
        done += lab.roll_out(jobs, what="validation of a candidate")
        state = bound(base, [*(r.value for r in done), *([None] * (len(order) - len(done)))])
        hopeless = _too_much_missing(done, len(order), len(tasks))
    measured = sum(isinstance(r.outcome, Score) for r in done)
    if len(done) < len(order):
        reachable = (state.upper_sum + math.fsum(base)) / len(base)
        return Decision(
            accept=False,
            reason="infrastructure" if hopeless else "cannot win",
            mean=None,
            upper_bound=reachable,
            incumbent_mean=incumbent_mean,
            effect=None,
            n_rollouts=measured,
        )
    return _with_all(candidate, done, incumbent, tasks)


def _too_much_missing(done: Sequence[Rollout], planned: int, n_tasks: int) -> bool:
    """More than 5% of the tasks have no pair: what the incumbent lacks counts too, so that it never adds up."""
    missing = sum(isinstance(r.outcome, Failure) for r in done)
    return missing + n_tasks - planned > TOO_MUCH_MISSING * n_tasks


def _with_all(candidate: Skill, done: Sequence[Rollout], incumbent: Evaluation, tasks: Sequence[Task]) -> Decision:
    in_order = {r.sample.task_id: r for r in done}
    measured = [in_order[t.id] for t in tasks if t.id in in_order]
    evaluation = evaluate(candidate.digest, [r.sample.task_id for r in measured], measured)
    means, before = evaluation.means, incumbent.means
    pairs = [TaskPair(task_id=t, base=before[t], head=means[t]) for t in evaluation.task_ids]
    both = [(p.base, p.head) for p in pairs if p.base is not None and p.head is not None]
    missing = sum(isinstance(r.outcome, Failure) for r in done)
    base_mean = math.fsum(b for b, _ in both) / len(both) if both else 0.0
    mean = math.fsum(h for _, h in both) / len(both) if both else None
    if mean is None or _too_much_missing(done, len(done), len(tasks)):
        accept, reason = False, "infrastructure"
    else:
        accept = beats(mean, base_mean)
        reason = "better on validation" if accept else "not better"
    return Decision(
        accept=accept,
        reason=reason,
        mean=mean,
        upper_bound=None,
        incumbent_mean=base_mean,
        effect=plus_two(cluster_differences(pairs, {t.id: t.cluster for t in tasks}), runs=1),
        n_rollouts=len(done) - missing,
        evaluation=evaluation,
    )
