import math

import pytest

from skillopt_ci.core.runs import filled, first_runs, measured, missing_share, paired


def test_measured_leaves_out_what_is_missing() -> None:
    assert measured([(1.0, None, 0.5), (), (None,)]) == [[1.0, 0.5], [], []]


@pytest.mark.parametrize("bad", [1.5, -0.1, math.nan, math.inf])
def test_a_score_outside_the_unit_interval_is_refused_with_its_task(bad: float) -> None:
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], not .* \(task 2 of 2\)"):
        measured([(1.0,), (0.5, None, bad)])


def test_pairs_need_both_sides() -> None:
    assert paired([(1.0,), (None,), (0.0, 1.0)], [(0.0,), (1.0,), (1.0, None)]) == [([1.0], [0.0]), ([0.0, 1.0], [1.0])]
    with pytest.raises(ValueError, match="same tasks: 1 and 2"):
        paired([(1.0,)], [(1.0,), (1.0,)])


def test_missing_runs() -> None:
    rows = [(1.0, None), (0.0, 1.0)]
    assert missing_share(rows) == 0.25
    assert missing_share([(), ()]) == 1.0
    assert missing_share([]) == 1.0
    assert filled(rows, 0.0) == [[1.0, 0.0], [0.0, 1.0]]
    assert first_runs(rows, 1) == [(1.0,), (0.0,)]
