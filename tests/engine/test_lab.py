import threading
from collections import Counter

import pytest

from skillopt_ci.core.rollout import Failure, Sample, Score
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.trajectory import StopReason
from skillopt_ci.engine.lab import Job, Lab
from skillopt_ci.errors import CallFailedError, ProviderDownError
from skillopt_ci.pool import Pool
from tests.engine.bench import Hears, Reader, Script, lab, named, skill


def jobs(made: Lab, count: int) -> list[Job]:
    return [Job(skill("s"), t, made.sample(t, "val")) for t in named("a", count)]


def test_results_stand_in_plan_order_whatever_finishes_first() -> None:
    last_done = threading.Event()

    def slow_first(skill: Skill, task: Task, sample: Sample) -> float:
        if task.id == "a0":
            assert last_done.wait(10)
        if task.id == "a3":
            last_done.set()
        return int(task.id[1:]) / 10

    made = lab(Script(slow_first), concurrency=4)
    found = made.roll_out(jobs(made, 4), what="x")
    assert [r.value for r in found] == [0.0, 0.1, 0.2, 0.3]
    assert [r.sample.task_id for r in found] == ["a0", "a1", "a2", "a3"]
    assert all(r.trajectory is None for r in found)


def test_trajectories_are_kept_when_wanted() -> None:
    made = lab(Script(lambda *_: 0.5))
    assert [r.trajectory and r.trajectory.answer for r in made.roll_out(jobs(made, 2), what="x", keep=True)] == [
        "0.5"
    ] * 2


def test_a_failed_call_is_tried_once_more_and_then_missing() -> None:
    tries: Counter[str] = Counter()

    def flaky(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        tries[task.id] += 1
        broken = task.id == "a2" or (task.id == "a1" and tries[task.id] == 1)
        return CallFailedError("timeout", "no answer") if broken else 1.0

    hears = Hears()
    made = lab(Script(flaky), hears=hears)
    found = made.roll_out(jobs(made, 4), what="x")
    assert tries == {"a0": 1, "a1": 2, "a2": 2, "a3": 1}
    assert [r.value for r in found] == [1.0, 1.0, None, 1.0]
    assert found[2].outcome == Failure(stage="target", kind="timeout", message="no answer")
    assert hears.begun == [("x", 4), ("x, failed ones again", 2)]
    assert hears.done == 6


@pytest.mark.parametrize("value", ["1.5", "-0.1", "nan", "many"])
def test_a_score_outside_of_0_to_1_is_a_failure_of_the_grader(value: str) -> None:
    made = lab(Script(lambda *_: value))
    (found,) = made.roll_out(jobs(made, 1), what="x")
    assert isinstance(found.outcome, Failure)
    assert (found.outcome.stage, found.outcome.kind) == ("grader", "grader")


def test_a_broken_grader_is_a_failure_and_never_a_zero() -> None:
    made = lab(Script(lambda *_: "broken"))
    found = made.roll_out(jobs(made, 1), what="x")
    assert found[0].outcome == Failure(stage="grader", kind="grader", message="the grader is broken")


@pytest.mark.parametrize("stop", ["length", "refusal", "context_overflow", "turns", "timeout"])
def test_a_limit_or_a_refusal_is_the_skills_own_zero(stop: StopReason) -> None:
    made = lab(Script(lambda *_: 1.0, stop))
    outcome = made.roll_out(jobs(made, 1), what="x")[0].outcome
    assert isinstance(outcome, Score)
    assert (outcome.value, outcome.passed) == (0.0, False)
    assert outcome.why
    assert outcome.hint == outcome.why


@pytest.mark.parametrize("answer", ["", " \n\t"])
def test_silence_is_a_zero_and_is_not_graded(answer: str) -> None:
    made = lab(Script(lambda *_: answer))
    outcome = made.roll_out(jobs(made, 1), what="x")[0].outcome
    assert outcome == Score(value=0.0, passed=False, why="the answer is empty", hint="the answer is empty")


def test_a_dead_provider_ends_it_at_once() -> None:
    harness = Script(lambda *_: ProviderDownError("key refused"))
    made = lab(harness)
    with pytest.raises(ProviderDownError, match="key refused"):
        made.roll_out(jobs(made, 50), what="x")
    assert len(harness.seen) <= 2


def test_measure_goes_run_by_run() -> None:
    harness = Script(lambda s, t, sample: sample.n / 2)
    found = lab(harness).measure(skill("s"), named("a", 2), "test", runs=(0, 1, 2), what="x")
    assert found.values == ((0.0, 0.5, 1.0), (0.0, 0.5, 1.0))
    assert found.skill == skill("s").digest
    assert [(s.task_id, s.n) for _, s in harness.seen] == [(t, n) for n in range(3) for t in ("a0", "a1")]


def test_no_two_samples_share_a_place() -> None:
    task = named("a", 1)[0]
    places = {
        Lab(Script(), lambda t: Reader(), Pool(1), Hears(), f"{seed}/{generation}").sample(task, stream, n).place()
        for seed in (1, 11)
        for generation in (1, 11)
        for stream in ("train/1", "train/11", "val", "test", "base", "head", "slow/1")
        for n in (0, 1, 11)
    }
    assert len(places) == 2 * 2 * 7 * 3
