"""Where Markdown blocks begin and end, by a CommonMark parser: an edit never lands inside another block."""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_LEAVES = {"paragraph_open", "heading_open", "fence", "code_block", "table_open", "html_block", "hr", "blockquote_open"}
_MARKER = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])")
_SPACE = re.compile(r"[ \t]*")


@dataclass(frozen=True, slots=True)
class Block:
    """Lines [first, end) of a body.

    Attributes:
        kind: the parser's word for it (`paragraph_open`, `fence`, ...).
        marker: a list item's `-`, `*`, `+`, `.` or `)`; empty for anything else.
        prefix: the white space that stands (or counts) before a list item's marker.
    """

    first: int
    end: int
    kind: str = ""
    marker: str = ""
    prefix: str = ""

    @property
    def is_item(self) -> bool:
        """A list item, with its children."""
        return bool(self.marker)


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # most commands read no Markdown

    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])  # inline markup moves no block
    parser.parse("x")  # the first text compiles its rules: not while another thread reads with them
    return parser


@lru_cache(maxsize=16)
def _parse(text: str) -> "list[Token]":
    # Line n of the parser must be line n of the text: it would count a lone CR as a line end.
    return _parser().parse(text.removeprefix("\ufeff").replace("\r", " "))


@lru_cache(maxsize=64)
def parse_blocks(text: str) -> tuple[Block, ...]:
    """Every list item and leaf block of `text` (LF line ends), in document order; items nest, a quotation is a leaf."""
    lines = text.split("\n")
    found: list[Block] = []
    quoted = 0
    for token in _parse(text):
        if token.type == "blockquote_close":
            quoted -= 1
        if quoted == 0 and token.map is not None:
            first, end = token.map
            while end > first + 1 and not lines[end - 1].strip(" \t"):
                end -= 1
            if token.type == "list_item_open":
                found.append(Block(first, end, token.type, token.markup, _prefix(lines[first], _outer(found, first))))
            elif token.type in _LEAVES:
                found.append(Block(first, end, token.type))
        if token.type == "blockquote_open":
            quoted += 1
    return tuple(found)


def _outer(found: list[Block], line: int) -> int:
    """How many items begin on a line so far."""
    return sum(block.is_item for block in takewhile(lambda block: block.first == line, reversed(found)))


def code_blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of every fence and indented block, also of those inside lists and quotations."""
    return [(token.info, token.content) for token in _parse(text) if token.type in ("fence", "code_block")]


def paragraphs(text: str) -> list[str]:
    """The text of every paragraph, heading and cell, as its lines without what quotes and indents them."""
    return [token.content for token in _parse(text) if token.type == "inline"]


def _prefix(line: str, outer: int) -> str:
    """What stands before an item's marker, with the markers of `outer` items on the same line as spaces."""
    at = 0
    for _ in range(outer):
        marker = _MARKER.match(line, at)
        at = marker.end() if marker else at
    space = _SPACE.match(line, at)
    return re.sub(r"[^\t]", " ", line[: space.end() if space else at])


def block_at(text: str, line: int) -> Block:
    """The block holding `line`: its innermost list item, else its leaf block, else the line itself."""
    holding = [b for b in parse_blocks(text) if b.first <= line < b.end]
    items = [b for b in holding if b.is_item]
    if items:
        return items[-1]
    if holding:
        return holding[-1]
    return Block(line, line + 1)


def leaves(text: str) -> set[tuple[int, int, str]]:
    """First line, end and kind of every block that is not a list item."""
    return {(b.first, b.end, b.kind) for b in parse_blocks(text) if not b.is_item}


@lru_cache(maxsize=64)
def ends_open(text: str) -> bool:
    """Whether a fence or comment of `text` is never closed, so that it would swallow what comes after."""
    after = text.count("\n") + 2
    return Block(after, after + 1, "paragraph_open") not in parse_blocks(text + "\n\nx")
