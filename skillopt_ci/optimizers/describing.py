"""Better descriptions: what an agent chooses a skill by. Agents that chose see the description and nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from skillopt_ci.core.description import MAX_DESCRIPTION, description_of
from skillopt_ci.core.edit import Edit
from skillopt_ci.core.rollout import Failure, Rollout, Score
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.errors import CallFailedError
from skillopt_ci.optimizers import wording
from skillopt_ci.optimizers.answers import SKILL_DESCRIPTIONS, read_descriptions
from skillopt_ci.optimizers.base import Evidence, Proposal
from skillopt_ci.prompts import as_data, render
from skillopt_ci.providers.base import Schema

PROPOSALS = 3  # of one step; each is tried alone, one is kept
REQUEST_CHARS = 800


class Ask(Protocol):
    """Asks the optimizer model one thing."""

    def __call__(  # noqa: D102
        self, prompt: str, schema: Schema, evidence: Evidence, stage: str, read: "Reader", /
    ) -> list[Edit]: ...


class Reader(Protocol):
    """Reads an answer; raises `ValueError` with words for the model."""

    def __call__(self, value: object, /) -> list[Edit]: ...  # noqa: D102


def describe(ask: Ask, skill: Skill, evidence: Evidence) -> Proposal:
    """Descriptions in place of the one there is, the best first; an answer that cannot be had is a failure in it."""
    tasks = {t.id: t for t in evidence.tasks}
    known = [r for r in evidence.rollouts if isinstance(r.outcome, Score)]
    old = description_of(skill)
    prompt = render(
        "describe",
        max_chars=MAX_DESCRIPTION,
        count=PROPOSALS,
        name=as_data(skill.name),
        description=as_data(old),
        skill=wording.skill_text(skill),
        rollouts="\n\n".join(choice_text(tasks[r.sample.task_id], r) for r in known),
        rejected=wording.rejected_text([r for r in evidence.rejected if r.edit.op == "describe"]),
        notes=wording.notes_text(evidence.meta_notes),
    )
    try:
        edits = ask(prompt, SKILL_DESCRIPTIONS, evidence, "describe", lambda value: read_descriptions(value, old))
    except CallFailedError as error:
        return Proposal(edits=(), failures=(Failure(stage="describe", kind=error.kind, message=error.message),))
    return Proposal(edits=tuple(_told(e, tasks) for e in edits[:PROPOSALS]))


def _told(edit: Edit, tasks: Mapping[str, Task]) -> Edit:
    return replace(edit, evidence=tuple(i for i in edit.evidence if i in tasks))


def choice_text(task: Task, rollout: Rollout) -> str:
    """Whether an agent opened the skill for a request, and whether it should have."""
    did = "yes" if rollout.triggered else "no"
    should = "yes" if task.should_trigger else "no"
    others = rollout.trajectory.skills_used if rollout.trajectory and not rollout.triggered else ()
    opened = f' opened="{wording.attribute(", ".join(others))}"' if others else ""
    head = f'<rollout task="{wording.attribute(task.id)}" should_open="{should}" did_open="{did}"{opened}>'
    shown = task.prompt + (f"\n\n{task.context}" if task.context else "")
    return "\n".join([head, as_data(wording.trimmed(shown, REQUEST_CHARS)), "</rollout>"])
