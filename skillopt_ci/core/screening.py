"""Screening: what an edit does alone to the train tasks whose failures it answers, for a handful of rollouts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from skillopt_ci.core.schedule import epoch_order

LOOKS = 2
Verdict = Literal["keep", "weak", "reject", "more"]
TOLERANCE = 1e-9
COMPANY = 6  # edits that did well alone, from which their bundle is gated before the epoch ends


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenRule:
    """How edits are screened.

    Attributes:
        runs: rollouts of an edit in one look; 0 screens nothing.
        share: mean gain from which an edit goes into the bundle.
        margin: this far from `share` the first look decides; between them a second look doubles the runs.
    """

    runs: int = 4
    share: float = 0.5
    margin: float = 0.25

    @property
    def most_runs(self) -> int:
        """Rollouts that one edit can take."""
        return self.runs * LOOKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What the runs of an edit showed: mean gain over what its tasks scored without it, over so many runs."""

    gain: float
    runs: int


def tasks_of(evidence: Sequence[str], failed: Sequence[str], rule: ScreenRule, *, seed: int) -> list[tuple[str, int]]:
    """(task, run) pairs to screen an edit on, in order: its failed evidence, else any failure of the batch.

    Too few tasks are run again, as more runs of the same tasks still tell luck from effect.
    """
    return spread([task for task in failed if task in set(evidence)] or list(failed), rule, seed=seed)


def spread(tasks: Sequence[str], rule: ScreenRule, *, seed: int) -> list[tuple[str, int]]:
    """(task, run) pairs for all looks of an edit: every task once in a seeded order, then again."""
    order = epoch_order(tasks, seed=seed, epoch=0)
    wanted = rule.most_runs if order else 0
    return [(order[n % len(order)], n // len(order)) for n in range(wanted)]


def screened(values: Sequence[float | None], before: Sequence[float]) -> Screening | None:
    """The mean gain over runs that gave a result; None when none did."""
    gains = [v - b for v, b in zip(values, before, strict=False) if v is not None]
    return Screening(gain=math.fsum(gains) / len(gains), runs=len(gains)) if gains else None


def verdict(found: Screening | None, look: int, rule: ScreenRule) -> Verdict:
    """What the runs of an edit say after look 1 or 2. One that could not be measured is kept: the gate decides.

    `weak` helps some of its tasks and not enough; it counts where nothing else helps, as of two edits that only
    together make a task pass.
    """
    if found is None:
        return "keep"
    gain = found.gain + TOLERANCE
    if look < LOOKS and abs(found.gain - rule.share) < rule.margin - TOLERANCE:
        return "more"
    return "keep" if gain >= rule.share else "weak" if gain >= rule.share / 2 else "reject"


def worth(kept: Sequence[Screening | None], rule: ScreenRule) -> bool:
    """Whether a bundle is gated now. Edits that all did well alone wait until there are enough of them to show."""
    waiting = [s for s in kept if s is not None and s.gain + TOLERANCE >= rule.share]
    return len(kept) >= COMPANY or len(waiting) < len(kept)
