"""Edits of several steps as one text: each is resolved against the text that its step's optimizer was shown."""

from collections.abc import Sequence
from itertools import groupby

from skillopt_ci.core.edit import Candidate, Resolution, apply_edits
from skillopt_ci.core.history import EditRecord
from skillopt_ci.core.skill import Skill


def composed(skill: Skill, records: Sequence[EditRecord]) -> Candidate:
    """Apply edits step by step: those that one step proposed to the text with those of the steps before it.

    Edits of one step are applied together, in the order given. The resolutions stand in the order of the steps.
    """
    current = skill
    resolutions: list[Resolution] = []
    for _, group in groupby(sorted(records, key=_step), key=_step):
        made = apply_edits(current, [r.edit for r in group])
        current = made.skill
        resolutions += made.resolutions
    return Candidate(skill=current, resolutions=tuple(resolutions))


def _step(record: EditRecord) -> int:
    return record.proposed
