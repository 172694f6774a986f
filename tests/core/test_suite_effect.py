import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.runs import paired
from skillopt_ci.core.suite_effect import flip_rate, moments, projected_se, run_variance, suite_effect

SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 1.0])
TASKS = st.lists(
    st.tuples(st.lists(SCORES, min_size=1, max_size=8), st.lists(SCORES, min_size=1, max_size=4)),
    min_size=1,
    max_size=9,
)


@given(TASKS)
def test_the_formula(both: list[tuple[list[float], list[float]]]) -> None:
    found = moments(both)
    assert found is not None
    expected = sum(statistics.fmean(h) - statistics.fmean(b) for b, h in both) / len(both)
    noise = sum(statistics.variance([*b, *h]) * (1 / len(b) + 1 / len(h)) for b, h in both)
    assert found.difference == pytest.approx(expected, abs=1e-12)
    assert found.se == pytest.approx(math.sqrt(noise) / len(both), abs=1e-9)
    assert projected_se(both, 16) <= found.se + 1e-12


def test_ties_have_no_noise_but_an_interval() -> None:
    found = moments(paired([[0.1] * 8] * 20, [[0.1]] * 20))
    assert found is not None
    assert found.se == 0.0
    effect = suite_effect([[0.1] * 8] * 20, [[0.1]] * 20)
    assert effect is not None
    assert effect.mean == pytest.approx(0, abs=1e-12)
    assert effect.high == pytest.approx(-effect.low)
    assert effect.high == pytest.approx(1.96 * 0.5 * math.sqrt(9 / 8) / 20, rel=1e-3)
    repeated = suite_effect([[0.1] * 8] * 20, [[0.1] * 4] * 20)
    assert repeated is not None
    assert repeated.high == pytest.approx(1.96 * 0.5 * math.sqrt(1 / 8 + 1 / 4) / 20, rel=1e-3)


def test_the_interval_is_a_little_wider_than_the_noise() -> None:
    base, head = [[1.0, 0.0, 1.0, 1.0]] * 10, [[0.0, 1.0]] * 10
    found, effect = moments(paired(base, head)), suite_effect(base, head)
    assert found is not None
    assert effect is not None
    half = (effect.high - effect.low) / 2
    assert 1.96 * found.se < half < 1.2 * 1.96 * found.se
    assert effect.confidence == 0.95


def test_an_interval_stays_among_possible_effects() -> None:
    effect = suite_effect([[1.0, 1.0]], [[0.0, 0.0]])
    other = suite_effect([[0.0, 0.0]], [[1.0, 1.0]])
    assert effect is not None
    assert other is not None
    assert (effect.low, other.high) == (-1.0, 1.0)


def test_nothing_measured_says_nothing() -> None:
    assert moments([]) is None
    assert suite_effect([[None]], [[1.0]]) is None
    assert projected_se([], 4) == 0.0


def test_noise_of_repeated_runs() -> None:
    assert run_variance([[1.0, 0.0], [1.0, 1.0], [0.5], []]) == pytest.approx(0.25)
    assert run_variance([[1.0], [None, 1.0]]) is None
    assert flip_rate([1.0, 0.0, None, 1.0]) == pytest.approx(2 / 3)
    assert flip_rate([0.3, 0.3]) == 0.0
    assert flip_rate([1.0, None]) is None
