"""From ranked edits to a candidate skill, with a record of what became of every edit."""

from collections.abc import Sequence

from skillopt_ci.core.edit import Edit, apply_edits
from skillopt_ci.core.history import EditRecord
from skillopt_ci.core.policy import EditPolicy, refuse, too_long
from skillopt_ci.core.skill import Skill


def build_candidate(
    skill: Skill, start: Skill, edits: Sequence[Edit], budget: int, policy: EditPolicy
) -> tuple[Skill | None, tuple[EditRecord, ...]]:
    """Apply the best-ranked edits that fit: at most `budget`, matched, and allowed by the policy.

    Returns:
        The candidate, or None when nothing changed; and one record per edit, in rank order, in which `kept` means
        "is in the candidate".
    """
    kept: list[Edit] = []
    records: list[EditRecord] = []
    body = skill
    for edit in edits:
        refused = refuse(edit, skill, policy, kept)
        attempt = apply_edits(skill, [*kept, edit])
        resolution = attempt.resolutions[-1]
        if refused is not None:
            records.append(EditRecord(edit=edit, status="refused", reason=refused))
        elif resolution.status == "unmatched":
            records.append(EditRecord(edit=edit, status="unmatched", reason=resolution.reason))
        elif len(kept) >= budget:
            records.append(EditRecord(edit=edit, status="over-budget", reason=f"the step keeps at most {budget} edits"))
        elif limit := too_long(attempt.skill, skill, start, policy):
            records.append(EditRecord(edit=edit, status="refused", reason=limit))
        else:
            kept.append(edit)
            body = attempt.skill
            records.append(EditRecord(edit=edit, status="kept"))
    changed = body.digest != skill.digest
    return (body if changed else None), tuple(records)
