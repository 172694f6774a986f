import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.attribution import AGAIN, AGAIN_RUNS, WHOLE, TaskRuns, evidence, explained
from skillopt_ci.core.measures import Measure

EDITS = (0, 1, 2)
NONE: frozenset[int] = frozenset()
RUNS = st.lists(st.tuples(st.sets(st.sampled_from(EDITS)).map(frozenset), st.floats(0, 1)), max_size=8)
CHANCES = dict.fromkeys(EDITS, 0.3)


def counted(runs: list[tuple[frozenset[int], float]], edits: tuple[int, ...] = EDITS) -> TaskRuns:
    table = TaskRuns(edits, 0.5)
    for present, value in runs:
        table.add(present, value)
    return table


def one(*present: int) -> frozenset[int]:
    return frozenset(present)


def test_one_edit_on_one_task_is_a_bayes_factor() -> None:
    """Counted out for two passes with the edit and a failure without it."""
    rates = [(n + 0.5) / 10 for n in range(10)]
    a, b = AGAIN * AGAIN_RUNS, (1 - AGAIN) * AGAIN_RUNS
    prior = [q ** (a - 1) * (1 - q) ** (b - 1) * (1 - q) for q in rates]
    mended = sum(w * (q + 0.5 * (1 - q)) ** 2 for w, q in zip(prior, rates, strict=True))
    idle = sum(w * q**2 for w, q in zip(prior, rates, strict=True))
    table = counted([(one(0), 1.0), (one(0), 1.0), (NONE, 0.0)], (0,))
    assert table.factors({0: 0.4}, NONE) == {0: pytest.approx(mended / idle)}
    found = explained({Measure("t"): table}, {0: [Measure("t")]}, NONE)
    assert found == {0: {Measure("t"): pytest.approx(mended / idle)}}
    parts = (0.25, 0.5, 0.75, 1)
    assert evidence(found[0]) == pytest.approx(math.log(sum(p * mended / idle + 1 - p for p in parts) / 4))


def test_two_edits_are_every_way_in_which_they_may_mend_a_task() -> None:
    """Counted out over nobody, each alone, and both in three ways."""
    runs = [(one(0, 1), 1.0), (one(0), 0.0), (one(1), 1.0)]
    chances = {0: 0.2, 1: 0.4}
    rates = [(n + 0.5) / 10 for n in range(10)]
    a, b = AGAIN * AGAIN_RUNS, (1 - AGAIN) * AGAIN_RUNS
    weights = [q ** (a - 1) * (1 - q) ** (b - 1) for q in rates]
    weights = [w / sum(weights) for w in weights]

    def likely(left: dict[frozenset[int], float]) -> float:
        total = 0.0
        for w, q in zip(weights, rates, strict=True):
            for present, value in runs:
                p = 1 - left[present] * (1 - q)
                w *= p if value else 1 - p  # noqa: PLW2901
            total += w
        return total

    places = (one(0, 1), one(0), one(1))

    def case(*left: float) -> float:
        return likely(dict(zip(places, left, strict=True)))

    both = (case(0.25, 0.5, 0.5) + case(1 - WHOLE, 1, 1) + case(1 - WHOLE, 1 - WHOLE, 1 - WHOLE)) / 3
    nobody, first, second = case(1, 1, 1), case(0.5, 0.5, 1), case(0.5, 1, 0.5)
    found = counted(runs, (0, 1)).factors(chances, NONE)
    assert found[0] == pytest.approx((first * 0.6 + both * 0.4) / (nobody * 0.6 + second * 0.4))
    assert found[1] == pytest.approx((second * 0.8 + both * 0.2) / (nobody * 0.8 + first * 0.2))


@given(RUNS)
def test_what_was_never_run_is_as_likely_as_before(runs: list[tuple[frozenset[int], float]]) -> None:
    away = [(present - {2}, value) for present, value in runs]
    assert counted([]).factors(CHANCES, NONE) == pytest.approx(dict.fromkeys(EDITS, 1.0))
    found = counted(away).factors(CHANCES, NONE)
    assert all(f > 0 and math.isfinite(f) for f in found.values())


@given(RUNS, st.permutations(range(8)))
def test_the_order_of_runs_says_nothing(runs: list[tuple[frozenset[int], float]], order: list[int]) -> None:
    other = [runs[i] for i in order if i < len(runs)]
    assert counted(other).factors(CHANCES, NONE) == pytest.approx(counted(runs).factors(CHANCES, NONE))


@given(RUNS)
def test_a_pass_speaks_for_an_edit_that_is_alone_and_a_failure_against_it(
    runs: list[tuple[frozenset[int], float]],
) -> None:
    alone = [(present & {0}, value) for present, value in runs]
    now = counted(alone, (0,)).factors({0: 0.3}, NONE)[0]
    better, worse = (counted([*alone, (one(0), v)], (0,)).factors({0: 0.3}, NONE)[0] for v in (1.0, 0.0))
    assert worse * (1 - 1e-9) <= now <= better * (1 + 1e-9)
    without = counted([*alone, (NONE, 1.0)], (0,)).factors({0: 0.3}, NONE)[0]
    assert without <= now * (1 + 1e-9)  # the task passes by itself


def test_of_edits_that_ran_together_the_one_that_explains_all_of_it_is_the_cause() -> None:
    """An idle edit stood in the text of two runs that passed; the right one in all three."""
    runs = [(one(0, 1), 1.0), (one(0), 1.0), (one(1), 0.0), (one(0, 1), 1.0), (NONE, 0.0)]
    found = counted(runs, (0, 1)).factors({0: 0.3, 1: 0.3}, NONE)
    assert found[0] > 5
    assert found[1] < 1.1


def test_two_that_a_task_needs_together_are_both_seen() -> None:
    runs = [(one(0, 1), 1.0), (one(0), 0.0), (one(1), 0.0), (NONE, 0.0), (one(0, 1), 1.0)]
    found = counted(runs * 2, (0, 1)).factors({0: 0.3, 1: 0.3}, NONE)
    assert min(found.values()) > 5
    three = [(frozenset(n for n in EDITS if bits[n]), float(all(bits))) for bits in product((0, 1), repeat=3)]
    assert min(counted(three * 3).factors(CHANCES, NONE).values()) > 30


def test_what_does_no_more_than_an_edit_that_is_kept_mends_nothing() -> None:
    """Either of the two mends the task as well, and both do no more."""
    runs = [(one(0), 1.0), (one(1), 1.0), (NONE, 0.0), (one(0, 1), 1.0), (one(1), 1.0), (one(0), 1.0), (NONE, 0.0)]
    table = counted(runs * 2, (0, 1))
    before, beside = table.factors({0: 0.3, 1: 0.3}, NONE), table.factors({0: 0.3, 1: 0.3}, one(0))
    assert before[0] == pytest.approx(before[1])
    assert before[1] > 30
    assert beside[0] == pytest.approx(before[0])  # the one that is kept is none the worse
    assert beside[1] < 1 / 3


def test_what_an_edit_does_on_other_tasks_tells_whether_it_is_the_cause_here() -> None:
    """Both stood in the one run of `t`; only the first mends its other tasks."""
    both = counted([(one(0, 1), 1.0)], (0, 1))
    good = {Measure(name): counted([(one(0), 1.0), (NONE, 0.0)] * 2, (0,)) for name in "ab"}
    bad = {Measure(name): counted([(one(1), 0.0), (NONE, 0.0)] * 2, (1,)) for name in "cd"}
    shared = Measure("t")
    found = explained({shared: both, **good, **bad}, {0: [shared, *good], 1: [shared, *bad]}, NONE)
    assert found[0][shared] > 1.4 * found[1][shared]
    assert evidence(found[0]) > math.log(5)
    assert evidence(found[1]) < -math.log(1.5)


def test_an_edit_that_mends_a_part_of_its_tasks_is_not_lost_among_the_others() -> None:
    """As where most of them need something else, too."""
    idle = {Measure(name): counted([(one(0), 0.0)], (0,)) for name in "bcd"}
    mends = counted([(one(0), 1.0)] * 4 + [(NONE, 0.0)] * 3, (0,))
    assert evidence(explained({Measure("a"): mends, **idle}, {0: [Measure("a"), *idle]}, NONE)[0]) > math.log(3)


def test_one_check_that_passes_in_every_task_tells_more_than_another_in_each() -> None:
    def shown(*passed: str) -> float:
        runs = {
            Measure(f"t{n}", c): counted([(one(0), float(c == word)), (NONE, 0.0)] * 2, (0,))
            for n, word in enumerate(passed)
            for c in "wxyz"
        }
        return evidence(explained(runs, {0: list(runs)}, NONE)[0])

    assert shown(*"xxxx") > shown(*"wxyz") + math.log(8)
    assert shown(*"wxyz") > shown(*"xx") - math.log(2)  # it may mend another one in each
    assert shown(*"----") < -math.log(1.5)


def test_checks_of_a_task_share_the_luck_of_a_run() -> None:
    """A run in which all pass at once is one piece of luck, however many they are."""
    lucky = counted([(one(0), 1.0), (NONE, 0.0)], (0,))
    several = {Measure("t", c): lucky for c in "wxyz"}
    alone = explained({Measure("t"): lucky}, {0: [Measure("t")]}, NONE)[0]
    assert evidence(explained(several, {0: list(several)}, NONE)[0]) == pytest.approx(evidence(alone), abs=0.01)


def test_many_edits_of_one_task_are_counted_all_the_same() -> None:
    edits = tuple(range(16))
    table = counted([(frozenset(edits[::2]), 1.0), (frozenset(edits[1::2]), 0.0)] * 3, edits)
    found = table.factors(dict.fromkeys(edits, 0.2), NONE)
    assert min(found[e] for e in edits[::2]) > 1 > max(found[e] for e in edits[1::2])


def test_any_number_of_runs_gives_a_figure() -> None:
    """Neither too small to be told from nothing nor too large to be multiplied."""
    runs = [(one(0), 1.0), (one(1, 2), 0.0), (NONE, 0.0)] * 600
    tasks = [Measure(name) for name in "stu"]
    found = explained(dict.fromkeys(tasks, counted(runs)), dict.fromkeys(EDITS, tasks), NONE)
    assert all(math.isfinite(evidence(row)) for row in found.values())
    assert evidence(found[0]) > 30
    assert max(evidence(found[1]), evidence(found[2])) < -1.9  # they might still mend other tasks than these
