from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.costs import Shape, train_calls
from skillopt_ci.core.expected import Expected, expected_calls, within

DEMO = Shape(
    train=47,
    val=53,
    test=50,
    epochs=4,
    batch_size=12,
    minibatch_size=4,
    slow_update=True,
    meta_notes=True,
    slow_sample=20,
    confirm_runs=2,
    gate_rounds=3,
    edit_budget=3,
    screen_runs=8,
)


def test_the_likely_figure_counts_what_a_learning_run_takes() -> None:
    slow = round(2 * 3 * 20 * 0.6)
    likely = 53 + 4 * (47 + 12) + round(4 * 0.65 * 8 * 3) + 4 * 53 + slow + 200
    assert expected_calls(DEMO, 10_000) == Expected(low=2 * 53 + 12 + 3 + 200, likely=likely, high=round(likely * 1.15))
    without = expected_calls(replace(DEMO, slow_update=False), 10_000)
    assert likely - without.likely == slow
    plain = expected_calls(replace(DEMO, screen_runs=0), 10_000)
    assert plain.likely == round(53 + 4 * (47 + 12) + 53 * (8 + 0.2 * 12) + slow + 200)


@given(
    st.integers(1, 200),
    st.integers(1, 200),
    st.integers(1, 60),
    st.integers(1, 12),
    st.sampled_from([0, 2, 8]),
    st.booleans(),
)
def test_it_is_a_range_within_the_bound(train: int, val: int, batch: int, epochs: int, screen: int, slow: bool) -> None:
    shape = replace(DEMO, train=train, val=val, batch_size=batch, epochs=epochs, screen_runs=screen, slow_update=slow)
    calls = train_calls(shape)
    most = calls.target + calls.optimizer
    found = expected_calls(shape, most)
    assert 0 < found.low <= found.likely <= found.high <= most


@given(st.integers(1, 5000), st.integers(1, 300))
def test_a_budget_that_ends_the_run_is_what_it_takes(limit: int, val: int) -> None:
    whole = expected_calls(replace(DEMO, val=val), 20_000)
    found = within(whole, limit, val=val)
    assert within(whole, None, val=val) == whole
    if whole.likely <= limit - val:
        assert found == whole
    else:
        assert found.limited
        assert 0 <= found.low <= found.likely <= found.high <= limit
        assert found.likely == max(0, limit - val)  # one of the two validations kept back for the end is spent
