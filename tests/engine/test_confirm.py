from skillopt_ci.core.costs import confirmation_runs
from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.confirm import confirm
from skillopt_ci.errors import CallFailedError
from tests.engine.bench import Script, lab, named, skill


def by_side(skill: Skill, task: Task, sample: Sample) -> float | Exception:
    if task.id == "a2" and skill.body == "best":
        return CallFailedError("timeout", "no")
    return {"start": 0.25, "best": 1.0}[skill.body]


def test_both_sides_are_measured_side_by_side_and_run_by_run() -> None:
    harness = Script(by_side)
    found = confirm(lab(harness), skill("start"), skill("best"), named("a", 2))
    assert found.runs == 2
    assert found.start.values == ((0.25, 0.25),) * 2
    assert found.best.values == ((1.0, 1.0),) * 2
    assert found.comparison.effect is not None
    assert found.comparison.effect.mean == 0.75
    seen = [(body, s.n, s.task_id) for body, s in harness.seen]
    assert seen == [(body, n, t) for n in (0, 1) for t in ("a0", "a1") for body in ("start", "best")]


def test_each_side_has_a_stream_of_its_own() -> None:
    harness = Script(by_side)
    confirm(lab(harness), skill("start"), skill("best"), named("a", 2))
    streams = {body: {s.stream for b, s in harness.seen if b == body} for body in ("start", "best")}
    assert streams == {"start": {"base"}, "best": {"test"}}


def test_the_same_skill_on_both_sides_shares_no_sample() -> None:
    harness = Script(lambda *_: 0.5)
    found = confirm(lab(harness), skill("same"), skill("same"), named("a", 5))
    places = [s.place() for _, s in harness.seen]
    assert len(set(places)) == len(places) == 20
    assert found.start.n_runs == found.best.n_runs == 10


def test_what_is_missing_is_missing() -> None:
    found = confirm(lab(Script(by_side)), skill("start"), skill("best"), named("a", 3))
    assert found.best.values[2] == (None, None)
    assert found.comparison.missing_head == 1 / 3
    assert not found.shown(0.5)


def test_large_suites_are_run_once() -> None:
    assert [confirmation_runs(n) for n in (1, 99, 100, 1000)] == [2, 2, 1, 1]


def test_what_was_said_about_held_out_tasks_is_kept_only_for_who_asks() -> None:
    sides = (skill("start"), skill("best"), named("a", 2))
    assert confirm(lab(Script(by_side)), *sides).rollouts == ()
    kept = confirm(lab(Script(by_side)), *sides, keep=True).rollouts
    assert [r.trajectory is not None for r in kept] == [True] * 8
