"""Dividing tasks: stable, seeded, own splits win."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.split import SplitWeights, assign_splits, count_splits, decide_split
from skillopt_ci.core.task import Source, Split, Task


def task(name: str, split: Split | None = None, **metadata: object) -> Task:
    return Task(id=name, prompt=name, source=Source(file="t.jsonl", line=1), split=split, metadata=metadata)


@given(st.lists(st.text(max_size=8), unique=True, max_size=30), st.text(max_size=8), st.integers())
def test_adding_a_task_never_moves_another(ids: list[str], more: str, seed: int) -> None:
    weights = SplitWeights(seed=seed)
    before = assign_splits([task(i) for i in ids], weights)
    after = assign_splits([task(more), *(task(i) for i in reversed(ids))], weights)
    assert {t.id: t.split for t in before}.items() <= {t.id: t.split for t in after if t.id in ids}.items()


def test_the_shares_are_those_of_the_weights() -> None:
    counts = count_splits(assign_splits([task(f"t{i}") for i in range(4000)], SplitWeights()))
    assert abs(counts["train"] - 1600) < 120
    assert abs(counts["val"] - 1200) < 120
    assert abs(counts["test"] - 1200) < 120


def test_the_seed_and_nothing_else_changes_the_division() -> None:
    tasks = [task(f"t{i}") for i in range(50)]
    assert assign_splits(tasks, SplitWeights()) == assign_splits(tasks, SplitWeights(seed=42))
    assert assign_splits(tasks, SplitWeights()) != assign_splits(tasks, SplitWeights(seed=43))


def test_a_cluster_stays_together_and_is_not_mistaken_for_an_id() -> None:
    weights = SplitWeights()
    together = {decide_split(task(f"t{i}", cluster="invoice-7"), weights) for i in range(50)}
    assert len(together) == 1
    # An id equal to a cluster's name is hashed apart from it.
    differ = [
        n for n in map(str, range(50)) if decide_split(task(n), weights) != decide_split(task("x", cluster=n), weights)
    ]
    assert differ


def test_a_split_of_its_own_wins() -> None:
    only_train = SplitWeights(train=1, val=0, test=0)
    assert [t.split for t in assign_splits([task("a", "test"), task("b", "val"), task("c")], only_train)] == [
        "test",
        "val",
        "train",
    ]


@given(st.text(max_size=8), st.integers())
def test_a_held_out_file_leaves_train_and_val_for_the_rest(name: str, seed: int) -> None:
    for weights in (SplitWeights(seed=seed), SplitWeights(train=1, val=3, test=9, seed=seed)):
        (made,) = assign_splits([task(name)], weights, held_out=True)
        assert made.split in ("train", "val")
    (only,) = assign_splits([task(name)], SplitWeights(train=0, val=0, test=1, seed=seed), held_out=True)
    assert only.split == "test"


@pytest.mark.parametrize("weights", [(0, 0, 0), (-1, 1, 1)])
def test_weights_that_divide_nothing_are_refused(weights: tuple[float, float, float]) -> None:
    train, val, test = weights
    with pytest.raises(ValueError, match="split weights"):
        SplitWeights(train=train, val=val, test=test)


def test_a_decided_task_is_left_as_it_is() -> None:
    assert decide_split(task("a", "val"), SplitWeights()) == "val"


def test_counting_ignores_undecided_tasks() -> None:
    assert count_splits([task("a"), task("b", "val")]) == {"train": 0, "val": 1, "test": 0}
