import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.merge_gate import (
    MergeRule,
    conditional_power,
    look,
    minimum_detectable_effect,
    suspects,
    unseen_loss,
)
from skillopt_ci.core.suite_effect import Moments

RULE = MergeRule()
BITS = st.sampled_from([0.0, 1.0])
SUITES = st.lists(
    st.tuples(st.lists(BITS, min_size=8, max_size=8), st.lists(BITS, min_size=4, max_size=4)), min_size=1, max_size=30
)


def suite(*parts: tuple[int, int, int]) -> tuple[list[list[float]], list[list[float]]]:
    """Tasks as (how many, passes of 8 base runs, passes of 4 head runs)."""
    base, head = [], []
    for count, b, h in parts:
        base += [[1.0] * b + [0.0] * (8 - b)] * count
        head += [[0.0] * (4 - h) + [1.0] * h] * count
    return base, head


def test_the_threshold_of_four_rounds() -> None:
    assert RULE.constant == pytest.approx(2.067, abs=1e-3)
    assert RULE.threshold == pytest.approx(0.0194, abs=1e-4)
    assert RULE.pass_constant == pytest.approx(1.645, abs=1e-3)
    assert MergeRule(pass_rule="strict", pairs=5).pass_constant == pytest.approx(2.067, abs=1e-3)
    assert MergeRule(pairs=5).constant == pytest.approx(2.71, abs=0.01)


def test_a_clear_loss_is_a_regression_in_round_one() -> None:
    found = look(*suite((40, 8, 4), (10, 8, 0)), 1, RULE)
    assert (found.decision, found.reason, found.round) == ("regression", "loss-shown", 1)
    assert found.difference == pytest.approx(-0.2)
    assert found.p is not None
    assert found.p <= found.threshold


def test_a_loss_smaller_than_min_effect_does_not_block() -> None:
    base, head = suite((40, 8, 4), (10, 8, 0))
    assert look(base, head, 1, MergeRule(min_effect=0.2)).decision == "regression"
    assert look(base, head, 1, MergeRule(min_effect=0.21)).decision == "continue"
    assert look(base, head, 1, MergeRule(min_effect=0.21, max_rounds=1)).reason == "undecided"
    assert look(base, head, 1, MergeRule(min_effect=0.21, margin=0.5)).decision == "pass"


def test_equal_runs_pass_in_round_one() -> None:
    found = look(*suite((30, 8, 4), (20, 0, 0)), 1, RULE)
    assert (found.decision, found.reason) == ("pass", "loss-ruled-out")
    assert (found.p, found.difference, found.se) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("score", [0.0, 0.6, 1.0])
def test_three_tasks_all_ties(score: float) -> None:
    found = look([[score] * 8] * 3, [[score]] * 3, 1, RULE)
    assert (found.decision, found.p, found.n_tasks) == ("pass", 1.0, 3)
    assert found.minimum_detectable_effect == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("tasks", "lost", "chance"), [(3, 0, 0.95**3), (20, 0, 0.95**20), (50, 1, 0.95**50 + 50 * 0.05 * 0.95**49)]
)
def test_a_pass_of_few_runs_that_hardly_differ_leaves_room_for_a_loss(tasks: int, lost: int, chance: float) -> None:
    found = look(*suite((tasks - lost, 8, 4), (lost, 8, 0)), 1, RULE)
    assert found.decision == "pass"
    assert unseen_loss(found, 0.05, tasks) == pytest.approx(chance)


def test_a_pass_of_many_runs_of_a_gain_or_against_noise_does_not() -> None:
    for parts, number in (((50, 8, 4),), 1), (((50, 8, 4),), 4), (((19, 8, 4), (1, 0, 4)), 1), (((30, 5, 3),), 2):
        found = look(*suite(*parts), number, RULE)
        assert unseen_loss(found, 0.05, number * found.n_tasks) is None
    base, head = suite((3000, 8, 4), (99, 8, 0))
    assert unseen_loss(look(base, head, 4, RULE), 0.05, 4 * 3099) is None
    assert unseen_loss(look([[None]], [[None]], 1, RULE), 0.05, 0) is None
    assert unseen_loss(look(*suite((3, 8, 4)), 1, RULE), 1.0, 3) is None


def test_three_tasks_that_all_broke() -> None:
    base, head = suite((3, 8, 0))
    assert look(base, head, 1, RULE).decision == "regression"
    assert look(*suite((1, 8, 0), (2, 8, 4)), 1, RULE).decision == "continue"


def test_on_a_deterministic_target_one_lost_task_of_fifty_passes_and_two_block() -> None:
    assert look(*suite((49, 8, 4), (1, 8, 0)), 1, RULE).decision == "pass"
    assert look(*suite((48, 8, 4), (2, 8, 0)), 1, RULE).decision == "regression"


def test_noise_without_a_difference_is_given_up_or_passes_but_never_blocks() -> None:
    base, head = suite((20, 4, 2), (30, 8, 4))
    found = look(base, head, 4, RULE)
    assert found.decision in ("pass", "inconclusive")
    assert found.p is not None
    assert found.p > 0.2


def test_a_gain_too_uncertain_to_pass_is_futile() -> None:
    base, head = suite((14, 4, 2), (2, 4, 4), (4, 8, 4))
    found = look(base, [[*row[2:], *row[:2]] for row in head], 2, MergeRule(margin=0.01))
    assert found.difference is not None
    assert found.difference > 0
    assert found.reason in ("futile", "loss-ruled-out")


def test_futility_stops_before_the_last_round() -> None:
    base = [[1.0, 0.0] * 4] * 20
    head = [[1.0, 1.0]] * 4 + [[1.0, 0.0]] * 12 + [[0.0, 0.0]] * 4
    found = look(base, head, 2, RULE)
    assert (found.decision, found.reason) == ("inconclusive", "futile")
    assert look(base, [[*row, *row] for row in head], 4, RULE).reason == "undecided"


def test_runs_of_later_rounds_are_not_looked_at() -> None:
    base, head = suite((5, 6, 2), (45, 8, 4))
    assert look(base, head, 1, RULE) == look(base, [row[:1] for row in head], 1, RULE)


def test_too_much_missing_is_infrastructure() -> None:
    base, head = suite((40, 8, 4), (10, 8, 0))
    holes: list[list[float | None]] = [[None]] * 3 + [[row[0]] for row in head[3:]]
    found = look(base, holes, 1, RULE)
    assert (found.decision, found.reason, found.missing_head) == ("inconclusive", "infrastructure", 0.06)
    assert found.p is None
    base_holes: list[list[float | None]] = [[None, *row[1:]] for row in base]
    assert look(base_holes, head, 1, RULE).reason == "infrastructure"
    assert look([[None]] * 2, [[1.0]] * 2, 1, RULE).n_tasks == 0
    assert look([], [], 1, RULE).reason == "infrastructure"


def test_a_pass_must_hold_when_every_missing_run_hid_the_worst() -> None:
    base, full = suite((60, 8, 4))
    assert look(base, full, 1, RULE).decision == "pass"
    head: list[list[float | None]] = [[None]] * 3 + [[1.0]] * 57  # 5%: three tasks may have been lost
    found = look(base, head, 1, RULE)
    assert (found.decision, found.difference) == ("continue", 0.0)
    assert found.n_tasks == 57
    assert look(base, [[None], *([[1.0]] * 59)], 1, RULE).decision == "pass"
    zeros, rest = suite((60, 0, 0))
    hidden: list[list[float | None]] = [[None, *row[1:]] for row in zeros[:24]] + [list(r) for r in zeros[24:]]
    assert look(hidden, rest, 1, MergeRule(margin=0.01)).decision == "continue"
    assert look(zeros, rest, 1, MergeRule(margin=0.01)).decision == "pass"


def test_missing_runs_do_not_save_a_regression() -> None:
    base, head = suite((40, 8, 4), (10, 8, 0))
    holes: list[list[float | None]] = [[None], *([row[0]] for row in head[1:])]
    assert look(base, holes, 1, RULE).decision == "regression"


@given(SUITES, st.integers(1, 4))
def test_every_look_ends_in_a_known_word_and_the_last_is_final(
    both: list[tuple[list[float], list[float]]], number: int
) -> None:
    base, head = [b for b, _ in both], [h for _, h in both]
    found = look(base, head, number, RULE)
    assert found.decision in ("regression", "pass", "continue", "inconclusive")
    assert look(base, head, 4, RULE).decision != "continue"
    if found.decision == "regression":
        assert found.difference is not None
        assert found.difference < 0
    order = list(range(len(both)))[::-1]
    assert look([base[i] for i in order], [head[i] for i in order], number, RULE) == found


@given(SUITES)
def test_a_head_that_only_lost_runs_never_passes_where_the_better_one_did_not(
    both: list[tuple[list[float], list[float]]],
) -> None:
    base, head = [b for b, _ in both], [h for _, h in both]
    worse = [[0.0] * 4 for _ in head]
    better = [[1.0] * 4 for _ in head]
    assert look(base, better, 4, RULE).decision != "regression"
    if look(base, worse, 4, RULE).decision == "pass":
        assert sum(map(sum, base)) / 8 / len(base) < RULE.margin


def test_conditional_power() -> None:
    halfway = Moments(difference=0.0, se=0.1, n_tasks=10)
    final = 0.1 / math.sqrt(2)
    # B-value by hand: information 100 now, 200 at the end
    expected = (0.2 * 100 - RULE.constant * math.sqrt(200)) / 10
    assert conditional_power(halfway, final, RULE, effect=0.2) == pytest.approx(
        0.5 * math.erfc(-expected / math.sqrt(2)), abs=1e-9
    )
    assert conditional_power(Moments(difference=-0.3, se=0.1, n_tasks=9), 0.1, RULE, effect=0.1) == 1.0
    assert conditional_power(Moments(difference=-0.1, se=0.1, n_tasks=9), 0.1, RULE, effect=0.1) == 0.0
    assert conditional_power(Moments(difference=0.0, se=0.0, n_tasks=9), 0.0, RULE, effect=0.1) == 1.0


@pytest.mark.parametrize(
    ("tasks", "one_round", "four_rounds"),
    [(20, 0.195, 0.132), (50, 0.124, 0.083), (100, 0.087, 0.059), (200, 0.062, 0.042)],
)
def test_the_minimum_detectable_effect_of_the_page(tasks: int, one_round: float, four_rounds: float) -> None:
    one = minimum_detectable_effect(MergeRule(max_rounds=1), n_tasks=tasks, base_runs=8)
    four = minimum_detectable_effect(RULE, n_tasks=tasks, base_runs=8)
    assert one == pytest.approx(one_round, abs=6e-4)
    assert four == pytest.approx(four_rounds, abs=6e-4)


def test_fewer_base_runs_are_filled_up() -> None:
    assert minimum_detectable_effect(RULE, n_tasks=50, base_runs=1) == minimum_detectable_effect(
        RULE, n_tasks=50, base_runs=4
    )


def test_suspects_are_tasks_with_evidence_of_their_own() -> None:
    base, head = suite((1, 8, 0), (1, 8, 3), (1, 0, 4), (1, 4, 2), (1, 8, 1))
    assert suspects(base, head) == [0, 4]
    assert suspects([[1.0] * 8, [None]], [[0.0], [0.0]]) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"margin": 0}, "margin"),
        ({"margin": 1.5}, "margin"),
        ({"min_effect": -0.1}, "min_effect"),
        ({"alpha": 0}, "alpha"),
        ({"alpha": 0.6}, "alpha"),
        ({"max_rounds": 0}, "max_rounds"),
        ({"max_rounds": 17}, "max_rounds"),
        ({"pairs": 0}, "pairs"),
    ],
)
def test_settings_outside_their_range_are_refused(settings: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MergeRule(**settings)  # type: ignore[arg-type]


def test_rounds_and_suites_that_do_not_fit_are_refused() -> None:
    for number in (0, 5):
        with pytest.raises(ValueError, match=f"round must be between 1 and 4, not {number}"):
            look([[1.0]], [[1.0]], number, RULE)
    with pytest.raises(ValueError, match="same tasks"):
        look([[1.0]], [[1.0], [1.0]], 1, RULE)
    with pytest.raises(ValueError, match="must lie in"):
        look([[1.0]], [[7.0]], 1, RULE)


def test_a_loss_below_the_margin_is_passed_before_later_rounds_could_show_it() -> None:
    # where 80% of 4,000 gates block, drawn as z-values: 4.3, 4.0, 3.9 and 3.2 points; the last round alone shows 4.2,
    # 2.9, 2.2 and 1.9
    found = [minimum_detectable_effect(RULE, n_tasks=tasks, base_runs=8) for tasks in (200, 400, 700, 1000)]
    assert found == pytest.approx([0.0418, 0.0436, 0.0387, 0.0324], abs=1e-4)
    wide = [minimum_detectable_effect(MergeRule(margin=0.01), n_tasks=t, base_runs=8) for t in (200, 1000)]
    assert wide == pytest.approx([0.0418, 0.0187], abs=1e-4)  # nothing is passed that early
    assert minimum_detectable_effect(RULE, n_tasks=50, base_runs=8, variance=0.0) == 0.04


def test_a_few_equal_single_runs_do_not_show_that_there_is_no_noise() -> None:
    few = [[1.0]] * 4
    assert look(few, few, 1, RULE).decision == "continue"
    twice = [[1.0, 1.0]] * 4
    assert look(twice, twice, 2, RULE).decision == "pass"
    many = [[1.0]] * 50  # one coin-flip task among 50 cannot hide a loss of the margin
    assert look(many, many, 1, RULE).decision == "pass"


@pytest.mark.parametrize("tasks", [20, 30, 50, 200])
@pytest.mark.parametrize(("stored", "rounds"), [(8, 4), (8, 2), (8, 1), (1, 1), (2, 2), (1, 3), (12, 6)])
def test_without_noise_the_minimum_detectable_effect_is_the_smallest_loss_that_shows(
    stored: int, rounds: int, tasks: int
) -> None:
    rule = MergeRule(max_rounds=rounds)
    least = minimum_detectable_effect(rule, n_tasks=tasks, base_runs=stored, variance=0.0)
    fewest = round(least * tasks)
    assert fewest == pytest.approx(least * tasks)

    def shown(lost: int) -> bool:
        head = [[0.0] * rounds] * lost + [[1.0] * rounds] * (tasks - lost)
        looks = (look([[1.0] * max(stored, k)] * tasks, head, k, rule) for k in range(1, rounds + 1))
        return next(found.decision for found in looks if found.decision != "continue") == "regression"

    assert shown(fewest)
    assert fewest == 1 or not shown(fewest - 1)
