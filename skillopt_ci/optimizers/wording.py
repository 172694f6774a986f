"""How skills, trajectories and rejected edits are written into prompts, and what is left out when space is short."""

from collections.abc import Iterable, Sequence

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import Rejected
from skillopt_ci.core.rollout import Rollout, Score
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.optimizers.base import Longitudinal
from skillopt_ci.prompts import as_data

TASK_CHARS = 2400
ANSWER_CHARS = 2400
HINT_CHARS = 800
REJECTED_SHOWN = 20
EDIT_CHARS = 1200


def trimmed(text: str, limit: int) -> str:
    """At most `limit` characters: the beginning and, as that is where a result stands, more of the end."""
    if len(text) <= limit:
        return text
    head = limit // 3
    tail = limit - head
    return f"{text[:head]}\n[... {len(text) - limit} characters left out ...]\n{text[-tail:]}"


def attribute(text: str) -> str:
    """A text as the value of a tag's attribute."""
    return as_data(" ".join(text.split())).replace('"', "'")


def skill_text(skill: Skill) -> str:
    """The body as data. The frontmatter is not for editing and is not shown."""
    return as_data(skill.body.strip("\n"))


def rollout_text(task: Task, rollout: Rollout) -> str:
    """One trajectory with the grader's words for the optimizer."""
    score = rollout.outcome
    assert isinstance(score, Score)  # noqa: S101 - failures are no evidence and are left out before
    head = f'<rollout task="{attribute(task.id)}" score="{score.value:.2f}">'
    return "\n".join([head, *_inner(task, rollout, score), "</rollout>"])


def pair_text(pair: Longitudinal) -> str:
    """A task under two skills: both scores, and the later answer with the grader's words."""
    before, after = pair.before.outcome, pair.after.outcome
    assert isinstance(before, Score)  # noqa: S101
    assert isinstance(after, Score)  # noqa: S101
    head = f'<rollout task="{attribute(pair.task.id)}" before="{before.value:.2f}" after="{after.value:.2f}">'
    return "\n".join([head, *_inner(pair.task, pair.after, after), "</rollout>"])


def _inner(task: Task, rollout: Rollout, score: Score) -> list[str]:
    shown = task.prompt + (f"\n\n{task.context}" if task.context else "")
    answer = rollout.trajectory.answer if rollout.trajectory else ""
    return [
        "<task>",
        as_data(trimmed(shown, TASK_CHARS)),
        "</task>",
        "<answer>",
        as_data(trimmed(answer, ANSWER_CHARS)),
        "</answer>",
        f"<grader>{as_data(trimmed(score.hint, HINT_CHARS))}</grader>",
    ]


def rejected_text(rejected: Sequence[Rejected]) -> str:
    """The rejected-edit buffer, newest last; only the newest when there are many."""
    if not rejected:
        return ""
    parts = ["These edits were tried before and not kept. Do not propose them, or the same in other words, again."]
    for item in rejected[-REJECTED_SHOWN:]:
        effect = "not measured" if item.effect is None else f"{100 * item.effect:+.1f} points"
        parts += [
            f'<rejected effect="{effect}" reason="{attribute(item.reason)}">',
            as_data(edit_text(item.edit)),
            "</rejected>",
        ]
    return "\n".join(parts)


def edit_text(edit: Edit) -> str:
    """An edit in three lines; one that was refused for its length is not shown whole."""
    return f"op: {edit.op}\ntarget: {trimmed(edit.target, EDIT_CHARS)}\ncontent: {trimmed(edit.content, EDIT_CHARS)}"


def numbered(edits: Iterable[Edit]) -> str:
    """Edits as a numbered list, from 1."""
    rows = []
    for number, edit in enumerate(edits, 1):
        rows.append(f"{number}. [{edit.op}] (support {edit.support}) {' '.join(edit.rationale.split())}")
        rows.append(f"target: {edit.target}\ncontent: {edit.content}")
    return as_data("\n".join(rows))


def notes_text(notes: str) -> str:
    """The optimizer's own notes, when there are any."""
    return f"Your notes from earlier epochs:\n<notes>\n{as_data(notes)}\n</notes>" if notes else ""


def history_text(history: str) -> str:
    """What was tried so far, as data: it quotes edits."""
    return f"What was tried so far:\n<edits>\n{as_data(history)}\n</edits>"
