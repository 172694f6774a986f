import math
import random

import pytest

from skillopt_ci.core.calibrate import Golden, calibrate, shrunken
from skillopt_ci.core.merge_gate import MergeRule


def noisy(n: int, seed: int = 1) -> list[list[float | None]]:
    source = random.Random(seed)
    shares = [source.betavariate(0.7, 0.3) for _ in range(n)]
    return [[float(source.random() < p) for _ in range(12)] for p in shares]


def test_a_noisy_suite_rarely_blocks_what_did_not_change_and_mostly_what_lost_ten_points() -> None:
    found = calibrate(noisy(40), MergeRule(), gates=150)
    assert found.unchanged.loss == 0
    assert found.unchanged.regression <= 0.12
    assert [c.loss for c in found.losses] == [0.05, 0.1]
    assert found.losses[1].regression > found.losses[0].regression > found.unchanged.regression
    assert found.losses[1].regression > 0.6
    for c in (found.unchanged, *found.losses):
        assert c.regression + c.passed + c.inconclusive == pytest.approx(1)
        assert 1 <= c.rounds <= 4
    assert found.variance == pytest.approx(0.11, abs=0.05)
    assert len(found.flip_rates) == 40
    assert found.power.wanted == 0.05
    assert found.power.tasks is not None
    assert found.power.tasks > 40


def test_the_same_seed_gives_the_same_figures() -> None:
    rows = noisy(10)
    assert calibrate(rows, MergeRule(), gates=20) == calibrate(rows, MergeRule(), gates=20)
    assert calibrate(rows, MergeRule(), gates=20) != calibrate(rows, MergeRule(), gates=20, seed=1)


def test_a_target_without_noise_never_blocks_and_takes_one_round() -> None:
    rows: list[list[float | None]] = [[1.0] * 12] * 15 + [[0.0] * 12] * 5
    found = calibrate(rows, MergeRule(margin=0.1), gates=50)
    assert (found.unchanged.passed, found.unchanged.rounds) == (1.0, 1.0)
    assert found.variance == 0.0
    assert set(found.flip_rates) == {0.0}


def test_three_tasks_and_missing_runs() -> None:
    rows: list[list[float | None]] = [[1.0, 0.0, None], [1.0], [None]]
    found = calibrate(rows, MergeRule(), base_runs=1, gates=10)
    assert found.flip_rates == (1.0, None, None)
    assert found.unchanged.gates == 10


def test_losses_the_suite_does_not_have_are_left_out() -> None:
    rows: list[list[float | None]] = [[0.0] * 12] * 19 + [[1.0] * 12]
    assert [c.loss for c in calibrate(rows, MergeRule(), gates=5).losses] == [0.05]
    assert calibrate([[0.0] * 12] * 5, MergeRule(), gates=5).losses == ()


def test_a_suite_without_repeats_is_taken_as_it_is() -> None:
    found = calibrate([[1.0], [0.0], [1.0]], MergeRule(), gates=5)
    assert found.variance is None
    assert found.unchanged.passed == 1.0


def test_shrinking_is_the_beta_binomial_posterior_mean() -> None:
    rows = [[v for v in row if v is not None] for row in noisy(2000, seed=4)]
    urns = shrunken(rows)
    prior = 1.0  # Beta(.7, .3) is worth one run
    for row, urn in zip(rows[:50], urns[:50], strict=True):
        assert urn.weight == pytest.approx(12 / (12 + prior), abs=0.02)
        assert urn.mean == pytest.approx((sum(row) + 0.7 * prior) / (12 + prior), abs=0.03)


def test_an_urn_gives_its_mean() -> None:
    urn = shrunken([[1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0], [0.25, 0.5, 0.5, 0.75]])[0]
    draws = [urn.draw((i + 0.5) / 10_000) for i in range(10_000)]
    assert math.fsum(draws) / len(draws) == pytest.approx(urn.mean, abs=2e-3)
    assert urn.draw(0.0) == 1.0
    assert urn.draw(1 - 2**-32) in (0.0, 0.25, 0.5, 0.75, 1.0)


def test_nothing_to_calibrate_with_is_said() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        calibrate([[None], []], MergeRule())
    with pytest.raises(ValueError, match="1 or more"):
        calibrate([[1.0]], MergeRule(), gates=0)
    with pytest.raises(ValueError, match="must lie in"):
        calibrate([[1.2]], MergeRule())


def test_golden_tasks_that_fail_now_and_then_block_unchanged_skills() -> None:
    sure: list[list[float | None]] = [[1.0] * 12] * 30
    shaky = [[1.0] * 10 + [0.0] * 2 for _ in range(10)]
    rows: list[list[float | None]] = [*sure, *shaky]
    golden = Golden(tasks=frozenset(range(30, 40)), passing=frozenset({1.0}))
    without = calibrate(rows, MergeRule(), gates=300)
    found = calibrate(rows, MergeRule(), gates=300, golden=golden)
    # Ten tasks at .83: armed in 3 of 5, broken in .0757 of these (q = 1/6 with q (3 q^2 - 2 q^3) = .0124 a task).
    assert found.unchanged.regression == pytest.approx(without.unchanged.regression + 0.07, abs=0.06)
    assert found.unchanged.regression > without.unchanged.regression
    none = Golden(tasks=frozenset(range(30, 40)), passing=frozenset({2.0}))  # nothing ever passes: not armed
    assert calibrate(rows, MergeRule(), gates=300, golden=none).unchanged == without.unchanged


def test_a_golden_row_without_a_run_is_left_out() -> None:
    rows: list[list[float | None]] = [[None], [1.0] * 12, [1.0] * 12]
    golden = Golden(tasks=frozenset({0, 1}), passing=frozenset({1.0}))
    assert calibrate(rows, MergeRule(margin=0.5), gates=20, golden=golden).unchanged.regression == 0.0
