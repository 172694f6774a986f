import pytest

from skillopt_ci.core.compare import TaskPair, cluster_differences, compare, interval_runs
from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.stats import plus_two
from skillopt_ci.core.task import Source, Task


def task(name: str, cluster: str | None = None) -> Task:
    metadata = {} if cluster is None else {"cluster": cluster}
    return Task(id=name, prompt=name, source=Source(file="t.jsonl", line=1), metadata=metadata)


def measured(**rows: tuple[float | None, ...]) -> Evaluation:
    return Evaluation(skill="s", task_ids=tuple(rows), values=tuple(rows.values()))


@pytest.mark.parametrize(
    ("base", "head", "outcome"),
    [
        (0.5, 1.0, "improved"),
        (0.5, 0.0, "regressed"),
        (0.3, 0.1 + 0.2, "same"),
        (None, 1.0, "not-measured"),
        (1.0, None, "not-measured"),
    ],
)
def test_the_outcome_of_a_task(base: float | None, head: float | None, outcome: str) -> None:
    assert TaskPair(task_id="t", base=base, head=head).outcome == outcome


def test_tasks_are_paired_and_what_is_missing_is_left_out() -> None:
    base = measured(a=(1.0, 0.0), b=(0.0, 0.0), c=(None, None), d=(1.0, 1.0))
    head = measured(a=(1.0,), b=(1.0,), c=(1.0,), d=(None,))
    found = compare(base, head, [task(name) for name in "abcde"])
    assert [p.outcome for p in found.pairs] == ["improved", "improved", "not-measured", "not-measured", "not-measured"]
    assert found.effect == plus_two([0.5, 1.0], runs=1)
    assert (found.missing_base, found.missing_head) == (0.25, 0.25)
    assert found.too_much_missing


def test_the_unit_is_the_cluster() -> None:
    pairs = [TaskPair(task_id=name, base=0.0, head=head) for name, head in (("a", 1.0), ("b", 0.0), ("c", 0.5))]
    assert cluster_differences(pairs, {"a": "one", "b": "one", "c": None}) == [0.5, 0.5]
    assert cluster_differences(pairs, {"a": None, "b": "a", "c": None}) == [1.0, 0.0, 0.5]
    tasks = [task("a", "one"), task("b", "one"), task("c")]
    found = compare(measured(a=(0.0,), b=(0.0,), c=(0.0,)), measured(a=(1.0,), b=(0.0,), c=(0.5,)), tasks)
    assert found.effect == plus_two([0.5, 0.5], runs=1)


@pytest.mark.parametrize(
    ("base", "head", "runs"),
    [
        ([(1.0, 0.0), (1.0, 1.0)], [(1.0, 1.0), (0.0, 0.0)], 2),
        ([(1.0, 0.0) * 4, (1.0,) * 8], [(1.0,) * 4, (0.0,) * 4], 4),  # of the side with fewer
        ([(1.0,) * 4, (0.5,) * 4], [(0.0,) * 4, (0.1 + 0.2, 0.3)], 1),  # no noise to average out
        ([(1.0, None), (1.0, 0.0)], [(1.0, 1.0), (None, None)], 1.5),
        ([(1.0,), (0.0,)], [(0.0,), (1.0,)], 1),
        ([(None,)], [(None,)], 1),
        ([(1.0, 0.0)], [(None, None)], 1),
        ([], [], 1),
    ],
)
def test_runs_that_the_interval_counts_with(
    base: list[tuple[float | None, ...]], head: list[tuple[float | None, ...]], runs: float
) -> None:
    assert interval_runs(base, head) == interval_runs(head, base) == runs


def test_repeats_on_a_target_without_noise_do_not_narrow_the_interval() -> None:
    tasks = [task(f"t{n}") for n in range(20)]
    base = {t.id: 1.0 for t in tasks}
    head = {**base, "t0": 0.0}
    once, often = (
        compare(
            measured(**{i: (v,) * runs for i, v in base.items()}),
            measured(**{i: (v,) * runs for i, v in head.items()}),
            tasks,
        ).effect
        for runs in (1, 4)
    )
    assert once == often


def test_nothing_measured_decides_nothing() -> None:
    found = compare(measured(a=(None,)), measured(a=(None,)), [task("a")])
    assert found.effect is None
    assert found.confidence_better is None
    assert found.too_much_missing
    assert compare(measured(), measured(), []).too_much_missing


def test_five_percent_may_be_missing() -> None:
    def rows(missing: int) -> Evaluation:
        return measured(a=tuple([None] * missing + [1.0] * (20 - missing)))

    assert not compare(rows(1), rows(1), [task("a")]).too_much_missing
    assert compare(rows(0), rows(2), [task("a")]).too_much_missing
    assert compare(rows(2), rows(0), [task("a")]).too_much_missing
