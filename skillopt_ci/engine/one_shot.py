"""The method `one-shot`: one rewrite of the skill from its failures, gated and confirmed like everything else."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from skillopt_ci.core.history import EditRecord, Rejected, Step
from skillopt_ci.core.rewrite import changes, leave_out, refuse_rewrite, rewritten
from skillopt_ci.core.rollout import Failure, Score
from skillopt_ci.core.schedule import epoch_order
from skillopt_ci.core.skill import Skill
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.method import NOTHING_LEFT, Method, Training, measure_start, perfect, require_answers, result_of
from skillopt_ci.engine.state import State, Workbench
from skillopt_ci.engine.steps import gated, skipped
from skillopt_ci.errors import BudgetReachedError, CallFailedError
from skillopt_ci.optimizers.base import Rewriter
from skillopt_ci.optimizers.one_shot import OneShot
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import Model


def make(model: Callable[[], Model], pool: Pool) -> Method:
    """The method; one call of the optimizer model."""
    del pool
    return with_rewriter(OneShot(model()))


def with_rewriter(rewriter: Rewriter) -> Method:
    """The method over whoever rewrites."""

    def method(bench: Workbench, start: Skill, remembered: Sequence[Rejected], /) -> Training:
        val, mean = measure_start(bench, start)
        state = State(start=start, skill=start, val=val, mean=mean, rejected=tuple(remembered))
        if perfect(state):
            return result_of(state, val, NOTHING_LEFT, "")
        stopped, stopped_by = "the one rewrite is made", ""
        try:
            bench.checkpoint()
            step = _rewrite_step(bench, state, rewriter)
            state = state.after(step)
            yield step
            require_answers(state.steps, ended=True)
        except BudgetReachedError as reached:
            stopped, stopped_by = str(reached), reached.limit
        return result_of(state, val, stopped, stopped_by)

    return method


def _rewrite_step(bench: Workbench, state: State, rewriter: Rewriter) -> Step:
    settings, before = bench.settings, bench.spent()
    by_id = {t.id: t for t in bench.train}
    order = epoch_order(list(by_id), seed=settings.seed, epoch=1)[: settings.batch_size]  # the first batch of the loop
    batch = tuple(by_id[i] for i in order)
    blank = state.blank_step(1, "rewrite", 1)
    jobs = [Job(state.skill, t, bench.lab.sample(t, "train/1")) for t in batch]
    rollouts = tuple(bench.lab.roll_out(jobs, what="train tasks for the rewrite", keep=True))
    failures = tuple(r.outcome for r in rollouts if isinstance(r.outcome, Failure))
    blank = replace(blank, rollouts=rollouts, failures=failures)
    failed = tuple(r for r in rollouts if isinstance(r.outcome, Score) and not r.outcome.passed)
    if not failed:
        return skipped(bench, blank, "infrastructure" if failures else "no failures in the batch", before)
    try:
        rewrite = rewriter.rewrite(state.skill, state.evidence(settings, blank, batch, failed))
    except CallFailedError as error:
        failure = Failure(stage="rewrite", kind=error.kind, message=error.message)
        return skipped(bench, replace(blank, failures=(*failures, failure)), "infrastructure", before)
    text, again = leave_out(state.skill, rewrite.text, state.not_again)
    known = state.remembered(again)
    candidate = rewritten(state.skill, text)
    if candidate.digest == state.skill.digest:
        return skipped(bench, replace(blank, edits=known), "no edits proposed", before)
    edits = changes(state.skill, candidate, rewrite.rationale, [r.sample.task_id for r in failed])
    refused = refuse_rewrite(candidate, state.skill, state.start, settings.policy, bench.leakage)
    if refused:
        records = tuple(EditRecord(edit=e, status="refused", reason=refused) for e in edits)
        return skipped(bench, replace(blank, edits=(*records, *known)), f"refused by policy: {refused}", before)
    blank = replace(blank, edits=(*(EditRecord(edit=e, status="kept") for e in edits), *known))
    return gated(bench, state, blank, candidate, before)
