import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.attribution import AGAIN
from skillopt_ci.core.screening import (
    Screening,
    ScreenRule,
    Trial,
    again,
    chosen,
    gain_of,
    promises_most,
    spread,
    tasks_of,
    verdict,
    why_not,
    worth,
)

RULE = ScreenRule(runs=3, odds=50, company=6)
TAKEN = {"a": AGAIN, "b": 0.5, "c": 0.8}
EDITS = st.sets(st.sampled_from([0, 1, 2, 3])).map(frozenset)
TRIALS = st.lists(st.tuples(st.sampled_from("abc"), EDITS, st.none() | st.floats(0, 1)), max_size=12)


def trial(task: str, present: set[int], value: float | None) -> Trial:
    return task, frozenset(present), value


@pytest.mark.parametrize(
    ("evidence", "first", "last"),
    [
        (math.log(50), "keep", "keep"),
        (math.log(49), "more", "keep"),
        (math.log(8), "more", "keep"),  # after the last run less is enough
        (math.log(7.9), "more", "reject"),
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
    did = "on 24 runs of its own train tasks, against what they score again without it (taken as 25 to begin with)"
    assert why_not(Screening(gain=0.03, runs=24, evidence=-math.log(4)), RULE) == (
        f"it gained too little: +3 points {did}; luck, or other edits, explain it better"
    )
    assert why_not(Screening(gain=-0.03, runs=24, evidence=-math.log(4)), RULE) == (
        f"it gained too little: -3 points {did}"
    )
    assert why_not(Screening(gain=0.18, runs=24, evidence=math.log(4.5)), RULE) == (
        f"it stayed uncertain after the most runs: +18 points {did}; "
        "help explains that 4.5 times better than luck (help is believed at 8 times)"
    )
    assert why_not(Screening(gain=0.1, runs=24, evidence=-math.log(1.2)), RULE).endswith(
        "luck explains that 1.2 times better than help (help is believed at 8 times)"
    )


def test_what_could_not_be_measured_is_left_to_the_gate() -> None:
    assert gain_of(0, [trial("a", {0}, None), trial("a", {1}, 1.0)], TAKEN) is None
    assert verdict(None, last=False, rule=RULE) == "keep"


def test_a_gain_is_counted_task_by_task_beside_the_runs_without_the_edit() -> None:
    """What a task does without starts from three runs with the score that it is taken to have."""
    runs = [
        trial("a", {0}, 1.0),
        trial("a", {0, 1}, None),
        trial("b", {0, 1}, 0.5),
        trial("b", {1}, 0.5),
        trial("b", set(), None),
        trial("c", set(), 1.0),  # the edit was never tried on it
    ]
    found, same = gain_of(0, runs, TAKEN), gain_of(0, runs, {**TAKEN, "b": AGAIN})
    assert found is not None
    assert same is not None
    assert (found.gain, found.runs) == (pytest.approx((1 - 0.75 / 3 + 0.5 - 2.0 / 4) / 2), 2)
    assert (same.gain, same.runs) == (pytest.approx((1 - 0.75 / 3 + 0.5 - 1.25 / 4) / 2), 2)
    assert (found.taken, same.taken) == (pytest.approx((AGAIN + 0.5) / 2), AGAIN)
    assert "(taken as 38 to begin with)" in why_not(found, RULE)


def test_a_failed_task_is_taken_to_score_what_it_scored_and_a_quarter_at_least() -> None:
    assert [again(v) for v in (0.0, 0.2, 0.25, 0.6, 1.0)] == [AGAIN, AGAIN, 0.25, 0.6, 0.95]


@given(TRIALS, st.sampled_from("abc"))
def test_the_more_often_a_task_passes_without_an_edit_the_less_it_gains(runs: list[Trial], task: str) -> None:
    now, less = gain_of(0, runs, TAKEN), gain_of(0, [*runs, trial(task, {1}, 1.0)], TAKEN)
    assert (now is None) == (less is None)
    if now and less:
        assert less.runs == now.runs == sum(v is not None and 0 in present for _, present, v in runs)
        assert -1 <= less.gain <= now.gain <= 1


@given(TRIALS, st.integers(0, 3))
def test_an_edit_stands_in_the_text_about_as_often_as_not(runs: list[Trial], seed: int) -> None:
    """Whatever was run before, it is level after a few runs and stays so."""
    many = [*runs]
    for _ in range(len(runs) + 1):
        many.append(("a", chosen("a", [0, 1, 2, 3], many, seed=seed), 1.0))
    own = [present for task, present, _ in many if task == "a"]
    assert all(abs(2 * sum(e in p for p in own) - len(own)) <= 1 for e in range(4))


@given(st.integers(2, 9), st.integers(0, 99), st.text("ab", max_size=3))
def test_the_first_run_has_some_of_the_edits_and_the_second_the_others(n: int, seed: int, task: str) -> None:
    edits = list(range(n))
    some = chosen(task, edits, [], seed=seed)
    assert chosen(task, edits[::-1], [], seed=seed) == some
    assert chosen(task, edits, [(task, some, None)], seed=seed) == frozenset(edits) - some  # a result or none
    assert chosen(task, edits, [("other", some, 1.0)], seed=seed) == some
    assert chosen(task, [], [], seed=seed) == frozenset()


def test_the_only_edit_of_a_task_is_tried_first() -> None:
    first = chosen("t", [3], [], seed=1)
    assert first == {3}
    assert chosen("t", [3], [("t", first, 1.0)], seed=1) == frozenset()
    assert chosen("t", [3], [("t", first, 1.0), ("t", frozenset(), 0.0)], seed=1) == {3}


def test_any_edits_of_a_task_meet() -> None:
    seen = {chosen("t", [0, 1], [], seed=n) for n in range(40)}
    assert seen == {frozenset(), frozenset([0]), frozenset([1]), frozenset([0, 1])}
    large = [len(chosen("t", list(range(6)), [], seed=n)) for n in range(200)]
    assert 2.7 < sum(large) / len(large) < 3.3


def test_every_task_has_its_own_lot() -> None:
    edits = list(range(6))
    assert len({chosen(f"t{n}", edits, [], seed=1) for n in range(20)}) > 5
    assert len({chosen("t", edits, [], seed=n) for n in range(20)}) > 5


def test_the_next_run_is_of_the_task_that_promises_most() -> None:
    factors = {"b": 0.5, "a": 2.0, "c": 2.0}
    runs = [trial("b", {0}, 0.0), trial("a", {0}, 1.0), trial("c", {0}, 1.0)]
    assert promises_most(factors, runs) == "a"  # the first of two that are as good
    assert promises_most(factors, [*runs, trial("a", {1}, 0.0)]) == "c"  # which was run less
    unknown = [trial("b", {0}, 0.0), trial("a", {0}, None), trial("c", {0}, None)]
    assert promises_most(factors, unknown) == "b"  # the others gave no result
    assert promises_most(factors, [trial("a", {0}, None), trial("b", {0}, None), trial("c", {0}, None)]) == "a"


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
    assert worth([good, None], RULE)  # what could not be measured waits for nothing
    assert worth([good], ScreenRule(company=1))
