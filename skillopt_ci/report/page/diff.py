"""Two versions of a skill side by side, as rows; which edit stands behind which lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from skillopt_ci.core.composed import composed
from skillopt_ci.core.history import Step

CONTEXT = 3
MAX_LINES = 4000  # of one version; what follows is not compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row: line numbers from 1 and texts; None where that side has no line."""

    old_number: int | None = None
    old: str | None = None
    new_number: int | None = None
    new: str | None = None

    @property
    def changed(self) -> bool:
        """The sides differ."""
        return self.old != self.new


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """Changed rows with a few unchanged ones around; `skipped` unchanged lines come before it."""

    skipped: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The hunks of two texts, `skipped` unchanged lines after the last; `left_out` lines were not compared."""

    hunks: tuple[Hunk, ...]
    skipped: int
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEdit:
    """An edit of a step, `at` its place there; the lines, without space around, that it brought and that it took."""

    step: Step
    at: int
    came: frozenset[str]
    gone: frozenset[str]


def difference(old: str, new: str) -> Difference:
    """Compare two texts line by line; line ends do not count."""
    a, b = old.splitlines(), new.splitlines()
    left_out = max(0, len(a) - MAX_LINES, len(b) - MAX_LINES)
    a, b = a[:MAX_LINES], b[:MAX_LINES]
    hunks: list[Hunk] = []
    last = 0
    for group in SequenceMatcher(None, a, b, autojunk=len(a) + len(b) > 1000).get_grouped_opcodes(CONTEXT):
        lines: list[Line] = []
        for kind, a1, a2, b1, b2 in group:
            if kind == "equal":
                lines += [_line(a, a1 + n, b, b1 + n) for n in range(a2 - a1)]
            else:
                height = max(a2 - a1, b2 - b1)
                lines += [_line(a, _at(a1, a2, n), b, _at(b1, b2, n)) for n in range(height)]
        hunks.append(Hunk(skipped=group[0][1] - last, lines=tuple(lines)))
        last = group[-1][2]
    return Difference(hunks=tuple(hunks), skipped=len(a) - last, left_out=left_out)


def kept_edits(steps: Sequence[Step]) -> list[KeptEdit]:
    """The edits that accepted steps kept, in order."""
    return [
        _kept(step, at)
        for step in steps
        if step.action == "accept" and step.kind != "prune"
        for at, record in enumerate(step.edits)
        if record.status == "kept"
    ]


def edits_of(hunk: Hunk, edits: Sequence[KeptEdit]) -> list[KeptEdit]:
    """Those of the kept edits that a hunk's changed lines come from."""
    came = {line.new.strip() for line in hunk.lines if line.changed and line.new and line.new.strip()}
    gone = {line.old.strip() for line in hunk.lines if line.changed and line.old and line.old.strip()}
    return [edit for edit in edits if edit.came & came or edit.gone & gone]


def _kept(step: Step, at: int) -> KeptEdit:
    """An edit with its own lines, and those of the skill that it changed: it may be about a part of a line."""
    before, after = (
        _lines(composed(step.incumbent, [r for r in step.edits[:end] if r.status == "kept"]).skill.text)
        for end in (at, at + 1)
    )
    edit = step.edits[at].edit
    came = _lines(edit.content) if edit.op != "delete" else set()
    gone = _lines(edit.target) if edit.op != "add" else set()
    return KeptEdit(step=step, at=at, came=frozenset(came | after - before), gone=frozenset(gone | before - after))


def _lines(text: str) -> set[str]:
    return {line.strip() for line in text.splitlines() if line.strip()}


def _line(a: Sequence[str], i: int | None, b: Sequence[str], j: int | None) -> Line:
    return Line(
        old_number=None if i is None else i + 1,
        old=None if i is None else a[i],
        new_number=None if j is None else j + 1,
        new=None if j is None else b[j],
    )


def _at(start: int, end: int, n: int) -> int | None:
    return start + n if start + n < end else None
