"""Precision and recall of triggering: what counts, what is missing, and the intervals."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.rollout import Failure, Rollout, Sample, Score
from skillopt_ci.core.stats import wilson
from skillopt_ci.core.task import Source, Task
from skillopt_ci.core.trajectory import StopReason, Trajectory
from skillopt_ci.core.trigger import Triggers, chosen, only_triggers, trigger_outcome, triggers


def task(name: str, should: bool | None, cluster: str | None = None, graded: bool = False) -> Task:
    metadata = {} if cluster is None else {"cluster": cluster}
    source = Source(file="t", line=1)
    graders = None if graded else ()
    return Task(id=name, prompt="p", source=source, should_trigger=should, graders=graders, metadata=metadata)


def run(name: str, triggered: bool | None, n: int = 0) -> Rollout:
    outcome = Score(value=1.0, passed=True, why="", hint="")
    return Rollout(skill="s", sample=Sample(task_id=name, stream="x", n=n), outcome=outcome, triggered=triggered)


def measured(rows: Sequence[tuple[bool, Sequence[bool | None]]]) -> Triggers:
    tasks = [task(f"t{i}", should) for i, (should, _) in enumerate(rows)]
    runs = [run(f"t{i}", value, n) for i, (_, values) in enumerate(rows) for n, value in enumerate(values)]
    found = triggers(tasks, runs)
    assert found is not None
    return found


def test_counts_and_rates() -> None:
    got = measured(
        [(True, [True]), (True, [True]), (True, [False]), (False, [True]), (False, [False]), (False, [None])]
    )
    assert (got.chosen, got.missed, got.false_alarms, got.left, got.missing, got.tasks) == (2, 1, 1, 1, 1, 5)
    assert got.precision is not None
    assert got.recall is not None
    assert got.precision.value == got.recall.value == pytest.approx(2 / 3)
    assert got.as_json()["precision"] == got.precision.as_json()


@given(st.integers(1, 50), st.data())
def test_intervals_are_wilsons(of: int, data: st.DataObject) -> None:
    from scipy.stats import binomtest  # only here: it takes a second, and every process of the tests reads all files

    hits = data.draw(st.integers(0, of))
    got = measured([(True, [i < hits]) for i in range(of)])
    expected = binomtest(hits, of).proportion_ci(method="wilson")
    assert got.recall is not None
    assert (got.recall.low, got.recall.high) == pytest.approx((expected.low, expected.high))
    assert wilson(hits / of, of) == pytest.approx((expected.low, expected.high))


def test_runs_of_one_task_are_one_task() -> None:
    once = measured([(True, [True]), (True, [False])])
    often = measured([(True, [True] * 9), (True, [False] * 9)])
    assert once.recall == often.recall
    assert once.precision == often.precision
    assert often.chosen == often.missed == 9


def test_a_cluster_is_worth_one_task() -> None:
    tasks = [task(f"t{i}", True, "same") for i in range(9)]
    alone = triggers([task("t", True)], [run("t", True)])
    together = triggers(tasks, [run(t.id, True) for t in tasks])
    assert alone is not None
    assert together is not None
    assert together.recall == alone.recall


def test_what_was_not_measured_is_none() -> None:
    assert triggers([task("t", None)], [run("t", None)]) is None
    assert triggers([], []) is None
    got = measured([(True, [None]), (False, [False])])
    assert (got.precision, got.recall, got.missing) == (None, None, 1)
    assert got.as_json()["recall"] is None
    never = measured([(True, [False])])
    assert never.precision is None  # nothing was chosen, so nothing was chosen wrongly
    assert never.recall is not None
    assert never.recall.value == 0
    assert never.recall.high > 0.7


@given(st.lists(st.tuples(st.booleans(), st.lists(st.sampled_from([True, False, None]), max_size=4)), max_size=8))
def test_rates_are_shares_inside_their_intervals(rows: list[tuple[bool, list[bool | None]]]) -> None:
    if not rows:
        return
    got = measured(rows)
    for rate in (got.precision, got.recall):
        if rate is not None:
            assert 0 <= rate.low <= rate.value + 1e-12
            assert rate.value - 1e-12 <= rate.high <= 1
    total = got.chosen + got.missed + got.false_alarms + got.left + got.missing
    assert total == sum(len(values) for _, values in rows)


@pytest.mark.parametrize(
    ("stop", "known"),
    [
        ("stop", False),
        ("turns", False),
        ("refusal", False),
        ("length", False),
        ("timeout", None),
        ("context_overflow", None),
    ],
)
def test_an_unfinished_run_did_not_decline(stop: StopReason, known: bool | None) -> None:
    quiet = Trajectory(messages=(), stop_reason=stop, served_model="m", skills_used=("other",))
    assert chosen(quiet, "x") is known
    opened = Trajectory(messages=(), stop_reason=stop, served_model="m", skills_used=("other", "x"))
    assert chosen(opened, "x") is True


@pytest.mark.parametrize(("should", "did"), [(True, True), (True, False), (False, True), (False, False)])
def test_the_score_of_a_trigger_task(should: bool, did: bool) -> None:
    got = trigger_outcome(task("t", should), did, "stop")
    assert isinstance(got, Score)
    assert got.passed == (should == did)
    assert got.value == float(got.passed)
    assert ("did not" in got.why) is not did
    assert ("as it should" in got.why) is got.passed


def test_a_time_out_is_never_not_triggered() -> None:
    got = trigger_outcome(task("t", False), None, "timeout")
    assert isinstance(got, Failure)
    assert got.kind == "timeout"


def test_which_tasks_test_only_triggering() -> None:
    assert only_triggers(task("t", True))
    assert only_triggers(task("t", False))
    assert not only_triggers(task("t", None))
    assert not only_triggers(task("t", True, graded=True))
