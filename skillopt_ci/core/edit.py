"""Edits to a skill, and how they are applied: exact-once targets in its body, all ranges resolved first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from skillopt_ci.core.blocks import ends_open
from skillopt_ci.core.description import DescriptionError, description_of, with_description
from skillopt_ci.core.digest import digest
from skillopt_ci.core.place import Range, Spans, UnmatchedError, after_block, append, overlap, splice, whole_lines
from skillopt_ci.core.skill import Skill, opens_frontmatter
from skillopt_ci.core.statements import statements
from skillopt_ci.core.texts import lf

Op = Literal["add", "replace", "delete", "describe"]
SLOW_START, SLOW_END = "<!-- SLOW_UPDATE_START -->", "<!-- SLOW_UPDATE_END -->"
PROTECT_START, PROTECT_END = "<!-- skillopt:protect -->", "<!-- skillopt:end-protect -->"
_MARKS = (SLOW_START, SLOW_END, PROTECT_START, PROTECT_END)
# From the last opening mark before a closing one: an opening mark that is never closed does not swallow the text.
_SLOW = re.compile(f"{SLOW_START}((?:(?!{SLOW_START}).)*?){SLOW_END}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change an optimizer proposes. `evidence` are ids of train tasks; `support` counts who proposed it.

    `describe` replaces the description, its `target`, by `content`; the other operations are on the body.
    """

    op: Op
    target: str
    content: str
    rationale: str = ""
    evidence: tuple[str, ...] = ()
    support: int = 1

    def key(self) -> str:
        """Identity of what it does, whatever was said about it."""
        return digest([self.op, self.target.strip(), self.content.strip()])

    def advice(self) -> str:
        """Identity of what it asks for: of what is added neither the place, the markers nor filling words count."""
        said = statements(self.content) if self.op == "add" else None
        return digest(["advice", sorted([*words] for words in said.elements())]) if said else self.key()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What became of an edit: applied, or unmatched with the reason."""

    edit: Edit
    status: Literal["applied", "unmatched"]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A proposed skill, and what became of every edit."""

    skill: Skill
    resolutions: tuple[Resolution, ...]

    @property
    def applied(self) -> tuple[Edit, ...]:
        """The edits that are in the candidate."""
        return tuple(r.edit for r in self.resolutions if r.status == "applied")


def protected_spans(body: str) -> list[tuple[int, int]]:
    """Character ranges [start, end) no edit may touch, in order and apart; one never closed runs to the end."""
    found = sorted(_marked(body, SLOW_START, SLOW_END) + _marked(body, PROTECT_START, PROTECT_END))
    spans: list[tuple[int, int]] = []
    for start, end in found:
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _marked(body: str, start_mark: str, end_mark: str) -> list[tuple[int, int]]:
    spans = []
    at = body.find(start_mark)
    while at >= 0:
        closed = body.find(end_mark, at + len(start_mark))
        end = len(body) if closed < 0 else closed + len(end_mark)
        spans.append((at, end))
        at = body.find(start_mark, end)
    return spans


def hand_protected(body: str) -> list[str]:
    """The texts of the regions that somebody protected by hand, in order."""
    return [body[start:end] for start, end in _marked(body, PROTECT_START, PROTECT_END)]


def apply_edits(skill: Skill, edits: Sequence[Edit]) -> Candidate:
    """Apply edits to a skill's body, in rank order: of two that overlap the later one is unmatched.

    Targets are looked up with LF line ends in the body as it is now, outside protected regions, and must occur
    exactly once. An `add` with an empty target goes before a trailing protected region, else to the end. The line
    ends around a target stay. An edit is unmatched, too, when the blocks around it would become others.
    """
    raw = skill.body
    body, offsets = _with_lf(raw)
    spans = protected_spans(body)
    taken: list[Range] = []
    current, described = body, skill
    resolutions: list[Resolution] = []
    for edit in edits:
        try:
            if edit.op == "describe":
                described = _described(skill, described, edit)
                resolutions.append(Resolution(edit=edit, status="applied"))
                continue
            wanted = _resolve(body, spans, edit)
            if any(overlap(wanted, other) for other in taken):
                raise UnmatchedError("overlaps an edit that is ranked before it")
            after = splice(body, [*taken, wanted])
            _check_whole(skill, current, after)
        except UnmatchedError as why:
            resolutions.append(Resolution(edit=edit, status="unmatched", reason=str(why)))
            continue
        taken.append(wanted)
        current = after
        resolutions.append(Resolution(edit=edit, status="applied"))
    newline = line_end(skill.text)
    in_raw = [Range(offsets[r.start], offsets[r.end], r.text.replace("\n", newline)) for r in taken]
    changed = described.with_body(splice(raw, in_raw))
    return Candidate(skill=changed, resolutions=tuple(resolutions))


def _described(skill: Skill, described: Skill, edit: Edit) -> Skill:
    """The skill with its description replaced, once."""
    old = description_of(skill)
    if described is not skill:
        raise UnmatchedError("another description is ranked before it")
    if edit.target.strip() and edit.target.strip() != old:
        raise UnmatchedError("target is not the description")
    if edit.content == old:
        raise UnmatchedError("changes nothing")
    try:
        return with_description(skill, edit.content)
    except DescriptionError as error:
        raise UnmatchedError(str(error)) from error


def _check_whole(skill: Skill, before: str, after: str) -> None:
    """Refuse what is right in its place and wrong for the document."""
    if protected_texts(before) != protected_texts(after):
        raise UnmatchedError("would make, change or end a protected region")
    if not skill.frontmatter and opens_frontmatter(after) and not opens_frontmatter(before):
        raise UnmatchedError("would make the body read as frontmatter")
    if ends_open(after) and not ends_open(before):
        raise UnmatchedError("would leave a fence or a comment open to the end of the body")


def protected_texts(body: str) -> list[str]:
    """What edits may not touch, in order."""
    return [body[start:end] for start, end in protected_spans(body)]


def line_end(text: str) -> str:
    """The line end that most lines of a text have; CRLF beside lone CRs, whose last one would join a lone LF."""
    pairs, feeds, returns = (text.count(end) for end in ("\r\n", "\n", "\r"))
    return "\r\n" if pairs * 2 > feeds or returns > pairs else "\n"


def _with_lf(raw: str) -> tuple[str, list[int]]:
    """The body with LF line ends (a lone CR is one, too), and for each of its positions the position in `raw`."""
    if "\r" not in raw:
        return raw, list(range(len(raw) + 1))
    offsets: list[int] = []
    kept: list[str] = []
    for at, char in enumerate(raw):
        if char == "\n" and at and raw[at - 1] == "\r":
            continue  # its CR stands for both
        offsets.append(at)
        kept.append("\n" if char == "\r" else char)
    return "".join(kept), [*offsets, len(raw)]


def _resolve(body: str, spans: Spans, edit: Edit) -> Range:
    target, content = lf(edit.target), lf(edit.content)
    if edit.op in ("replace", "delete") and not target.strip():
        raise UnmatchedError(f"a {edit.op} needs a target")
    if edit.op in ("add", "replace") and not content.strip():
        raise UnmatchedError(f"{'an' if edit.op == 'add' else 'a'} {edit.op} needs content")
    if any(mark in content for mark in _MARKS):
        raise UnmatchedError("its content holds a marker of a protected region")
    if not target.strip():
        return append(body, spans, content)
    at = _find_once(body, spans, target)
    if edit.op == "add":
        return after_block(body, spans, at + len(target.rstrip()) - 1, content)
    # The line ends around the text stay: without them two lines would become one.
    start, end = at + len(target) - len(target.lstrip("\n")), at + len(target.rstrip("\n"))
    if edit.op == "replace":
        content = content.strip("\n")
        if body[start:end] == content:
            raise UnmatchedError("changes nothing")
        return Range(start, end, content)
    return whole_lines(body, spans, start, end)


def _find_once(body: str, spans: Spans, target: str) -> int:
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
        raise UnmatchedError("target lies in a protected region" if touched else "target not found in the body")
    if len(places) > 1:
        raise UnmatchedError(f"target found {len(places)} times in the body; it must occur exactly once")
    return places[0]


def set_slow_update(skill: Skill, guidance: str) -> Skill:
    """The skill with its slow-update region holding `guidance`; the region is made at the end when there is none."""
    body = skill.body
    newline = line_end(skill.text)
    while any(mark in guidance for mark in _MARKS):  # again: taking one out may join the halves of another
        for mark in _MARKS:
            guidance = guidance.replace(mark, "")
    inner = newline + lf(guidance.strip()).replace("\n", newline) + newline
    region = _slow_region(body)
    if region:
        return skill.with_body(body[: region.start(1)] + inner + body[region.end(1) :])
    lead = "" if not body.strip() else newline if body.endswith("\n") else newline * 2
    return skill.with_body(body + lead + SLOW_START + inner + SLOW_END + newline)


def slow_update_text(skill: Skill) -> str:
    """What the slow-update region holds now; empty when there is none."""
    region = _slow_region(skill.body)
    return region.group(1).strip() if region else ""


def _slow_region(body: str) -> re.Match[str] | None:
    """The first closed slow-update region that is not part of a region somebody protected by hand."""
    by_hand = [span for span in _marked(body, PROTECT_START, PROTECT_END) if body.endswith(PROTECT_END, *span)]
    for region in _SLOW.finditer(body):
        if not any(start < region.start() and region.end() < end for start, end in by_hand):
            return region
    return None
