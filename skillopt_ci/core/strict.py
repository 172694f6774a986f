"""The training gate `strict`: a candidate must beat the incumbent's frozen validation mean.

The exact stop measures the tasks the incumbent failed first and stops when even passing every remaining task could
not beat it; the decision is the same, for fewer rollouts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from skillopt_ci.core.digest import text_digest

TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """State of a strict decision: the sum of differences so far plus the most the rest could add."""

    upper_sum: float
    n_tasks: int

    @property
    def cannot_win(self) -> bool:
        """No result of the remaining tasks makes the candidate better."""
        return self.upper_sum <= TOLERANCE * self.n_tasks


def failures_first(incumbent: Sequence[tuple[str, float]]) -> list[str]:
    """Task ids by the incumbent's score, lowest first; ties by a digest of the id, the same every time."""
    return [task for task, _ in sorted(incumbent, key=lambda pair: (pair[1], text_digest(pair[0])))]


def bound(incumbent: Sequence[float], candidate: Sequence[float | None]) -> Bound:
    """The bound after some results; `candidate[i]` None means not measured yet (or missing: it could still be 1)."""
    total = math.fsum((1.0 if c is None else c) - b for b, c in zip(incumbent, candidate, strict=True))
    return Bound(upper_sum=total, n_tasks=len(incumbent))


def next_wave(state: Bound, remaining: int) -> int:
    """How many tasks to measure before looking again.

    Every result lowers the bound by at most 1, so a decision needs at least `upper_sum` more of them: running that
    many at once wastes nothing. A floor of V/16 bounds the number of barriers at a cost of a few rollouts.
    """
    return min(remaining, max(1, state.n_tasks // 16, math.ceil(state.upper_sum - TOLERANCE)))
