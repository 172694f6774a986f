"""Where Markdown blocks begin and end, by a CommonMark parser: an edit never lands inside another block."""

from dataclasses import dataclass

from markdown_it import MarkdownIt

_LEAVES = {
    "paragraph_open",
    "heading_open",
    "fence",
    "code_block",
    "table_open",
    "html_block",
    "hr",
    "lheading_open",
}


@dataclass(frozen=True, slots=True)
class Block:
    """Lines [first, end) of a body; `indent` columns stand before a list item's marker."""

    first: int
    end: int
    is_item: bool
    indent: int


def parse_blocks(text: str) -> list[Block]:
    """Every list item and leaf block of `text` (LF line ends), in document order; items nest."""
    lines = text.split("\n")
    found: list[Block] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.map is None:
            continue
        first, end = token.map
        while end > first + 1 and not lines[end - 1].strip():
            end -= 1
        if token.type == "list_item_open":
            indent = len(lines[first]) - len(lines[first].lstrip())
            found.append(Block(first, end, True, indent))
        elif token.type in _LEAVES:
            found.append(Block(first, end, False, 0))
    return found


def block_at(text: str, line: int) -> Block:
    """The block holding `line`: its innermost list item, else its leaf block, else the line itself."""
    holding = [b for b in parse_blocks(text) if b.first <= line < b.end]
    items = [b for b in holding if b.is_item]
    if items:
        return items[-1]
    if holding:
        return holding[-1]
    return Block(line, line + 1, False, 0)
