"""Steps once screening is given up: each run has another half of all open edits; in the end what helps is gated.

Where an edit moves every task by a few points, no handful of runs shows it; that of all edits each run tells something
does (`core/factorial.py`). Open edits are those that wait: readers are shown the skill with all of them.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from skillopt_ci.core.composed import composed
from skillopt_ci.core.digest import fraction
from skillopt_ci.core.edit import Edit
from skillopt_ci.core.factorial import Trial, effects
from skillopt_ci.core.history import EditRecord, Step
from skillopt_ci.core.rollout import Failure, Rollout, Score
from skillopt_ci.core.screening import REPEATS, Screening
from skillopt_ci.core.task import Task
from skillopt_ci.core.unanswered import WITHOUT_RESULT
from skillopt_ci.engine.candidates import build_candidate, no_more_than, vet
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.state import Bench, State
from skillopt_ci.engine.steps import budget_of, gated, postponed, rules_of, skipped

OPEN = 24  # edits under trial at a time
LIKELY = math.log(2)  # evidence from which an edit is in the candidate
HARMS = -math.log(4)  # and at or below which it is rejected
HALF = 0.5
WAITS = "tried with others until the run ends"
NOT_APPLIED = "no edit could be applied"
NOTHING = "no edits proposed"


def factorial_step(bench: Bench, state: State, epoch: int, batch: Sequence[Task]) -> Step:
    """Try all open edits together on a batch, and read it for more of them."""
    before = bench.spent()
    if not state.factorial:
        state = replace(state, waiting=_first(state))
    blank = replace(state.blank_step(epoch, "edit", budget_of(bench, state)), factorial=True)
    rollouts, trials = _halves(bench, state, epoch, batch)
    failures = tuple(r.outcome for r in rollouts if isinstance(r.outcome, Failure))
    blank = replace(blank, rollouts=rollouts, failures=failures, trials=trials)
    edits: tuple[Edit, ...] = ()
    failed = any(isinstance(r.outcome, Score) and not r.outcome.passed for r in rollouts)
    if failed:
        evidence = replace(state.evidence(bench.settings, blank, tuple(batch), rollouts), halves=bool(state.waiting))
        proposal = bench.optimizer.propose(state.working, evidence)
        edits, blank = proposal.edits, replace(blank, failures=(*failures, *proposal.failures))
    vetted = vet(state, edits, rules_of(bench, state), blank.number)
    weighed = _weighed(state, vetted, blank)
    records = no_more_than(OPEN, weighed, lambda r: r.status == "kept", f"at most {OPEN} edits are tried together")
    waits = [replace(r, status="waiting", reason=_so_far(r)) if r.status == "kept" else r for r in records]
    reason = WAITS if any(r.status == "waiting" for r in waits) else _why_nothing(blank, edits, failed=failed)
    return postponed(bench, replace(blank, edits=tuple(waits)), before, reason)


def last_step(bench: Bench, state: State, epoch: int) -> Step | None:
    """Gate what seems to help when no batch will come any more; None when nothing does.

    Not before: what is kept stands in every text, so that no trial tells of it any more, and the longer edits are tried
    the fewer of them do nothing, or harm.
    """
    chosen = likely(state, state.waiting)
    if not chosen:
        return None
    before, budget = bench.spent(), next(s.edit_budget for s in reversed(state.steps) if s.kind == "edit")
    blank = replace(state.blank_step(epoch, "edit", budget), factorial=True)
    records = [replace(r, status="kept") for r in chosen]
    candidate, found = build_candidate(state.skill, records, len(records), rules_of(bench, state))
    blank = replace(blank, edits=found)
    if candidate is None:
        return skipped(bench, blank, NOT_APPLIED, before)
    return gated(bench, state, blank, candidate, before, shown=True)


def _why_nothing(blank: Step, edits: Sequence[Edit], *, failed: bool) -> str:
    """Why a batch left no edit open."""
    if edits:
        return NOT_APPLIED
    lost = blank.failures and (failed or not blank.trials)
    return WITHOUT_RESULT if lost else NOTHING if failed else "no failures in the batch"


def likely(state: State, records: Sequence[EditRecord]) -> list[EditRecord]:
    """The open edits that seem to help, and have a place in the skill without the others."""
    good = [r for r in records if r.status in ("kept", "waiting") and r.screening and r.screening.evidence >= LIKELY]
    placed = {edit.key() for edit in composed(state.skill, good).applied}
    return [r for r in good if r.edit.key() in placed]


def _first(state: State) -> tuple[EditRecord, ...]:
    """What is open when screening is given up: what waits, and of what screening rejected the likeliest.

    Its runs tell of more than the tasks that an edit answers: with them the trial begins.
    """
    have = {r.edit.key() for r in state.waiting}
    looked = (r for s in state.steps if s.kind == "edit" for r in s.edits if r.screening and r.reason != REPEATS)
    last = {r.edit.key(): r for r in looked if r.edit.key() not in have}
    left = [r for r in last.values() if r.status == "rejected-alone"]
    found = effects(state.trials, [r.edit.key() for r in left])
    hopeful = [(found[r.edit.key()], r) for r in left if found[r.edit.key()].evidence > HARMS]
    made = list(state.waiting)
    for shown, record in sorted(hopeful, key=lambda pair: -pair[0].evidence):
        tried = [*made, replace(record, status="waiting", reason="", screening=shown)]
        if len(tried) <= OPEN and len(composed(state.skill, tried).applied) == len(tried):
            made = tried
    return tuple(sorted(made, key=lambda r: r.proposed))


def _halves(
    bench: Bench, state: State, epoch: int, batch: Sequence[Task]
) -> tuple[tuple[Rollout, ...], tuple[Trial, ...]]:
    """Run every task with half of the open edits, drawn by lot, and with the other half; once where none is open."""
    jobs, present, step = [], [], len(state.steps) + 1
    standing = state.standing - {r.edit.key() for r in state.waiting}
    for heads in (True, False) if state.waiting else (True,):
        for task in batch:
            some = [r for r in state.waiting if _heads(bench, epoch, task, r) == heads]
            made = composed(state.skill, some)
            jobs.append(Job(made.skill, task, bench.lab.sample(task, f"train/{epoch}", 0 if heads else 1)))
            present.append(standing | {edit.key() for edit in made.applied})
    rollouts = tuple(bench.lab.roll_out(jobs, what=f"training batch, epoch {epoch}", keep=True))
    scored = [(r, there) for r, there in zip(rollouts, present, strict=True) if r.value is not None]
    return rollouts, tuple(Trial(r.sample.task_id, there, r.value, step) for r, there in scored if r.value is not None)


def _heads(bench: Bench, epoch: int, task: Task, record: EditRecord) -> bool:
    return fraction(bench.settings.seed, "factorial", epoch, task.id, record.edit.key()) < HALF


def _weighed(state: State, records: Sequence[EditRecord], blank: Step) -> list[EditRecord]:
    """Each edit with what all runs say of it; rejected where that is harm, or where a trial rejected it before."""
    moved = max((s.number for s in state.steps if s.action == "accept"), default=0)  # beside that, all is to be seen
    tried = [s for s in state.steps if s.factorial and s.number > moved]
    gone = {r.edit.key(): r for s in tried for r in s.edits if r.status == "rejected-alone"}
    old = [r.edit.key() for r in records if r.proposed != blank.number]
    found = effects([*state.trials, *blank.trials], old)
    weighed = []
    for record in records:
        key = record.edit.key()
        if record.status == "kept" and key in found:
            record = replace(record, screening=found[key])  # noqa: PLW2901
            if found[key].evidence <= HARMS:
                record = replace(record, status="rejected-alone", reason=f"it harms rather: {_told(found[key])}")  # noqa: PLW2901
        elif record.status == "kept" and key in gone:
            record = gone[key]  # noqa: PLW2901
        weighed.append(record)
    return weighed


def _so_far(record: EditRecord) -> str:
    return f"{WAITS}; so far {_told(record.screening)}" if record.screening else WAITS


def _told(found: Screening) -> str:
    return f"{100 * found.gain:+.1f} points of the mean, by all trials ({found.runs} runs with it)"
