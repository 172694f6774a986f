"""`similarity` and `anls` against their publishers' scoring, on cases worked out by hand."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.graders import similarity
from skillopt_ci.graders.build import build
from tests.graders.helpers import grade, said, spec, task

TEXTS = st.text(max_size=30)

# DocVQA, https://rrc.cvc.uab.es/?ch=17 (evaluation script of the tasks): 1 - edits/longer length of the texts in lower
# case with single spaces; below 0.5 it is 0; the best accepted answer counts.
ANLS = [
    ("1/8/93", ["1/8/93"], 1.0),
    ("  The  WILLIAMS  Company ", ["the williams company"], 1.0),
    ("T. F. Riehl", ["T.F. Riehl"], 10 / 11),  # one character of eleven
    ("kitten", ["sitting"], 4 / 7),  # three edits of seven
    ("abcd", ["abxy"], 0.5),  # exactly at the threshold it counts
    ("abc", ["xyz"], 0.0),
    ("abcde", ["abxyz"], 0.0),  # 0.4 is below it
    ("10", ["ten", "10"], 1.0),
    ("9:30", ["9.30 am", "9.30"], 0.75),
    ("", ["10"], 0.0),
]


@pytest.mark.parametrize(("answer", "expected", "value"), ANLS)
def test_anls_is_docvqas(answer: str, expected: list[str], value: float) -> None:
    got = grade(spec("anls"), answer, *expected)
    assert got.value == pytest.approx(value)
    assert got.passed == (value == 1.0)
    assert grade(spec("anls", threshold=0.5), answer, *expected).passed == (value >= 0.5)


def test_the_cutoff_of_anls_can_be_set() -> None:
    assert grade(spec("anls", cutoff=0.3), "abcde", "abxyz").value == pytest.approx(0.4)


@given(TEXTS, TEXTS)
def test_anls_is_the_ratio_or_nothing(answer: str, expected: str) -> None:
    value = similarity.anls_of(answer, [expected])
    assert value == 0.0 or 0.5 <= value <= 1.0
    assert similarity.anls_of(expected, [answer]) == value
    assert similarity.anls_of(answer, [answer, expected]) == 1.0


# google-research/rouge, rouge_score 0.1.2: F-measure of `rougeL`, use_stemmer=False
ROUGE = [
    ("police kill the gunman", "police killed the gunman", 0.75),
    ("the gunman kill police", "police killed the gunman", 0.5),
    ("The cat, the cat!", "the cat", 2 * 2 / (4 + 2)),
    ("", "the cat", 0.0),
    ("...", "!!!", 0.0),  # no words on both sides
    ("!!!", "!!!", 1.0),  # the same all the same (rouge_score says 0 there)
]
# mjpost/sacrebleu 2.5: sentence_chrf(hyp, [ref]).score / 100
CHRF = [
    ("the cat sat", "the cat sat", 1.0),
    ("cat", "cats", 0.688623),
    ("The quick brown fox", "The quick brown dog", 0.784536),
    ("abc", "xyz", 0.0),
    ("Straße 5", "Strasse 5", 0.318475),
]


@pytest.mark.parametrize(("answer", "expected", "value"), ROUGE)
def test_rouge_l_is_the_publishers(answer: str, expected: str, value: float) -> None:
    assert similarity.rouge_l(answer, expected) == pytest.approx(value)


@pytest.mark.parametrize(("answer", "expected", "value"), CHRF)
def test_chrf_is_the_publishers(answer: str, expected: str, value: float) -> None:
    assert similarity.chrf(answer, expected) == pytest.approx(value, abs=1e-6)


@given(TEXTS, TEXTS)
def test_every_metric_lies_between_0_and_1_and_is_1_for_the_same_text(answer: str, expected: str) -> None:
    for measure in (similarity.edit_ratio, similarity.rouge_l, similarity.chrf):
        assert 0.0 <= measure(answer, expected) <= 1.0 + 1e-9
        assert measure(answer, answer) == pytest.approx(1.0)


@pytest.mark.parametrize("metric", ["levenshtein", "rouge-l", "chrf"])
def test_the_best_accepted_answer_counts_and_the_threshold_passes(metric: str) -> None:
    grader = spec("similarity", metric=metric, threshold=0.9)
    assert grade(grader, "the cat sat", "a dog ran", "the cat sat").passed
    worse = grade(grader, "the cat ran", "the cat sat")
    assert not worse.passed
    assert 0 < worse.value < 0.9
    assert worse.why.startswith(f"{metric} 0.")


def test_case_matters_unless_it_is_ignored() -> None:
    assert grade(spec("similarity", threshold=1.0), "ABC", "abc").value == 0.0
    assert grade(spec("similarity", threshold=1.0, ignore_case=True), " ABC\n", "abc").passed


@pytest.mark.parametrize("kind", ["anls", "similarity"])
def test_hints_give_no_answer_away(kind: str) -> None:
    options = {"threshold": 0.9}
    shown = grade(spec(kind, **options), "March 4, 2025", "2025-03-04")
    assert "2025-03-04" in shown.why
    assert "2025-03-04" not in shown.hint
    assert "`9999-99-99`" in shown.hint
    assert "say" in grade(spec(kind, **options), "It is 2025-03-04 of course", "2025-03-04").hint
    assert "9999" not in grade(spec(kind, hidden=True, **options), "March 4", "2025-03-04").hint
    assert "2025-03-04" in grade(spec(kind, hidden=False, **options), "March 4", "2025-03-04").hint


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("similarity", {}, "'threshold' is required"),
        ("similarity", {"threshold": 0}, "must lie above 0"),
        ("similarity", {"threshold": 0.5, "metric": "bleu"}, "must be one of levenshtein, rouge-l, chrf, not 'bleu'"),
        ("similarity", {"threshold": "high"}, "must be int or float"),
        ("anls", {"cutoff": 2}, "'cutoff' must lie above 0"),
        ("anls", {"metric": "x"}, "unknown option 'metric'"),
    ],
)
def test_options_are_checked(kind: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build([spec(kind, **options)], None)


@pytest.mark.parametrize("kind", ["anls", "similarity"])
def test_a_task_without_an_answer_is_a_failure(kind: str) -> None:
    with pytest.raises(CallFailedError, match="needs 'expected'"):
        build([spec(kind, threshold=0.5)], None).grade(task(), said("x"))


def test_a_very_long_answer_is_cut_and_graded() -> None:
    assert grade(spec("anls"), "x" * 3_000_000, "y" * 2_000).value == 0.0


def test_the_library_is_imported_only_when_it_is_used() -> None:
    code = (
        "import sys; from skillopt_ci.graders import similarity; assert 'rapidfuzz' not in sys.modules; "
        "similarity.edit_ratio('a', 'b'); assert 'rapidfuzz' in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
