"""Edits to a skill's body, and how they are applied: exact-once targets, all ranges resolved first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from skillopt_ci.core.blocks import block_at
from skillopt_ci.core.digest import digest
from skillopt_ci.core.skill import Skill

Op = Literal["add", "replace", "delete"]
SLOW_START, SLOW_END = "<!-- SLOW_UPDATE_START -->", "<!-- SLOW_UPDATE_END -->"
PROTECT_START, PROTECT_END = "<!-- skillopt:protect -->", "<!-- skillopt:end-protect -->"
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change an optimizer proposes. `evidence` are ids of train tasks; `support` counts who proposed it."""

    op: Op
    target: str
    content: str
    rationale: str = ""
    evidence: tuple[str, ...] = ()
    support: int = 1

    def key(self) -> str:
        """Identity of what it does, whatever was said about it."""
        return digest([self.op, self.target.strip(), self.content.strip()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What became of an edit: applied, or unmatched with the reason."""

    edit: Edit
    status: Literal["applied", "unmatched"]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A proposed skill: the parent's digest and what became of every edit."""

    skill: Skill
    parent: str
    resolutions: tuple[Resolution, ...]

    @property
    def applied(self) -> tuple[Edit, ...]:
        """The edits that are in the candidate."""
        return tuple(r.edit for r in self.resolutions if r.status == "applied")


class _UnmatchedError(Exception):
    """Why an edit has no place."""


@dataclass(frozen=True, slots=True)
class _Range:
    start: int
    end: int
    text: str


def protected_spans(body: str) -> list[tuple[int, int]]:
    """Character ranges [start, end) no edit may touch; a region that is never closed runs to the end."""
    spans = []
    for start_mark, end_mark in ((SLOW_START, SLOW_END), (PROTECT_START, PROTECT_END)):
        at = body.find(start_mark)
        while at >= 0:
            closed = body.find(end_mark, at + len(start_mark))
            end = len(body) if closed < 0 else closed + len(end_mark)
            spans.append((at, end))
            at = body.find(start_mark, end)
    return sorted(spans)


def apply_edits(skill: Skill, edits: Sequence[Edit]) -> Candidate:
    """Apply edits to a skill's body, in rank order: of two that overlap the later one is unmatched.

    Targets are looked up with LF line ends in the body as it is now, outside protected regions, and must occur
    exactly once. An `add` with an empty target goes before a trailing protected region, else to the end.
    """
    raw = skill.body
    body, offsets = _with_lf(raw)
    newline = "\r\n" if raw.count("\r\n") * 2 > raw.count("\n") else "\n"
    spans = protected_spans(body)
    taken: list[_Range] = []
    resolutions: list[Resolution] = []
    for edit in edits:
        try:
            wanted = _resolve(body, spans, edit)
            if any(_overlap(wanted, other) for other in taken):
                raise _UnmatchedError("overlaps an edit that is ranked before it")
        except _UnmatchedError as why:
            resolutions.append(Resolution(edit=edit, status="unmatched", reason=str(why)))
            continue
        taken.append(wanted)
        resolutions.append(Resolution(edit=edit, status="applied"))
    # Insertions at one place keep their rank order: a stable sort, applied from the end of the body.
    ordered = sorted(enumerate(taken), key=lambda pair: (pair[1].start, pair[1].end, pair[0]))
    for _, span in reversed(ordered):
        raw = raw[: offsets[span.start]] + span.text.replace("\n", newline) + raw[offsets[span.end] :]
    return Candidate(skill=skill.with_body(raw), parent=skill.digest, resolutions=tuple(resolutions))


def _with_lf(raw: str) -> tuple[str, list[int]]:
    """The body with LF line ends, and for each of its positions the position in `raw`."""
    offsets: list[int] = []
    kept: list[str] = []
    for at, char in enumerate(raw):
        if char == "\r" and raw[at + 1 : at + 2] == "\n":
            continue
        offsets.append(at - 1 if char == "\n" and at and raw[at - 1] == "\r" else at)
        kept.append(char)
    return "".join(kept), [*offsets, len(raw)]


def _resolve(body: str, spans: Sequence[tuple[int, int]], edit: Edit) -> _Range:
    target, content = edit.target.replace("\r\n", "\n"), edit.content.replace("\r\n", "\n").replace("\r", "\n")
    if edit.op in ("replace", "delete") and not target.strip():
        raise _UnmatchedError(f"a {edit.op} needs a target")
    if edit.op in ("add", "replace") and not content.strip():
        raise _UnmatchedError(f"{'an' if edit.op == 'add' else 'a'} {edit.op} needs content")
    if any(mark in content for mark in (SLOW_START, SLOW_END, PROTECT_START, PROTECT_END)):
        raise _UnmatchedError("its content holds a marker of a protected region")
    if not target.strip():
        return _append(body, spans, content)
    at = _find_once(body, spans, target)
    if edit.op == "add":
        return _after_block(body, spans, at + len(target.rstrip()) - 1, content)
    end = at + len(target)
    if edit.op == "replace":
        if target == content:
            raise _UnmatchedError("changes nothing")
        return _Range(at, end, content)
    return _whole_lines(body, spans, at, end)


def _find_once(body: str, spans: Sequence[tuple[int, int]], target: str) -> int:
    """Where the target stands, outside protected regions. One occurrence, or no edit."""
    places: list[int] = []
    touched = False
    at = body.find(target)
    while at >= 0:
        if any(at < end and start < at + len(target) for start, end in spans):
            touched = True
        else:
            places.append(at)
        at = body.find(target, at + 1)
    if not places:
        raise _UnmatchedError("target lies in a protected region" if touched else "target not found in the body")
    if len(places) > 1:
        raise _UnmatchedError(f"target found {len(places)} times in the body; it must occur exactly once")
    return places[0]


def _append(body: str, spans: Sequence[tuple[int, int]], content: str) -> _Range:
    at = len(body)
    if spans and not body[spans[-1][1] :].strip():
        at = spans[-1][0]
    return _insertion(body, at, content.strip("\n"), as_item=False, trailing=at < len(body))


def _after_block(body: str, spans: Sequence[tuple[int, int]], position: int, content: str) -> _Range:
    block = block_at(body, body.count("\n", 0, position))
    starts = [0, *(m.end() for m in re.finditer("\n", body))]
    at = starts[block.end] if block.end < len(starts) else len(body)
    if any(start < at < end or (position < start < at) for start, end in spans):
        raise _UnmatchedError("the block of its target reaches into a protected region")
    content = content.strip("\n")
    as_item = block.is_item and bool(_ITEM.match(content))
    if as_item:
        pad = " " * block.indent
        content = "\n".join(pad + line if line.strip() else line for line in content.split("\n"))
    return _insertion(body, at, content, as_item=as_item, trailing=bool(body[at:].strip()))


def _insertion(body: str, at: int, content: str, *, as_item: bool, trailing: bool) -> _Range:
    """Content as a block of its own at a line start: blank lines around it, none inside a tight list."""
    before = body[:at]
    if not before.strip():
        lead = ""
    elif as_item:
        lead = "" if before.endswith("\n") else "\n"
    else:
        lead = "" if before.endswith("\n\n") else "\n" if before.endswith("\n") else "\n\n"
    after = body[at:]
    next_item = as_item and bool(_ITEM.match(after))
    tail = "\n" if not trailing or next_item or after.startswith("\n") else "\n\n"
    return _Range(at, at, lead + content + tail)


def _whole_lines(body: str, spans: Sequence[tuple[int, int]], start: int, end: int) -> _Range:
    """A deletion; when it empties its lines they go too, so that no hole is left."""
    line_start = body.rfind("\n", 0, start) + 1
    line_end = body.find("\n", end - 1 if body[end - 1] == "\n" else end)
    line_end = len(body) if line_end < 0 else line_end + 1
    leftover = body[line_start:start] + body[end:line_end]
    if leftover.strip() or any(line_start < e and s < line_end for s, e in spans):
        return _Range(start, end, "")
    if body[line_end : line_end + 1] == "\n" and (line_start == 0 or body[line_start - 2 : line_start] == "\n\n"):
        line_end += 1
    return _Range(line_start, line_end, "")


def _overlap(one: _Range, other: _Range) -> bool:
    if one.start == one.end and other.start == other.end:
        return False  # two insertions at one place stand one after the other
    if one.start == one.end or other.start == other.end:
        point, span = (one, other) if one.start == one.end else (other, one)
        return span.start < point.start < span.end
    return one.start < other.end and other.start < one.end


def set_slow_update(skill: Skill, guidance: str) -> Skill:
    """The skill with its slow-update region holding `guidance`; the region is made at the end when there is none."""
    body = skill.body
    newline = "\r\n" if "\r\n" in body else "\n"
    for mark in (SLOW_START, SLOW_END, PROTECT_START, PROTECT_END):
        guidance = guidance.replace(mark, "")
    inner = newline + guidance.strip().replace("\r\n", "\n").replace("\n", newline) + newline
    start = body.find(SLOW_START)
    end = body.find(SLOW_END, start)
    if start >= 0 and end >= 0:
        return replace(skill, body=body[: start + len(SLOW_START)] + inner + body[end:])
    lead = "" if not body.strip() else newline if body.endswith("\n") else newline * 2
    return replace(skill, body=body + lead + SLOW_START + inner + SLOW_END + newline)


def slow_update_text(skill: Skill) -> str:
    """What the slow-update region holds now; empty when there is none."""
    start = skill.body.find(SLOW_START)
    end = skill.body.find(SLOW_END, start)
    return skill.body[start + len(SLOW_START) : end].strip() if start >= 0 and end >= 0 else ""
