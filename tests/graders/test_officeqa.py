"""`officeqa` against the publisher's scoring, on cases worked out by hand from its rules.

Source: https://github.com/databricks/officeqa, `reward.py` (`score_answer`).
"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.hidden import hidden_texts
from skillopt_ci.core.task import Attachment
from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.graders.build import build
from skillopt_ci.graders.figures import Figure, figures, fits_list, listed
from skillopt_ci.graders.officeqa import fault, final_answer
from tests.graders.helpers import grade, said, spec, task

CASES = [
    # expected, answer, tolerance, right
    ("123.45", "123.45", 0, True),
    ("123.45", "123.46", 0, False),
    ("100", "101", 0.01, True),
    ("100", "101.1", 0.01, False),
    ("$7,046,001.98", "7046001.98", 0, True),
    ("7046001.98", "<FINAL_ANSWER>\n$7,046,001.98\n</FINAL_ANSWER>", 0, True),
    ("543 million", "543", 0, True),  # a unit is a label
    ("543 million", "543 billion", 0, False),
    ("543 million", "543000000", 0, False),
    ("543", "$543 M", 0, True),
    ("12%", "12", 0, True),
    ("-5", "(5)", 0, True),  # accounting
    ("-5", "\u22125", 0, True),
    ("0", "0.0", 0, True),
    ("0", "0.001", 0.05, False),
    ("42", "42 in 1977", 0, True),  # a year that nobody asked for
    ("42", "42 of 50", 0, False),  # two numbers
    ("1977", "1977", 0, True),
    ("1977", "2003", 0.05, True),  # within 5%, year or not
    ("March 1977", "March 1977", 0, True),
    ("March 1977", "April 1977", 0, False),
    ("March 1977", "1977", 0, False),
    ("[Massachusetts, 0.866]", "Massachusetts, with a ratio of 0.866", 0, True),
    ("[Massachusetts, 0.866]", "Ohio 0.866", 0, False),
    ("[8, 152,260]", "8, 152260", 0, True),
    ("[8, 152,260]", "[8,152,260]", 0, True),  # cut at the comma that fits
    ("[8, 152260]", "[152260, 8]", 0, False),  # in order
    ("[1.5, 2.5, 3.5]", "1.5, 2.5", 0, False),
    ("No change", "no change", 0, True),
    ("No change", "There was no change", 0, False),
    ("Old-Age Insurance (OASI) Trust Fund", "old-age insurance trust fund", 0, True),
    ("No change", "Unable to determine", 0, False),
    ("42", "Unable to determine: 42", 0, False),
    ("42", "The answer:\n42", 0, False),  # two lines
    ("42", "<b>42</b>", 0, False),
    ("42", "", 0, False),
    ("42", "4" * 251, 1, False),
    ("42", "It is 41. <FINAL_ANSWER>41</FINAL_ANSWER> No: <FINAL_ANSWER>42</FINAL_ANSWER>", 0, True),
]


@pytest.mark.parametrize(("expected", "answer", "tolerance", "right"), CASES)
def test_it_scores_as_the_publisher_does(expected: str, answer: str, tolerance: float, right: bool) -> None:
    got = grade(spec("officeqa", tolerance=tolerance), answer, expected)
    assert (got.value, got.passed) == ((1.0, True) if right else (0.0, False))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,234 and 12,34", [1234.0, 12.0, 34.0]),
        ("5. 2", [5.0, 2.0]),
        ("2010-2012", [2010.0, -2012.0]),
        ("(2003) ($2003)", [2003.0, -2003.0]),
        ("1" * 400, [float("inf")]),
        ("none", []),
    ],
)
def test_figures(text: str, found: list[float]) -> None:
    assert [f.value for f in figures(text)] == found


def test_units_stand_near_their_number() -> None:
    assert figures("5 billion") == [Figure(5.0, "billion")]
    assert figures("thousand dollars: 5") == [Figure(5.0, "thousand")]
    assert figures(f"million {'x' * 30} 5") == [Figure(5.0)]


def test_a_list_of_many_commas_ends_soon() -> None:
    expected = "[" + ", ".join(["1"] * 60) + "]"
    wanted = listed(expected)
    assert wanted is not None
    assert not fits_list(",".join(["123"] * 62), wanted, 0.0)
    assert fault(expected, ",".join(["123"] * 62), 0.0) is not None
    assert final_answer("<FINAL_ANSWER>" * 20_000).startswith("<FINAL_ANSWER>")


NUMBERS = st.text("0123456789,.$%()-[] \nmkb", max_size=40)


@given(NUMBERS, NUMBERS)
def test_any_text_is_graded_and_an_answer_is_like_itself(expected: str, answer: str) -> None:
    fault(expected, answer, 0.05)
    one_line = " ".join(answer.split())
    if one_line and not set(one_line) & set("<>"):
        assert fault(one_line, one_line, 0.0) is None


def test_evidence_is_a_source_that_is_named() -> None:
    grader = spec("officeqa", evidence=["treasury_bulletin_1941_01.txt"])
    without = grade(grader, "<FINAL_ANSWER>42</FINAL_ANSWER>", "42")
    assert (without.value, without.passed) == (0.5, False)
    assert "treasury" in without.why
    assert "treasury" not in without.hint
    for name in ("treasury_bulletin_1941_01.txt", "Treasury_Bulletin_1941_01"):
        assert grade(grader, f"From {name}: <FINAL_ANSWER>42</FINAL_ANSWER>", "42").passed
    assert grade(grader, "From treasury_bulletin_1941_01: <FINAL_ANSWER>41</FINAL_ANSWER>", "42").value == 0.0
    assert "treasury_bulletin_1941_01.txt" in hidden_texts(grader)


def test_the_files_of_the_task_can_be_the_evidence() -> None:
    plain = task("42")
    with pytest.raises(CallFailedError, match="has no files"):
        build([spec("officeqa", evidence=True)], None).grade(plain, said("42"))
    owned = replace(plain, files=(Attachment(name="a/b-1.txt", data=b""),))
    grader = build([spec("officeqa", evidence=True)], None)
    assert grader.grade(owned, said("b-1 says <FINAL_ANSWER>42</FINAL_ANSWER>")).passed
    assert not grader.grade(owned, said("<FINAL_ANSWER>42</FINAL_ANSWER>")).passed


def test_hints_say_what_is_wrong_and_give_no_number_away() -> None:
    hints = {
        answer: grade(spec("officeqa"), answer, "543 million").hint
        for answer in ("543 billion", "544", "5 4", "", "543 million dollars\nyes")
    }
    assert hints == {
        "543 billion": "a number has another unit than the accepted one",
        "544": "a number is wrong",
        "5 4": "the final answer must hold exactly 1 number",
        "": "the answer is empty",
        "543 million dollars\nyes": "the final answer has more than one line; the answer contains an accepted answer "
        "but says more: give only the answer",
    }
    assert "words beside it" in grade(spec("officeqa"), "April 1977", "March 1977").hint
    assert grade(spec("officeqa", hidden=True), "544", "543").hint == "wrong"
    assert "543" in grade(spec("officeqa", hidden=False), "544", "543").hint


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tolerance": 1.5}, "must lie between 0 and 1"),
        ({"tolerance": True}, "must be int or float"),
        ({"evidence": [" "]}, "must hold texts that are not empty"),
        ({"evidence": [3]}, "must be a string or a list of strings"),
    ],
)
def test_options_are_checked(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build([spec("officeqa", **options)], None)


def test_a_task_needs_an_answer_that_is_not_empty() -> None:
    for expected, words in (((), "needs 'expected'"), (("42", " "), "is empty")):
        with pytest.raises(CallFailedError, match=words):
            build([spec("officeqa")], None).grade(task(*expected), said("x"))
