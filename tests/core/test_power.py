import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skillopt_ci.core.merge_gate import MergeRule, minimum_detectable_effect
from skillopt_ci.core.power import power


def test_what_a_wanted_effect_takes() -> None:
    rule = MergeRule()
    plan = power(rule, n_tasks=50, base_runs=8, variance=0.11, wanted=0.05)
    assert plan.minimum_detectable_effect == pytest.approx(0.083, abs=1e-3)
    assert plan.margin == pytest.approx(0.09)
    assert plan.tasks == 140
    assert plan.rounds is None
    assert minimum_detectable_effect(rule, n_tasks=140, base_runs=8, variance=0.11) <= 0.05
    assert minimum_detectable_effect(rule, n_tasks=139, base_runs=8, variance=0.11) > 0.05


def test_rounds_help_until_the_base_is_the_limit() -> None:
    assert power(MergeRule(), n_tasks=50, base_runs=8, variance=0.11, wanted=0.084).rounds == 4
    assert power(MergeRule(), n_tasks=50, base_runs=8, variance=0.11, wanted=0.2).rounds == 1


def test_the_fewest_of_many_rounds_are_found() -> None:
    def shown(rounds: int) -> float:
        return minimum_detectable_effect(MergeRule(max_rounds=rounds), n_tasks=50, base_runs=16, variance=0.11)

    wanted = shown(10)
    assert min(map(shown, range(1, 10))) > wanted
    assert power(MergeRule(), n_tasks=50, base_runs=16, variance=0.11, wanted=wanted).rounds == 10
    assert power(MergeRule(), n_tasks=50, base_runs=16, variance=0.11, wanted=wanted * (1 - 1e-9)).rounds == 11


def test_no_suite_is_large_enough_for_next_to_nothing() -> None:
    assert power(MergeRule(), n_tasks=50, base_runs=8, variance=0.11, wanted=1e-4).tasks is None


def test_a_target_without_noise_is_limited_by_single_tasks() -> None:
    plan = power(MergeRule(), n_tasks=30, base_runs=8, variance=0.0, wanted=0.05)
    assert plan.minimum_detectable_effect == pytest.approx(1 / 30)
    assert (plan.tasks, plan.rounds, plan.margin) == (20, 2, 0.04)  # in one round, one lost task is luck in 1 of 9


@example(99, 12, 0.03125, 0.04296875)  # 73 tasks show it, and 99 show nearly as much: more looks end at the first
@example(75, 12, 0.03125, 0.0424)  # it is shown here, and then not until there are many more
@given(st.integers(1, 400), st.integers(1, 12), st.floats(0, 0.25), st.floats(0.01, 1))
def test_the_plan_holds_what_it_promises(n: int, base: int, variance: float, wanted: float) -> None:
    rule = MergeRule(max_rounds=2)
    plan = power(rule, n_tasks=n, base_runs=base, variance=variance, wanted=wanted)
    assert plan.margin >= plan.minimum_detectable_effect - 1e-9 or plan.margin == 1.0
    assert plan.tasks is not None
    assert (plan.tasks <= n) == (plan.minimum_detectable_effect <= wanted + 1e-12)


def test_impossible_wishes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one task"):
        power(MergeRule(), n_tasks=0, base_runs=8, variance=None, wanted=0.05)
    with pytest.raises(ValueError, match="wanted effect"):
        power(MergeRule(), n_tasks=5, base_runs=8, variance=None, wanted=0)


@pytest.mark.parametrize("min_effect", [0.0, 0.02, 0.05])
def test_a_min_effect_that_noise_hides_changes_nothing(min_effect: float) -> None:
    found = minimum_detectable_effect(MergeRule(min_effect=min_effect), n_tasks=50, base_runs=8)
    assert found == minimum_detectable_effect(MergeRule(), n_tasks=50, base_runs=8)


def test_a_loss_must_be_seen_above_the_min_effect_four_times_in_five() -> None:
    rule = MergeRule(min_effect=0.2)
    se = math.sqrt(0.11 * (1 / 8 + 1 / 4) / 50)
    assert minimum_detectable_effect(rule, n_tasks=50, base_runs=8) == pytest.approx(0.2 + 0.8416 * se, abs=1e-4)
    assert minimum_detectable_effect(rule, n_tasks=12, base_runs=8, variance=0.0) == pytest.approx(3 / 12)
    assert minimum_detectable_effect(MergeRule(min_effect=1.0), n_tasks=50, base_runs=8) == 1.0


def test_no_tasks_and_rounds_show_what_is_not_to_block() -> None:
    plan = power(MergeRule(min_effect=0.2), n_tasks=50, base_runs=8, variance=0.11, wanted=0.2)
    assert (plan.tasks, plan.rounds, plan.min_effect) == (None, None, 0.2)
    plan = power(MergeRule(min_effect=0.2), n_tasks=50, base_runs=8, variance=0.11, wanted=0.25)
    assert (plan.tasks, plan.margin) == (12, 0.23)
