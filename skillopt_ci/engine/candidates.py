"""From ranked edits to a candidate skill, with a record of what became of every edit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from skillopt_ci.core.edit import Edit, apply_edits
from skillopt_ci.core.history import EditRecord, EditStatus
from skillopt_ci.core.leakage import Leakage
from skillopt_ci.core.policy import EditPolicy, refuse, too_long
from skillopt_ci.core.skill import Skill


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a candidate is held to. `start` is the skill that the run began with: growth is counted from it.

    `remembered`: keys of edits that earlier runs or reviewers rejected for the incumbent as it is, with the reason.
    """

    start: Skill
    policy: EditPolicy
    leakage: Leakage = Leakage()
    remembered: Mapping[str, str] = field(default_factory=dict)


def vet(skill: Skill, edits: Sequence[Edit], rules: Rules, waiting: Sequence[EditRecord] = ()) -> list[EditRecord]:
    """Each edit for itself: `kept` when it could be in a candidate, else unmatched or refused, with the reason.

    `waiting` are edits that did well in an earlier step and found no place; they stand first.
    """
    first = [replace(r, status="kept", reason="") for r in waiting]
    known = {r.edit.key() for r in first}
    new = [EditRecord(edit=e, status="kept") for e in edits if e.key() not in known]
    return [_vetted(skill, record, (), rules) for record in (*first, *new)]


def alone(skill: Skill, edit: Edit) -> Skill:
    """The skill with one edit."""
    return apply_edits(skill, [edit]).skill


def build_candidate(
    skill: Skill, records: Sequence[EditRecord], budget: int, rules: Rules
) -> tuple[Skill | None, tuple[EditRecord, ...]]:
    """Put the best-ranked edits that fit together: at most `budget`, matched, and allowed beside each other.

    Args:
        skill: the incumbent.
        records: in rank order; those that are not `kept` any more stay what they are.
        budget: edits that the step may keep.
        rules: what the candidate is held to.

    Returns:
        The candidate, or None when nothing changed; and the records, in which `kept` now means "is in the candidate".
    """
    kept: list[Edit] = []
    found: list[EditRecord] = []
    for record in records:
        if record.status == "kept":
            record = _vetted(skill, record, kept, rules)  # noqa: PLW2901
            if record.status == "kept" and len(kept) >= budget:
                status: EditStatus = "over-budget" if record.screening is None else "waiting"
                record = replace(record, status=status, reason=f"the step keeps at most {budget} edits")  # noqa: PLW2901
        if record.status == "kept":
            kept.append(record.edit)
        found.append(record)
    body = apply_edits(skill, kept).skill
    return (body if body.digest != skill.digest else None), tuple(found)


def _vetted(skill: Skill, record: EditRecord, kept: Sequence[Edit], rules: Rules) -> EditRecord:
    edit = record.edit
    attempt = apply_edits(skill, [*kept, edit])
    resolution = attempt.resolutions[-1]
    known = skill.text if edit.op == "describe" else skill.body
    refused = refuse(edit, skill, rules.policy, kept) or rules.leakage.find(edit.content, known)
    refused = refused or rules.remembered.get(edit.key())
    if refused is None and resolution.status == "unmatched":
        return replace(record, status="unmatched", reason=resolution.reason)
    refused = refused or too_long(attempt.skill, skill, rules.start, rules.policy)
    return replace(record, status="refused", reason=refused) if refused else record
