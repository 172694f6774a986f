"""A run without secrets, before it is shown: on its texts, so that markup stays markup."""

from collections.abc import Callable
from dataclasses import replace

from skillopt_ci.core.history import EditRecord, Step
from skillopt_ci.core.skill import Skill
from skillopt_ci.report.run_reader import Run

Scrub = Callable[[str], str]


def clean_run(run: Run, scrub: Scrub) -> Run:
    """The same run, every text of models and people scrubbed. Digests of its skills are then those of other texts."""
    steps = tuple(_step(step, scrub) for step in run.steps)
    return replace(run, start=_skill(run.start, scrub), best=_skill(run.best, scrub), steps=steps)


def _skill(skill: Skill, scrub: Scrub) -> Skill:
    return replace(skill, frontmatter=scrub(skill.frontmatter), body=scrub(skill.body))


def _step(step: Step, scrub: Scrub) -> Step:
    edits = tuple(_record(record, scrub) for record in step.edits)
    lost = tuple(replace(f, stage=scrub(f.stage), kind=scrub(f.kind), message=scrub(f.message)) for f in step.failures)
    return replace(step, reason=scrub(step.reason), edits=edits, failures=lost)


def _record(record: EditRecord, scrub: Scrub) -> EditRecord:
    edit = replace(
        record.edit,
        target=scrub(record.edit.target),
        content=scrub(record.edit.content),
        rationale=scrub(record.edit.rationale),
        evidence=tuple(map(scrub, record.edit.evidence)),
    )
    return replace(record, edit=edit, reason=scrub(record.reason))
