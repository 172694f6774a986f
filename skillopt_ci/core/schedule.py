"""Order and pace of training: which tasks in which batch, how many edits a step may keep."""

import math
from collections.abc import Sequence
from typing import Literal, TypeVar

from skillopt_ci.core.digest import digest

Shape = Literal["constant", "linear", "cosine"]
T = TypeVar("T")


def edit_budget(step: int, total: int, *, start: int, end: int, shape: Shape) -> int:
    """Edits that step `step` (from 0) of `total` may keep: the textual learning rate, rounded, at least 1."""
    if shape == "constant" or total <= 1:
        return max(1, start)
    progress = min(1.0, step / (total - 1))
    weight = 1 - progress if shape == "linear" else (1 + math.cos(math.pi * progress)) / 2
    return max(1, math.floor(end + (start - end) * weight + 0.5))


def epoch_order(ids: Sequence[str], *, seed: int, epoch: int) -> list[str]:
    """A shuffle of task ids that depends on the seed, the epoch and each id alone."""
    return sorted(ids, key=lambda task: digest([seed, epoch, task]))


def chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Consecutive pieces of at most `size` items."""
    return [items[at : at + size] for at in range(0, len(items), size)]
