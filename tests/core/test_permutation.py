import random
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.permutation import DRAWS, Tail, paired_test, task_p
from skillopt_ci.core.runs import Rows, paired

BITS = st.sampled_from([0.0, 1.0])
QUARTERS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


def rows(score: st.SearchStrategy[float], runs: int) -> st.SearchStrategy[list[float]]:
    return st.lists(score, min_size=1, max_size=runs)


def tasks(score: st.SearchStrategy[float]) -> st.SearchStrategy[list[tuple[list[float], list[float]]]]:
    return st.lists(st.tuples(rows(score, 4), rows(score, 3)), min_size=1, max_size=5)


def within_task(base: Rows, head: Rows, *, seed: int = 0) -> Tail:
    return paired_test(paired(base, head), seed=seed)


def split(both: list[tuple[list[float], list[float]]]) -> tuple[list[list[float]], list[list[float]]]:
    return [b for b, _ in both], [h for _, h in both]


def by_hand(base: list[list[float]], head: list[list[float]]) -> tuple[float, float]:
    """Every way to deal every task's runs."""
    sums = [[sum(c) for c in combinations([*b, *h], len(h))] for b, h in zip(base, head, strict=True)]
    observed = sum(map(sum, head))
    totals = np.array([0.0])
    for task in sums:
        totals = (totals[:, None] + np.array(task)[None, :]).ravel()
    return float(np.mean(totals < observed - 1e-9)), float(np.mean(np.abs(totals - observed) < 1e-9))


@given(tasks(QUARTERS))
def test_exact_as_by_hand(both: list[tuple[list[float], list[float]]]) -> None:
    base, head = split([(b[:2], h[:2]) for b, h in both])
    tail = within_task(base, head)
    below, equal = by_hand(base, head)
    assert tail.exact
    assert (tail.below, tail.equal) == (pytest.approx(below, abs=1e-12), pytest.approx(equal, abs=1e-12))


@given(st.integers(0, 8), st.integers(0, 4))
def test_one_task_is_hypergeometric(base_passes: int, head_passes: int) -> None:
    from scipy import stats

    base = [1.0] * base_passes + [0.0] * (8 - base_passes)
    head = [1.0] * head_passes + [0.0] * (4 - head_passes)
    expected = stats.hypergeom(12, base_passes + head_passes, 4).cdf(head_passes)
    assert task_p(base, head) == pytest.approx(expected, abs=1e-12)
    tied = base_passes + head_passes in (0, 12)
    point = stats.hypergeom(12, base_passes + head_passes, 4).pmf(head_passes)
    assert within_task([base], [head]).mid_p == pytest.approx(1.0 if tied else expected - point / 2, abs=1e-12)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 20))
def test_one_run_a_side_is_mcnemars_exact_test(lost: int, gained: int, same: int) -> None:
    from scipy import stats

    base = [[1.0]] * lost + [[0.0]] * gained + [[1.0]] * same
    head = [[0.0]] * lost + [[1.0]] * gained + [[1.0]] * same
    expected = stats.binomtest(gained, lost + gained, alternative="less").pvalue if lost + gained else 1.0
    assert within_task(base, head).p == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 4)), min_size=1, max_size=40))
def test_many_tasks_against_scipys_convolution(suite: list[tuple[int, int]]) -> None:
    from scipy import stats

    pairs = [(passes, min(head, passes)) for passes, head in suite if passes - min(head, passes) <= 8]
    distribution = np.ones(1)
    for passes, _ in pairs:
        distribution = np.convolve(distribution, stats.hypergeom(12, passes, 4).pmf(np.arange(5)))
    base = [[1.0] * (p - h) + [0.0] * (8 - p + h) for p, h in pairs]
    head = [[1.0] * h + [0.0] * (4 - h) for _, h in pairs]
    observed = sum(h for _, h in pairs)
    expected = float(distribution[: observed + 1].sum()) if pairs else 1.0
    assert within_task(base, head).p == pytest.approx(expected, abs=1e-10)


@given(tasks(BITS))
def test_sides_mirror_each_other(both: list[tuple[list[float], list[float]]]) -> None:
    base, head = split(both)
    one, other = within_task(base, head), within_task(head, base)
    assert one.below + other.below + one.equal == pytest.approx(1, abs=1e-12)
    assert one.equal == pytest.approx(other.equal, abs=1e-12)
    assert one.two_sided == pytest.approx(other.two_sided, abs=1e-12)


@given(tasks(QUARTERS), st.randoms(use_true_random=False))
def test_order_does_not_matter(both: list[tuple[list[float], list[float]]], shuffle: random.Random) -> None:
    mixed = [(shuffle.sample(b, len(b)), shuffle.sample(h, len(h))) for b, h in both]
    shuffle.shuffle(mixed)
    assert within_task(*split(both)) == within_task(*split(mixed))


@given(tasks(BITS))
def test_a_head_that_fails_more_never_looks_better(both: list[tuple[list[float], list[float]]]) -> None:
    base, head = split(both)
    for i, row in enumerate(head):
        if 1.0 in row:
            worse = [list(r) for r in head]
            worse[i][worse[i].index(1.0)] = 0.0
            # the same runs dealt worse: only then are the two p-values of one distribution
            if 0.0 in base[i]:
                swapped = [list(r) for r in base]
                swapped[i][swapped[i].index(0.0)] = 1.0
                assert within_task(swapped, worse).p <= within_task(base, head).p + 1e-12
            return


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.3, 1.0]), st.integers(1, 8), st.integers(1, 4)), max_size=20))
def test_ties_are_no_evidence(suite: list[tuple[float, int, int]]) -> None:
    tail = within_task([[v] * b for v, b, _ in suite], [[v] * h for v, _, h in suite])
    assert (tail.p, tail.mid_p, tail.two_sided) == (1.0, 1.0, 1.0)


def test_all_failures_and_a_constant_score_are_ties() -> None:
    assert within_task([[0.0] * 8] * 3, [[0.0]] * 3).mid_p == 1.0
    assert within_task([[0.7] * 8] * 3, [[0.7]] * 3).mid_p == 1.0


def test_tasks_without_a_run_on_one_side_are_left_out() -> None:
    assert within_task([[1.0] * 8, [1.0]], [[0.0], [None]]).p == pytest.approx(1 / 9)
    assert task_p([1.0], []) == 1.0


@pytest.mark.parametrize("bad", [1.01, -0.5, float("nan")])
def test_scores_outside_the_unit_interval_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="must lie in"):
        within_task([[bad]], [[1.0]])


def test_scores_without_a_grid_are_dealt_by_monte_carlo() -> None:
    source = random.Random(5)
    base = [[source.random() for _ in range(3)] for _ in range(4)]
    head = [[source.random() * 0.9 for _ in range(2)] for _ in range(4)]
    tail = within_task(base, head)
    below, _ = by_hand(base, head)
    assert not tail.exact
    assert tail.below == pytest.approx(below, abs=4 * (0.25 / DRAWS) ** 0.5)
    assert tail.equal >= 1 / (DRAWS + 1)
    assert within_task(base[::-1], head[::-1]) == tail
    assert within_task(base, head, seed=1) != tail


def test_deals_that_are_as_good_as_the_observed_one_count_half_by_monte_carlo_too() -> None:
    low, high = [0.1234567], [0.7654321]
    near = 4 * (0.25 / DRAWS) ** 0.5
    worse, better = within_task([high], [low]), within_task([low], [high])  # two ways to deal, and this is one of them
    assert not worse.exact
    assert (worse.below, worse.equal) == (0.0, pytest.approx(0.5, abs=near))
    assert (better.below, better.equal) == (pytest.approx(0.5, abs=near), pytest.approx(0.5, abs=near))


def test_monte_carlo_with_more_deals_than_can_be_written_out() -> None:
    source = random.Random(6)
    base = [[source.random() for _ in range(12)] for _ in range(3)]
    head = [[source.random() * 0.8 for _ in range(6)] for _ in range(3)]
    tail = within_task(base, head)
    totals = np.zeros(20000)
    dealer = np.random.default_rng(2)
    for b, h in zip(base, head, strict=True):
        pooled = np.array([*b, *h])
        totals += dealer.permuted(np.tile(pooled, (20000, 1)), axis=1)[:, :6].sum(axis=1)
    assert tail.p == pytest.approx(float(np.mean(totals <= sum(map(sum, head)))), abs=0.03)


def test_a_wide_grid_is_left_to_monte_carlo() -> None:
    source = random.Random(7)
    base = [[source.randrange(120) / 119 for _ in range(8)] for _ in range(60)]
    head = [[source.randrange(120) / 119 for _ in range(4)] for _ in range(60)]
    drawn = within_task(base, head)
    assert not drawn.exact
    assert 0 < drawn.mid_p < 1


def test_far_tails_stay_probabilities() -> None:
    tail = within_task([[1.0] * 8] * 200, [[0.0] * 4] * 200)
    assert 0 <= tail.p < 1e-15
    gain = within_task([[0.0] * 8] * 200, [[1.0] * 4] * 200)
    assert gain.p == pytest.approx(1)
    assert gain.mid_p <= 1


def test_two_sided_is_at_most_one() -> None:
    assert all(Tail(below=b / 10, equal=e / 10).two_sided <= 1 for b, e in product(range(11), range(11)) if b + e <= 10)
