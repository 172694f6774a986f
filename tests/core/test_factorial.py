"""What each of many edits is worth, by runs in which half of them stood."""

import math
import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.factorial import SUREST, Trial, effects

TASKS = [f"t{n}" for n in range(8)]
TRIALS = st.lists(
    st.builds(Trial, st.sampled_from(TASKS), st.frozensets(st.sampled_from("abcd")), st.floats(0, 1)),
    min_size=1,
    max_size=40,
)


def every_half(worth: dict[str, float], level: dict[str, float]) -> list[Trial]:
    """Each task with every set of edits, without any noise."""
    names = sorted(worth)
    sets = [
        frozenset(n for n, there in zip(names, row, strict=True) if there) for row in product((0, 1), repeat=len(names))
    ]
    return [Trial(t, there, level[t] + math.fsum(worth[n] for n in there)) for t in TASKS for there in sets]


def test_effects_are_found_beside_levels_that_differ_more_than_they_do() -> None:
    worth = {"a": 0.06, "b": -0.05, "c": 0.0, "d": 0.02}
    found = effects(every_half(worth, {t: 0.1 * n for n, t in enumerate(TASKS)}), [*worth])
    assert {name: shown.gain for name, shown in found.items()} == pytest.approx(worth, abs=0.005)
    assert {name: shown.runs for name, shown in found.items()} == dict.fromkeys(worth, 8 * 8)
    assert found["a"].evidence > found["d"].evidence > 3
    assert found["b"].evidence < -3
    assert abs(found["c"].evidence) < 0.1


def test_an_edit_that_stood_mostly_in_hard_tasks_is_not_blamed_for_them() -> None:
    made = []
    for n, task in enumerate(TASKS):
        level, often = ((0.1, 3), (0.8, 1))[n % 2]
        made += [Trial(task, frozenset({"a"}), level + 0.06) for _ in range(often)]
        made += [Trial(task, frozenset(), level) for _ in range(4 - often)]
    found = effects(made, ["a"])["a"]
    assert found.gain == pytest.approx(0.06, abs=0.01)
    assert found.evidence > 3


def test_luck_moves_little_and_many_runs_tell() -> None:
    draw, worth = random.Random(1), {f"e{n:02d}": (0.05, -0.05, 0.0)[n % 3] for n in range(18)}

    def runs(count: int) -> list[Trial]:
        made = []
        for n in range(count):
            there = frozenset(e for e in worth if draw.random() < 0.5)
            chance = 0.4 + 0.02 * (n % 8) + math.fsum(worth[e] for e in there)
            made.append(Trial(TASKS[n % 8], there, float(draw.random() < chance)))
        return made

    few, many = effects(runs(12), [*worth]), effects(runs(1500), [*worth])
    assert all(abs(shown.evidence) < math.log(4) for shown in few.values())
    helps, harms, idle = ([many[e] for e in worth if worth[e] == w] for w in (0.05, -0.05, 0.0))
    assert sum(shown.evidence > math.log(2) for shown in helps) >= 5
    assert sum(shown.evidence < -math.log(2) for shown in harms) >= 5
    assert min(shown.gain for shown in helps) > max(shown.gain for shown in harms)
    assert all(abs(shown.gain) < 0.06 for shown in idle)


def test_an_edit_that_stood_in_every_run_is_told_apart_by_none() -> None:
    always = [
        Trial(t, trial.present | {"kept"}, trial.value)
        for trial in every_half({"a": 0.1}, dict.fromkeys(TASKS, 0.3))
        for t in [trial.task]
    ]
    found = effects(always, ["a", "kept", "never"])
    assert found["a"].evidence > 3
    assert abs(found["kept"].gain) < 0.05
    assert (found["never"].gain, found["never"].runs) == (pytest.approx(0, abs=1e-9), 0)


def test_without_runs_nothing_is_known() -> None:
    assert effects([], ["a"]) == {}


def test_what_is_as_sure_as_numbers_can_say_stays_a_number() -> None:
    sure = [Trial(t, frozenset(there), float(bool(there))) for t in TASKS * 2000 for there in ("a", "")]
    assert effects(sure, ["a"])["a"].evidence <= SUREST
    against = [Trial(t.task, t.present, 1 - t.value) for t in sure]
    assert effects(against, ["a"])["a"].evidence >= -SUREST


@given(TRIALS, st.randoms(use_true_random=False))
def test_the_order_of_runs_tells_nothing(trials: list[Trial], shuffle: random.Random) -> None:
    mixed = trials[:]
    shuffle.shuffle(mixed)
    one, other = effects(trials, [*"abcd"]), effects(mixed, [*"abcd"])
    for name in "abcd":
        assert one[name].gain == pytest.approx(other[name].gain, abs=1e-9)
        assert one[name].evidence == pytest.approx(other[name].evidence, abs=1e-6)


@given(TRIALS)
def test_what_helps_passing_hurts_failing(trials: list[Trial]) -> None:
    turned = [Trial(t.task, t.present, 1 - t.value) for t in trials]
    one, other = effects(trials, [*"abcd"]), effects(turned, [*"abcd"])
    for name in "abcd":
        assert one[name].gain == pytest.approx(-other[name].gain, abs=1e-3)
        assert (
            math.copysign(1, one[name].gain) == math.copysign(1, one[name].evidence) or abs(one[name].evidence) < 1e-9
        )
        assert abs(one[name].gain) <= 1


def test_what_came_over_all_runs_of_a_step_is_no_edits_doing() -> None:
    """A provider that is worse later, or a skill that got better: edits that are new then are as good as they are."""
    before = every_half({"a": 0.05, "b": -0.05}, dict.fromkeys(TASKS, 0.3))
    later = every_half({"c": 0.05, "d": -0.05}, dict.fromkeys(TASKS, 0.7))
    found = effects([*before, *(Trial(t.task, t.present, t.value, 1) for t in later)], [*"abcd"])
    assert {name: shown.gain for name, shown in found.items()} == pytest.approx(
        {"a": 0.05, "b": -0.05, "c": 0.05, "d": -0.05}, abs=0.015
    )
