"""Synthetic worlds for the gates, and what peers decide in them.

Task pass probabilities come from distributions calibrated to published run-to-run noise of agent benchmarks: the mean
p(1-p) of `ushape` gives a 500-task run a standard deviation of 1.5 points (arXiv 2602.07150 measured more than that).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rng = np.random.Generator

MERGE_BETA = {"ushape": (0.7, 0.3), "noisy": (2.0, 1.6), "graded": (0.7, 0.3)}  # mean .70; noisy .56
TRAIN_BETA = {"ushape": (0.5, 0.4), "noisy": (2.0, 1.6), "graded": (0.5, 0.4)}  # mean .556
TRAIN_START = 5 / 9
MEAN_SHARE = 2 / 3  # of Beta(2, 1): what a touched task gains of its headroom or loses of its probability


def suite(rng: Rng, world: str, n: int, beta: dict[str, tuple[float, float]]) -> Array:
    """Pass probabilities of n tasks; `det` has only 0 and 1."""
    if world == "det":
        return (rng.random(n) < beta["ushape"][0] / sum(beta["ushape"])).astype(float)
    return rng.beta(*beta[world], size=n)


def runs(rng: Rng, p: Array, n: int, world: str) -> list[list[float]]:
    """n runs of each task; `graded` scores are Binomial(4, p) / 4."""
    if world == "graded":
        return [[score / 4 for score in row] for row in rng.binomial(4, p[:, None], (len(p), n)).tolist()]
    return [[float(passed) for passed in row] for row in (rng.random((len(p), n)) < p[:, None]).tolist()]


def changed(rng: Rng, p: Array, effect: float, gaining: float) -> Array:
    """Probabilities after an edit whose effect on exactly this suite is `effect` (0 or a loss).

    A share of the tasks gains; then tasks in random order lose until gains minus losses are exactly the effect. In the
    deterministic world whole tasks are lost.
    """
    q = p.copy()
    if set(np.unique(p)) <= {0.0, 1.0}:
        passing = np.flatnonzero(p)
        q[rng.permutation(passing)[: round(-effect * len(p))]] = 0.0
        return q
    gains = rng.random(len(p)) < gaining
    q[gains] += rng.beta(2, 1, int(gains.sum())) * (1 - q[gains])
    left = float((q - p).sum()) - effect * len(p)
    for everything in (False, True):  # the second pass only where losing a share was not enough
        for i in rng.permutation(np.flatnonzero(~gains)):
            lost = min(left, q[i] if everything else p[i] * rng.beta(2, 1))
            q[i] -= lost
            left -= lost
            if left <= 1e-12:
                return q
    return q


def population_change(rng: Rng, p: Array, mean: float, effect: float, gaining: float) -> Array:
    """Every task gains or loses by its own dice, so that `effect` holds for the population, not for the suite. In the
    deterministic world a touched task changes wholly."""
    whole = bool(np.all((p == 0) | (p == 1)))
    touch = 1.0 if whole else MEAN_SHARE
    losing = (touch * gaining * (1 - mean) - effect) / (touch * mean)
    dice = rng.random(len(p))
    share = np.ones(len(p)) if whole else rng.beta(2, 1, len(p))
    return np.where(dice < gaining, p + share * (1 - p), np.where(dice < gaining + losing, p * (1 - share), p))


# What peers do, on one run a side.


def naive(base: Array, head: Array) -> bool:
    """Worse when the mean is lower."""
    return float(head.sum()) < float(base.sum()) - 1e-9


def mcnemar(base: Array, head: Array, level: float = 0.05) -> bool:
    """Fixed-n exact one-sided McNemar test (sign test over tasks, for graded scores)."""
    lost, gained = int((head < base).sum()), int((head > base).sum())
    n = lost + gained
    return bool(sum(math.comb(n, k) for k in range(lost, n + 1)) <= level * 2**n)


def bootstrap(rng: Rng, difference: Array, draws: int = 1000) -> tuple[float, float]:
    """Paired percentile bootstrap, 95%."""
    n = len(difference)
    values, counts = np.unique(difference, return_counts=True)
    means = rng.multinomial(n, counts / n, size=draws) @ values / n
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


# Training: candidates for a skill.


@dataclass(frozen=True)
class Candidate:
    """An edited skill: what it does to the validation tasks, and its true mean in the population."""

    p: Array
    mean: float
    effect: float
    kind: str


def propose(rng: Rng, p: Array, mean: float, world: str) -> Candidate:
    """15% helpful (+2 to +10 points, shrinking with headroom), 20% harmful (-1 to -10), 5% catastrophic (-10 to -40),
    30% cosmetic, 30% balanced churn. Every edit that does something also moves a few tasks the other way.
    In the deterministic world a touched task changes wholly."""
    touch = 1.0 if world == "det" else MEAN_SHARE
    dice = rng.random()
    if dice < 0.15:
        kind, effect = "helpful", rng.uniform(0.02, 0.10) * (1 - mean) / (1 - TRAIN_START)
    elif dice < 0.35:
        kind, effect = "harmful", -rng.uniform(0.01, 0.10) * min(1.0, mean / TRAIN_START)
    elif dice < 0.40:
        kind, effect = "catastrophic", -rng.uniform(0.10, 0.40) * min(1.0, mean / TRAIN_START)
    elif dice < 0.70:
        return Candidate(p, mean, 0.0, "null")
    else:
        kind, effect = "null", 0.0
    against = 0.03 if kind != "null" else rng.uniform(0.0, 0.05)  # mean moved the other way
    up, down = (effect + against, against) if effect >= 0 else (against, against - effect)
    gaining, losing = up / (touch * (1 - mean)), min(1.0, down / (touch * mean))
    gaining = min(gaining, 1 - losing)
    roll = rng.random(len(p))
    share = np.ones(len(p)) if world == "det" else rng.beta(2, 1, len(p))
    after = np.where(roll < gaining, p + share * (1 - p), np.where(roll < gaining + losing, p * (1 - share), p))
    true = 0.0 if kind == "null" else touch * (gaining * (1 - mean) - losing * mean)
    return Candidate(after, mean + true, true, kind)
