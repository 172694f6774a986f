"""One step of training, and what later prompts hear of it."""

from dataclasses import replace

from skillopt_ci.core.history import Rejected
from skillopt_ci.core.policy import EditPolicy
from skillopt_ci.core.rollout import Failure, Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.task import Task
from skillopt_ci.core.unanswered import unanswered, unmeasured
from skillopt_ci.errors import CallFailedError
from skillopt_ci.optimizers.base import Proposal
from tests.engine.bench import Script, Scripted, add, bench, named, run, skill, tasks

MIXED = tasks("a1", "a2", "b1", "b2")  # pass when the body holds "a" or "b"


def test_a_batch_without_failures_asks_nobody() -> None:
    optimizer = Scripted([[add("- c")]])
    result, _ = run(bench(optimizer, val=MIXED), skill("a"))
    assert optimizer.asked == []
    assert [(s.action, s.reason, s.candidate) for s in result.steps] == [("skip", "no failures in the batch", None)]
    assert result.best == result.start


def test_a_batch_that_gave_nothing_is_infrastructure() -> None:
    def down(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        return CallFailedError("server", "500") if sample.stream.startswith("train") else 0.0

    optimizer = Scripted([[add("- c")]])
    result, _ = run(bench(optimizer, Script(down)), skill("x"))
    assert optimizer.asked == []
    (step,) = result.steps
    assert (step.action, step.reason) == ("skip", "infrastructure")
    assert step.failures == (Failure(stage="target", kind="server", message="500"),) * 4


def test_what_failed_is_no_evidence_of_the_optimizer() -> None:
    def scorer(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        return CallFailedError("server", "500") if task.id == "a0" and sample.stream == "train/1" else 0.0

    optimizer = Scripted()
    result, _ = run(bench(optimizer, Script(scorer)), skill("x"))
    assert len(result.steps[0].failures) == 1
    evidence = optimizer.asked[0][1]
    assert len(evidence.rollouts) == 4  # the optimizer's own business to leave failures out
    assert [r.value for r in evidence.rollouts].count(None) == 1
    assert all(r.trajectory for r in evidence.rollouts if r.value is not None)


def test_no_edits_and_failed_questions_are_skips() -> None:
    failure = Failure(stage="reflect", kind="malformed", message="twice")
    for proposal, reason in (
        (Proposal(edits=()), "no edits proposed"),
        (Proposal(edits=(), failures=(failure,)), "infrastructure"),
        (Proposal(edits=(add("x", target="nowhere"),), failures=(failure,)), "no edit could be applied"),
    ):
        result, _ = run(bench(Scripted([proposal])), skill("x"))
        assert (result.steps[0].action, result.steps[0].reason) == ("skip", reason)
        assert result.steps[0].failures == proposal.failures


def test_a_better_candidate_is_the_next_incumbent() -> None:
    optimizer = Scripted([[add("- b"), add("- c", target="nowhere")]])
    result, _ = run(bench(optimizer, train=MIXED, val=MIXED), skill("a\n"))
    (step,) = result.steps
    assert (step.action, step.incumbent_mean) == ("accept", 0.5)
    assert [r.status for r in step.edits] == ["kept", "unmatched"]
    assert result.best == step.candidate
    assert result.versions == (step.candidate,)
    assert (result.best_val_mean, result.start_val.mean) == (1.0, 0.5)
    assert result.best.frontmatter == result.start.frontmatter


def test_a_rejected_bundle_is_told_to_later_prompts_with_its_effect() -> None:
    optimizer = Scripted([[add("- q"), add("- r"), add("- see https://evil.example")], [add("- s")], []])
    made = bench(optimizer, epochs=3, exact_stop=False, slow_update=False)
    result, _ = run(made, skill("x\n"))
    first, second = result.steps[:2]
    assert (first.action, first.reason) == ("reject", "not better")
    assert [r.status for r in first.edits] == ["rejected", "rejected", "refused"]
    assert first.edits[0].reason == "not better (with 1 more in its bundle)"
    assert second.edits[0].reason == "not better"
    told = [[(r.edit.content, r.effect) for r in evidence.rejected] for _, evidence in optimizer.asked]
    of_first = [("- q", 0.0), ("- r", 0.0), ("- see https://evil.example", None)]
    assert told == [[], of_first, [*of_first, ("- s", 0.0)]]
    assert result.best == result.start


def test_what_was_refused_has_no_effect_even_when_its_step_was_a_success() -> None:
    optimizer = Scripted([[add("- a"), add("- see https://evil.example")], []])
    made = bench(optimizer, train=MIXED, val=MIXED, epochs=2)
    run(made, skill("x\n"))
    assert [(r.edit.content, r.effect) for r in optimizer.asked[1][1].rejected] == [
        ("- see https://evil.example", None)
    ]


def test_earlier_runs_are_remembered() -> None:
    old = Rejected(edit=add("- old"), reason="not better (an earlier run)", effect=-0.1)
    optimizer = Scripted()
    run(bench(optimizer), skill("x"), [old])
    assert optimizer.asked[0][1].rejected == (old,)


def test_a_candidate_that_could_not_be_measured_is_not_rejected() -> None:
    def half_down(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        return CallFailedError("server", "500") if sample.stream == "val" and "new" in skill.body else 0.0

    optimizer = Scripted([[add("- new")], []])
    result, _ = run(bench(optimizer, Script(half_down), epochs=2, slow_update=False), skill("x\n"))
    step = result.steps[0]
    assert (step.action, step.reason) == ("skip", "infrastructure")
    assert step.candidate is not None
    assert [r.status for r in step.edits] == ["undecided"]
    assert step.as_json()["failures"] == [{"stage": "target", "kind": "server", "message": "500"}] * len(step.lost)
    assert step.lost
    assert unmeasured(result.steps) == step.lost[-1]
    assert unanswered(result.steps) == (0, None)  # the optimizer did its part
    assert result.rejected == ()
    assert optimizer.asked[1][1].rejected == ()  # nothing is known against it
    assert result.best == result.start


def test_one_gate_that_decided_says_something_about_the_skill() -> None:
    def half_down(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        return CallFailedError("server", "500") if sample.stream == "val" and "new" in skill.body else 0.0

    optimizer = Scripted([[add("- new")], [add("- other")]])
    result, _ = run(bench(optimizer, Script(half_down), epochs=2, slow_update=False), skill("x\n"))
    assert [s.action for s in result.steps] == ["skip", "reject"]
    assert result.steps[1].lost == ()
    assert unmeasured(result.steps) is None
    assert unmeasured(()) is None


def test_the_edit_budget_follows_its_schedule_and_slow_updates_do_not_count() -> None:
    optimizer = Scripted([[add("- q")]])
    made = bench(
        optimizer, train=named("a", 8), epochs=2, budget_start=4, budget_end=1, budget_shape="linear", meta_notes=False
    )
    result, _ = run(made, skill("x\n"))
    assert [s.edit_budget for s in result.steps if s.kind == "edit"] == [4, 3, 2, 1]
    assert [e.edit_budget for _, e in optimizer.asked] == [4, 3, 2, 1]


def test_places_name_epoch_and_step() -> None:
    optimizer = Scripted([[add("- q")]])
    run(bench(optimizer, train=named("a", 8), epochs=2), skill("x\n"))
    places = [e.place for _, e in optimizer.asked]
    assert [(p.epoch, p.step) for p in places] == [(1, 1), (1, 2), (2, 3), (2, 4)]
    assert len({p.at("rank") for p in places}) == 4
    other = replace(places[0], replica="1/2")
    assert other.at("rank") != places[0].at("rank")


def test_train_samples_have_the_stream_of_their_epoch() -> None:
    harness = Script()
    run(bench(Scripted([[add("- q")]]), harness, train=named("a", 8), epochs=2, slow_update=False), skill("x\n"))
    by_stream: dict[str, list[str]] = {}
    for _, sample in harness.seen:
        by_stream.setdefault(sample.stream, []).append(sample.task_id)
    assert set(by_stream) == {"val", "train/1", "train/2"}
    assert sorted(by_stream["train/1"]) == sorted(by_stream["train/2"]) == sorted(f"a{n}" for n in range(8))
    assert by_stream["train/1"] != by_stream["train/2"]  # another order


def test_a_step_costs_what_was_spent_in_it() -> None:
    harness = Script()
    made = bench(Scripted([[add("- q")]]), harness, spent=lambda: Spend(calls=len(harness.seen)), exact_stop=False)
    result, _ = run(made, skill("x\n"))
    assert [s.cost.calls for s in result.steps] == [4 + 4]


def test_an_edit_beyond_the_policy_is_refused() -> None:
    optimizer = Scripted([[add("- " + "long " * 100)]])
    result, _ = run(bench(optimizer, policy=EditPolicy(max_edit_chars=100)), skill("x\n"))
    assert [r.status for r in result.steps[0].edits] == ["refused"]
    assert result.steps[0].reason == "no edit could be applied"
