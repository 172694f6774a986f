import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.graders import wording
from skillopt_ci.graders.wording import clip, compare_forms, holds, shape
from tests.graders.helpers import spec


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2024-03-01", "9999-99-99"),
        ("3 March 2024", "9 A 9999"),
        (" $1,234.50 ", "$9,999.99"),
        ("new York", "a A"),
        ("Zoë's", "A'a"),
        ("e\u0301te", "a"),
        ("`x`\n👍", "'a' *"),
        ("", ""),
    ],
)
def test_shape(text: str, form: str) -> None:
    assert shape(text) == form


@given(st.text(max_size=60))
def test_a_form_holds_no_letter_or_digit_of_the_text(text: str) -> None:
    assert all(c in "9Aa" or not c.isalnum() for c in shape(text))
    assert "\n" not in shape(text)


@given(st.text(max_size=900), st.integers(1, 300))
def test_a_clip_is_one_short_line_that_can_be_written(text: str, limit: int) -> None:
    shown = clip(text, limit)
    assert len(shown) <= limit
    assert len(shown.splitlines()) <= 1
    shown.encode()


def test_a_clip_says_that_it_is_one() -> None:
    assert clip("x" * 300) == "x" * 199 + "…"
    assert clip(" " * 3000 + "x", 10).endswith("…")
    assert clip("a \n b\ud800") == "a b?"


def test_forms_are_compared() -> None:
    assert compare_forms(["2024-03-01"], "1 March 2024") == (
        "accepted answers have the form `9999-99-99`, this answer has the form `9 A 9999`"
    )
    assert compare_forms(["1999"], "2024") == "wrong, though of the accepted form `9999`"
    assert compare_forms(["12%", "0.12", "0.34"], "x") == (
        "accepted answers have the form `99%` or `9.99`, this answer has the form `a`"
    )
    long_answer = "It was about nineteen hundred and ninety nine, I think."
    assert compare_forms(["1999"], long_answer) == (
        "accepted answers have the form `9999`, this answer has 10 words (55 characters)"
    )
    assert compare_forms(["word " * 20], "one") == (
        "accepted answers have 20 words (99 characters), this answer has 1 word (3 characters)"
    )


@pytest.mark.parametrize("telling", ["A", "a", "9", "?!", "$9", "-"])
def test_a_form_that_gives_the_answer_away_is_not_told(telling: str) -> None:
    assert "form" not in compare_forms([telling], "something else")


def test_holds_whole_words_only() -> None:
    assert holds("It is  PARIS.", "Paris")
    assert holds("x = -3", "-3")
    assert not holds("Parisian", "Paris")
    assert not holds("42", "4")
    assert holds("14 and 4", "4")
    assert not holds("anything", " ")


def test_what_is_hidden_decides_the_hint() -> None:
    def hint(hidden: bool | None) -> str:
        return wording.scored(spec("x", hidden), 0.0, False, why="why", hint="hint", bare="bare").hint

    assert [hint(None), hint(False), hint(True)] == ["hint", "why", "bare"]


def test_many_accepted_answers_are_counted() -> None:
    assert wording.either(["a", "b"]) == '"a" or "b"'
    assert wording.either(list("abcde")) == '"a" or "b" or "c" or 2 more'
