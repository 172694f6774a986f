"""What became of steps and of proposed edits, for Markdown and for pages."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from skillopt_ci.core.history import NOT_AGAIN, EditRecord, Step
from skillopt_ci.core.rejected import outdated, stays
from skillopt_ci.core.unanswered import WITHOUT_RESULT

REASON_CHARS = 320  # what screening says of an edit fits, to its last word
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "rejected-alone": "rejected alone",
        "unmatched": "did not match the text",
        "refused": "refused by policy",
        "over-budget": "over the edit budget",
        "waiting": "left waiting",
        "undecided": "not decided",
    }
)

_OPEN = ("rejected-alone", "undecided")  # words that what a later step says takes the place of
_UNTRIED = ("over-budget", "refused", "unmatched")


def reason_of(step: Step) -> str:
    """Why a step ended as it did, and which of its questions gave no result (not escaped)."""
    lost = Counter((f.stage, f.kind) for f in step.lost)
    words = [f"{n} {stage} without a result ({kind})" for (stage, kind), n in lost.items()]
    reason = reason_words(step.reason, told=bool(words))
    return "; ".join([*([reason] if reason else []), *words])


def reason_words(reason: str, *, told: bool = False) -> str:
    """A step's reason for people; nothing where it only says that something gave no result, and that is `told`."""
    return reason if reason != WITHOUT_RESULT else "" if told else "no result"


def kept_scores(steps: Sequence[Step], selection: tuple[float | None, float | None] | None) -> list[float]:
    """The validation score of the kept skill before the first step and after each; [] without steps.

    Args:
        steps: all of a run.
        selection: what was measured of start and best. The best one may have been measured again after it was
            accepted, by gates that rejected others: the last score is what all its runs say.
    """
    if not steps:
        return []
    start, best = selection or (None, None)
    scores = [steps[0].incumbent_mean if start is None else start]
    for step in steps:
        mean = step.decision.mean if step.action == "accept" and step.decision is not None else None
        scores.append(scores[-1] if mean is None else mean)
    return scores if best is None else [*scores[:-1], best]


def became(step: Step, record: EditRecord) -> str:
    """What became of one of a step's edits, in words."""
    if record.status == "rejected":
        return "rejected alone" if step.alone(record) else "rejected with its bundle"
    if record.status == "refused" and record.reason.startswith(NOT_AGAIN):
        return "refused"
    return _WORDS.get(record.status, record.status)


def not_kept(steps: Iterable[Step]) -> list[tuple[Step, EditRecord]]:
    """Edits that were not kept, in the order of the steps; one that was looked at again stands where that was last.

    One that a later step kept is none of them. Those beyond the edit budget are left out: nobody tried them.
    """
    steps = tuple(steps)
    kept = stays(steps)
    listed = [(step, record) for step in steps for record in step.edits]
    last = {record.edit.key(): step.number for step, record in listed}
    tried = {record.edit.key(): step.number for step, record in listed if record.status not in _UNTRIED}
    return [
        (step, record)
        for step, record in listed
        if record.status != "over-budget" and not outdated(step, record, kept)
        if record.status != "waiting" or last[record.edit.key()] == step.number
        if step.kind != "edit" or record.status not in _OPEN or tried[record.edit.key()] == step.number
        if record.status != "kept" or step.action != "accept"
        if step.kind != "prune" or record.status == "pruned"  # the others stay in the skill
    ]
