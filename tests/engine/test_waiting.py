"""Edits to the text of edits that wait: the optimizer is shown both, and so is the gate."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.composed import composed
from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import EditRecord, StepKind, TrainResult
from skillopt_ci.core.policy import EditPolicy
from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.screening import Screening
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.candidates import Rules, build_candidate, vet
from skillopt_ci.engine.state import State
from skillopt_ci.optimizers.base import Proposal
from tests.engine.bench import RULE, Script, Scripted, bench, holds, named, run, skill

MIXED = (*named("a", 4), *named("b", 4))
ON = {"screen": RULE, "train": MIXED, "batch_size": 4, "slow_update": False}
START = "x\n"


def edit(op: str, target: str, content: str, *evidence: str) -> Edit:
    return Edit(op=op, target=target, content=content, evidence=evidence)  # type: ignore[arg-type]


FIRST = edit("add", "", "- a", "a0")


def trained(
    *proposals: list[Edit] | Proposal, harness: Script | None = None, **changes: object
) -> tuple[TrainResult, Script]:
    harness = harness or Script()
    made = {**ON, "val": (*MIXED, *named("c", 2)), **changes}
    result, _ = run(bench(Scripted([*proposals, []]), harness, **made), skill(START))
    return result, harness


def statuses(result: TrainResult) -> list[list[tuple[str, str]]]:
    return [[(r.edit.content, r.status) for r in s.edits] for s in result.steps]


@pytest.mark.parametrize(
    ("second", "body"),
    [
        (edit("add", "- a", "- b", "b0"), "x\n\n- a\n- b\n"),
        (edit("replace", "- a", "- a and b", "b0"), "x\n\n- a and b\n"),
    ],
)
def test_an_edit_to_the_text_of_one_that_waits_is_gated_with_it(second: Edit, body: str) -> None:
    result, harness = trained([FIRST], [second])
    assert statuses(result) == [[("- a", "waiting")], [("- a", "kept"), (second.content, "kept")]]
    assert [r.proposed for r in result.steps[1].edits] == [1, 2]
    assert (result.steps[1].action, result.best.body) == ("accept", body)
    assert body in {b for b, s in harness.seen if s.stream == "screen"}
    assert {b for b, s in harness.seen if s.stream == "val"} == {START, body}


def test_of_a_list_only_what_neither_the_skill_nor_a_waiting_edit_says_is_tried() -> None:
    said = edit("add", "", "- x\n- b\n- a", "b0")
    result, harness = trained([FIRST], [said])
    assert statuses(result) == [[("- a", "waiting")], [("- a", "kept"), ("- b", "kept")]]
    assert result.best.body == "x\n\n- a\n\n- b\n"
    assert not any(b.count("x") > 1 or b.count("- a") > 1 for b, _ in harness.seen)


def test_an_edit_that_only_takes_back_what_waits_is_said_to() -> None:
    result, _ = trained([FIRST], [edit("delete", "- a", "", "b0")])
    assert statuses(result) == [[("- a", "waiting")], [("- a", "kept"), ("", "unmatched")]]
    assert result.steps[1].edits[1].reason == "only takes back the edits that it was proposed beside"
    assert result.best.body == "x\n\n- a\n"


def test_what_the_optimizer_saw_twice_has_no_place() -> None:
    result, _ = trained([edit("add", "", "- Say a, and x", "a0")], [edit("replace", "x", "b", "b0")])
    assert result.steps[1].edits[1].reason == "target found 2 times in the body; it must occur exactly once"


def spoiled(skill: Skill, task: Task, sample: Sample) -> float:
    """Validation is worse with "- b"; on its own tasks the edit to the other's text does better than that one."""
    if sample.stream == "val" and "- b" in skill.body:
        return 0.0
    if sample.stream == "screen" and task.id.startswith("a") and "- a" in skill.body:
        return float(sample.n % 3 != 1)
    return holds(skill, task, sample)


def test_the_better_half_of_a_rejected_bundle_stands_without_the_rest() -> None:
    result, _ = trained([FIRST], [edit("add", "- a", "- b", "b0")], harness=Script(spoiled), exact_stop=False)
    gains = [r.screening.gain for r in result.steps[1].edits if r.screening]
    assert gains[0] < gains[1]
    assert statuses(result)[1:] == [[("- a", "undecided"), ("- b", "rejected")], [("- a", "kept")]]
    assert [s.action for s in result.steps] == ["skip", "reject", "accept"]
    assert result.best.body == "x\n\n- a\n"


def test_what_waits_on_an_edit_that_was_not_kept_is_said_to_have_no_place() -> None:
    result, _ = trained()
    lost = EditRecord(edit=edit("add", "- a", "- b"), status="waiting", proposed=2)
    state = State(start=result.start, skill=result.start, val=result.start_val, mean=0, waiting=(lost,))
    rules = Rules(start=result.start, policy=EditPolicy())
    (found,) = vet(state, [], rules, 3)
    assert (found.status, found.reason) == ("unmatched", "no place any more: target not found in the body")
    stood = replace(lost, edit=edit("add", "", "- a"), proposed=1)
    made = vet(replace(state, waiting=(stood, lost)), [], rules, 3)
    assert [(r.status, r.reason) for r in made] == [("kept", ""), ("kept", "")]


def test_what_waits_for_a_place_waits_with_what_it_stands_on() -> None:
    alone = Screening(gain=1.0, runs=4)
    edits = [edit("add", "", "- a"), edit("add", "- a", "- b"), edit("add", "- b", "- c")]
    made = [EditRecord(edit=e, status="kept", proposed=n, screening=alone) for n, e in enumerate(edits)]
    candidate, records = build_candidate(skill(START), made, 1, Rules(start=skill(START), policy=EditPolicy()))
    assert [r.status for r in records] == ["kept", "waiting", "waiting"]
    assert candidate is not None
    assert candidate.body == "x\n\n- a\n"


CONTENTS = st.sampled_from(["", "- a", "- b", "- c", "- a and b", "# T"])
EDITS = st.builds(Edit, op=st.sampled_from(["add", "replace", "delete"]), target=CONTENTS, content=CONTENTS)
STEPS = st.lists(st.tuples(EDITS, st.integers(1, 3), st.booleans()), max_size=7)


@given(STEPS, st.integers(0, 5))
def test_what_is_kept_is_in_the_candidate_one_after_the_other(steps: list[tuple[Edit, int, bool]], budget: int) -> None:
    alone = Screening(gain=1.0, runs=4)
    made = [EditRecord(edit=e, status="kept", proposed=n, screening=alone if s else None) for e, n, s in steps]
    start = skill("# T\n\n- a\n")
    candidate, records = build_candidate(
        start, sorted(made, key=lambda r: r.proposed), budget, Rules(start=start, policy=EditPolicy())
    )
    kept = [r for r in records if r.status == "kept"]
    assert len(records) == len(made)
    assert len(kept) <= budget
    assert all(r.reason for r in records if r.status != "kept")
    whole = composed(start, kept)
    assert len(whole.applied) == len(kept)
    assert (candidate or start) == whole.skill
    assert (candidate is None) == (not kept)
    for count in range(len(kept)):  # as the commits of a pull request are made
        assert len(composed(start, kept[:count]).applied) == count


def test_an_edit_that_waits_and_is_proposed_again_stands_once() -> None:
    result, _ = trained()
    waits = EditRecord(edit=edit("add", "", "- a"), status="waiting", proposed=1)
    state = State(start=result.start, skill=result.start, val=result.start_val, mean=0, waiting=(waits,))
    rules = Rules(start=result.start, policy=EditPolicy())
    records = vet(state, [waits.edit, edit("add", "", "- b")], rules, 2)
    assert [(r.edit.content, r.status, r.proposed) for r in records] == [("- a", "kept", 1), ("- b", "kept", 2)]


@pytest.mark.parametrize("kind", ["edit", "slow_update"])
def test_what_waits_outlives_a_step_that_says_nothing_about_it(kind: StepKind) -> None:
    """The better half of a bundle, or a slow update, is gated while other edits wait for a place."""
    result, _ = trained()
    waits = EditRecord(edit=edit("add", "", "- a"), status="waiting", proposed=1)
    state = State(start=result.start, skill=result.start, val=result.start_val, mean=0, waiting=(waits,))
    other = EditRecord(edit=edit("add", "", "- b"), status="rejected", proposed=1)
    step = replace(state.blank_step(1, kind, 1), action="reject", edits=(other,))
    assert state.after(step).waiting == (waits,)
    again = replace(step, edits=(replace(waits, status="kept"), replace(other, status="waiting")))
    assert [r.edit.content for r in state.after(again).waiting] == ["- b"]
