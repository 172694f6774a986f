"""Exact within-task permutation test of two sides with repeated runs.

If a change does nothing, every way of dealing a task's runs to the two sides is equally likely. The statistic is the
sum of head scores; its distribution is a convolution over tasks: of hypergeometric distributions for scores 0 and 1
(with one run a side this is McNemar's exact test). Tasks whose runs are all equal carry no information and cancel.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from skillopt_ci.core.noise import words
from skillopt_ci.core.runs import Pairs

DRAWS = 4000  # of the Monte-Carlo version
_TIE = 1e-9
_FINEST_GRID = 120  # scores are looked for on 1/d with d up to this: shares of checks, quarters, percents in fives
_MOST_WORK = 3_000_000  # multiplications of the exact version, about 0.1 s
_MOST_SUBSETS = 5000  # ways to deal one task's runs that are written out
_NOTHING = 1e-18  # probabilities that are dropped while convolving; the total error stays below 1e-12

# One task for the test: (all its runs, sorted; how many of them are the head's)
_Deal = tuple[tuple[int, ...], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """Where the observed sum of head scores lies under "no task changed".

    Attributes:
        below: probability of a smaller sum.
        equal: probability of the same sum.
        exact: False when drawn by Monte Carlo.
    """

    below: float
    equal: float
    exact: bool = True

    @property
    def p(self) -> float:
        """One-sided p-value of "the head is worse": never too small."""
        return min(1.0, self.below + self.equal)

    @property
    def mid_p(self) -> float:
        """The same with half the weight of the observed sum: stronger, close to its nominal level, not guaranteed.

        1 when there is no evidence at all, because every way to deal the runs gives the same sum.
        """
        return min(1.0, self.below + self.equal / 2) if self.below + self.equal < 1 or self.below else 1.0

    @property
    def two_sided(self) -> float:
        """Twice the smaller mid-p."""
        middle = min(1.0, self.below + self.equal / 2)
        return min(1.0, 2 * min(middle, 1 - middle))


NO_EVIDENCE = Tail(below=0.0, equal=1.0)


def paired_test(pairs: Pairs, *, seed: int = 0) -> Tail:
    """The test over all tasks that were measured on both sides. The order of tasks and of runs does not matter.

    Scores on a grid (0/1, quarters, twelfths, ...) are convolved exactly while that is cheap; others are dealt 4000
    times by Monte Carlo with `seed`, and the observed deal counts as one more draw, so that p is never 0.
    """
    pairs = [(b, h) for b, h in pairs if max(*b, *h) - min(*b, *h) > _TIE]
    if not pairs:
        return NO_EVIDENCE
    grid = _common_grid({v for b, h in pairs for v in (*b, *h)})
    if grid is not None:
        deals = [(tuple(sorted(round(v * grid) for v in (*b, *h))), len(h)) for b, h in pairs]
        observed = sum(round(v * grid) for _, h in pairs for v in h)
        if _work(deals) <= _MOST_WORK:
            return _convolved(deals, observed)
    return _drawn(pairs, seed)


def task_p(base: Sequence[float], head: Sequence[float]) -> float:
    """One task's own exact p-value of "worse"; 1 when a side has no runs."""
    return paired_test([(base, head)]).p if base and head else 1.0


def _common_grid(values: set[float]) -> int | None:
    """The smallest d with every value a multiple of 1/d."""
    for grid in range(1, _FINEST_GRID + 1):
        if all(abs(v * grid - round(v * grid)) < _TIE * grid for v in values):
            return grid
    return None


def _work(deals: Sequence[_Deal]) -> float:
    """Multiplications the convolution needs: entries of each task's distribution times the width of the sum."""
    variance = 0.0
    steps = 0.0
    for (runs, chosen), times in Counter(deals).items():
        n = len(runs)
        mean = sum(runs) / n
        spread = sum((r - mean) ** 2 for r in runs) / (n - 1)
        variance += times * spread * chosen * (n - chosen) / n
        steps += times * (1 + sum(runs[n - chosen :]) - sum(runs[:chosen]))
    return steps * (1 + min(steps, 18 * math.sqrt(variance)))


@lru_cache(maxsize=4096)
def _kernel(runs: tuple[int, ...], chosen: int) -> tuple[int, tuple[float, ...]]:
    """Smallest sum of `chosen` of the runs, and the probabilities of it and every larger one."""
    ways: list[dict[int, int]] = [{0: 1}] + [{} for _ in range(chosen)]
    for run in runs:
        for taken in range(chosen - 1, -1, -1):
            ahead = ways[taken + 1]
            for total, count in ways[taken].items():
                ahead[total + run] = ahead.get(total + run, 0) + count
    sums = ways[chosen]
    low, high = min(sums), max(sums)
    total_ways = math.comb(len(runs), chosen)
    return low, tuple(sums.get(s, 0) / total_ways for s in range(low, high + 1))


def _convolved(deals: Sequence[_Deal], observed: int) -> Tail:
    counted = sorted(Counter(deals).items(), key=lambda item: (len(item[0][0]), item[0]))
    start = 0  # the sum that distribution[0] belongs to, over the smallest possible one
    distribution = [1.0]
    room = observed - sum(times * _kernel(*deal)[0] for deal, times in counted)
    for deal, times in counted:
        kernel = _kernel(*deal)[1]
        for _ in range(times):
            distribution = _convolve(distribution, kernel, room - start + 1)
            drop = 0
            while drop < len(distribution) - 1 and distribution[drop] < _NOTHING:
                drop += 1
            if drop:
                del distribution[:drop]
                start += drop
    at = room - start
    equal = distribution[at] if 0 <= at < len(distribution) else 0.0
    return Tail(below=math.fsum(distribution[: max(0, at)]), equal=equal)


def _convolve(first: list[float], second: tuple[float, ...], length: int) -> list[float]:
    """The first `length` entries of a convolution: larger sums than observed are not needed."""
    span = len(second) - 1
    out = [second[0] * x for x in first] + [0.0] * span
    for shift in range(1, span + 1):
        weight = second[shift]
        if weight:
            out[shift : shift + len(first)] = [
                y + weight * x for y, x in zip(out[shift : shift + len(first)], first, strict=True)
            ]
    del out[max(1, length) :]
    return out


def _drawn(pairs: Pairs, seed: int) -> Tail:
    deals = sorted((tuple(sorted((*b, *h))), len(h)) for b, h in pairs)
    totals = [0.0] * DRAWS
    for index, (runs, chosen) in enumerate(deals):
        sums = _subset_sums(runs, chosen, seed, index)
        ways = len(sums)
        draws = words(DRAWS, "permutation", seed, index)
        totals = [t + sums[(w * ways) >> 32] for t, w in zip(totals, draws, strict=True)]
    observed = math.fsum(v for _, h in pairs for v in h)
    near = _TIE * len(pairs)
    below = sum(t < observed - near for t in totals)
    equal = sum(abs(t - observed) <= near for t in totals) + 1
    return Tail(below=below / (DRAWS + 1), equal=equal / (DRAWS + 1), exact=False)


def _subset_sums(runs: tuple[float, ...], chosen: int, seed: int, index: int) -> list[float]:
    """Sums of every way to deal a task's runs, or of 5000 random ways when there are more."""
    if math.comb(len(runs), chosen) <= _MOST_SUBSETS:
        return [math.fsum(c) for c in combinations(runs, chosen)]
    keys = words(_MOST_SUBSETS * len(runs), "deal", seed, index)
    sums = []
    for at in range(0, len(keys), len(runs)):
        order = sorted(range(len(runs)), key=keys[at : at + len(runs)].__getitem__)
        sums.append(math.fsum(runs[i] for i in order[:chosen]))
    return sums
