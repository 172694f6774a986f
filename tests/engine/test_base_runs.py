import pytest

from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.base_runs import fill_base, read_stored
from skillopt_ci.errors import BudgetReachedError, CallFailedError
from tests.engine.bench import Script, lab, named, skill

BASE = skill("base")


def bought(first: int, count: int) -> Script:
    """What is stored: some runs of every task, of the last task none."""

    def scorer(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        there = first <= sample.n < first + count and task.id != "a2"
        return sample.n / 10 if there else CallFailedError("not-stored", "not in the ledger")

    return Script(scorer)


def test_reading_gives_the_stored_runs_of_each_task_in_order() -> None:
    harness = bought(4, 2)
    rows = read_stored(lab(harness, replica=""), BASE, named("a", 3), range(4, 8))
    assert [[r.value for r in row] for row in rows] == [[0.4, 0.5], [0.4, 0.5], []]
    assert all(r.sample.stream == "base" and r.trajectory is not None for row in rows for r in row)
    assert {s.n for _, s in harness.seen} == {4, 5, 6, 7}


def test_filling_takes_every_run_of_a_block_round_by_round() -> None:
    harness = Script(lambda *_: 1.0)
    rollouts = fill_base(lab(harness, replica=""), BASE, named("a", 2), 8, 3)
    assert [(s.stream, s.n, s.task_id) for _, s in harness.seen] == [
        ("base", n, t) for n in (8, 9, 10) for t in ("a0", "a1")
    ]
    assert [r.value for r in rollouts] == [1.0] * 6


def test_filling_stops_at_the_budget() -> None:
    with pytest.raises(BudgetReachedError):
        fill_base(lab(Script(lambda *_: BudgetReachedError("enough"))), BASE, named("a", 2), 0, 8)
