import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.strict import TOLERANCE, bound, failures_first, next_wave

BINARY = st.sampled_from([0.0, 1.0])
QUARTERS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
THIRDS = st.integers(0, 3).map(lambda n: n / 3)
PAIRS = st.sampled_from([BINARY, QUARTERS, THIRDS, st.floats(0, 1)]).flatmap(
    lambda score: st.lists(st.tuples(score, score), min_size=1, max_size=70)
)


def run(pairs: Sequence[tuple[float, float]], *, waves: bool) -> tuple[bool, int]:
    """Measure in the order of the exact stop, in waves or one by one; returns (accepted, rollouts)."""
    results = {f"t{n:03}": pair for n, pair in enumerate(pairs)}
    order = failures_first([(task, old) for task, (old, _) in results.items()])
    base = [results[task][0] for task in order]
    seen: list[float | None] = [None] * len(order)
    done = 0
    while done < len(order):
        state = bound(base, seen)
        if state.cannot_win:
            return False, done
        for _ in range(next_wave(state, len(order) - done) if waves else 1):
            seen[done] = results[order[done]][1]
            done += 1
    return full(pairs), done


def full(pairs: Sequence[tuple[float, float]]) -> bool:
    old, new = (math.fsum(side) / len(pairs) for side in zip(*pairs, strict=True))
    return new > old + TOLERANCE


@given(PAIRS)
def test_the_exact_stop_decides_as_the_full_comparison(pairs: list[tuple[float, float]]) -> None:
    gap = abs(math.fsum(new - old for old, new in pairs)) / len(pairs)
    if gap == 0 or abs(gap - TOLERANCE) > 1e-12:  # at the tolerance itself two roundings may differ
        assert run(pairs, waves=True)[0] == full(pairs)
        assert run(pairs, waves=False)[0] == full(pairs)


@given(st.lists(st.tuples(BINARY, BINARY), min_size=1, max_size=120))
def test_waves_buy_at_most_the_floor_more_than_one_by_one(pairs: list[tuple[float, float]]) -> None:
    _, in_waves = run(pairs, waves=True)
    _, one_by_one = run(pairs, waves=False)
    assert one_by_one <= in_waves <= one_by_one + max(1, len(pairs) // 16) - 1


@given(PAIRS)
def test_a_wave_is_never_empty_and_never_more_than_remains(pairs: list[tuple[float, float]]) -> None:
    state = bound([old for old, _ in pairs], [None] * len(pairs))
    for remaining in range(1, len(pairs) + 1):
        assert 1 <= next_wave(state, remaining) <= remaining


def test_nothing_can_beat_a_perfect_incumbent() -> None:
    assert bound([1.0, 1.0], [None, None]).cannot_win
    assert run([(1.0, 1.0)] * 20, waves=True) == (False, 0)


def test_the_bound_counts_what_is_missing_as_passed() -> None:
    state = bound([0.0, 0.5, 1.0], [0.0, None, None])
    assert (state.upper_sum, state.n_tasks, state.cannot_win) == (0.5, 3, False)
    assert bound([0.0, 0.5, 1.0], [0.0, 0.5, None]).cannot_win
    with pytest.raises(ValueError):
        bound([0.0], [])


def test_failures_come_first_and_ties_stay_in_one_order() -> None:
    scores = [("a", 1.0), ("b", 0.0), ("c", 0.5), ("d", 0.0), ("e", 0.0)]
    order = failures_first(scores)
    assert order[3:] == ["c", "a"]
    assert set(order[:3]) == {"b", "d", "e"}
    assert failures_first(scores[::-1]) == order
