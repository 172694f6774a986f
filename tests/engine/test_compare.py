from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.compare import compare_skills
from skillopt_ci.engine.confirm import confirm, confirmation_runs
from skillopt_ci.errors import CallFailedError
from tests.engine.bench import Script, lab, named, skill


def by_side(skill: Skill, task: Task, sample: Sample) -> float | Exception:
    if task.id == "a2" and skill.body == "head":
        return CallFailedError("timeout", "no")
    return {"base": 0.25, "head": 1.0}.get(skill.body, 0.5)


def test_both_sides_are_measured_side_by_side_in_streams_of_their_own() -> None:
    harness = Script(by_side)
    base, head, found = compare_skills(lab(harness, replica=""), skill("base"), skill("head"), named("a", 3))
    assert base.values == ((0.25,),) * 3
    assert head.values == ((1.0,), (1.0,), (None,))
    assert [p.outcome for p in found.pairs] == ["improved", "improved", "not-measured"]
    assert found.missing_head == 1 / 3
    seen = [(body, s.stream, s.task_id) for body, s in harness.seen[:6]]
    assert seen == [(side, side, t) for t in ("a0", "a1", "a2") for side in ("base", "head")]


def test_the_same_skill_on_both_sides_shares_no_sample() -> None:
    for measure in (compare_skills, confirm):
        harness = Script(lambda *_: 0.5)
        measure(lab(harness), skill("same"), skill("same"), named("a", 5))
        places = [s.place() for _, s in harness.seen]
        assert len(set(places)) == len(places)


def test_confirmation_is_interleaved_run_by_run() -> None:
    harness = Script(by_side)
    found = confirm(lab(harness), skill("base"), skill("other"), named("a", 2))
    assert found.runs == 2
    assert found.start.values == ((0.25, 0.25),) * 2
    assert found.best.values == ((0.5, 0.5),) * 2
    assert found.comparison.effect is not None
    assert found.comparison.effect.mean == 0.25
    assert [(body, s.n) for body, s in harness.seen] == [
        (b, n) for n in (0, 1) for _ in range(2) for b in ("base", "other")
    ]
    assert {s.stream for body, s in harness.seen if body == "base"}.isdisjoint(
        s.stream for body, s in harness.seen if body == "other"
    )


def test_large_suites_are_run_once() -> None:
    assert [confirmation_runs(n) for n in (1, 99, 100, 1000)] == [2, 2, 1, 1]
