"""Where a change of a Markdown body begins and ends, so that the blocks around it stay what they are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import dedent

from skillopt_ci.core.blocks import block_at, ends_open, leaves, parse_blocks

Spans = Sequence[tuple[int, int]]
_ROW = re.compile(r"\s*\|.*\|\s*")
_DELIMITER = re.compile(r"[\s|:-]+")
_ITEM = re.compile(r"(?:([-*+])|\d{1,9}([.)]))[ \t]")
_MARKERS = re.compile(r"[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)+")


class UnmatchedError(Exception):
    """Why an edit has no place."""


@dataclass(frozen=True, slots=True)
class Range:
    """Characters [start, end) of a body (LF line ends) and the text that takes their place."""

    start: int
    end: int
    text: str


def overlap(one: Range, other: Range) -> bool:
    """Whether two changes touch the same text; two insertions at one place stand one after the other."""
    if one.start == one.end and other.start == other.end:
        return False
    if one.start == one.end or other.start == other.end:
        point, span = (one, other) if one.start == one.end else (other, one)
        return span.start < point.start < span.end
    return one.start < other.end and other.start < one.end


def splice(body: str, ranges: Sequence[Range]) -> str:
    """The body with all ranges replaced; of insertions at one place the earlier in the list stands first."""
    parts: list[str] = []
    at = 0
    for span in in_order(ranges):
        parts += [body[at : span.start], span.text]
        at = span.end
    return "".join([*parts, body[at:]])


def in_order(ranges: Sequence[Range]) -> list[Range]:
    """Ranges by position; a stable sort keeps the rank of insertions at one place."""
    return sorted(ranges, key=lambda span: (span.start, span.end))


def append(body: str, spans: Spans, content: str) -> Range:
    """Content as the last block: before a trailing protected region, else at the end."""
    at = len(body)
    if spans and not body[spans[-1][1] :].strip():
        at = spans[-1][0]
        line = body.rfind("\n", 0, at) + 1
        at = at if body[line:at].strip() else line
    return _checked(body, _insertion(body, at, trim_lines(content), tight=False))


def after_block(body: str, spans: Spans, position: int, content: str) -> Range:
    """Content after the block that holds `position`; items of the same list and rows of a table join what is there."""
    block = block_at(body, body.count("\n", 0, position))
    starts = [0, *(m.end() for m in re.finditer("\n", body))]
    at = starts[block.end] if block.end < len(starts) else len(body)
    if any(start < at < end or position < start < at for start, end in spans):
        raise UnmatchedError("the block of its target reaches into a protected region")
    content = trim_lines(content)
    tight = False
    if block.is_item:  # whatever indent it came with, it gets that of the item
        content = dedent(content)
        tight = _marker(content) == block.marker
        content = "\n".join(block.prefix + line if line.strip() else line for line in content.split("\n"))
    rows = block.kind == "table_open" and _are_rows(content)
    return _checked(body, _insertion(body, at, content, tight=tight or rows), grown=block.end if rows else None)


def whole_lines(body: str, spans: Spans, start: int, end: int) -> Range:
    """A deletion; when it empties its lines they go too, and one of two blank lines that would meet."""
    first = body.rfind("\n", 0, start) + 1
    last = body.find("\n", end)
    last = len(body) if last < 0 else last + 1
    emptied = not (body[first:start] + body[end:last]).strip() or _empties_item(body, first, start, end, last)
    if not emptied or _touches(spans, first, last):
        return Range(start, end, "")
    above = body[:first]
    if last < len(body):
        last += body[last] == "\n" and (above in ("", "\n") or above.endswith("\n\n"))
    elif above.endswith("\n\n"):
        first -= 1
    return Range(first, last, "")


def trim_lines(text: str) -> str:
    """The text without blank lines at its ends; the indent of its first line stays."""
    lines = text.split("\n")
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    return "\n".join(lines)


def _marker(content: str) -> str:
    match = _ITEM.match(content)
    return (match.group(1) or match.group(2)) if match else ""


def _insertion(body: str, at: int, content: str, *, tight: bool) -> Range:
    """Content as a block of its own at a line start: blank lines around it, none inside a tight list."""
    before, after = body[:at], body[at:]
    if before in ("", "\ufeff"):
        lead = ""
    elif before.endswith("\n"):
        lead = "" if tight or before.endswith("\n\n") or not before.strip() else "\n"
    else:
        lead = "\n" if tight or not before.strip() else "\n\n"
    next_item = tight and bool(_ITEM.match(after.lstrip()))
    tail = "\n" if not after.strip() or next_item or after.startswith("\n") else "\n\n"
    return Range(at, at, lead + content + tail)


def _are_rows(content: str) -> bool:
    """Whether it is rows alone; with a delimiter line it is a table of its own."""
    return all(_ROW.fullmatch(line) and not _DELIMITER.fullmatch(line) for line in content.split("\n"))


def _checked(body: str, insertion: Range, grown: int | None = None) -> Range:
    """The insertion, when every block of the body stays the block it was; a table that ends at `grown` gets longer."""
    if ends_open(insertion.text):
        raise UnmatchedError("its content opens a fence or a comment that it does not close")
    line = body.count("\n", 0, insertion.start)
    moved, rows = insertion.text.count("\n"), insertion.text.strip("\n").count("\n") + 1
    on_line = insertion.start > 0 and body[insertion.start - 1] != "\n"
    after = line + 1 if on_line else line
    wanted = {
        (first + moved, end + moved, kind) if first >= after else (first, end + rows * (end == grown), kind)
        for first, end, kind in leaves(body)
    }
    if not wanted <= leaves(splice(body, [insertion])):
        raise UnmatchedError("its place is inside another block, or it would change the blocks beside it")
    return insertion


def _empties_item(body: str, first: int, start: int, end: int, last: int) -> bool:
    """Whether all that would be left of lines [first, last) is the marker of a list item, which could underline a text.

    Raises `UnmatchedError` for an item that goes on below: what stands there would be another's.
    """
    said = end - len(body[start:end].lstrip(" \t"))
    if body[end:last].strip() or not _MARKERS.fullmatch(body, first, said):
        return False
    line, below = body.count("\n", 0, first), body.count("\n", 0, end) + 1
    items = [block for block in parse_blocks(body) if block.is_item and block.first == line]
    if any(block.end > below for block in items):
        raise UnmatchedError("its list item goes on below: take out all of it, or replace its text")
    return bool(items)


def _touches(spans: Spans, start: int, end: int) -> bool:
    return any(start < e and s < end for s, e in spans)
