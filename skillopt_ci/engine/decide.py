"""The training gate at work: takes the runs that the rule asks for, until it decides."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from skillopt_ci.core.compare import TOO_MUCH_MISSING, TaskPair, cluster_differences, interval_runs
from skillopt_ci.core.history import Decision
from skillopt_ci.core.rollout import Evaluation, Failure
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.stats import plus_two
from skillopt_ci.core.task import Task
from skillopt_ci.core.training_gate import FEWEST_TASKS, STRICT, Move, TrainingRule, deterministic, next_move
from skillopt_ci.engine.lab import VAL, Job, Lab

# On fewer validation tasks one run of each says next to nothing of edits that were screened: they are rejected at once
# only at a loss of one standard error.
FEW_TASKS = 40
BENEFIT = 1.0


def fitting_rule(
    rule: TrainingRule, n_tasks: int, seen: Sequence[Evaluation], *, screened: bool = False
) -> TrainingRule:
    """The rule that suits what is known.

    Strict on fewer than 10 tasks, where repeats prove nothing, and on a target that always agreed with itself, where
    they tell nothing. Edits that were screened bring evidence of their own: clear cases may end in the first round, and
    a small loss on few tasks is measured again.
    """
    if n_tasks < FEWEST_TASKS or deterministic(*seen):
        return replace(STRICT, exact_stop=rule.exact_stop)
    if not screened:
        return rule
    benefit = BENEFIT if n_tasks < FEW_TASKS and rule.max_rounds > 1 else 0.0
    return replace(rule, min_accept_round=1, incumbent_runs=1, benefit=benefit)


def empty(skill: Skill, tasks: Sequence[Task]) -> Evaluation:
    """A skill before its first run."""
    return _evaluation(skill, tasks, [() for _ in tasks])


def decide(
    lab: Lab,
    skills: tuple[Skill, Skill],
    incumbent: Evaluation,
    tasks: Sequence[Task],
    rule: TrainingRule,
    measured: Evaluation | None = None,
) -> Decision:
    """Decide whether a candidate replaces the incumbent.

    Args:
        lab: measures, in the stream `val`.
        skills: incumbent and candidate.
        incumbent: the incumbent's runs so far, tasks in order; the decision has them with what was added.
        tasks: the validation tasks.
        rule: how much evidence is wanted.
        measured: the candidate's runs so far, where it has any.
    """
    clusters = {t.id: t.cluster for t in tasks}
    before = [list(row) for row in incumbent.values]
    after = [list(row) for row in measured.values] if measured else [[] for _ in tasks]
    failures: list[Failure] = []
    while True:
        base, head = _evaluation(skills[0], tasks, before), _evaluation(skills[1], tasks, after)
        move = next_move(base, head, rule, clusters=clusters)
        if move.action != "measure":
            return _decision(move, base, head, clusters, failures)
        if _hopeless(before, after):
            return _decision(replace(move, action="reject", reason="infrastructure"), base, head, clusters, failures)
        wanted = [(skills[0], before, i) for i in move.incumbent] + [(skills[1], after, i) for i in move.candidate]
        # Side by side, so that a drifting provider hits both alike.
        wanted.sort(key=lambda job: _rank(move, job[2]))
        jobs = [Job(skill, tasks[i], lab.sample(tasks[i], VAL, len(rows[i]))) for skill, rows, i in wanted]
        what = "validation of a candidate" if move.candidate else "validation of the incumbent, once more"
        for (_, rows, index), rollout in zip(wanted, lab.roll_out(jobs, what=what), strict=True):
            rows[index].append(rollout.value)
            failures += [rollout.outcome] if isinstance(rollout.outcome, Failure) else []


def _rank(move: Move, index: int) -> int:
    """The place of a task in the order that the rule wants."""
    order = move.candidate or move.incumbent
    return order.index(index) if index in order else len(order)


def _evaluation(skill: Skill, tasks: Sequence[Task], rows: Sequence[Sequence[float | None]]) -> Evaluation:
    return Evaluation(skill=skill.digest, task_ids=tuple(t.id for t in tasks), values=tuple(map(tuple, rows)))


def _hopeless(before: Sequence[Sequence[float | None]], after: Sequence[Sequence[float | None]]) -> bool:
    """More than 5% of the tasks were tried on a side without a result: whatever comes, there is no decision."""
    lost = sum(_lost(b) or _lost(a) for b, a in zip(before, after, strict=True))
    return lost > TOO_MUCH_MISSING * len(before)


def _lost(row: Sequence[float | None]) -> bool:
    return bool(row) and all(v is None for v in row)


def _decision(
    move: Move,
    incumbent: Evaluation,
    candidate: Evaluation,
    clusters: Mapping[str, str | None],
    failures: Sequence[Failure],
) -> Decision:
    """The rule's word with the means it is about: over tasks measured on both sides."""
    before, after = incumbent.means, candidate.means
    complete = all(candidate.values)
    runs = interval_runs(incumbent.values, candidate.values)
    both = [(b, a) for t in candidate.task_ids if (b := before[t]) is not None and (a := after[t]) is not None]
    pairs = [TaskPair(task_id=t, base=before[t], head=after[t]) for t in candidate.task_ids]
    known = [b for b, _ in both] if complete else [b for b in before.values() if b is not None]
    mean = math.fsum(a for _, a in both) / len(both) if complete and both else None
    return Decision(
        accept=move.action == "accept",
        reason=move.reason,
        mean=mean,
        upper_bound=move.upper_bound,
        incumbent_mean=math.fsum(known) / len(known) if known else 0.0,
        effect=plus_two(cluster_differences(pairs, clusters), runs=runs) if mean is not None else None,
        n_rollouts=candidate.n_runs,
        evaluation=candidate if complete else None,
        incumbent=incumbent,
        z=move.z,
        failures=tuple(failures),
    )
