"""How skills, trajectories and rejected edits are written into prompts, and what is left out when space is short."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import Rejected
from skillopt_ci.core.rollout import Rollout, Score
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.trajectory import ToolCall, Trajectory
from skillopt_ci.optimizers.base import Longitudinal
from skillopt_ci.optimizers.reading import Reading, level
from skillopt_ci.prompts import as_data

READ_TOKENS = 6000  # of trajectories in one prompt, about
HINT_CHARS = 800
LAST_CALLS = 6
CALL_CHARS = 600
DIFF_CHARS = 4000
LEAST_CHARS = 60  # of a text, and of one step of an agent, however little room there is
_NOTE_CHARS = 40  # that say how much is left out
REJECTED_SHOWN = 20
EARLIER_SHOWN = 8
EDIT_CHARS = 400
# What a tool says when it did not do what it was called for.
_WENT_WRONG = re.compile(
    r"\b(?:error|errno|denied|refused|forbidden|not (?:permitted|allowed|found)|no such|failed|exception|traceback"
    r"|timed out|exit (?:code|status):? *[1-9])",
    re.IGNORECASE,
)


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


HALVES = "Some edits are under trial: the skill above has all of them, each of these answers was given with some only."


def rollouts_text(readings: Sequence[Reading], *, halves: bool = False) -> str:
    """Trajectories with the grader's words, within the token budget: longest texts are cut first, all alike.

    `halves`: say that each was given with another half of the edits under trial.
    """
    texts = [_Texts.of(r.task, r.rollout, r.earlier) for r in readings]
    limit = _limit(texts)
    shown = [HALVES] if halves else []
    for reading, text in zip(readings, texts, strict=True):
        score = _score(reading.rollout)
        head = f'<rollout task="{attribute(reading.task.id)}" score="{score.value:.2f}">'
        shown.append("\n".join([head, *text.lines(limit), *_earlier(reading, text, limit), "</rollout>"]))
    return "\n\n".join(shown)


def groups_text(readings: Sequence[Reading]) -> str:
    """What recurs among failures, in the grader's words, the most frequent first; empty when nothing does."""
    found = {r.shared: r.alike for r in readings if r.alike > 1 and r.shared.strip()}
    if not found:
        return ""
    recurring = sorted(found.items(), key=lambda item: -item[1])
    lines = [f"- {times} times: {attribute(trimmed(words, 200))}" for words, times in recurring]
    return "\n".join(["What recurs among all failures of this batch:", "<grader>", *lines, "</grader>"])


def pairs_text(pairs: Sequence[Longitudinal]) -> str:
    """Tasks under two skills, by what became of them; those that pass as before are only counted."""
    changed = sorted((p for p in pairs if _change(p) != "stable"), key=lambda p: _ORDER.index(_change(p)))
    texts = [_Texts.of(p.task, p.after, p.before if _change(p) == "regressed" else None) for p in changed]
    limit = _limit(texts)
    shown = [_pair(p, text, limit) for p, text in zip(changed, texts, strict=True)]
    stable = len(pairs) - len(changed)
    return "\n\n".join([*shown, f"{stable} of {len(pairs)} tasks passed with both skills."])


_ORDER = ("regressed", "still failing", "improved")


def _change(pair: Longitudinal) -> str:
    before, after = _score(pair.before), _score(pair.after)
    if after.value < before.value:
        return "regressed"
    if not after.passed:
        return "still failing"
    return "stable" if before.passed else "improved"


def _pair(pair: Longitudinal, text: "_Texts", limit: int) -> str:
    before, after = _score(pair.before).value, _score(pair.after).value
    head = (
        f'<rollout task="{attribute(pair.task.id)}" change="{_change(pair)}" before="{before:.2f}" after="{after:.2f}">'
    )
    earlier = [f"<earlier>\n{trimmed(text.earlier, limit)}\n</earlier>"] if text.earlier else []
    return "\n".join([head, *text.lines(limit), *earlier, "</rollout>"])


def _score(rollout: Rollout) -> Score:
    assert isinstance(rollout.outcome, Score)  # noqa: S101 - failures are no evidence and are left out before
    return rollout.outcome


@dataclass(frozen=True, slots=True)
class _Texts:
    """What is shown of a trajectory, as data and not trimmed yet; only the grader's words are kept whole."""

    task: str
    steps: tuple[str, ...]
    answer: str
    grader: str
    earlier: str

    @classmethod
    def of(cls, task: Task, rollout: Rollout, earlier: Rollout | None) -> "_Texts":
        shown = task.prompt + (f"\n\n{task.context}" if task.context else "")
        trajectory = rollout.trajectory
        return cls(
            task=as_data(shown),
            steps=tuple(map(as_data, done_parts(trajectory))) if trajectory else (),
            answer=as_data(trajectory.answer) if trajectory else "",
            grader=as_data(trimmed(_score(rollout).hint, HINT_CHARS)),
            earlier=as_data(earlier.trajectory.answer) if earlier and earlier.trajectory else "",
        )

    def lines(self, limit: int) -> list[str]:
        steps = ["<steps>", fitted(self.steps, limit), "</steps>"] if self.steps else []
        return [
            "<task>",
            trimmed(self.task, limit),
            "</task>",
            *steps,
            "<answer>",
            trimmed(self.answer, limit),
            "</answer>",
            f"<grader>{self.grader}</grader>",
        ]


def _limit(texts: Sequence[_Texts]) -> int:
    """Characters that each text of a prompt may have."""
    total = 4 * READ_TOKENS - sum(len(t.grader) for t in texts)
    lengths = [len(part) for t in texts for part in (t.task, "\n".join(t.steps), t.answer, t.earlier)]
    return max(LEAST_CHARS, level(lengths, total))


def _earlier(reading: Reading, text: _Texts, limit: int) -> list[str]:
    if reading.earlier is None:
        return []
    which = "this one" if reading.earlier.skill == reading.rollout.skill else "an earlier one"
    one, other = reading.earlier.sample, reading.rollout.sample
    if which == "an earlier one" and one.stream == other.stream and one.n != other.n:
        which = "with other edits of those under trial"  # the other half of the same batch
    score = _score(reading.earlier).value
    return [f'<earlier score="{score:.2f}" skill="{which}">', trimmed(text.earlier, limit), "</earlier>"]


def done_parts(trajectory: Trajectory) -> list[str]:
    """What an agent did: its tool calls, tools that were refused, and what it changed in its workspace."""
    parts = steps_parts(trajectory.tool_calls)
    if trajectory.denied:
        parts.append(f"refused: {', '.join(dict.fromkeys(trajectory.denied))}")
    if trajectory.diff:
        parts.append(f"changes:\n{trimmed(trajectory.diff, DIFF_CHARS)}")
    return parts


def steps_parts(calls: Sequence[ToolCall]) -> list[str]:
    """An agent's tool calls: the last ones, and before them those that went wrong; the others are counted."""
    parts: list[str] = []
    left_out = 0
    for number, call in enumerate(calls, 1):
        if number <= len(calls) - LAST_CALLS and not _WENT_WRONG.search(call.result):
            left_out += 1
            continue
        if left_out:
            parts.append(f"[... {left_out} calls without an error left out ...]")
            left_out = 0
        parts.append(f"{number}. {call.name} {trimmed(call.arguments, CALL_CHARS)}")
        parts.append(f"-> {trimmed(call.result.strip(), CALL_CHARS)}")
    return parts


def fitted(parts: Sequence[str], limit: int) -> str:
    """Parts in about `limit` characters, the longest cut first: last steps and errors stay beside a long change."""
    whole = "\n".join(parts)
    if len(whole) <= limit:
        return whole
    lengths = [len(part) for part in parts]
    longest = level(lengths, limit)
    cut = level(lengths, limit - _NOTE_CHARS * sum(length > longest for length in lengths))
    return trimmed("\n".join(trimmed(part, max(LEAST_CHARS, cut)) for part in parts), limit)


def rejected_text(rejected: Sequence[Rejected]) -> str:
    """The rejected-edit buffer, newest last; only the newest when there are many, each edit once.

    What earlier runs and reviewers rejected keeps its place beside what this run did.
    """
    newest = list({r.edit.key(): r for r in rejected}.values())
    before = [r for r in newest if r.earlier][-EARLIER_SHOWN:]
    now = [r for r in newest if not r.earlier]
    shown = [*before, *now[-(REJECTED_SHOWN - len(before)) :]]
    if not shown:
        return ""
    parts = ["These edits were tried before and not kept. Do not propose them, or the same in other words, again."]
    for item in shown:
        effect = "not measured on validation" if item.effect is None else f"{100 * item.effect:+.1f} points"
        parts += [
            f'<rejected effect="{effect}" reason="{attribute(trimmed(item.reason, EDIT_CHARS))}">',
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


def keep_text(said: Sequence[str]) -> str:
    """What readers of successes want preserved, when they said anything."""
    lines = [f"- {trimmed(' '.join(text.split()), EDIT_CHARS)}" for text in said if text.strip()]
    return (
        "\n".join(["What readers of the passed tasks say:", "<keep>", as_data("\n".join(lines)), "</keep>"])
        if lines
        else ""
    )
