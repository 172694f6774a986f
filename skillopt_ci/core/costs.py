"""What training will cost at most, before anything is spent: the counts of the paper's loop."""

from dataclasses import dataclass
from math import ceil

SCREENED = 4  # edits that a step screens for each that it may keep
PRUNE_RUNS = 8  # of the skill without an edit, at most
PRUNE_ROUNDS = 2  # runs of a validation task with the shorter skill
SLOW_SAMPLE = 20  # train tasks that a slow update compares two skills on
ENOUGH_TASKS = 100  # of the test split, for one run of each
PRUNINGS = 3  # removals that may be gated: all of them, then half as many, then half of those


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes that decide the number of calls: tasks per split, and hyperparameters.

    Attributes:
        gate_rounds: runs per task that the training gate takes of a candidate, at most.
        edit_budget: edits that a step may keep, at most.
        screen_runs: rollouts that are taken for the sake of one edit, at most; 0 when edits are not screened.
        prune: whether the run ends with pruning.
        targets: that the closing comparison is made on.
    """

    train: int
    val: int
    test: int
    epochs: int
    batch_size: int
    minibatch_size: int
    slow_update: bool
    meta_notes: bool
    gate_rounds: int = 1
    edit_budget: int = 4
    screen_runs: int = 0
    prune: bool = False
    targets: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Upper bounds of calls by stage."""

    start_validation: int
    rollouts: int
    screening: int
    validation: int
    slow_update: int
    confirmation: int
    optimizer: int

    @property
    def target(self) -> int:
        """Calls of the target model."""
        training = self.rollouts + self.screening + self.validation + self.slow_update
        return self.start_validation + training + self.confirmation


def train_calls(shape: Shape) -> Calls:
    """Most calls of one run: V + E*N + V*T + 2(E-1)*min(20,N) + slow-update gates, 2Q a run, and the optimizer's.

    T = E*ceil(N/B) steps. Exact stops, early stops and steps without failures make it less. The optimizer is asked
    once per minibatch (failures and successes apart), for one merge and one ranking a step, and twice an epoch from
    the second on; malformed answers, which are asked again once, are not counted.

    A step that screens tries at most `SCREENED` edits for each that it may keep, and where none helps as many as it may
    keep once more; once screening is given up a batch runs twice instead, and is read so. The better half of a bundle
    that is not kept may be gated again, and so may what waits then, what was left in doubt, and what waits at the end.
    Pruning tries every kept edit, and gates three times.
    """
    steps_per_epoch = ceil(shape.train / shape.batch_size)
    steps = shape.epochs * steps_per_epoch
    twice = 2 if shape.screen_runs else 1
    sizes = [twice * min(shape.batch_size, shape.train - at) for at in range(0, shape.train, shape.batch_size)]
    minibatches = shape.epochs * sum(ceil(size / shape.minibatch_size) + 1 for size in sizes)
    slow_epochs = shape.epochs - 1 if shape.slow_update else 0
    notes = max(0, shape.epochs - 2) if shape.meta_notes else 0
    screened = steps * (SCREENED + 1) * shape.edit_budget * shape.screen_runs
    pruned = steps * shape.edit_budget * PRUNE_RUNS if shape.prune else 0
    return Calls(
        start_validation=shape.val,
        rollouts=twice * shape.epochs * shape.train,
        screening=screened + pruned,
        validation=shape.val * _runs_per_task(shape, steps, slow_epochs),
        slow_update=2 * slow_epochs * min(SLOW_SAMPLE, shape.train),
        confirmation=2 * shape.test * confirmation_runs(shape.test),
        optimizer=minibatches + 2 * steps + slow_epochs + notes,
    )


def confirmation_runs(n_tasks: int) -> int:
    """Runs per task and skill: two, or one where the suite is large enough that more tasks carry the claim."""
    return 1 if n_tasks >= ENOUGH_TASKS else 2


def gate_rollouts(val: int, rounds: int) -> int:
    """Most rollouts of one decision of the training gate: the candidate's, and the incumbent's after its first."""
    return val * (2 * rounds - 1)


def search_rollouts(*, train: int, val: int, epochs: int, batch_size: int, rounds: int) -> int:
    """Rollouts of a whole search, the closing measurement apart: what methods get that are compared.

    As many as the paper's loop takes without its slow updates, V + E*N + V*T, and room for one decision of the gate.
    """
    steps = epochs * ceil(train / batch_size)
    return val + epochs * train + val * steps + gate_rollouts(val, rounds)


def _runs_per_task(shape: Shape, steps: int, slow_epochs: int) -> int:
    """Most runs that a validation task takes after the first one of the start."""
    rounds = shape.gate_rounds
    decisions = (steps + 2) * 2 + slow_epochs if shape.screen_runs else steps + slow_epochs
    # The start is measured as often as a candidate may be; an accepted candidate brings two runs or more of its own,
    # one when its edits were screened.
    own = 1 if shape.screen_runs else 2
    again = (rounds - 1) + decisions * max(0, rounds - own)
    pruning = PRUNINGS * (max(PRUNE_ROUNDS, rounds) + 1) if shape.prune else 0
    return decisions * rounds + again + pruning
