import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.screening import (
    Screening,
    ScreenRule,
    adds,
    next_places,
    promising,
    repeats,
    screened,
    spread,
    tasks_of,
    verdict,
    why_not,
    without_it,
    worth,
)

RULE = ScreenRule(runs=3, odds=50, company=6)
SHARES = st.floats(0, 1)
ROWS = st.dictionaries(st.sampled_from("abc"), st.lists(st.none() | SHARES, max_size=4))


@pytest.mark.parametrize(
    ("evidence", "first", "last"),
    [
        (math.log(50), "keep", "keep"),
        (math.log(49), "more", "keep"),
        (math.log(5), "more", "keep"),  # after the last run less is enough
        (math.log(4.9), "more", "reject"),
        (0.0, "more", "reject"),
        (-math.log(1.49), "more", "reject"),
        (-math.log(1.5), "reject", "reject"),
    ],
)
def test_clear_cases_end_at_once_and_unclear_ones_are_run_again(evidence: float, first: str, last: str) -> None:
    found = Screening(gain=0.1, runs=4, evidence=evidence)
    assert (verdict(found, last=False, rule=RULE), verdict(found, last=True, rule=RULE)) == (first, last)


def test_odds_below_what_is_enough_at_the_end_hold_there_too() -> None:
    found = Screening(gain=0.1, runs=4, evidence=math.log(3))
    assert verdict(found, last=True, rule=ScreenRule(odds=3)) == "keep"


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
    assert why_not(Screening(gain=0.1, runs=24, evidence=-math.log(1.2)), RULE).endswith(
        "luck explains that 1.2 times better than help (help is believed at 5 times)"
    )


def test_what_could_not_be_measured_is_left_to_the_gate() -> None:
    assert screened([("a", None), ("b", None)], {}, RULE) is None
    assert verdict(None, last=False, rule=RULE) == "keep"


def test_an_edit_is_credited_with_what_it_does_beyond_the_control() -> None:
    found = screened([("a", 1.0), ("a", None), ("b", 0.5)], {"b": [0.5, None]}, RULE)
    assert found is not None
    assert (found.gain, found.runs) == (pytest.approx((1 - 0.25 + 0.5 - 1.25 / 4) / 2), 2)


def test_the_evidence_is_a_bayes_factor_task_by_task() -> None:
    """Counted out for a task that passed twice with the edit and failed once without, and one that failed with it."""

    def mended(passed: int, failed: int, failed_without: int) -> float:
        # A quarter of what fails passes again, as if three had been run: a beta distribution, in ten parts.
        rates = [(n + 0.5) / 10 for n in range(10)]
        prior = [q ** (0.75 - 1) * (1 - q) ** (2.25 - 1) * (1 - q) ** failed_without for q in rates]
        helped = [q + 0.5 * (1 - q) for q in rates]
        with_it = sum(w * p**passed * (1 - p) ** failed for w, p in zip(prior, helped, strict=True))
        return with_it / sum(w * q**passed * (1 - q) ** failed for w, q in zip(prior, rates, strict=True))

    a, b = mended(2, 0, 1), mended(0, 1, 0)
    assert (a > 4, b < 0.6) == (True, True)
    expected = sum((part * a + 1 - part) * (part * b + 1 - part) for part in (0.25, 0.5, 0.75, 1)) / 4
    found = screened([("a", 1.0), ("b", 0.0), ("a", 1.0)], {"a": [0.0]}, RULE)
    assert found is not None
    assert found.evidence == pytest.approx(math.log(expected))


RUNS = st.lists(st.tuples(st.sampled_from("ab"), st.none() | SHARES), max_size=8)


@given(RUNS, ROWS, st.sampled_from("ab"))
def test_a_pass_speaks_for_an_edit_and_a_failure_against_it(
    runs: list[tuple[str, float | None]], control: dict[str, list[float | None]], task: str
) -> None:
    now = screened(runs, control, RULE)
    evidence = now.evidence if now else 0.0
    better, worse = (screened([*runs, (task, v)], control, RULE) for v in (1.0, 0.0))
    assert better is not None
    assert worse is not None
    assert worse.evidence - 1e-9 <= evidence <= better.evidence + 1e-9


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=9), st.integers(0, 9), st.integers(0, 9))
def test_the_more_often_a_task_passes_by_itself_the_less_its_passes_prove(
    values: list[float], one: int, other: int
) -> None:
    low, high = sorted((one, other))
    runs = [("a", v) for v in values]
    few, many = (screened(runs, {"a": [1.0] * n + [0.0] * (9 - n)}, RULE) for n in (low, high))
    assert few is not None
    assert many is not None
    assert few.gain >= many.gain
    assert few.evidence >= many.evidence - 1e-9


def test_an_edit_that_mends_a_part_of_its_tasks_is_not_lost_among_the_others() -> None:
    """As where most of them need something else, too."""
    runs: list[tuple[str, float | None]] = [("a", 1.0)] * 4 + [("b", 0.0), ("c", 0.0), ("d", 0.0)]
    found = screened(runs, {"a": [0.0, 0.0]}, RULE)
    assert found is not None
    assert found.evidence > math.log(2)


def test_what_a_task_does_without_an_edit_starts_from_what_failed_tasks_do() -> None:
    assert without_it([], {"a": [1.0]}) == {}
    found = without_it(["a", "b", "c"], {"a": [1.0, None, 1.0], "b": [0.0], "c": [None]})
    assert found == {"a": pytest.approx(2.75 / 5), "b": pytest.approx(0.75 / 4), "c": 0.25}


@given(ROWS)
def test_what_a_task_does_is_a_share(control: dict[str, list[float | None]]) -> None:
    found = without_it("abc", control)
    assert set(found) == set("abc")
    assert all(0 <= q <= 1 for q in found.values())


def test_the_first_look_is_at_every_task_and_the_next_at_the_one_that_promises_most() -> None:
    assert next_places(["b", "a"], [], {}, RULE) == [("b", 0), ("a", 0)]
    assert next_places([], [], {}, RULE) == []
    runs: list[tuple[str, float | None]] = [("b", 0.0), ("a", 1.0), ("c", 1.0)]
    assert next_places(["b", "a", "c"], runs, {}, RULE) == [("a", 1)]  # the first of two that are as good
    assert next_places(["b", "a", "c"], runs, {"a": [1.0]}, RULE) == [("c", 1)]  # a passes by itself
    assert next_places(["b", "a"], [("b", None), ("a", 0.0)], {}, RULE) == [("a", 1)]  # b gave no result
    assert next_places(["b", "a"], [("b", None), ("a", None), ("b", None)], {}, RULE) == [("a", 1)]


def test_an_edit_runs_on_its_own_failed_evidence() -> None:
    assert sorted(tasks_of(["a", "b", "passed"], ["a", "b", "c"], RULE, seed=1)) == ["a", "b"]


def test_without_any_it_runs_on_what_failed() -> None:
    assert sorted(tasks_of([], ["a", "b", "c"], RULE, seed=1)) == ["a", "b", "c"]
    assert tasks_of(["a"], [], RULE, seed=1) == []


def test_of_much_evidence_an_edit_runs_on_no_more_tasks_than_it_may() -> None:
    """So that each is run often enough to tell what the edit does there from luck."""
    many = [f"t{n}" for n in range(20)]
    chosen = tasks_of(many[:10], many, RULE, seed=1)
    assert len(set(chosen)) == RULE.runs
    assert set(chosen) <= set(many[:10])
    assert tasks_of(many[:10], many, RULE, seed=1) == chosen != tasks_of(many[:10], many, RULE, seed=2)


def test_only_what_looks_better_than_luck_is_promising() -> None:
    def shows(evidence: float) -> Screening:
        return Screening(gain=0.0, runs=4, evidence=evidence)

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
    assert adds([("a", 1.0), ("b", 1.0), ("a", 1.0)], half) == "keep"
    assert adds([("a", 0.0)], half) == "more"
    assert adds([("a", 0.0), ("b", 0.0), ("a", 0.0)], half) == "reject"
    assert adds([("a", None)], half) == "keep"  # it could not be measured: the gate decides


@given(RUNS, RUNS, st.fixed_dictionaries({"a": SHARES, "b": SHARES}))
def test_repeats_are_judged_whatever_the_runs(
    beside: list[tuple[str, float | None]], alone: list[tuple[str, float | None]], without: dict[str, float]
) -> None:
    assert repeats(beside, alone, without) in ("keep", "reject", "more")
    assert repeats([], alone, without) == "more"
    assert adds(beside, alone) in ("keep", "reject", "more")
