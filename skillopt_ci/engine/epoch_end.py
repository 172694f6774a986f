"""The end of an epoch: slow update and meta notes, the long-horizon lessons."""

from collections.abc import Sequence
from dataclasses import replace

from skillopt_ci.core.costs import SLOW_SAMPLE
from skillopt_ci.core.edit import Edit, set_slow_update, slow_update_text
from skillopt_ci.core.history import EditRecord, Notes, Step
from skillopt_ci.core.policy import refuse, refuse_change, too_long
from skillopt_ci.core.rejected import stays
from skillopt_ci.core.rollout import Failure, Score
from skillopt_ci.core.schedule import epoch_order
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.statements import repeats, unsaid_items
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.state import Bench, State
from skillopt_ci.engine.steps import gated, skipped
from skillopt_ci.errors import CallFailedError
from skillopt_ci.optimizers.base import Longitudinal

LINE_CHARS = 300
ALONE_SHOWN = 20


def slow_update_step(bench: Bench, state: State, before: Skill, epoch: int) -> Step:
    """Compare the skills before and after an epoch on the same train tasks, ask for guidance, gate it like any edit."""
    spent = bench.spent()
    blank = state.blank_step(epoch, "slow_update", 1)
    if before.digest == state.skill.digest:
        return replace(blank, reason="the skill did not change in this epoch")
    blank, pairs = _side_by_side(bench, state, blank, before)
    if not pairs:
        return skipped(bench, blank, "infrastructure", spent)
    try:
        guidance = bench.optimizer.slow_update(state.skill, pairs, state.evidence(bench.settings, blank))
    except CallFailedError as error:
        failure = Failure(stage="slow update", kind=error.kind, message=error.message)
        return skipped(bench, replace(blank, failures=(*blank.failures, failure)), "infrastructure", spent)
    current = slow_update_text(state.skill)
    outside = set_slow_update(state.skill, "").body
    guidance = unsaid_items(guidance, outside)
    candidate = set_slow_update(state.skill, guidance) if guidance.strip() else state.skill
    if slow_update_text(candidate) in ("", current):  # nothing may be left of it without our markers
        return skipped(bench, blank, "no lesson", spent)
    policy = bench.settings.policy
    edit = Edit(op="replace", target=current, content=guidance, rationale="slow update")
    refused = (
        refuse(edit, state.skill, policy)
        or refuse_change(candidate, state.skill, policy)
        or too_long(candidate, state.skill, state.start, policy)
        or bench.leakage.find(candidate.body, state.skill.body)
        or ("says what the skill says already" if repeats(outside, candidate.body) else None)
    )
    if why := refused or state.not_again.get(edit.advice()):
        record = EditRecord(edit=edit, status="refused", reason=why)
        reason = "refused by policy" if refused else "it was rejected before"
        return skipped(bench, replace(blank, edits=(record,)), reason, spent)
    blank = replace(blank, edits=(EditRecord(edit=edit, status="kept"),))
    return gated(bench, state, blank, candidate, spent)


def _side_by_side(bench: Bench, state: State, blank: Step, before: Skill) -> tuple[Step, tuple[Longitudinal, ...]]:
    epoch = blank.epoch
    order = epoch_order([t.id for t in bench.train], seed=bench.settings.seed, epoch=-epoch)
    chosen = set(order[:SLOW_SAMPLE])
    tasks = [t for t in bench.train if t.id in chosen]
    sides = ((before, f"slow/{epoch - 1}"), (state.skill, f"slow/{epoch}"))  # a stream for each side
    jobs = [Job(skill, task, bench.lab.sample(task, stream)) for task in tasks for skill, stream in sides]
    rollouts = bench.lab.roll_out(jobs, what=f"slow update, epoch {epoch}", keep=True)
    pairs = [Longitudinal(task=t, before=rollouts[2 * i], after=rollouts[2 * i + 1]) for i, t in enumerate(tasks)]
    measured = tuple(p for p in pairs if isinstance(p.before.outcome, Score) and isinstance(p.after.outcome, Score))
    failures = tuple(r.outcome for r in rollouts if isinstance(r.outcome, Failure))
    return replace(blank, rollouts=tuple(rollouts), failures=failures), measured


def meta_notes(bench: Bench, state: State, epoch: int) -> Notes:
    """The optimizer's notes after an epoch; the ones it had, and the failure, when it gives none."""
    blank = replace(state.blank_step(epoch, "edit", 0), number=len(state.steps))
    evidence = state.evidence(bench.settings, blank)
    try:
        notes = Notes(epoch=epoch, text=bench.optimizer.meta_notes(state.skill, history_text(state.steps), evidence))
    except CallFailedError as error:
        failure = Failure(stage="meta notes", kind=error.kind, message=error.message)
        notes = Notes(epoch=epoch, text=state.notes, failure=failure)
    bench.checkpoint()
    return notes


def history_text(steps: Sequence[Step]) -> str:
    """Every gated step in a few lines, with scores rounded: what was in its candidate, what became of it.

    Then the newest edits that were rejected alone, with what was found.
    """
    lines = []
    for step in steps:
        if step.decision is None:
            continue
        effect = step.decision.effect
        change = f", {100 * effect.mean:+.0f} points" if effect else ""
        lines.append(f"Step {step.number}, {step.kind}: {step.action} ({step.reason}{change})")
        lines += [_line(r.edit) for r in step.edits if r.status in ("kept", "rejected")]
    return "\n".join([*lines, *_alone(steps)]) or "(nothing was gated yet)"


def _alone(steps: Sequence[Step]) -> list[str]:
    """Edits that trials on train tasks spoke against, each once with the last word on it."""
    kept = stays(steps)
    found: dict[str, EditRecord] = {}
    for record in (r for step in steps for r in step.edits if r.status == "rejected-alone"):
        found.pop(record.edit.key(), None)  # the newest stands last
        found[record.edit.key()] = record
    newest = [r for key, r in found.items() if key not in kept][-ALONE_SHOWN:]
    lines = [f"{_line(r.edit)} ({r.reason})" for r in newest]
    return ["Rejected alone:", *lines] if lines else []


def _line(edit: Edit) -> str:
    text = " ".join((edit.content if edit.content.strip() else edit.target).split())
    return f"- [{edit.op}] {text if len(text) <= LINE_CHARS else text[:LINE_CHARS] + ' ...'}"
