import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.screening import LOOKS, Screening, ScreenRule, screened, spread, tasks_of, verdict

RULE = ScreenRule()


@pytest.mark.parametrize(
    ("gain", "first", "second"),
    [
        (1.0, "keep", "keep"),
        (0.75, "keep", "keep"),
        (0.625, "more", "keep"),
        (0.5, "more", "keep"),
        (0.375, "more", "weak"),
        (0.25, "weak", "weak"),
        (0.125, "reject", "reject"),
        (0.0, "reject", "reject"),
        (-0.5, "reject", "reject"),
    ],
)
def test_the_first_look_decides_clear_cases_and_the_second_the_rest(gain: float, first: str, second: str) -> None:
    assert verdict(Screening(gain=gain, runs=4), 1, RULE) == first
    assert verdict(Screening(gain=gain, runs=8), 2, RULE) == second


def test_what_could_not_be_measured_is_left_to_the_gate() -> None:
    assert screened([None, None], [0.0, 0.0]) is None
    assert verdict(None, 1, RULE) == "keep"


def test_the_gain_counts_from_what_the_task_scored_before() -> None:
    assert screened([1.0, None, 0.5, 0.0], [0.5, 0.0, 0.5, 0.25]) == Screening(gain=(0.5 + 0 - 0.25) / 3, runs=3)
    assert screened([1.0], [0.0, 0.0]) == Screening(gain=1.0, runs=1)


def test_an_edit_runs_on_its_own_failed_evidence() -> None:
    plan = tasks_of(["a", "b", "passed"], ["a", "b", "c"], RULE, seed=1)
    assert [task for task, _ in plan[:2]] in (["a", "b"], ["b", "a"])
    assert [n for _, n in plan] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert {task for task, _ in plan} == {"a", "b"}


def test_without_any_it_runs_on_what_failed() -> None:
    assert {task for task, _ in tasks_of([], ["a", "b", "c"], RULE, seed=1)} == {"a", "b", "c"}
    assert tasks_of(["a"], [], RULE, seed=1) == []


@given(st.lists(st.text(max_size=3), unique=True, max_size=12), st.integers(0, 4), st.integers(0, 3))
def test_every_sample_is_another_one(ids: list[str], runs: int, seed: int) -> None:
    rule = ScreenRule(runs=runs)
    plan = spread(ids, rule, seed=seed)
    assert len(plan) == len(set(plan)) == (rule.most_runs if ids else 0) == (LOOKS * runs if ids else 0)
    assert plan == spread(ids[::-1], rule, seed=seed)
    counts = [sum(task == i for task, _ in plan) for i in ids]
    assert not counts or max(counts) - min(counts) <= 1
