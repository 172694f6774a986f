import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.task import GraderSpec
from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.graders.build import build
from skillopt_ci.graders.text import overlap, squad_tokens
from tests.graders.helpers import grade, spec


@pytest.mark.parametrize(
    ("options", "answer", "passed"),
    [
        ({}, "Paris", True),
        ({}, " Paris\n", True),
        ({"strip": False}, "Paris\n", False),
        ({}, "paris", False),
        ({"ignore_case": True}, "PARIS", True),
        ({}, "Lutetia", True),
        ({}, "Paris, France", False),
    ],
)
def test_exact(options: dict[str, object], answer: str, passed: bool) -> None:
    score = grade(spec("exact", **options), answer, "Paris", "Lutetia")
    assert (score.passed, score.value) == (passed, float(passed))


@pytest.mark.parametrize("answer", ["", "!!!", "the", "**An**", "B"])
@pytest.mark.parametrize("grader", [spec("exact", squad=True), spec("f1")])
def test_an_answer_of_articles_and_signs_alone_is_not_any_other_such(grader: GraderSpec, answer: str) -> None:
    assert not grade(grader, answer, "A").passed
    assert all(grade(grader, right, "A").passed for right in ("A", "a.", "**(A)**"))


@pytest.mark.parametrize("kind", ["exact", "contains", "startswith", "f1"])
def test_what_looks_the_same_is_the_same(kind: str) -> None:
    assert grade(spec(kind), "Cafe\u0301 10\u202f000\u00a0\u20ac", "Caf\u00e9 10 000 \u20ac").passed
    assert not grade(spec(kind), "Cafe 10 000 \u20ac", "Caf\u00e9 10 000 \u20ac").passed


def test_exact_helps_without_telling() -> None:
    def hint(answer: str, *expected: str) -> str:
        return grade(spec("exact"), answer, *expected).hint

    assert hint("It is Paris.", "Paris") == (
        "the answer contains an accepted answer but says more: give only the answer"
    )
    assert hint("PARIS", "Paris").startswith("the answer differs from an accepted answer only in")
    assert hint("1 March 2024", "2024-03-01") == (
        "accepted answers have the form `9999-99-99`, this answer has the form `9 A 9999`"
    )


def test_exact_tells_people_and_tells_all_when_nothing_is_hidden() -> None:
    score = grade(spec("exact", hidden=False), "Rome", "Paris", "Lutetia")
    assert score.why == score.hint == 'expected "Paris" or "Lutetia", got "Rome"'
    assert grade(spec("exact", hidden=True), "Rome", "Paris").hint == "wrong"
    long = grade(spec("exact"), "y" * 900, "x" * 900)
    assert len(long.why) < 450


def test_contains_every_value_or_one_expected_answer() -> None:
    both = spec("contains", values=["red", "Blue"])
    score = grade(both, "red and blue")
    assert (score.value, score.passed) == (0.5, False)
    assert score.hint == (
        "1 of 2 required texts found in the answer; one is there in another mix of upper and lower case"
    )
    assert 'does not contain "Blue"' in score.why
    assert grade(both, "red, Blue").passed
    assert grade(spec("contains", values="BLUE", ignore_case=True), "blue").passed
    assert grade(spec("contains"), "It is Lutetia.", "Paris", "Lutetia").passed
    missed = grade(spec("contains"), "Rome", "1999")
    assert (missed.value, missed.hint.split(";")[0]) == (0.0, "no accepted answer found in the answer")
    assert "1999" not in missed.hint
    assert (
        grade(spec("contains", hidden=True, values=["a", "B"]), "b").hint == "0 of 2 required texts found in the answer"
    )


def test_what_a_model_only_thought_of_does_not_count() -> None:
    answer = "<think>Paris? No.</think>\n\nRome"
    assert not grade(spec("contains"), answer, "Paris").passed
    assert grade(spec("exact"), answer, "Rome").passed


def test_startswith() -> None:
    either = spec("startswith", values=["Yes", "No"])
    assert grade(either, "\n No, never").passed
    assert grade(either, "Well: Yes").hint.endswith("the required beginning stands further on; put nothing before it")
    assert grade(either, "YES").hint.endswith("it differs only in upper and lower case")
    assert grade(spec("startswith", values="yes", ignore_case=True), "YES").passed
    missed = grade(spec("startswith"), "Rome", "Paris")
    assert missed.hint == "the answer does not start as required"
    assert missed.why == 'does not start with "Paris", but with "Rome"'
    assert grade(spec("startswith"), "Paris it is", "Paris").passed


def test_regex() -> None:
    dated = spec("regex", pattern=r"\d{4}-\d\d", flags="i")
    assert grade(dated, "on 2024-03-01").passed
    score = grade(dated, "yesterday")
    assert score.hint == "a required pattern was not found"
    assert r"\d{4}" in score.why
    assert grade(spec("regex", hidden=False, pattern="x+"), "y").hint.startswith("does not match /x+/")


@pytest.mark.parametrize(
    ("answer", "expected", "f1"),
    [
        ("the cat", "A cat!", 1.0),
        ("the cat sat on the mat", "cat sat", 2 * 0.5 * 1.0 / 1.5),  # 2 shared of 4 and of 2
        ("cat", "cat sat", 2 * 1.0 * 0.5 / 1.5),
        ("cat cat", "cat", 2 * 0.5 * 1.0 / 1.5),  # a word counts as often as it occurs in both
        ("dog", "cat", 0.0),
        ("the", "a", 0.0),  # nothing left on both sides: then articles count, and signs
        ("The", "the.", 1.0),
        ("!!!", "", 0.0),
        ("!!!", "!!!", 1.0),
        ("", "", 1.0),  # as in SQuAD 2.0
        ("the", "cat", 0.0),
        ("U.S.A.", "usa", 1.0),
        ("well-known", "wellknown", 1.0),
    ],
)
def test_squad_f1_by_hand(answer: str, expected: str, f1: float) -> None:
    assert math.isclose(overlap(answer, expected).f1, f1)


@given(st.text(), st.text())
def test_f1_is_symmetric_and_bounded(first: str, second: str) -> None:
    there, back = overlap(first, second), overlap(second, first)
    assert 0.0 <= there.f1 <= 1.0 + 1e-12
    assert math.isclose(there.f1, back.f1)
    assert (there.precision, there.recall) == (back.recall, back.precision)


@given(st.text())
def test_f1_of_a_text_with_itself_is_one(text: str) -> None:
    assert overlap(text, text.upper().lower()).f1 == 1.0 or squad_tokens(text) != squad_tokens(text.upper().lower())


def test_f1_takes_the_best_answer_and_its_pass_mark() -> None:
    lax = spec("f1", threshold=0.6)
    score = grade(lax, "the big cat", "dog", "cat")
    assert math.isclose(score.value, 2 / 3)
    assert score.passed
    strict = grade(spec("f1"), "the big cat", "dog", "cat")
    assert not strict.passed
    assert strict.hint == (
        "word overlap 0.67 (F1): the answer contains an accepted answer but says more: give only the answer"
    )
    assert grade(spec("f1"), "big", "big cat").hint.endswith("every word is right, but words are missing")
    assert grade(spec("f1"), "12", "Rome").hint.endswith(
        "accepted answers have the form `A`, this answer has the form `99`"
    )


@pytest.mark.parametrize("kind", ["exact", "contains", "startswith", "f1"])
def test_a_task_without_expected_is_a_failure(kind: str) -> None:
    with pytest.raises(CallFailedError, match=f"grader '{kind}' needs 'expected', and task 't1' has none") as caught:
        grade(spec(kind), "x")
    assert caught.value.kind == "grader"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (spec("exact", strict=True), "unknown option 'strict'"),
        (spec("exact", strip="yes"), "must be bool, not str"),
        (spec("contains", values=["a", ""]), "not empty"),
        (spec("contains", values=[]), "not empty"),
        (spec("contains", values=[1]), "list of strings"),
        (spec("regex"), "'pattern' is required"),
        (spec("regex", pattern="["), "invalid pattern"),
        (spec("f1", threshold=0), "above 0"),
        (spec("f1", threshold=True), "not bool"),
    ],
)
def test_bad_options(bad: GraderSpec, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build([bad], None)


_ANY = [
    spec("exact"),
    spec("exact", ignore_case=True),
    spec("contains"),
    spec("startswith"),
    spec("regex", pattern="a+b"),
    spec("f1"),
    spec("choice", choices=["red", "green"]),
    spec("numeric"),
    spec("json", schema={"type": "object"}, fields={"a.0": 1}),
    spec("rules", checks=[{"op": "section_contains", "arg": "A::b"}, {"op": "no_refusal"}]),
]


@pytest.mark.parametrize("grader", _ANY, ids=lambda g: g.type)
@given(answer=st.text(), expected=st.text(min_size=1))
def test_no_text_breaks_a_grader(grader: GraderSpec, answer: str, expected: str) -> None:
    accepted = {"numeric": "12", "choice": "A"}.get(grader.type, expected)
    score = grade(grader, answer, accepted)
    for words in (score.why, score.hint):
        assert words
        words.encode()
        assert len(words.splitlines()) == 1


@pytest.mark.parametrize("kind", ["exact", "contains", "startswith", "f1"])
@given(answer=st.text(), expected=st.text("bcdfghjklmnpqrstvwxyz0123456789", min_size=6))
def test_a_hint_never_holds_the_expected_answer(kind: str, answer: str, expected: str) -> None:
    for text in (answer, expected.upper(), f"{expected}?", f"it is {expected}"):
        score = grade(spec(kind), text, expected)
        assert expected.casefold() not in score.hint.casefold() or expected == "999999"


def test_exact_with_texts_of_its_own() -> None:
    grader = spec("exact", values=["yes", "Yes."], strip=False)
    assert grade(grader, "Yes.").passed
    assert not grade(grader, " yes").passed
    assert not grade(grader, "no", "no").passed
    assert grade(spec("exact", values="YES", ignore_case=True), " yes ").passed


# SQuAD's evaluation (rajpurkar/SQuAD-explorer, evaluate-v1.1.py), which SearchQA's users take over: `normalize_answer`
@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        ("The Beatles", "beatles", True),
        ("an apple a day.", "apple day", True),
        ("U.S.A.", "usa", True),
        ("rock 'n' roll", "rock n roll", True),
        ("well-known", "well known", False),  # a hyphen goes without a space
        ("Jerry and Tom", "Tom and Jerry", False),
        ("theory", "ory", False),
    ],
)
def test_exact_as_squad_compares(answer: str, expected: str, right: bool) -> None:
    assert grade(spec("exact", squad=True), answer, expected).passed is right
