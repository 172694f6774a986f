from dataclasses import replace
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.costs import Shape, train_calls
from skillopt_ci.core.schedule import chunks

SEARCHQA = Shape(
    train=400,
    val=200,
    test=1400,
    epochs=4,
    batch_size=40,
    minibatch_size=8,
    slow_update=True,
    meta_notes=True,
)
SHAPES = st.builds(
    Shape,
    train=st.integers(1, 90),
    val=st.integers(1, 50),
    test=st.integers(1, 50),
    epochs=st.integers(1, 5),
    batch_size=st.integers(1, 100),
    minibatch_size=st.integers(1, 20),
    slow_update=st.booleans(),
    meta_notes=st.booleans(),
)


def test_the_papers_size() -> None:
    calls = train_calls(SEARCHQA)
    assert calls.start_validation == 200
    assert calls.rollouts == 4 * 400
    assert calls.validation == 200 * (40 + 3)
    assert calls.slow_update == 2 * 3 * 20
    assert calls.confirmation == 2 * 1400
    assert calls.target == 200 + 1600 + 8600 + 120 + 2800
    # 40 steps: 5 minibatches and one more for the mixed ends, a merge, a ranking; 3 slow updates, 2 notes.
    assert calls.optimizer == 40 * (6 + 2) + 3 + 2


def test_screening_and_pruning_are_counted_at_their_worst() -> None:
    screened = train_calls(replace(SEARCHQA, screen_runs=8, gate_rounds=3))
    assert screened.screening == 40 * (4 * 4 + 4) * 8  # four edits for a place, and where none helps four once more
    # 80 bundles and halves, what waits, what was in doubt, and their halves, 3 slow updates: three rounds, and two
    # more of every new incumbent and of the start.
    assert screened.validation == 200 * (87 * 3 + 2 + 87 * 2)
    pruned = train_calls(replace(SEARCHQA, screen_runs=8, gate_rounds=3, prune=True))
    assert pruned.screening - screened.screening == 40 * 4 * 8
    assert pruned.validation - screened.validation == 200 * 3 * (3 + 1)
    assert train_calls(replace(SEARCHQA, prune=True)).screening == 40 * 4 * 8
    assert pruned.rollouts == 2 * 1600  # once screening is given up batches run twice
    assert pruned.target == sum((200, 3200, pruned.screening, pruned.validation, 120, 2800))


def test_rounds_of_the_gate_without_screening() -> None:
    """An accepted candidate brings two runs of its own; the start is measured as often as a candidate may be."""
    calls = train_calls(replace(SEARCHQA, gate_rounds=3))
    assert calls.validation == 200 * (43 * 3 + 2 + 43 * 1)


def test_what_is_switched_off_costs_nothing() -> None:
    plain = train_calls(replace(SEARCHQA, slow_update=False, meta_notes=False))
    assert (plain.slow_update, plain.validation, plain.optimizer) == (0, 200 * 40, 320)
    one = train_calls(replace(SEARCHQA, epochs=1))
    assert (one.slow_update, one.validation, one.optimizer) == (0, 200 * 10, 80)


@given(SHAPES)
def test_no_division_into_failures_and_successes_needs_more_minibatches(shape: Shape) -> None:
    """The worst of all divisions, batch by batch, by counting."""
    batches = chunks(range(shape.train), shape.batch_size)
    m = shape.minibatch_size
    worst = [max(ceil(f / m) + ceil((len(b) - f) / m) for f in range(1, len(b) + 1)) for b in batches]
    questions = shape.epochs * sum(w + 2 for w in worst)
    epoch_ends = (shape.epochs - 1) * shape.slow_update + max(0, shape.epochs - 2) * shape.meta_notes
    assert (
        questions + epoch_ends <= train_calls(shape).optimizer <= questions + epoch_ends + shape.epochs * len(batches)
    )
