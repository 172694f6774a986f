"""Intervals. Formulas are named where they are used; scipy checks them in the tests."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A difference of scores (1.0 is 100 points) with its two-sided interval."""

    mean: float
    low: float
    high: float
    confidence: float = 0.95


def plus_two(differences: Sequence[float], *, runs: float, confidence: float = 0.95) -> Effect | None:
    """Interval for the mean paired difference in the population of tasks; None without tasks.

    Two pseudo-tasks at +c and -c, c = 1/sqrt(runs), are added before the usual z interval: the Bonett-Price interval
    (Bonett & Price 2012) at one run, shrunk for more. All ties still give a width, which a bootstrap does not.
    The reported mean is the plain mean of the differences; the interval is centred on the shrunken one.

    Args:
        differences: one per task (or cluster), each in [-1, 1].
        runs: runs per task and arm; `compare.interval_runs` where the arms differ or the target has no noise.
        confidence: two-sided.
    """
    if not differences:
        return None
    centre, se = _plus_two_moments(differences, runs)
    z = _NORMAL.inv_cdf(0.5 + confidence / 2)
    mean = math.fsum(differences) / len(differences)
    return Effect(mean=mean, low=max(-1.0, centre - z * se), high=min(1.0, centre + z * se), confidence=confidence)


def confidence_better(differences: Sequence[float], *, runs: float) -> float | None:
    """One-sided confidence that the mean difference is above 0, from the same moments; None without tasks."""
    if not differences:
        return None
    centre, se = _plus_two_moments(differences, runs)
    return _NORMAL.cdf(centre / se)


def _plus_two_moments(differences: Sequence[float], runs: float) -> tuple[float, float]:
    c = 1 / math.sqrt(runs)
    n = len(differences) + 2
    centre = math.fsum(differences) / n
    variance = (math.fsum(d * d for d in differences) + 2 * c * c) / n - centre * centre
    return centre, math.sqrt(max(variance, 0.0) / n)


def wilson_like(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float] | None:
    """Interval for a mean of scores in [0, 1]: Wilson's, with the mean in place of a proportion; None without values.

    For graded scores it is conservative, as their variance is at most p(1-p).
    """
    return wilson(math.fsum(values) / len(values), len(values), confidence=confidence) if values else None


def wilson(share: float, trials: float, *, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (Wilson 1927) for a share of independent trials; `trials` above 0, may be broken."""
    n, p = trials, share
    z2 = _NORMAL.inv_cdf(0.5 + confidence / 2) ** 2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def harmonic_runs(first: float, second: float) -> float:
    """Runs per arm that carry the same noise as `first` and `second` runs of the two arms."""
    return 2 / (1 / first + 1 / second)
