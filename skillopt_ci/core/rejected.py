"""Which edits of a run were not kept: what steps said against an edit may be out of date."""

from collections.abc import Mapping, Sequence

from skillopt_ci.core.history import NOT_KEPT, EditRecord, Rejected, Step


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
