"""Slow update and meta notes."""

from dataclasses import replace

import pytest

from skillopt_ci.core.costs import SLOW_SAMPLE
from skillopt_ci.core.edit import SLOW_END, SLOW_START, Edit, slow_update_text
from skillopt_ci.core.history import EditRecord, Notes, Step
from skillopt_ci.core.leakage import leakage_of
from skillopt_ci.core.policy import EditPolicy
from skillopt_ci.core.rollout import Evaluation, Failure, Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.epoch_end import LINE_CHARS, history_text
from skillopt_ci.engine.state import State
from skillopt_ci.errors import CallFailedError
from tests.engine.bench import FRONT, RULE, Script, Scripted, add, bench, holds, named, run, skill, tasks

MIXED = tasks("a1", "b1", "c1", "d1")
# Epoch 1 finds nothing, epoch 2 learns "a": only then is there something to compare.
SLOWLY = ([add("- q")], [add("- a")], [add("- z")])


def slow(guidance: str | Exception, start: str = "x\n", harness: Script | None = None, **changes: object):  # type: ignore[no-untyped-def]
    """A run whose second epoch ends with this guidance: (result, its slow-update step, optimizer)."""
    optimizer = Scripted(SLOWLY, guidance=[guidance])
    settings = {"train": MIXED, "val": MIXED, "epochs": 2, "meta_notes": False, **changes}
    result, _ = run(bench(optimizer, harness, **settings), skill(start))
    return result, result.steps[-1], optimizer


def test_guidance_passes_the_same_gate_into_the_protected_region() -> None:
    result, step, optimizer = slow("Mind the b.")
    assert (step.kind, step.action, step.epoch, step.edit_budget) == ("slow_update", "accept", 2, 1)
    assert step.decision is not None
    assert step.decision.mean == 0.75  # the d is there, too
    assert [(r.status, r.edit.content) for r in step.edits] == [("kept", "Mind the b.")]
    assert f"{SLOW_START}\nMind the b.\n{SLOW_END}" in result.best.body
    assert result.best.frontmatter == FRONT
    before, after = {p.before.skill for p in optimizer.slow[0][1]}, {p.after.skill for p in optimizer.slow[0][1]}
    assert (before, after) == ({result.start.digest}, {optimizer.slow[0][0].digest})


def test_guidance_that_does_not_help_is_rejected_and_remembered() -> None:
    optimizer = Scripted(SLOWLY, guidance=["Useless."])
    result, _ = run(bench(optimizer, train=MIXED, val=MIXED, epochs=3, meta_notes=False), skill("x\n"))
    step = next(s for s in result.steps if s.kind == "slow_update")
    assert (step.action, step.edits[0].status) == ("reject", "rejected")
    assert slow_update_text(result.best) == ""
    assert [r.edit.content for r in optimizer.asked[-1][1].rejected] == ["- q", "Useless."]


def test_sides_have_streams_of_their_own_and_the_same_tasks() -> None:
    harness = Script()
    optimizer = Scripted(SLOWLY, guidance=["Mind the b."])
    train = tasks(*(f"{letter}{n}" for letter in "abc" for n in range(20)))
    run(bench(optimizer, harness, train=train, val=MIXED, batch_size=60, epochs=2), skill("x\n"))
    seen = [(body, s) for body, s in harness.seen if s.stream.startswith("slow/")]
    sides = {(body, s.stream) for body, s in seen}
    assert sides == {("x\n", "slow/1"), (optimizer.slow[0][0].body, "slow/2")}
    chosen = [[s.task_id for _, s in seen if s.stream == stream] for stream in ("slow/1", "slow/2")]
    assert chosen[0] == chosen[1]
    assert len(set(chosen[0])) == SLOW_SAMPLE
    pairs = optimizer.slow[0][1]
    assert [p.task.id for p in pairs] == chosen[0]
    assert all(p.before.sample.task_id == p.after.sample.task_id == p.task.id for p in pairs)
    assert all(p.after.trajectory for p in pairs)


def test_an_epoch_that_changed_nothing_has_no_lesson() -> None:
    harness, optimizer = Script(), Scripted([[add("- q")]], guidance=["Mind the b."])
    result, _ = run(bench(optimizer, harness, epochs=2, meta_notes=False), skill("x\n"))
    assert result.steps[-1].reason == "the skill did not change in this epoch"
    assert optimizer.slow == []
    assert not any(s.stream.startswith("slow") for _, s in harness.seen)


def test_the_first_epoch_has_no_slow_update_and_it_can_be_switched_off() -> None:
    for changes in ({"epochs": 1}, {"slow_update": False}):
        optimizer = Scripted([[add("- a")], [add("- b")]], guidance=["Mind the c."])
        settings = {"train": MIXED, "val": MIXED, "epochs": 2, **changes}
        result, _ = run(bench(optimizer, **settings), skill("x\n"))
        assert {s.kind for s in result.steps} == {"edit"}
        assert optimizer.slow == []


@pytest.mark.parametrize("guidance", ["", "  \n", SLOW_START, f"{SLOW_START}\n{SLOW_END}"])
def test_nothing_said_is_no_lesson(guidance: str) -> None:
    result, step, _ = slow(guidance)
    assert (step.action, step.reason, step.candidate) == ("skip", "no lesson", None)
    assert SLOW_START not in result.best.body


def test_the_same_guidance_again_is_no_lesson() -> None:
    _, step, _ = slow("Mind the b.", start=f"x\n{SLOW_START}\nMind the b.\n{SLOW_END}\n")
    assert step.reason == "no lesson"


def test_there_is_one_region_and_the_old_guidance_is_replaced() -> None:
    result, step, _ = slow("Mind the b.", start=f"x\n{SLOW_START}\nold\n{SLOW_END}\n")
    assert step.edits[0].edit.target == "old"
    assert result.best.body.count(SLOW_START) == 1
    assert "old" not in result.best.body


@pytest.mark.parametrize(
    ("guidance", "policy", "why"),
    [
        ("See https://b.example", EditPolicy(), "URL"),
        ("Mind the b." * 20, EditPolicy(max_edit_chars=100), "220 characters"),
        ("Mind the b." * 20, EditPolicy(max_growth_chars=100), "grown"),
        ("Mind the b." * 20, EditPolicy(max_skill_tokens=20), "tokens"),
    ],
)
def test_guidance_is_held_to_the_policy(guidance: str, policy: EditPolicy, why: str) -> None:
    result, step, _ = slow(guidance, policy=policy)
    assert (step.action, step.reason, step.candidate) == ("skip", "refused by policy", None)
    assert step.edits[0].status == "refused"
    assert why in step.edits[0].reason
    assert SLOW_START not in result.best.body


def test_guidance_that_the_skill_says_already_is_refused() -> None:
    result, step, _ = slow("Please write x!", start="Write x.\n")
    assert (step.reason, step.edits[0].reason) == ("refused by policy", "says what the skill says already")
    assert SLOW_START not in result.best.body


def test_of_guidance_only_what_is_new_is_gated() -> None:
    start = f"- Write x.\n\n{SLOW_START}\n- Keep it.\n{SLOW_END}\n"
    result, step, _ = slow("- Write x.\n- Keep it.\n- Mind the b.", start=start)
    assert (step.action, slow_update_text(result.best)) == ("accept", "- Keep it.\n- Mind the b.")
    assert step.edits[0].edit.content == "- Keep it.\n- Mind the b."


def test_guidance_that_leaks_is_refused() -> None:
    held_out = replace(MIXED[0], id="t", split="test", context="It is said that Marlow has signed it.")
    result, step, _ = slow("Mind the b, ask Marlow.", leakage=leakage_of([held_out], (), ""))
    assert (step.reason, step.edits[0].reason) == ("refused by policy", 'leakage: "Marlow" belongs to single tasks')
    assert "Marlow" not in result.best.body


def test_a_question_that_failed_is_infrastructure() -> None:
    _, step, _ = slow(CallFailedError("malformed", "twice"))
    assert (step.action, step.reason) == ("skip", "infrastructure")
    assert [(f.stage, f.kind) for f in step.failures] == [("slow update", "malformed")]


def test_pairs_without_a_score_are_left_out() -> None:
    def scorer(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        lost = sample.stream == "slow/1" and task.id == "b1"
        return CallFailedError("timeout", "no") if lost else holds(skill, task, sample)

    _, step, optimizer = slow("Mind the b.", harness=Script(scorer))
    assert sorted(p.task.id for p in optimizer.slow[0][1]) == ["a1", "c1", "d1"]
    assert [f.kind for f in step.failures] == ["timeout"]
    lost = Script(lambda s, t, p: CallFailedError("timeout", "no") if "slow" in p.stream else holds(s, t, p))
    _, step, optimizer = slow("Mind the b.", harness=lost)
    assert optimizer.slow == []
    assert (step.action, step.reason, len(step.failures)) == ("skip", "infrastructure", 8)


def test_notes_reach_later_prompts_only_and_never_the_skill() -> None:
    optimizer = Scripted([[add("- q")]], notes=["Notes of two.", "Notes of three."])
    result, told = run(bench(optimizer, epochs=4), skill("x\n"))
    assert [(t.epoch, t.text) for t in told if isinstance(t, Notes)] == [(2, "Notes of two."), (3, "Notes of three.")]
    assert [e.meta_notes for _, e in optimizer.asked] == ["", "", "Notes of two.", "Notes of three."]
    assert [e.meta_notes for _, _, e in optimizer.meta] == ["", "Notes of two."]
    assert "Notes" not in result.best.text


def test_notes_that_failed_leave_the_old_ones() -> None:
    optimizer = Scripted([[add("- q")]], notes=["Old.", CallFailedError("malformed", "twice")])
    _, told = run(bench(optimizer, epochs=4), skill("x\n"))
    notes = [t for t in told if isinstance(t, Notes)]
    assert [t.text for t in notes] == ["Old.", "Old."]
    assert [t.failure for t in notes] == [None, Failure(stage="meta notes", kind="malformed", message="twice")]


def test_notes_can_be_switched_off() -> None:
    optimizer = Scripted([[add("- q")]], notes=["n"])
    _, told = run(bench(optimizer, epochs=4, meta_notes=False), skill("x\n"))
    assert [t for t in told if isinstance(t, Notes)] == optimizer.meta == []


def test_the_history_tells_what_was_gated_in_short_lines() -> None:
    long = "- q\n  " + "very " * 200
    proposals = [
        [add("- q"), add("- see https://evil.example")],
        [add(long), add("- none", target="nowhere")],
        [add("- a")],
    ]
    optimizer = Scripted(proposals, notes=["n"])
    made = bench(optimizer, train=MIXED, val=MIXED, epochs=4, slow_update=False, exact_stop=False)
    run(made, skill("x\n"))
    lines = optimizer.meta[1][1].split("\n")
    assert lines[:2] == ["Step 1, edit: reject (not better, +0 points)", "- [add] - q"]
    assert lines[2] == "Step 2, edit: reject (not better, +0 points)"
    assert lines[3].startswith("- [add] - q very very")
    assert len(lines[3]) < LINE_CHARS + 20
    assert lines[4:] == ["Step 3, edit: accept (better on validation, +25 points)", "- [add] - a"]


def test_a_history_without_gated_steps_says_so() -> None:
    optimizer = Scripted([[]], notes=["n"])
    run(bench(optimizer, epochs=3, train=named("a", 2)), skill("x\n"))
    assert optimizer.meta[0][1] == "(nothing was gated yet)"


def test_the_history_tells_what_was_rejected_alone() -> None:
    """Where edits are screened, most that fail never reach the gate: notes about them need to know."""
    told_of = {"- q": ("a0", "b1"), "- a": ("a0", "a1"), "- b": ("b0",)}
    optimizer = Scripted([[replace(add(text), evidence=tasks) for text, tasks in told_of.items()]], notes=["n"])
    train = (*named("a", 4), *named("b", 4))
    val = (*train, *named("c", 4))
    settings = {"train": train, "val": val, "batch_size": 8, "screen": RULE, "slow_update": False}
    result, _ = run(bench(optimizer, epochs=3, **settings), skill("x\n"))
    told = optimizer.meta[0][1].split("\n")
    alone = [r for s in result.steps for r in s.edits if r.status == "rejected-alone"]
    assert {r.edit.content for r in alone} == {"- q"}
    at = told.index("Rejected alone:")
    assert set(told[1:at]) == {"- [add] - a", "- [add] - b"}
    assert told[at + 1 :] == [f"- [add] - q ({alone[0].reason})"]


def test_the_newest_rejections_are_told_last_and_none_of_what_was_kept() -> None:
    start = skill("x\n")
    val = Evaluation(skill=start.digest, task_ids=("v",), values=((0.5,),))
    blank = State(start=start, skill=start, val=val, mean=0.5).blank_step(1, "edit", 4)
    one, two, cut = add("- b1"), add("- b2"), Edit(op="delete", target="x", content="")

    def alone(*edits: Edit) -> Step:
        return replace(blank, edits=tuple(EditRecord(edit=e, status="rejected-alone", reason="no") for e in edits))

    steps = [alone(one, two, cut), alone(one)]
    assert history_text(steps).splitlines()[1:] == [
        "- [add] - b2 (no)",
        "- [delete] x (no)",
        "- [add] - b1 (no)",
    ]
    kept = replace(blank, action="accept", edits=(EditRecord(edit=two, status="kept"),))
    assert history_text([*steps, kept]).splitlines()[1:] == ["- [delete] x (no)", "- [add] - b1 (no)"]
