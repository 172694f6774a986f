import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.blocks import Block, block_at, ends_open, leaves, parse_blocks
from tests.core.bodies import bodies

NESTED = "para\n\n- a\n  - b\n\n    ```\n    code\n    ```\n- c\n\n> quoted\n> - item\n\n| x |\n|---|\n"


@pytest.mark.parametrize(
    ("line", "first", "end", "marker"),
    [(0, 0, 1, ""), (2, 2, 8, "-"), (3, 3, 8, "-"), (6, 3, 8, "-"), (8, 8, 9, "-"), (11, 10, 12, ""), (13, 13, 15, "")],
)
def test_the_innermost_item_else_the_leaf_holds_a_line(line: int, first: int, end: int, marker: str) -> None:
    block = block_at(NESTED, line)
    assert (block.first, block.end, block.marker, block.is_item) == (first, end, marker, bool(marker))


def test_a_line_of_no_block_is_its_own() -> None:
    assert block_at(NESTED, 1) == Block(1, 2)
    assert block_at("[a]: reference\n", 0) == Block(0, 1)


@pytest.mark.parametrize(
    ("text", "prefixes"),
    [
        ("- a\n\t- b\n", ["", "\t"]),
        ("- - a\n", ["", "  "]),
        ("10) 1. - a\n", ["", "    ", "       "]),
        ("-\t- a\n", ["", " \t"]),
        ("  * a\n", ["  "]),
    ],
)
def test_the_prefix_of_an_item_lets_a_sibling_line_up(text: str, prefixes: list[str]) -> None:
    assert [b.prefix for b in parse_blocks(text) if b.is_item] == prefixes


def test_what_counts_as_a_line_is_lf_alone() -> None:
    text = "a\rb \u2028 \x0b \x0c \x85 \x1c c\n\ntarget\n"
    assert block_at(text, 2) == Block(2, 3, "paragraph_open")
    assert parse_blocks("\ufeff# T\ntext\n")[0].kind == "heading_open"


@pytest.mark.parametrize("text", ["```\na", "~~~~\n~~~", "<!-- a", "<script>\n\na", "text\n\n```"])
def test_a_fence_or_comment_that_is_not_closed_ends_open(text: str) -> None:
    assert ends_open(text)
    assert ends_open(text + "\n\n")


@pytest.mark.parametrize(
    "text", ["", "a", "- a\n  ```\n  b", "```\na\n```", "<div>\na", "    code", "> ```\n> a", "[a]: b"]
)
def test_everything_else_ends_closed(text: str) -> None:
    assert not ends_open(text)


@given(bodies())
def test_blocks_lie_in_the_text_and_items_nest(text: str) -> None:
    lines = text.split("\n")
    found = parse_blocks(text)
    for block in found:
        assert 0 <= block.first < block.end <= len(lines)
        assert lines[block.first].strip()
        for other in found:
            apart = other.end <= block.first or block.end <= other.first
            inside = block.first <= other.first and other.end <= block.end
            assert apart or inside or (other.first <= block.first and block.end <= other.end)


@given(st.text(alphabet="ab-*+>`~#=|:<!/ \t\r\n1.\u2028", max_size=200))
def test_any_text_is_parsed(text: str) -> None:
    for line in range(text.count("\n") + 1):
        block = block_at(text, line)
        assert block.first <= line < block.end
    assert len(leaves(text)) <= len(parse_blocks(text))


def test_deep_nesting_ends_without_an_error() -> None:
    deep = "\n".join("  " * n + "- a" for n in range(200)) + "\n" + ">" * 500 + " b"
    assert block_at(deep, 150).is_item
