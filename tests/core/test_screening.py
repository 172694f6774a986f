import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.screening import (
    LOOKS,
    Screening,
    ScreenRule,
    adds,
    idle,
    promising,
    repeats,
    screened,
    spread,
    still_failing,
    tasks_of,
    verdict,
    why_not,
    without_it,
    worth,
)

RULE = ScreenRule(runs=3, odds=50, company=6)
SHARES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("evidence", "first", "last"),
    [
        (math.log(50), "keep", "keep"),
        (math.log(49), "more", "keep"),
        (math.log(5), "more", "keep"),  # after the last look less is enough
        (math.log(4.9), "more", "reject"),
        (0.0, "more", "reject"),
        (-math.log(3.9), "more", "reject"),
        (-math.log(4), "reject", "reject"),
    ],
)
def test_clear_cases_end_at_once_and_unclear_ones_are_run_again(evidence: float, first: str, last: str) -> None:
    found = Screening(gain=0.1, runs=4, evidence=evidence)
    assert (verdict(found, 1, RULE), verdict(found, LOOKS, RULE)) == (first, last)


def test_why_an_edit_is_not_kept_is_no_praise() -> None:
    """One whose runs looked good, but not surely so, says that it stayed uncertain."""
    did = "on 24 runs of its own train tasks, against what they score again without it"
    assert why_not(Screening(gain=0.03, runs=24, evidence=-math.log(4)), RULE) == (
        f"alone it gained too little: +3 points {did}"
    )
    assert why_not(Screening(gain=0.18, runs=24, evidence=math.log(4.5)), RULE) == (
        f"alone it stayed uncertain after the most runs: +18 points {did}; "
        "help explains that 4.5 times better than luck (help is believed at 5 times)"
    )
    assert why_not(Screening(gain=0.1, runs=24, evidence=-math.log(2.5)), RULE).endswith(
        "luck explains that 2.5 times better than help (help is believed at 5 times)"
    )


def test_what_could_not_be_measured_is_left_to_the_gate() -> None:
    assert screened([("a", None), ("b", None)], {"a": 0.2, "b": 0.2}, RULE) is None
    assert verdict(None, 1, RULE) == "keep"


def test_an_edit_is_credited_with_what_it_does_beyond_the_control() -> None:
    found = screened([("a", 1.0), ("a", None), ("b", 0.5)], {"a": 0.25, "b": 0.5}, RULE)
    assert found is not None
    assert (found.gain, found.runs) == (pytest.approx(0.375), 2)
    # A pass is (q + (1 - q) / 2) / q times likelier when half of what fails is mended, a failure half as likely.
    assert found.evidence == pytest.approx(math.log(0.625 / 0.25) + 0.5 * math.log(0.75 / 0.5) + 0.5 * math.log(0.5))


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=9), st.floats(0, 1), st.floats(0, 1))
def test_the_more_often_a_task_passes_by_itself_the_less_its_passes_prove(
    values: list[float], one: float, other: float
) -> None:
    low, high = sorted((one, other))
    runs = [("a", v) for v in values]
    few, many = screened(runs, {"a": low}, RULE), screened(runs, {"a": high}, RULE)
    assert few is not None
    assert many is not None
    assert few.evidence >= many.evidence - 1e-9


def test_a_task_is_taken_to_do_what_all_do_until_it_is_known() -> None:
    assert without_it({}, {}) == {}
    assert without_it({"a": [None], "b": []}, {}) == {"a": 0.25, "b": 0.25}
    usual = (2 + 0 + 0.25 * 4) / 7
    found = without_it({"a": [1.0, None, 1.0], "b": [0.0]}, {"b": [0.0, 0.0, 1.0]})
    assert found == {"a": pytest.approx((2 + 8 * usual) / 10), "b": pytest.approx((1 + 8 * usual) / 12)}


@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(st.none() | SHARES, max_size=4)),
    st.dictionaries(st.sampled_from("abc"), st.lists(SHARES, max_size=4)),
)
def test_what_a_task_does_is_a_share(control: dict[str, list[float | None]], others: dict[str, list[float]]) -> None:
    found = without_it(control, others)
    assert set(found) == set(control)
    assert all(0 <= q <= 1 for q in found.values())


def test_an_edit_runs_on_its_own_failed_evidence() -> None:
    assert sorted(tasks_of(["a", "b", "passed"], ["a", "b", "c"], RULE, seed=1)) == ["a", "b"]


def test_without_any_it_runs_on_what_failed() -> None:
    assert sorted(tasks_of([], ["a", "b", "c"], RULE, seed=1)) == ["a", "b", "c"]
    assert tasks_of(["a"], [], RULE, seed=1) == []


def test_of_much_evidence_an_edit_runs_on_as_many_tasks_as_a_look_has_runs() -> None:
    """So that each is run often enough to tell what the edit does there from luck."""
    many = [f"t{n}" for n in range(20)]
    chosen = tasks_of(many[:10], many, RULE, seed=1)
    assert len(set(chosen)) == RULE.runs
    assert set(chosen) <= set(many[:10])
    assert tasks_of(many[:10], many, RULE, seed=1) == chosen != tasks_of(many[:10], many, RULE, seed=2)


def test_what_passes_again_by_itself_is_left_out() -> None:
    control: dict[str, list[float | None]] = {"a": [1.0], "b": [0.0], "c": [None], "d": [1.0, 0.5], "e": [1.0, None]}
    assert still_failing(["a", "b", "c", "d", "e", "f"], control) == ["b", "c", "d", "f"]
    assert still_failing(["a", "e"], control) == ["a", "e"]  # there is nothing else to run it on


def test_what_seems_to_do_nothing_counts_as_a_run_without_any() -> None:
    def shows(evidence: float) -> Screening:
        return Screening(gain=0.0, runs=4, evidence=evidence)

    assert [idle(s) for s in (None, shows(-3.0), shows(math.log(4)), shows(1.5))] == [False, True, True, False]
    assert [promising(s) for s in (None, shows(-0.1), shows(0.0), shows(0.1))] == [False, False, False, True]


@given(st.lists(st.text(max_size=3), unique=True, max_size=12), st.integers(0, 40), st.integers(0, 3))
def test_every_sample_is_another_one(ids: list[str], runs: int, seed: int) -> None:
    plan = spread(ids, runs, seed=seed)
    assert len(plan) == len(set(plan)) == (runs if ids else 0)
    assert plan == spread(ids[::-1], runs, seed=seed)
    counts = [sum(task == i for task, _ in plan) for i in ids]
    assert not counts or max(counts) - min(counts) <= 1


def test_a_group_that_is_large_enough_is_gated_at_once() -> None:
    good = Screening(gain=0.5, runs=4, evidence=5.0)
    assert [worth([good] * n, RULE) for n in (1, 5, 6)] == [False, False, True]
    assert worth([good, None], RULE)  # what could not be measured alone waits for nothing
    assert worth([good], ScreenRule(company=1))


def test_edits_that_do_to_the_tasks_what_an_edit_does_make_it_a_repeat() -> None:
    alone: list[tuple[str, float | None]] = [("a", 1.0), ("b", 1.0), ("a", 1.0), ("b", 1.0)]
    without = {"a": 0.2, "b": 0.2}
    assert repeats([("a", 1.0), ("b", 1.0)], alone, without) == "reject"
    assert repeats([("a", 0.0)], alone, without) == "keep"
    assert repeats([("a", 1.0), ("b", 0.0)], alone, without) == "keep"
    assert repeats([("a", None), ("b", None)], alone, without) == "more"  # nothing was measured
    assert repeats([("a", 1.0), ("b", 1.0)], [("a", None)], without) == "more"
    assert repeats([("a", 1.0), ("b", 1.0)], [("a", 0.0), ("b", 0.0)], without) == "more"  # it does nothing itself


def test_an_edit_that_helps_beside_the_others_is_no_repeat() -> None:
    half: list[tuple[str, float | None]] = [("a", 1.0), ("a", 0.0), ("b", 1.0), ("b", 0.0)]
    assert adds([("a", 1.0), ("b", 1.0), ("a", 1.0)], half, RULE) == "keep"
    assert adds([("a", 0.0)], half, RULE) == "more"
    assert adds([("a", 0.0), ("b", 0.0), ("a", 0.0)], half, RULE) == "reject"
    assert adds([("a", None)], half, RULE) == "keep"  # it could not be measured: the gate decides


RUNS = st.lists(st.tuples(st.sampled_from("ab"), st.none() | SHARES), max_size=8)


@given(RUNS, RUNS, st.fixed_dictionaries({"a": SHARES, "b": SHARES}))
def test_repeats_are_judged_whatever_the_runs(
    beside: list[tuple[str, float | None]], alone: list[tuple[str, float | None]], without: dict[str, float]
) -> None:
    assert repeats(beside, alone, without) in ("keep", "reject", "more")
    assert repeats([], alone, without) == "more"
    assert adds(beside, alone, RULE) in ("keep", "reject", "more")
