import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from skillopt_ci.core.stats import confidence_better, harmonic_runs, plus_two, wilson_like

DIFFERENCES = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]) | st.floats(-1, 1), min_size=1, max_size=60)


@given(DIFFERENCES, st.sampled_from([1, 2, 4, 8, 2.5]), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_plus_two_is_the_z_interval_of_the_tasks_and_two_pseudo_tasks(
    differences: list[float], runs: float, confidence: float
) -> None:
    from scipy.stats import norm

    c = 1 / math.sqrt(runs)
    n = len(differences) + 2
    m = sum([*differences, c, -c]) / n
    v = sum(d * d for d in [*differences, c, -c]) / n - m * m
    half = norm.ppf(0.5 + confidence / 2) * math.sqrt(v / n)
    effect = plus_two(differences, runs=runs, confidence=confidence)
    assert effect is not None
    assert effect.low == pytest.approx(max(-1, m - half), abs=1e-9)
    assert effect.high == pytest.approx(min(1, m + half), abs=1e-9)
    assert effect.mean == pytest.approx(sum(differences) / len(differences), abs=1e-12)
    assert effect.confidence == confidence
    assert -1 <= effect.low < effect.high <= 1


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_at_one_run_it_is_the_interval_of_bonett_and_price(gained: int, lost: int, tied: int) -> None:
    from scipy.stats import norm

    assume(gained + lost + tied)
    n = gained + lost + tied + 2
    p12, p21 = (gained + 1) / n, (lost + 1) / n  # Bonett & Price 2012, Laplace-adjusted shares of discordant pairs
    half = norm.ppf(0.975) * math.sqrt((p12 + p21 - (p12 - p21) ** 2) / n)
    effect = plus_two([1.0] * gained + [-1.0] * lost + [0.0] * tied, runs=1)
    assert effect is not None
    assert (effect.low, effect.high) == pytest.approx((max(-1, p12 - p21 - half), min(1, p12 - p21 + half)))


def test_all_ties_at_twenty_tasks_give_12_6_points_either_way() -> None:
    effect = plus_two([0.0] * 20, runs=1)
    assert effect is not None
    assert effect.mean == 0
    assert round(100 * effect.high, 1) == 12.6
    assert effect.low == -effect.high


@given(DIFFERENCES, st.sampled_from([1, 4]))
def test_confidence_agrees_with_the_interval(differences: list[float], runs: int) -> None:
    confidence = confidence_better(differences, runs=runs)
    effect = plus_two(differences, runs=runs, confidence=0.9)
    other = confidence_better([-d for d in differences], runs=runs)
    assert confidence is not None
    assert effect is not None
    assert other == pytest.approx(1 - confidence)
    assert (effect.low > 0) == (confidence > 0.95) or confidence == pytest.approx(0.95)


@given(st.integers(1, 80), st.data(), st.sampled_from([0.8, 0.95]))
def test_wilson_is_scipys_for_yes_and_no(n: int, data: st.DataObject, confidence: float) -> None:
    from scipy.stats import binomtest

    k = data.draw(st.integers(0, n))
    wanted = binomtest(k, n).proportion_ci(confidence_level=confidence, method="wilson")
    assert wilson_like([1.0] * k + [0.0] * (n - k), confidence=confidence) == pytest.approx(tuple(wanted), abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_wilson_of_scores_holds_the_mean(values: list[float]) -> None:
    interval = wilson_like(values)
    assert interval is not None
    assert 0 <= interval[0] <= math.fsum(values) / len(values) + 1e-12
    assert math.fsum(values) / len(values) - 1e-12 <= interval[1] <= 1


def test_nothing_measured_is_none() -> None:
    assert plus_two([], runs=1) is None
    assert confidence_better([], runs=1) is None
    assert wilson_like([]) is None


def test_harmonic_runs() -> None:
    assert harmonic_runs(1, 1) == 1
    assert harmonic_runs(8, 4) == pytest.approx(2 * 8 * 4 / 12)
