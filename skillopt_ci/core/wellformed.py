"""Whether an edit leaves Markdown well-formed: tables stay tables, fences keep what they hold."""

import re
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import takewhile

from skillopt_ci.core.blocks import ends_open, parse_blocks

_ROW = re.compile(r"\s*\|.*\|\s*")
_CELL_END = re.compile(r"(?<!\\)\|")
_LITERAL = ("fence", "code_block", "html_block")


def malformed(before: str, after: str) -> str | None:
    """What is malformed in `after` and was not in `before` (bodies with LF line ends), or None."""
    if ends_open(after) and not ends_open(before):
        return "would leave a fence or a comment open"
    for name, found in (("a table row outside of a table", _stray_rows), ("a ragged table row", _ragged_rows)):
        if found(after) - found(before):
            return f"would leave {name}"
    if before != after and _swallowed(before, after):
        return "would move text into or out of a fence"
    return None


def _blocks(text: str, kind: str) -> Iterator[list[str]]:
    """The lines of every block of a kind."""
    lines = text.split("\n")
    return (lines[block.first : block.end] for block in parse_blocks(text) if block.kind == kind)


def _stray_rows(text: str) -> "Counter[str]":
    """Lines that look like a row of a table and are in none: its delimiter line is gone, or stands elsewhere."""
    return Counter(line.strip() for lines in _blocks(text, "paragraph_open") for line in lines if _ROW.fullmatch(line))


def _ragged_rows(text: str) -> "Counter[str]":
    """Rows of tables with more or fewer cells than the head of their table."""
    found: Counter[str] = Counter()
    for head, *rows in _blocks(text, "table_open"):
        found.update(row.strip() for row in rows if _cells(row) != _cells(head))
    return found


def _cells(row: str) -> int:
    return len(_CELL_END.split(row.strip().removeprefix("|").removesuffix("|")))


def _swallowed(before: str, after: str) -> bool:
    """A line that the edit did not touch was in a literal block and is not any more, or the other way round."""
    old, new = _said(before), _said(after)
    lead = _alike(old, new)
    trail = _alike(old[lead:][::-1], new[lead:][::-1])
    if old[:lead] != new[:lead] or old[len(old) - trail :] != new[len(new) - trail :]:
        return True
    old, new = old[lead : len(old) - trail], new[lead : len(new) - trail]
    matcher = SequenceMatcher(None, [line for line, _ in old], [line for line, _ in new], autojunk=False)
    return any(old[at : at + size] != new[to : to + size] for at, to, size in matcher.get_matching_blocks())


def _said(text: str) -> list[tuple[str, bool]]:
    """Every line that says something, and whether it stands in a literal block.

    To match lines takes the square of the lines that are the same, so blank ones are none.
    """
    literal = {n for b in parse_blocks(text) if b.kind in _LITERAL for n in range(b.first, b.end)}
    return [(line, n in literal) for n, line in enumerate(text.split("\n")) if line.strip(" `~")]


def _alike(one: list[tuple[str, bool]], other: list[tuple[str, bool]]) -> int:
    """How many lines both begin with."""
    return sum(takewhile(bool, (a == b for (a, _), (b, _) in zip(one, other, strict=False))))
