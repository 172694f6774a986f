"""What training will cost at most, before anything is spent: the counts of the paper's loop."""

from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes that decide the number of calls: tasks per split, and hyperparameters.

    `gate_rounds`: runs per task that the training gate takes of a candidate, at most.
    """

    train: int
    val: int
    test: int
    epochs: int
    batch_size: int
    minibatch_size: int
    slow_update: bool
    meta_notes: bool
    slow_sample: int
    confirm_runs: int
    gate_rounds: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Upper bounds of calls by stage."""

    start_validation: int
    rollouts: int
    validation: int
    slow_update: int
    confirmation: int
    optimizer: int

    @property
    def target(self) -> int:
        """Calls of the target model."""
        return self.start_validation + self.rollouts + self.validation + self.slow_update + self.confirmation


def train_calls(shape: Shape) -> Calls:
    """Most calls of one run: V + E*N + V*T + 2(E-1)*min(20,N) + slow-update gates, 2Q a run, and the optimizer's.

    T = E*ceil(N/B) steps. Exact stops, early stops and steps without failures make it less. The optimizer is asked
    once per minibatch (failures and successes apart), for one merge and one ranking a step, and twice an epoch from
    the second on; malformed answers, which are asked again once, are not counted.
    """
    steps_per_epoch = ceil(shape.train / shape.batch_size)
    steps = shape.epochs * steps_per_epoch
    sizes = [min(shape.batch_size, shape.train - at) for at in range(0, shape.train, shape.batch_size)]
    minibatches = shape.epochs * sum(ceil(size / shape.minibatch_size) + 1 for size in sizes)
    slow_epochs = shape.epochs - 1 if shape.slow_update else 0
    notes = max(0, shape.epochs - 2) if shape.meta_notes else 0
    decisions, rounds = steps + slow_epochs, shape.gate_rounds
    # The start is measured as often as a candidate may be; an accepted candidate brings two runs or more of its own.
    again = (rounds - 1) + decisions * max(0, rounds - 2)
    return Calls(
        start_validation=shape.val,
        rollouts=shape.epochs * shape.train,
        validation=shape.val * (decisions * rounds + again),
        slow_update=2 * slow_epochs * min(shape.slow_sample, shape.train),
        confirmation=2 * shape.test * shape.confirm_runs,
        optimizer=minibatches + 2 * steps + slow_epochs + notes,
    )
