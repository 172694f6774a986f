import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.golden import armed, golden_state, passes


@pytest.mark.parametrize(
    ("passed", "failed", "missing", "expected"),
    [
        (8, 0, 0, True),
        (7, 1, 0, True),
        (6, 2, 0, False),
        (7, 0, 1, True),
        (3, 0, 0, False),
        (14, 2, 0, True),
        (13, 3, 0, False),
        (0, 0, 0, False),
    ],
)
def test_armed_where_the_base_passes_seven_of_eight(passed: int, failed: int, missing: int, expected: bool) -> None:
    runs = [True] * passed + [False] * failed + [None] * missing
    assert armed(runs) is expected
    assert passes(runs) == passed


@pytest.mark.parametrize(
    ("head", "state"),
    [
        ([], "rerun"),
        ([True], "held"),
        ([True, False, False, False], "held"),
        ([False], "rerun"),
        ([False, False, False, False], "broken"),
        ([False, False, True, False], "broken"),
        ([False, True, True, False], "held"),
        ([False, False, False], "broken"),
        ([False, None, None, None], "not-measured"),
        ([False, False, None, True], "not-measured"),
        ([None], "rerun"),
        ([None, True, True], "held"),
        ([None, False, False, False], "broken"),
        ([False, True, False, True, False], "held"),
    ],
)
def test_one_failure_is_rerun_and_three_of_four_are_believed(head: list[bool | None], state: str) -> None:
    assert golden_state(head) == state


@given(st.floats(0, 1))
def test_the_stated_chance_to_be_called_broken(p: float) -> None:
    q = 1 - p
    chance = 0.0
    for runs in itertools.product([True, False], repeat=4):
        weight = 1.0
        for run in runs:
            weight *= p if run else q
        chance += weight * (golden_state(runs) == "broken")
    assert chance == pytest.approx(q * (3 * q**2 - 2 * q**3), abs=1e-12)
