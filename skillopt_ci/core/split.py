"""Which tasks train, which select, which are held out."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from skillopt_ci.core.digest import fraction
from skillopt_ci.core.task import SPLITS, Split, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitWeights:
    """Relative sizes of the splits (4:3:3 unless said), and the seed of the division.

    Raises:
        ValueError: a negative weight, or no weight above 0.
    """

    train: float = 4
    val: float = 3
    test: float = 3
    seed: int = 42

    def __post_init__(self) -> None:
        if min(self.train, self.val, self.test) < 0 or self.train + self.val + self.test <= 0:
            raise ValueError("split weights must be 0 or more, and one of them above 0")


def decide_split(task: Task, weights: SplitWeights) -> Split:
    """The task's own split, else one by hash of (seed, cluster or id): no other task has a say in it."""
    if task.split is not None:
        return task.split
    key = ("task", task.id) if task.cluster is None else ("cluster", task.cluster)
    place = fraction("split", weights.seed, *key) * (weights.train + weights.val + weights.test)
    if place < weights.train:
        return "train"
    return "val" if place < weights.train + weights.val or weights.test == 0 else "test"


def assign_splits(tasks: Iterable[Task], weights: SplitWeights, *, held_out: bool = False) -> tuple[Task, ...]:
    """Every task with its split decided, in order.

    The shares hold on average: of a few tasks, a hash may leave a split empty; give such tasks a `split` of their own
    or choose another seed.

    Args:
        tasks: with or without a split of their own.
        weights: relative sizes and seed.
        held_out: a file of the suite is its held-out split by format; tasks without a split are then divided between
            train and val only (in the ratio of their weights).
    """
    if held_out and weights.train + weights.val > 0:
        weights = replace(weights, test=0)
    return tuple(t if t.split else replace(t, split=decide_split(t, weights)) for t in tasks)


def count_splits(tasks: Iterable[Task]) -> dict[Split, int]:
    """Tasks per split, also for splits without any."""
    counts = dict.fromkeys(SPLITS, 0)
    for task in tasks:
        if task.split:
            counts[task.split] += 1
    return counts
