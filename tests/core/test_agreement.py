from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.agreement import Label, Sample, SelfTest, agreement, human_labels, label_problem, parse_samples
from skillopt_ci.core.task import Source, Task


def test_samples() -> None:
    found = parse_samples({"passing": ["a"], "failing": [{"answer": "b", "prompt": "p", "expected": "e"}]})
    assert found.refuse
    assert found.listed == (
        Sample(answer="a", passing=True),
        Sample(answer="b", passing=False, prompt="p", expected=("e",)),
    )
    assert parse_samples({"failing": "b"}).listed == (Sample(answer="b", passing=False),)
    assert not parse_samples({"failing": ["b"], "on_wrong": "warn"}).refuse
    assert parse_samples(None).listed == ()


def result(passing: str, failing: str) -> SelfTest:
    """`+` right, `-` wrong, `?` no verdict."""
    results = []
    for side, row in ((True, passing), (False, failing)):
        said = {"+": side, "-": not side, "?": None}
        results += [(Sample(answer="a", passing=side), said[sign]) for sign in row]
    return SelfTest(results=tuple(results))


@pytest.mark.parametrize(
    ("passing", "failing", "trusted"),
    [
        ("++", "+", True),
        ("++", "-", False),
        ("++", "?", False),
        ("+" * 18, "--", False),  # nine of ten are right, and it lets everything pass
        ("+" * 9 + "-", "+++", False),
        ("+" * 10 + "-", "+++", True),
        ("", "+", True),
        ("", "", True),
    ],
)
def test_who_is_trusted(passing: str, failing: str, trusted: bool) -> None:
    test = result(passing, failing)
    assert test.trusted == trusted
    assert len(test.wrong) == sum(sign != "+" for sign in passing + failing)


def task(human: object) -> Task:
    return Task(id="t", prompt="p", source=Source(file="f", line=1), metadata={"human": human})


def test_labels_of_people() -> None:
    yes, no = {"answer": "a", "passed": True, "by": "ann"}, {"answer": "a", "passed": False}
    assert human_labels(task(None)) == ()
    assert human_labels(task([yes, {"answer": "b", "passed": False}])) == (
        Label(answer="a", passed=True),
        Label(answer="b", passed=False),
    )
    assert human_labels(task(yes)) == human_labels(task([yes, no, yes])) == (Label(answer="a", passed=True),)
    assert human_labels(task([yes, no])) == ()


@pytest.mark.parametrize("human", ["yes", [1], [{"answer": "a"}], [{"answer": "", "passed": True}], {"passed": True}])
def test_no_labels(human: object) -> None:
    assert human_labels(task(human)) == ()
    assert "is no list of {answer: text" in str(label_problem(task(human)))
    assert label_problem(task([{"answer": "a", "passed": True}])) is label_problem(task(None)) is None


def test_agreement_by_hand() -> None:
    """The table of Cohen's kappa in every textbook: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no; kappa .4."""
    pairs = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    found = agreement(pairs)
    assert found is not None
    assert (found.n, found.raw, found.lenient, found.harsh) == (50, 0.7, 10, 5)
    assert found.kappa == pytest.approx(0.4)
    assert found.raw_interval == pytest.approx((0.5624, 0.8090), abs=1e-4)
    assert found.kappa_interval == pytest.approx((0.1460, 0.6540), abs=1e-4)


def test_agreement_that_says_nothing() -> None:
    assert agreement([]) is None
    found = agreement([(True, True)] * 4)
    assert found is not None
    assert (found.raw, found.kappa, found.kappa_interval) == (1.0, None, None)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_bounds(pairs: list[tuple[bool, bool]]) -> None:
    found: Any = agreement(pairs)
    assert 0 <= found.raw_interval[0] <= found.raw <= found.raw_interval[1] <= 1
    if found.kappa is not None:
        assert -1 <= found.kappa <= 1
        assert found.kappa_interval[0] <= found.kappa <= found.kappa_interval[1]
    assert found.lenient + found.harsh == round((1 - found.raw) * found.n)
