from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.costs import Shape, train_calls
from skillopt_ci.core.expected import Expected, by_earlier_runs, expected_calls, pass_rate, within
from skillopt_ci.core.screening import ScreenRule

# Large enough a validation that none of its figures is a matter of a perfect one.
DEMO = Shape(
    train=48,
    val=500,
    test=50,
    epochs=2,
    batch_size=12,
    minibatch_size=4,
    slow_update=True,
    meta_notes=True,
    slow_sample=20,
    confirm_runs=2,
    gate_rounds=3,
    edit_budget=3,
    screen_runs=ScreenRule().most_runs,
)
MANY = 100_000


def test_what_there_is_to_try_becomes_less_with_each_epoch() -> None:
    """All twelve of a batch fail at first, then a quarter of them; a place for an edit takes 0.4 of 30 rollouts."""
    screening = 4 * 3 * 0.4 * 30
    first = 48 + 4 * 3 + screening + 500
    reads = 1 - 0.75**12
    second = 48 + reads * (4 * (1 + 3) + 0.6 * (screening + 500 + 40))
    found = expected_calls(DEMO, MANY, 0.0)
    assert found.likely == round(500 + first + second + 200)
    assert expected_calls(replace(DEMO, slow_update=False), MANY, 0.0).likely == round(found.likely - reads * 0.6 * 40)
    assert found.low == 500 + 2 * (48 + 4 * 3)  # nothing was tried
    assert expected_calls(replace(DEMO, epochs=99), MANY, 0.0).low == 500 + 48 + 4 * 3 + 500 + 200  # all learnt at once
    assert found.high == 500 + 2 * (48 + 4 * 4 + 4 * 3 * 0.7 * 30 + 750) + 40 + 200


def test_without_screening_every_step_is_gated() -> None:
    plain = replace(DEMO, screen_runs=0, slow_update=False, epochs=1)
    assert expected_calls(plain, MANY, 0.0).likely == 500 + 48 + 4 * 3 + 500 * 5 + 200


def test_pruning_comes_on_top() -> None:
    plain, pruned = (expected_calls(replace(DEMO, prune=prune), MANY, 0.0) for prune in (False, True))
    assert pruned.likely - plain.likely == 8 * 3 + 2 * 500
    assert pruned.high > plain.high


def test_a_skill_that_passes_everything_is_validated_and_no_more() -> None:
    few = replace(DEMO, val=9, train=7)
    assert expected_calls(few, MANY, 1.0).likely == 9
    often, never = expected_calls(few, MANY, 0.8), expected_calls(few, MANY, 0.0)
    assert (often.low, never.low > 9) == (9, True)  # one time in seven all nine pass at once
    assert often.likely < never.likely


def test_the_pass_rate_is_of_first_runs_and_wants_half_a_validation() -> None:
    rows = [[True, False], [False], [], [True], [True]]
    assert pass_rate(rows, 8) == 0.75
    assert pass_rate(rows, 9) is None
    assert pass_rate([], 0) is None


def test_what_earlier_runs_took_is_likelier_than_any_guess() -> None:
    guess = Expected(low=50, likely=100, high=200)
    assert by_earlier_runs(guess, []) == guess
    assert by_earlier_runs(guess, [120, 181]) == Expected(low=50, likely=150, high=200)
    assert by_earlier_runs(guess, [40, 260]) == Expected(low=40, likely=150, high=260)


@given(
    st.integers(1, 200),
    st.integers(1, 200),
    st.integers(1, 60),
    st.integers(1, 12),
    st.sampled_from([0, 2, 8]),
    st.floats(0, 1),
)
def test_it_is_a_range_within_the_bound(
    train: int, val: int, batch: int, epochs: int, screen: int, passing: float
) -> None:
    shape = replace(DEMO, train=train, val=val, batch_size=batch, epochs=epochs, screen_runs=screen)
    calls = train_calls(shape)
    most = calls.target + calls.optimizer
    found = expected_calls(shape, most, passing)
    assert 0 < found.low <= found.likely <= found.high <= most


@given(st.integers(2, 60), st.integers(1, 60), st.floats(0.5, 1), st.floats(0.5, 1))
def test_a_better_skill_takes_no_more_calls(train: int, val: int, one: float, other: float) -> None:
    """Where most of it passes; below, fewer successes are read apart."""
    shape = replace(DEMO, train=train, val=val, batch_size=60, minibatch_size=60)
    low, high = sorted((one, other))
    assert expected_calls(shape, MANY, high).likely <= expected_calls(shape, MANY, low).likely


@given(st.integers(1, 5000), st.integers(1, 300))
def test_a_budget_that_ends_the_run_is_what_it_takes(limit: int, val: int) -> None:
    whole = expected_calls(replace(DEMO, val=val), 20_000)
    found = within(whole, limit, val=val)
    assert within(whole, None, val=val) == whole
    assert found.high == min(whole.high, limit)
    if whole.likely <= limit - val:
        assert replace(found, high=whole.high) == whole
    else:
        assert found.limited
        assert 0 <= found.low <= found.likely <= found.high <= limit
        assert found.likely == max(0, limit - val)  # one of the two validations kept back for the end is spent
