"""From ranked edits to a candidate skill, with a record of what became of every edit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from skillopt_ci.core.composed import composed
from skillopt_ci.core.edit import Candidate, Edit, apply_edits
from skillopt_ci.core.history import EditRecord, EditStatus
from skillopt_ci.core.leakage import Leakage
from skillopt_ci.core.policy import EditPolicy, refuse, too_long
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.statements import unsaid_items
from skillopt_ci.engine.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a candidate is held to. `start` is the skill that the run began with: growth is counted from it.

    `remembered`: what earlier runs or reviewers rejected for the incumbent as it is (`Edit.advice`), with the reason.
    """

    start: Skill
    policy: EditPolicy
    leakage: Leakage = Leakage()
    remembered: Mapping[str, str] = field(default_factory=dict)


def vet(state: State, edits: Sequence[Edit], rules: Rules, step: int) -> list[EditRecord]:
    """Each edit for itself: `kept` when it could be in a candidate, else unmatched or refused, with the reason.

    Edits that did well in an earlier step and wait stand first. The others were proposed in this step, for the skill
    with those that wait: of a list that is added, the items that this text says already are left out.
    """
    found: list[EditRecord] = []
    for record in state.waiting:
        vetted = _vetted(state.skill, replace(record, status="kept", reason=""), found, rules)
        lost = vetted.status == "unmatched"  # what it stood on was not kept
        found.append(replace(vetted, reason=f"no place any more: {vetted.reason}") if lost else vetted)
    known = {r.edit.key() for r in state.waiting}
    shown = composed(state.skill, [r for r in found if r.status == "kept"]).skill
    fresh = [_fresh(e, shown) for e in edits if e.key() not in known]
    new = [EditRecord(edit=e, status="kept", proposed=step) for e in fresh]
    return [*found, *(_vetted(state.skill, record, found, rules) for record in new)]


def _fresh(edit: Edit, shown: Skill) -> Edit:
    return replace(edit, content=unsaid_items(edit.content, shown.body)) if edit.op == "add" else edit


def no_more_than(
    most: int, records: Sequence[EditRecord], tried: Callable[[EditRecord], bool], reason: str
) -> list[EditRecord]:
    """The records; of those that are to be tried all after the first `most` are over budget, for that reason."""
    places = iter(range(most))
    return [
        replace(r, status="over-budget", reason=reason) if tried(r) and next(places, None) is None else r
        for r in records
    ]


def build_candidate(
    skill: Skill, records: Sequence[EditRecord], budget: int, rules: Rules
) -> tuple[Skill | None, tuple[EditRecord, ...]]:
    """Put the best-ranked edits that fit together: at most `budget`, matched, and allowed beside each other.

    Args:
        skill: the incumbent.
        records: step by step, those of one step in rank order; those that are not `kept` any more stay what they are.
        budget: edits that the step may keep.
        rules: what the candidate is held to.

    Returns:
        The candidate, or None when nothing changed; and the records, in which `kept` now means "is in the candidate".
    """
    found: list[EditRecord] = []
    for record in records:
        if record.status == "kept":
            record = _vetted(skill, record, found, rules)  # noqa: PLW2901
            if record.status == "kept" and sum(r.status == "kept" for r in found) >= budget:
                status: EditStatus = "over-budget" if record.screening is None else "waiting"
                record = replace(record, status=status, reason=f"the step keeps at most {budget} edits")  # noqa: PLW2901
        found.append(record)
    made = composed(skill, [r for r in found if r.status == "kept"]).skill
    return (made if made.digest != skill.digest else None), tuple(found)


def _vetted(skill: Skill, record: EditRecord, before: Sequence[EditRecord], rules: Rules) -> EditRecord:
    """A record after its check beside those before it: what earlier steps left is the text that it was proposed for."""
    edit = record.edit
    earlier = [r for r in before if r.proposed < record.proposed and r.status in ("kept", "waiting")]
    beside = [r.edit for r in before if r.proposed == record.proposed and r.status == "kept"]
    shown = composed(skill, earlier).skill
    attempt = apply_edits(shown, [*beside, edit])
    resolution = attempt.resolutions[-1]
    refused = refuse(edit, shown, rules.policy, beside) or _leaks(attempt, edit, skill, rules)
    refused = refused or rules.remembered.get(edit.advice())
    if refused is None and resolution.status == "unmatched":
        return replace(record, status="unmatched", reason=resolution.reason)
    if refused is None and attempt.skill.digest == skill.digest:
        return replace(record, status="unmatched", reason="only takes back the edits that it was proposed beside")
    refused = refused or too_long(attempt.skill, skill, rules.start, rules.policy)
    return replace(record, status="refused", reason=refused) if refused else record


def _leaks(attempt: Candidate, edit: Edit, skill: Skill, rules: Rules) -> str | None:
    """What the text with the edit tells that the skill does not: two pieces can make one answer."""
    if edit.op == "describe":
        return rules.leakage.find(attempt.skill.text, skill.text)
    placed = attempt.resolutions[-1].status == "applied"
    return rules.leakage.find(attempt.skill.body if placed else edit.content, skill.body)
