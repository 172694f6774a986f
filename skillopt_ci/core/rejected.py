"""Which edits were not kept, by a run or before it: what was said against an edit may be out of date."""

from collections.abc import Mapping, Sequence

from skillopt_ci.core.composed import composed
from skillopt_ci.core.history import NOT_KEPT, EditRecord, Rejected, Step
from skillopt_ci.core.screening import REPEATS
from skillopt_ci.core.skill import Skill


def stays(steps: Sequence[Step]) -> dict[str, int]:
    """By the key of an edit that was kept, and not pruned later: the step that kept it."""
    kept: dict[str, int] = {}
    for step in steps:
        for record in step.edits:
            if record.status == "kept" and step.action == "accept" and step.kind != "prune":
                kept[record.edit.key()] = step.number
            elif record.status == "pruned":
                kept.pop(record.edit.key(), None)
    return kept


def outdated(step: Step, record: EditRecord, kept: Mapping[str, int]) -> bool:
    """Whether what a step said against an edit holds no more: it was kept later, or refused as the skill has it.

    Args:
        step: that said it.
        record: the edit, not kept there.
        kept: `stays` of the whole run.
    """
    at = kept.get(record.edit.key())
    return at is not None and (step.number < at or record.status == "refused")


def judged_for(step: Step, record: EditRecord) -> Skill | None:
    """The skill for which a step's word on one of its edits holds; None where it is not about that edit by itself.

    What is refused never is: limits are those of a run, and what it would say twice or break depends on the text and
    the edits beside it. To check it again costs nothing.
    """
    if record.status == "refused":
        return None
    if record.status != "rejected-alone":
        return step.incumbent if step.alone(record) else None
    if record.reason == REPEATS or record.proposed != step.number:  # the latter: an earlier step's word, said again
        return None
    waited = [r for r in step.edits if r.proposed < step.number and r.status != "rejected-alone"]
    return composed(step.incumbent, waited).skill


def rejected_edits(steps: Sequence[Step]) -> list[Rejected]:
    """The rejected-edit buffer of the steps so far, in order."""
    found, kept = [], stays(steps)
    for step in steps:
        effect = step.decision.effect.mean if step.decision and step.decision.effect else None
        for record in step.edits:
            if record.status in NOT_KEPT and not outdated(step, record, kept):
                own = effect if record.status == "rejected" else None  # the others were never measured on validation
                found.append(Rejected(edit=record.edit, reason=record.reason or step.reason, effect=own))
    return found


def still_rejected(skill: Skill, remembered: Sequence[Rejected]) -> tuple[Rejected, ...]:
    """Of edits that earlier runs or reviewers rejected those whose text the skill did not get some other way since."""
    body = _lines(skill.body)
    return tuple(entry for entry in remembered if (text := _lines(entry.edit.content)) == "\n\n" or text not in body)


def _lines(text: str) -> str:
    return "\n" + "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"
