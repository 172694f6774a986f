"""Constants of group-sequential tests, computed and not looked up."""

import math
from functools import lru_cache
from statistics import NormalDist

_NORMAL = NormalDist()
_STEP = 0.2  # of the Simpson grid, in standard deviations of one look: an error below 2e-5 in the constant
_FAR = 7.0  # standard deviations below which a path is left out: 1e-12
_TOLERANCE = 1e-7
MOST_LOOKS = 16


@lru_cache(maxsize=256)
def pocock(looks: int, alpha: float) -> float:
    """The constant c with P(any of `looks` z-values >= c) = alpha, one-sided, for equally spaced information.

    Pocock (1977); by the recursive integration of Armitage, McPherson & Rowe (1969). One-sided .05 gives 1.645, 1.875,
    1.992, 2.067, 2.122 for 1 to 5 looks. Where information grows unequally, as with a stored base, looks are more
    correlated than that and the constant is on the safe side.

    Raises:
        ValueError: looks outside 1..16, alpha outside (0, 0.5].
    """
    if not 1 <= looks <= MOST_LOOKS:
        raise ValueError(f"looks must be between 1 and {MOST_LOOKS}, not {looks}")
    if not 0 < alpha <= 0.5:
        raise ValueError(f"alpha must be above 0 and at most 0.5, not {alpha}")
    low = _NORMAL.inv_cdf(1 - alpha)
    if looks == 1:
        return low
    high = _NORMAL.inv_cdf(1 - alpha / looks)  # Bonferroni: never too small
    # log(probability) is close to linear in c, so false position with halving (Illinois) needs a handful of steps
    at_low = math.log(crossing_probability(low, looks) / alpha)
    at_high = math.log(crossing_probability(high, looks) / alpha)
    side = 0
    while True:
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        here = math.log(crossing_probability(middle, looks) / alpha)
        if abs(here) < _TOLERANCE or high - low < _TOLERANCE:
            return middle
        if here < 0:
            high, at_high = middle, here
            at_low = at_low / 2 if side < 0 else at_low
            side = -1
        else:
            low, at_low = middle, here
            at_high = at_high / 2 if side > 0 else at_high
            side = 1


def crossing_probability(constant: float, looks: int) -> float:
    """P(S_k >= constant * sqrt(k) for some k <= looks) for a walk S with standard normal steps."""
    crossed = 1 - _NORMAL.cdf(constant)
    grid = _grid(constant, 1)
    density = [_NORMAL.pdf(s) for s, _ in grid]
    for look in range(2, looks + 1):
        points = [(s, f * w) for f, (s, w) in zip(density, grid, strict=True)]
        edge = constant * math.sqrt(look)
        crossed += math.fsum(m * 0.5 * math.erfc((edge - s) * math.sqrt(0.5)) for s, m in points)
        if look < looks:
            ahead = _grid(constant, look)
            density = [_step(point, points) for point, _ in ahead]
            grid = ahead
    return crossed


def _step(point: float, points: list[tuple[float, float]]) -> float:
    exp = math.exp
    return sum([m * exp(-0.5 * (point - s) * (point - s)) for s, m in points]) / math.sqrt(2 * math.pi)


def _grid(constant: float, look: int) -> list[tuple[float, float]]:
    """Simpson's points and weights from far below up to the boundary of a look."""
    high = constant * math.sqrt(look)
    low = -_FAR * math.sqrt(look)
    pieces = 2 * math.ceil((high - low) / _STEP / 2)
    width = (high - low) / pieces
    weights = [1.0] + [4.0 if i % 2 else 2.0 for i in range(1, pieces)] + [1.0]
    return [(low + i * width, w * width / 3) for i, w in enumerate(weights)]
