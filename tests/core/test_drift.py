import pytest

from skillopt_ci.core.drift import confirm, drift


def test_equal_runs_have_not_drifted() -> None:
    found = drift([[1.0] * 8, [0.0] * 8], [[1.0], [0.0]])
    assert (found.p, found.drifted) == (1.0, False)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_move_either_way_voids_the_base(sign: int) -> None:
    stored = [[1.0] * 4 + [0.0] * 4 for _ in range(20)]
    fresh = [[1.0 if sign > 0 else 0.0]] * 18 + [[0.0 if sign > 0 else 1.0]] * 2
    found = drift(stored, fresh)
    assert found.drifted
    assert found.p < 0.01


def test_both_directions_weigh_the_same() -> None:
    stored = [[1.0] * 4 + [0.0] * 4 for _ in range(9)]
    up = drift(stored, [[1.0]] * 7 + [[0.0]] * 2)
    down = drift(stored, [[0.0]] * 7 + [[1.0]] * 2)
    assert up.p == pytest.approx(down.p)
    assert not up.drifted


def test_nothing_to_compare_with_is_not_trusted() -> None:
    assert drift([[None]], [[1.0]]).drifted


def test_scores_outside_the_unit_interval_are_refused() -> None:
    with pytest.raises(ValueError, match="must lie in"):
        drift([[2.0]], [[1.0]])


def test_a_loss_is_confirmed_by_fresh_runs_that_point_the_same_way() -> None:
    assert confirm([[1.0, 1.0]] * 10, [[0.0, 1.0]] * 3 + [[1.0, 1.0]] * 7).holds
    one = confirm([[1.0, 1.0]] * 10, [[0.0, 1.0]] + [[1.0, 1.0]] * 9)
    assert (one.p, one.holds) == (pytest.approx(0.25), False)  # one run of four: half a chance, mid-p a quarter
    # Three losses and one gain, of four runs each: fewer gains in one case of 16, as many in four.
    more = confirm([[1.0, 1.0]] * 9 + [[0.0, 1.0]], [[0.0, 1.0]] * 3 + [[1.0, 1.0]] * 7)
    assert (more.p, more.holds) == (pytest.approx(3 / 16), True)
    assert not confirm([[0.0, 1.0]] * 10, [[1.0, 1.0]] * 10).holds
    assert confirm([[1.0]] * 3, [[1.0]] * 3).p == pytest.approx(1.0)


def test_too_few_fresh_runs_confirm_nothing() -> None:
    found = confirm([[1.0, 1.0]] * 10, [[None, None]] + [[0.0, 0.0]] * 9)
    assert (found.p, found.holds) == (None, False)
    assert confirm([[None]], [[1.0]]).p is None
