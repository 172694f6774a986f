"""Screening at work: every edit shows what it does on its own evidence before any of them costs a validation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from skillopt_ci.core.costs import SCREENED
from skillopt_ci.core.factorial import Trial
from skillopt_ci.core.history import EditRecord
from skillopt_ci.core.rollout import Rollout, Score
from skillopt_ci.core.screening import REPEATS, ScreenRule, tasks_of, why_not
from skillopt_ci.engine.candidates import no_more_than
from skillopt_ci.engine.looks import Looks, run
from skillopt_ci.engine.state import Bench, State
from skillopt_ci.errors import BudgetReachedError

CUT = "the budget ended its screening before it was clear whether it helps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """What a screening left: the records, those that were kept by step and gain, and the rollouts that were taken.

    `trials`: of these, what stood in their texts; `cut`: the budget's end, if that left edits undecided.
    """

    records: list[EditRecord]
    rollouts: tuple[Rollout, ...]
    trials: tuple[Trial, ...]
    cut: BudgetReachedError | None


def screen(
    bench: Bench, state: State, records: Sequence[EditRecord], batch: Sequence[Rollout], budget: int
) -> Screened:
    """Try each edit that is `kept` so far on its own tasks, and keep those that help them, the best first.

    All runs of a look are taken side by side, so that what is bought depends on no order. When none helps, the first of
    them are tried on the tasks of all: where a task needs several edits, readers may have named it for one of them.

    Args:
        bench: measures, in the stream `screen`.
        state: the incumbent.
        records: the step's edits in rank order.
        batch: rollouts of the step's train tasks with the incumbent.
        budget: edits that the step may keep; `SCREENED` times as many are tried.
    """
    known = {r.edit.key(): r for r in state.rejected_alone}
    records = [known.get(r.edit.key(), r) if r.status == "kept" else r for r in records]
    most = SCREENED * budget
    records = no_more_than(most, records, _open, f"the step tries at most {most} edits")
    failed, rule, seed = _failed(state, batch), bench.settings.screen, bench.settings.seed
    tasks = {i: tasks_of(r.edit.evidence, list(failed), rule, seed=seed) for i, r in enumerate(records) if _open(r)}
    looks = Looks(state, records, tasks, rule, seed, failed)
    run(bench, looks)
    taken, trials = looks.taken, looks.runs
    first = list(tasks)[:budget]
    cut = looks.cut
    if not cut and len(first) > 1 and "keep" not in looks.words.values() and not any(_sure(r) for r in records):
        evidence = [task for i in first for task in records[i].edit.evidence]
        own = tasks_of(evidence, list(failed), rule, seed=seed)
        group = Looks(state, records, dict.fromkeys(first, own), rule, seed, failed, earlier=looks.taken)
        run(bench, group, together=True)
        taken, trials, cut = [*taken, *group.taken], (*trials, *group.runs), group.cut
        looks.words |= group.words
        looks.found |= group.found
        looks.repeats |= group.repeats
    found = [_judged(r, i, looks, rule) if i in tasks else r for i, r in enumerate(records)]
    # What waits stands before what was read beside it; of one step the best first.
    kept = sorted((r for r in found if r.status == "kept"), key=lambda r: (r.proposed, -gain(r)))
    ordered = [*kept, *(r for r in found if r.status != "kept")]
    return Screened(records=ordered, rollouts=tuple(taken), trials=trials, cut=cut)


def _failed(state: State, batch: Sequence[Rollout]) -> dict[str, Score]:
    """The train tasks that did not pass when they were last tried with this very text, those of the batch first."""
    earlier = (r for s in state.steps for r in s.rollouts if r.sample.stream.startswith("train/"))
    last = {r.sample.task_id: r for r in earlier if r.skill == state.working.digest}
    last |= {r.sample.task_id: r for r in batch}
    now = {r.sample.task_id for r in batch}
    order = sorted(last, key=lambda task: task not in now)
    return {t: o for t in order if isinstance(o := last[t].outcome, Score) and not o.passed}


def _open(record: EditRecord) -> bool:
    """Whether an edit is still to be screened; one that waits was, and only waits for a place."""
    return record.status == "kept" and record.screening is None


def _sure(record: EditRecord) -> bool:
    """Whether an edit waits that did well."""
    return record.status == "kept" and record.screening is not None


def gain(record: EditRecord) -> float:
    """What an edit did for its own tasks; 0 where that is not known."""
    return record.screening.gain if record.screening else 0.0


def _judged(record: EditRecord, index: int, looks: Looks, rule: ScreenRule) -> EditRecord:
    found, word = looks.found.get(index), looks.words.get(index, "more")
    if word == "more":
        return replace(record, status="undecided", reason=CUT, screening=found)
    if word == "keep" or found is None:
        return replace(record, screening=found)
    reason = REPEATS if index in looks.repeats else why_not(found, rule)
    return replace(record, status="rejected-alone", reason=reason, screening=found)
