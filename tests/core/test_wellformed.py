import pytest
from hypothesis import given

from skillopt_ci.core.wellformed import malformed
from tests.core.bodies import bodies

TABLE = "# T\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\nend\n"
FENCES = "one\n\n```\ncode\n```\n\ntwo\n\n```\nmore\n```\n\nthree\n"
STRAY, RAGGED = "would leave a table row outside of a table", "would leave a ragged table row"
MOVED = "would move text into or out of a fence"


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (TABLE, TABLE.replace("|---|---|\n", ""), STRAY),
        (TABLE, TABLE.replace("| a | b |\n", ""), STRAY),
        (TABLE, TABLE.replace("end", "| 5 | 6 |"), STRAY),
        (TABLE, TABLE.replace("| 1 | 2 |", "| 1 | 2 | 3 |"), RAGGED),
        (TABLE, TABLE.replace("| 1 | 2 |", "| 1 |"), RAGGED),
        (TABLE, TABLE.replace("| 1 | 2 |", "| 1 | a \\| b |"), None),
        (TABLE, TABLE.replace("| 1 | 2 |\n", ""), None),
        (TABLE, TABLE.replace("| 3 | 4 |\n", "| 3 | 4 |\n| 5 | 6 |\n"), None),
        (TABLE, "# T\n\nend\n", None),
        (FENCES, FENCES.replace("one\n\n```", "one\n"), "would leave a fence or a comment open"),
        (FENCES, FENCES.replace("code\n```\n\ntwo\n\n```\nmore", "code\nmore"), None),
        (FENCES, FENCES.replace("one\n\n```", "one\n").replace("more\n```", "more"), MOVED),
        ("a\n", "a\n\n```\nopen\n", "would leave a fence or a comment open"),
        ("a\n", "a\n\n<!-- open\n", "would leave a fence or a comment open"),
        ("a\n\nb\n\n```\nc\n```\n", "x\n\n```\na\n\nb\n```\n\nc\n", MOVED),
        ("```\na\n```\nb\n\n```\nc\n```\n", "```\na\n\nb\n\nc\n```\n", MOVED),
        ("a\n\n\n\nb\n", "a\n\nx\n\n\nb\n", None),
        ("a\n\n| 1 | 2 |\n", "b\n\n| 1 | 2 |\n", None),  # it was so before
    ],
)
def test_what_an_edit_may_not_leave_behind(before: str, after: str, wanted: str | None) -> None:
    assert malformed(before, after) == wanted


@given(bodies())
def test_no_change_is_no_damage(body: str) -> None:
    assert malformed(body, body) is None


@pytest.mark.parametrize("filler", ["\n", "-\n", "a\n\n"])
def test_long_texts_of_the_same_line_take_no_square_of_time(filler: str) -> None:
    # The square took a minute for 8,000 lines.
    assert malformed(f"a\n{filler * 20_000}", f"b\n{filler * 20_000}") is None
