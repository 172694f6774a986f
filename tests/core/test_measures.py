from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.measures import MOST, Measure, measures
from skillopt_ci.core.rollout import Check, Score

CHECKS = st.lists(st.tuples(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), st.booleans()), max_size=30)


def score(*checks: tuple[str, bool], value: float = 0.5) -> Score:
    listed = tuple(Check(text=text, passed=passed, evidence="") for text, passed in checks)
    return Score(value=value, passed=False, why="", hint="", checks=listed)


def test_a_task_is_read_by_the_checks_that_failed() -> None:
    failed = score(("a", True), ("b", False), ("c", False))
    assert measures("t", failed) == (Measure("t", "b"), Measure("t", "c"))
    later = score(("a", False), ("b", True), ("c", False), value=0.25)
    assert [m.of(later) for m in measures("t", failed)] == [1.0, 0.0]


def test_one_check_says_no_more_than_the_score() -> None:
    """Which may be partial where the check is met or not."""
    assert measures("t", score(("a", False))) == measures("t", score()) == (Measure("t"),)
    assert Measure("t").of(score(("a", False), value=0.75)) == 0.75


def test_a_run_that_was_not_looked_at_shows_its_score() -> None:
    """An empty answer has no checks."""
    assert Measure("t", "a").of(score(value=0.0)) == 0.0
    assert Measure("t", "a").of(score(("b", True), value=0.25)) == 0.25


def test_a_check_that_stands_there_twice_holds_where_both_do() -> None:
    assert measures("t", score(("a", True), ("a", False))) == (Measure("t", "a"),)
    assert Measure("t", "a").of(score(("a", True), ("a", False))) == 0.0


def test_a_long_list_is_read_to_its_twentieth_failed_check() -> None:
    """The ninth as well as the first; `docs/training.md` says where it ends."""
    failed = score(("held", True), *((f"k{n}", False) for n in range(25)))
    assert [m.check for m in measures("t", failed)] == [f"k{n}" for n in range(20)]


@given(CHECKS, CHECKS)
def test_there_is_always_something_to_read_and_it_can_always_be_read(
    failed: list[tuple[str, bool]], later: list[tuple[str, bool]]
) -> None:
    found = measures("t", score(*failed))
    assert 1 <= len(found) == len(set(found)) <= MOST
    assert all(0 <= m.of(score(*later)) <= 1 for m in found)
    if len(failed) > 1 and found[0].check is not None:
        assert all(m.of(score(*failed)) == 0 for m in found)
