from dataclasses import replace
from math import floor

from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.costs import Shape, train_calls
from skillopt_ci.core.expected import (
    Expected,
    by_earlier_runs,
    by_plan,
    closing_calls,
    ends_at,
    expected_calls,
    pass_rate,
    reading_calls,
    within,
)
from skillopt_ci.core.screening import ScreenRule

# Large enough a validation that none of its figures is a matter of a perfect one.
DEMO = Shape(
    train=48,
    val=40,
    test=50,
    epochs=3,
    batch_size=12,
    minibatch_size=4,
    slow_update=True,
    meta_notes=True,
    gate_rounds=3,
    edit_budget=3,
    screen_runs=ScreenRule().most_runs,
)
MANY = 100_000


def test_what_there_is_to_try_becomes_less_with_each_epoch_and_step() -> None:
    """All twelve of a batch fail at first, then one in eight; a place for an edit takes 0.4 of 30 rollouts."""
    steps = 1 + 0.85 + 0.85**2 + 0.85**3
    screening = steps * 3 * 0.4 * 30
    first = 48 + 4 * 3 + screening + 40
    reads = 1 - 0.88**12
    # What an epoch finds is screened; what of that helps, which is less again, is gated, and then looked back on.
    second, third = (48 + reads * (4 * (1 + 3) + part * screening + part * part * (40 + 40)) for part in (0.6, 0.36))
    goes_on = 1 - 0.88**40  # validation is not perfect
    found = expected_calls(DEMO, MANY, 0.0)
    assert found.likely == round(40 + first + goes_on * second + goes_on**2 * third + 200)
    without = expected_calls(replace(DEMO, slow_update=False), MANY, 0.0)
    second, third = (value - reads * part**2 * 40 for value, part in ((second, 0.6), (third, 0.36)))
    assert without.likely == round(40 + first + goes_on * second + goes_on**2 * third + 200)
    assert found.low == 40 + 3 * (48 + 4 * 3)  # nothing was tried
    assert expected_calls(replace(DEMO, epochs=99), MANY, 0.0).low == 40 + 48 + 4 * 3 + 40 + 200  # all learnt at once
    assert found.high == round(40 + 3 * (48 + 4 * 4 + steps * 3 * 0.7 * 30 + 60) + 2 * 40 + 200)


def test_steps_of_an_epoch_that_come_late_find_little() -> None:
    """What they would propose was said before: of thirty steps they take no more than about seven."""

    def screening(steps: int) -> int:
        shape = replace(DEMO, epochs=1, train=12 * steps)
        return expected_calls(shape, MANY, 0.0).likely - expected_calls(replace(shape, screen_runs=1), MANY, 0.0).likely

    one = 3 * 0.4 * 29
    assert screening(1) == round(one)
    assert 1.8 * one < screening(2) < 1.9 * one
    assert 6.5 * one < screening(30) < one / 0.15


def test_what_fails_after_the_first_epoch_is_the_same_whatever_failed_before() -> None:
    all_fail, half, few = (expected_calls(DEMO, MANY, rate).likely for rate in (0.0, 0.5, 0.97))
    assert abs(all_fail - half) < 0.05 * half  # but for the readers of the first epoch
    assert few < 0.9 * half


def test_a_run_of_several_epochs_has_most_of_a_first_one_that_finds_much() -> None:
    """Of a small suite that is more than what its epochs are expected to find; where all pass there is none."""
    small = replace(DEMO, train=6, val=8, test=6, batch_size=20, epochs=2)
    epoch = 6 + 2 + 3 * 0.7 * 30 + 1.5 * 8
    first = round(8 + epoch + 24)
    assert expected_calls(small, MANY, 0.0).likely == round(0.87 * first)
    assert expected_calls(small, MANY, 1.0).likely == 8
    assert expected_calls(replace(small, epochs=1), MANY, 0.0).likely < 0.87 * first  # nothing comes after it
    assert ends_at(small, MANY, 20, 0.1) == first
    assert ends_at(small, 50, 20, 0.1) == 50
    two = replace(small, batch_size=3)  # what waits after the first step has a validation kept back
    assert ends_at(two, MANY, 20, 0.1) == round(8 + 6 + 4 + 1.85 * 3 * 0.7 * 30 + 1.5 * 8 + 8 + 24)


def test_without_screening_every_step_is_gated() -> None:
    plain = replace(DEMO, screen_runs=0, slow_update=False, epochs=1)
    assert expected_calls(plain, MANY, 0.0).likely == 40 + 48 + 4 * 3 + 40 * 5 + 200
    second = (1 - 0.88**40) * (48 + (1 - 0.88**12) * (4 * (1 + 3) + 0.6 * 40 * 5))  # unless validation is perfect
    twice = expected_calls(replace(plain, epochs=2), MANY, 0.0)
    assert twice.likely == round(40 + 48 + 4 * 3 + 40 * 5 + second + 200)


def test_pruning_comes_on_top() -> None:
    plain, pruned = (expected_calls(replace(DEMO, prune=prune), MANY, 0.0) for prune in (False, True))
    assert pruned.likely - plain.likely == 8 * 3 + 2 * 40
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


@given(st.lists(st.integers(1, 1000), min_size=1), st.floats(0, 1))
def test_where_earlier_runs_were_ended_by_their_plan_makes_no_run_shorter(calls: list[int], over: float) -> None:
    """What such a run would have taken nobody knows; the figure stays as if it were known."""
    guess = Expected(low=1, likely=100, high=1000)
    whole = by_earlier_runs(guess, calls).likely
    cut = [min(c, floor(whole * (1 + over) + 1)) for c in calls]
    assert len(calls) % 2 == 0 or by_earlier_runs(guess, cut).likely == whole


def test_other_targets_are_compared_at_the_end_too() -> None:
    one, three = (expected_calls(replace(DEMO, targets=n), MANY, 0.0) for n in (1, 3))
    assert three.likely - one.likely == 2 * 200
    assert closing_calls(replace(DEMO, targets=3)) == 3 * 200
    assert [reading_calls(DEMO, rollouts) for rollouts in (0, 1, 12, 24)] == [0, 1 + 3, 3 + 3, 6 + 3]


@given(st.integers(1, 200), st.integers(1, 60), st.integers(1, 12), st.floats(0, 1), st.floats(0, 1e300))
def test_a_run_ends_by_its_plan_within_the_bound_and_has_room_for_its_end(
    train: int, val: int, epochs: int, passing: float, over: float
) -> None:
    shape = replace(DEMO, train=train, val=val, epochs=epochs)
    calls = train_calls(shape)
    most = calls.target + calls.optimizer
    found = expected_calls(shape, most, passing)
    end = ends_at(shape, most, found.likely, over)
    assert found.likely <= end <= most
    assert end >= ends_at(shape, most, found.likely, over / 2)
    ending = closing_calls(shape) + reading_calls(shape, min(shape.batch_size, train))
    assert end > ending + val  # the start can be measured, whatever `likely` was
    told = by_plan(found, end)
    assert (told.likely, told.ends_at) == (found.likely, end)
    assert told.likely <= told.high <= end


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
    shape = replace(DEMO, val=val)
    whole = expected_calls(shape, 20_000)
    found = within(whole, shape, limit)
    assert within(whole, shape, None) == whole
    assert found.high == min(whole.high, limit)
    assert found.low <= max(0, limit - 200)  # a run that accepts nothing never has what is kept for its closing
    if whole.likely <= limit:
        assert replace(found, low=whole.low, high=whole.high) == whole
    else:
        assert found.limited
        assert 0 <= found.low <= found.likely <= found.high <= limit
        if found.gates_from is None:
            assert found.likely == limit  # the validation kept back for the end is spent, too
        else:
            assert found.likely == max(0, limit - 200)


def test_a_budget_without_room_for_a_first_gate_is_spent_but_for_the_closing_comparison() -> None:
    """The start, a batch of twelve and what reads it, screening of three edits, and the candidate: 159 of 360."""
    whole = expected_calls(DEMO, 20_000)
    first = 40 + 12 + 4 + 63 + 40
    for limit in (201, 260, 300, 200 + first - 1):
        found = within(whole, DEMO, limit)
        assert (found.low, found.likely, found.high) == (limit - 200, limit - 200, limit)
        assert (found.limited, found.gates_from) == (True, 200 + first)
    enough = within(whole, DEMO, 200 + first)
    assert (enough.low, enough.likely, enough.gates_from) == (first, first + 200, None)
    assert within(whole, DEMO, 100).likely == 0
    # A judge of one call for each answer: of the closing comparison, too.
    judged = within(replace(whole, reading=0.0), DEMO, 500, calls=2)
    assert (judged.low, judged.likely, judged.high, judged.gates_from) == (50, 50, 250, 2 * (200 + first))
    # Unscreened, the gate measures the start once more.
    plain = replace(DEMO, screen_runs=0)
    assert within(expected_calls(plain, 20_000), plain, 300).gates_from == 200 + 40 + 12 + 4 + 2 * 40
