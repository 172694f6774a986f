from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.rubric import (
    Criterion,
    Finding,
    Verdict,
    decided,
    labelled,
    occurs,
    parse_rubric,
    read_verdict,
    share,
)

ANSWER = "We  should ship it.\nThe main risk is “cost” - not **time**.\nTotal: 42"
GOOD: dict[str, Any] = {"label": "B2", "evidence": "should ship it", "met": True}


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("should\n ship it", True),
        ('risk is "cost"', True),
        ('"We should ship it."', True),
        ("We should ... risk is", True),
        ("risk is ... We should", False),  # in that order
        ("We should … nothing", False),
        ("we should ship", False),
        ("cost” — not time", True),
        ("Total: 42", True),
        ("42", True),
        ("4", False),  # not a whole word
        ("it", False),  # too little to be a passage
        ("hip it", False),
        ("should shi", False),
        ("", False),
        ('" "', False),
        ("...", False),
        ("We ... it", False),
    ],
)
def test_quotations(quote: str, found: bool) -> None:
    assert occurs(quote, ANSWER) == found


@pytest.mark.parametrize("answer", ["A", "yes", "👍", "一"])
def test_a_short_answer_can_be_quoted_whole(answer: str) -> None:
    assert occurs(answer, answer)
    assert occurs(answer, f"first line\n{answer}\n")


@given(st.text(max_size=60), st.text(max_size=60))
def test_quotations_of_any_text(quote: str, answer: str) -> None:
    if occurs(quote, answer):
        signs = {c for c in quote if c.isalnum()}
        assert signs <= set(answer)


@given(st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "x1"]), min_size=1, max_size=12), st.data())
def test_every_run_of_long_words_can_be_quoted(words: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    assert occurs("  ".join(words[start:end]), " ".join(words))


def test_rubrics() -> None:
    a, b = Criterion(text="a"), Criterion(text="b")
    assert parse_rubric(["a ", "b"]) == (a, b)
    assert parse_rubric("1. a\n2) b\n\n") == parse_rubric("- a\n* b") == (a, b)
    assert parse_rubric("- a\n  more\n- b") == (Criterion(text="a\n  more"), b)
    for text in ("a", "- a", "Check:\n- a\n- b", "- a\n- b\nAnd c.", "a\nb"):
        assert parse_rubric(text) == (Criterion(text=text),)
    assert parse_rubric([{"criterion": "a", "weight": 2}]) == (Criterion(text="a", weight=2.0),)
    with pytest.raises(ValueError, match="a text or a list"):
        parse_rubric(3)


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=100), st.text(max_size=5))
def test_labels_are_unique_and_name_every_criterion(texts: list[str], seed: str) -> None:
    criteria = [Criterion(text=t) for t in texts]
    found = labelled(criteria, seed)
    assert len({name for name, _ in found}) == len(texts)
    assert sorted(i for _, i in found) == list(range(len(texts)))
    assert found == labelled(criteria, seed)


def test_a_verdict() -> None:
    value = {"criteria": [{"label": "[c3]", "evidence": "main risk", "met": False}, GOOD], "reason": "r", "advice": "a"}
    verdict = read_verdict(value, [("C3", 1), ("B2", 0)], ["", ANSWER])
    assert verdict.findings == (Finding(met=True, evidence="should ship it"), Finding(met=False, evidence="main risk"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "must be a JSON object"),
        ({"criteria": {}}, "'criteria' must be a list"),
        ({"criteria": [], "reason": "", "advice": ""}, "no word on: B2; judge every criterion"),
        ({"criteria": [GOOD], "reason": "x"}, "the verdict: 'advice' must be a text"),
        ({"criteria": [1], "reason": "", "advice": ""}, "needs a 'label' that is one of: B2"),
        ({"criteria": [{**GOOD, "label": "C3"}], "reason": "", "advice": ""}, "needs a 'label'"),
        ({"criteria": [{**GOOD, "label": 2}], "reason": "", "advice": ""}, "needs a 'label'"),
        ({"criteria": [GOOD, GOOD], "reason": "", "advice": ""}, "criterion B2 is there twice"),
        ({"criteria": [{**GOOD, "met": "yes"}], "reason": "", "advice": ""}, "criterion B2: 'met' must be"),
        (
            {"criteria": [{**GOOD, "evidence": None}], "reason": "", "advice": ""},
            "criterion B2: 'evidence' must be a text",
        ),
        ({"criteria": [{**GOOD, "evidence": ""}], "reason": "", "advice": ""}, "the evidence is empty"),
        ({"criteria": [{**GOOD, "evidence": "made up"}], "reason": "", "advice": ""}, "word for word"),
    ],
)
def test_no_verdicts(value: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_verdict(value, [("B2", 0)], [ANSWER])


def votes(*rows: str) -> list[Verdict]:
    findings = [tuple(Finding(met=c == "+", evidence="e") for c in row) for row in rows]
    return [Verdict(findings=f, reason="", advice="") for f in findings]


def test_the_majority_is_told_as_soon_as_it_is_known() -> None:
    assert decided(votes("+-"), 1) == (True, False)
    assert decided(votes("+-"), 3) is None
    assert decided(votes("+-", "+-"), 3) == (True, False)
    assert decided(votes("+-", "++"), 3) is None
    assert decided(votes("+-", "++", "--"), 3) == (True, False)
    assert decided(votes("+", "+", "-", "-"), 5) is None


@given(st.lists(st.tuples(st.floats(0.1, 9), st.booleans()), min_size=1, max_size=20))
def test_the_share_of_weight(given: list[tuple[float, bool]]) -> None:
    value = share([Criterion(text="x", weight=w) for w, _ in given], [met for _, met in given])
    assert 0 <= value <= 1
    assert (value == 1) == all(met for _, met in given)
    assert (value == 0) == (not any(met for _, met in given))
