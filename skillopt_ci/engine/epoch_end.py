"""The end of an epoch: slow update and meta notes, the long-horizon lessons."""

from collections.abc import Sequence
from dataclasses import replace

from skillopt_ci.core.edit import Edit, set_slow_update, slow_update_text
from skillopt_ci.core.history import EditRecord, Step
from skillopt_ci.core.policy import refuse
from skillopt_ci.core.rollout import Failure, Score
from skillopt_ci.core.schedule import epoch_order
from skillopt_ci.core.skill import Skill
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.state import Bench, State
from skillopt_ci.engine.steps import gated, skipped
from skillopt_ci.errors import CallFailedError
from skillopt_ci.optimizers.base import Longitudinal

SAMPLE = 20


def slow_update_step(bench: Bench, state: State, before: Skill, epoch: int) -> Step:
    """Compare the skills before and after an epoch on the same train tasks, ask for guidance, gate it like any edit."""
    spent = bench.spent()
    blank = state.blank_step(epoch, "slow_update", 1)
    if before.digest == state.skill.digest:
        return replace(blank, reason="the skill did not change in this epoch")
    blank, pairs = _side_by_side(bench, state, blank, before)
    try:
        guidance = (
            bench.optimizer.slow_update(state.skill, pairs, state.evidence(bench.settings, blank)) if pairs else ""
        )
    except CallFailedError as error:
        failure = Failure(stage="slow update", kind=error.kind, message=error.message)
        return skipped(bench, replace(blank, failures=(failure,)), "infrastructure", spent)
    current = slow_update_text(state.skill)
    if not guidance or guidance == current:
        return skipped(bench, blank, "no lesson", spent)
    edit = Edit(op="replace", target=current, content=guidance, rationale="slow update")
    refused = refuse(edit, state.skill, bench.settings.policy)
    if refused:
        record = EditRecord(edit=edit, status="refused", reason=refused)
        return skipped(bench, replace(blank, edits=(record,)), "refused by policy", spent)
    blank = replace(blank, edits=(EditRecord(edit=edit, status="kept"),))
    return gated(bench, state, blank, set_slow_update(state.skill, guidance), spent)


def _side_by_side(bench: Bench, state: State, blank: Step, before: Skill) -> tuple[Step, tuple[Longitudinal, ...]]:
    epoch = blank.epoch
    order = epoch_order([t.id for t in bench.train], seed=bench.settings.seed, epoch=-epoch)
    chosen = set(order[:SAMPLE])
    tasks = [t for t in bench.train if t.id in chosen]
    jobs = [Job(s, t, bench.lab.sample(t, f"slow/{epoch}")) for t in tasks for s in (before, state.skill)]
    rollouts = bench.lab.roll_out(jobs, what=f"slow update, epoch {epoch}", keep=True)
    pairs = [Longitudinal(task=t, before=rollouts[2 * i], after=rollouts[2 * i + 1]) for i, t in enumerate(tasks)]
    measured = tuple(p for p in pairs if isinstance(p.before.outcome, Score) and isinstance(p.after.outcome, Score))
    return replace(blank, rollouts=tuple(rollouts)), measured


def meta_notes(bench: Bench, state: State, epoch: int) -> str:
    """The optimizer's notes after an epoch; the ones it had when it gives none (the failure is in the ledger)."""
    blank = replace(state.blank_step(epoch, "edit", 0), number=len(state.steps))
    try:
        notes = bench.optimizer.meta_notes(
            state.skill, history_text(state.steps), state.evidence(bench.settings, blank)
        )
    except CallFailedError:
        notes = state.notes
    bench.checkpoint()
    return notes


def history_text(steps: Sequence[Step]) -> str:
    """Every gated step in a few lines, with scores rounded: what was tried, what became of it."""
    lines = []
    for step in steps:
        if step.decision is None:
            continue
        effect = step.decision.effect
        change = f", {100 * effect.mean:+.0f} points" if effect else ""
        lines.append(f"Step {step.number}, {step.kind}: {step.action} ({step.reason}{change})")
        lines += [f"- [{r.edit.op}] {' '.join(r.edit.content.split()) or r.edit.target}" for r in step.edits]
    return "\n".join(lines) or "(nothing was gated yet)"
