import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.schedule import Shape, chunks, edit_budget, epoch_order

IDS = st.lists(st.text(max_size=5), unique=True, max_size=20)


def budgets(shape: Shape, total: int, start: int = 4, end: int = 2) -> list[int]:
    return [edit_budget(step, total, start=start, end=end, shape=shape) for step in range(total)]


def test_shapes() -> None:
    assert budgets("cosine", 8) == [4, 4, 4, 3, 3, 2, 2, 2]
    assert budgets("linear", 5) == [4, 4, 3, 3, 2]
    assert budgets("constant", 3) == [4, 4, 4]
    assert budgets("linear", 4, start=1, end=4) == [1, 2, 3, 4]
    assert budgets("cosine", 1) == [4]


@given(st.sampled_from(["constant", "linear", "cosine"]), st.integers(1, 40), st.integers(0, 9), st.integers(0, 9))
def test_a_budget_runs_from_start_to_end_without_turning(shape: Shape, total: int, start: int, end: int) -> None:
    got = budgets(shape, total, start, end)
    assert got[0] == max(1, start)
    assert got == sorted(got, reverse=start > end)
    if shape != "constant" and total > 1:
        assert got[-1] == max(1, end)
        assert edit_budget(total + 5, total, start=start, end=end, shape=shape) == max(1, end)


@given(IDS, st.integers(0, 5), st.integers(0, 5), st.text(max_size=5))
def test_an_order_depends_on_seed_epoch_and_ids_alone(ids: list[str], seed: int, epoch: int, more: str) -> None:
    order = epoch_order(ids, seed=seed, epoch=epoch)
    assert sorted(order) == sorted(ids)
    assert epoch_order(ids[::-1], seed=seed, epoch=epoch) == order
    with_more = epoch_order([*ids, more], seed=seed, epoch=epoch)
    assert [task for task in with_more if task in ids and task != more] == [task for task in order if task != more]


def test_epochs_and_seeds_differ() -> None:
    ids = [str(n) for n in range(20)]
    orders = {tuple(epoch_order(ids, seed=seed, epoch=epoch)) for seed in (1, 2) for epoch in (1, 2)}
    assert len(orders) == 4


@given(st.lists(st.integers(), max_size=30), st.integers(1, 9))
def test_chunks_are_consecutive_and_full(items: list[int], size: int) -> None:
    pieces = chunks(items, size)
    assert [item for piece in pieces for item in piece] == items
    assert all(len(piece) == size for piece in pieces[:-1])
    assert all(0 < len(piece) <= size for piece in pieces)


def test_a_size_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError):
        chunks([1], 0)
