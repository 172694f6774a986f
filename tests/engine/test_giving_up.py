"""Screening is given up where it shows next to nothing, and what it left in doubt has one more chance."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.costs import Shape, train_calls
from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import EditRecord, Step, TrainResult
from skillopt_ci.core.rollout import Evaluation, Sample
from skillopt_ci.core.screening import Screening, ScreenRule, helps, in_doubt, shows_nothing
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.state import State
from tests.engine.bench import RULE, Script, Scripted, add, bench, named, run, skill

TASKS = named("a", 8)
GOOD = 12  # edits of which one is worth a twelfth, where hundreds are in the making
EDITS = [replace(add(f"- w{n:02d}"), evidence=(f"a{n % 8}",)) for n in range(60)]


def adds_up(body: Skill, task: Task, sample: Sample) -> float:
    """Every line helps every task a little; screening sees something of the first two alone, now and then."""
    if sample.stream == "screen":
        seen = "w00" in body.body or "w01" in body.body
        return 0.7 if seen and sample.n % 2 == 0 else 0.0
    return min(0.99, sum(f"w{n:02d}" in body.body for n in range(60)) / GOOD)


def trained(rule: ScreenRule, said: list[list[Edit]], **changes: object) -> tuple[TrainResult, Scripted, Script]:
    optimizer, harness = Scripted(said), Script(adds_up)
    made = {"screen": rule, "train": TASKS, "val": named("v", 12), "batch_size": 2, "epochs": 4, **changes}
    made |= {"budget_start": 4, "budget_end": 4, "slow_update": False}
    result, _ = run(bench(optimizer, harness, **made), skill("x\n"))
    return result, optimizer, harness


def statuses(step: Step) -> list[str]:
    return [r.status for r in step.edits]


def test_after_24_edits_in_vain_what_was_left_in_doubt_is_gated_and_edits_go_unscreened() -> None:
    said = [EDITS[:12], EDITS[12:24], EDITS[24:36], EDITS[36:48], EDITS[48:]]
    result, optimizer, _ = trained(RULE, said)
    one, two, doubtful, fresh = result.steps[:4]
    assert statuses(one) == statuses(two) == ["rejected-alone"] * 12
    assert {r.edit.content for r in doubtful.edits} == {"- w00", "- w01", "- w09"}  # the last stood beside the second
    assert (two.epoch, doubtful.epoch) == (1, 1)
    assert doubtful.action == "accept"
    assert not doubtful.rollouts
    assert all(r.proposed == 1 and r.screening and in_doubt(r.screening) for r in doubtful.edits)
    assert len(optimizer.asked) == sum(bool(s.rollouts) for s in result.steps)  # it is not read for
    assert optimizer.asked[2][0].body == doubtful.candidate.body if doubtful.candidate else None
    assert statuses(fresh) == ["kept"] * 4 + ["over-budget"] * 8
    assert not any(r.screening for r in fresh.edits)
    assert [e.places for _, e in optimizer.asked[:4]] == [16, 16, 4, 4]


def test_an_edit_left_in_doubt_has_one_more_chance_only() -> None:
    def worse(body: Skill, task: Task, sample: Sample) -> float:
        value = adds_up(body, task, sample)
        return value if sample.stream == "screen" else float("- w" not in body.body and task.id == "v1")

    optimizer = Scripted([EDITS[:12], EDITS[12:24], []])
    made = {"screen": RULE, "train": TASKS, "val": named("v", 12), "batch_size": 4, "epochs": 4, "slow_update": False}
    result, _ = run(bench(optimizer, Script(worse), **made), skill("x\n"))
    tried = [s for s in result.steps if any(r.edit.content == "- w00" for r in s.edits)]
    assert [s.action for s in tried][:2] == ["skip", "reject"]
    assert len(tried) <= 3  # with its better half
    assert result.best.body == "x\n"


def test_one_that_does_well_brings_24_more() -> None:
    def one(body: Skill, task: Task, sample: Sample) -> float:
        return 1.0 if sample.stream == "screen" and "w00" in body.body else 0.25 * (sample.stream == "screen")

    optimizer = Scripted([EDITS[:12], EDITS[12:24], EDITS[24:36], EDITS[36:48], EDITS[48:]])
    made = {"screen": RULE, "train": TASKS, "val": named("v", 12), "batch_size": 2, "epochs": 4, "slow_update": False}
    result, _ = run(bench(optimizer, Script(one), budget_start=4, budget_end=4, **made), skill("x\n"))
    screened = [sum(r.screening is not None and r.proposed == s.number for r in s.edits) for s in result.steps]
    assert screened[:4] == [12, 12, 12, 12]
    assert sum(screened[4:]) == 0


def test_what_waits_is_gated_before_what_was_left_in_doubt_and_apart_from_it() -> None:
    def some(body: Skill, task: Task, sample: Sample) -> float:
        if sample.stream == "screen" and "w00" in body.body:
            return 1.0
        return adds_up(body, task, sample)

    optimizer = Scripted([EDITS[:12], EDITS[12:24], EDITS[24:36], EDITS[36:48], EDITS[48:56], []])
    made = {"screen": RULE, "train": named("a", 12), "val": named("v", 12), "batch_size": 2, "slow_update": False}
    result, _ = run(bench(optimizer, Script(some), epochs=1, budget_start=4, budget_end=4, **made), skill("x\n"))
    one, waits, doubt, fresh = (result.steps[n] for n in (0, 4, 5, 6))
    assert statuses(one).count("waiting") == 1
    assert [(r.edit.content, r.status, r.proposed) for r in waits.edits] == [("- w00", "kept", 1)]
    assert "- w01" in {r.edit.content for r in doubt.edits}
    assert all(r.screening and in_doubt(r.screening) and not helps(r.screening, RULE) for r in doubt.edits)
    assert fresh.rollouts
    assert [bool(s.rollouts) for s in result.steps] == [True] * 4 + [False] * 2 + [True] * 2


def tried(edit: Edit, step: int, evidence: float) -> EditRecord:
    found = Screening(gain=0.2, runs=9, evidence=evidence)
    return EditRecord(edit=edit, status="rejected-alone", reason="uncertain", screening=found, proposed=step)


def test_of_two_in_doubt_that_exclude_each_other_the_likelier_one_is_tried() -> None:
    start = skill("Answer briefly.\n\nBe kind.\n")
    weak, strong = (Edit(op="replace", target="Answer briefly.", content=f"Answer in {w} words.") for w in ("2", "9"))
    other = Edit(op="replace", target="Be kind.", content="Be polite.")
    rows = [[tried(weak, 1, 0.5), tried(other, 1, 0.1)], [tried(strong, 2, 1.9), tried(add("- no"), 2, -0.7)]]
    val = Evaluation(skill=start.digest, task_ids=("v",), values=((0.5,),))
    state = State(start=start, skill=start, val=val, mean=0.5)
    for edits in rows:
        state = state.after(replace(state.blank_step(1, "edit", 4), edits=tuple(edits)))
    assert [(r.edit, r.status) for r in state.doubtful(RULE)] == [(other, "kept"), (strong, "kept")]
    again = [replace(r, status="rejected") for r in state.doubtful(RULE)]
    assert state.after(replace(state.blank_step(1, "edit", 4), edits=tuple(again))).doubtful(RULE) == []


def test_what_a_step_keeps_is_told_to_the_optimizer_as_rejected_no_more() -> None:
    start, one, two = skill("x\n"), EditRecord(edit=add("- b1"), status="rejected"), add("- b2")
    val = Evaluation(skill=start.digest, task_ids=("v",), values=((0.5,),))
    state = State(start=start, skill=start, val=val, mean=0.5)
    bundle = replace(state.blank_step(1, "edit", 4), edits=(one, replace(one, edit=two)), action="reject")
    state = state.after(bundle)
    assert [r.edit.content for r in state.rejected] == ["- b1", "- b2"]
    kept = replace(state.blank_step(1, "edit", 4), edits=(replace(one, status="kept"),), action="accept")
    assert [r.edit.content for r in state.after(kept).rejected] == ["- b2"]
    half = replace(bundle, edits=(one, replace(one, edit=two, status="undecided")))
    assert not half.alone(one)  # the gate's word was on both
    assert replace(bundle, edits=(one,)).alone(one)


@pytest.mark.parametrize(("epochs", "gates"), [(2, 5), (4, 7), (5, 8)])
def test_no_run_takes_more_than_the_upper_bound_of_its_plan(epochs: int, gates: int) -> None:
    """Two edits help their own tasks, all others are in doubt, and the gate keeps none: every step gates all it may."""
    rule, train, val = ScreenRule(runs=6), named("a", 16), named("v", 12)
    edits = [replace(add(f"- w{n:02d}"), evidence=(f"a{n % 16}",)) for n in range(96)]

    def own_task(body: Skill, task: Task, sample: Sample) -> float:
        if sample.stream == "val":
            return 0.5 * ("- w" not in body.body)
        number = int(task.id[1:])
        helped = sample.stream == "screen" and f"w{number:02d}" in body.body
        return helped * (1.0 if number < 2 else 0.3)

    made = {"screen": rule, "train": train, "val": val, "batch_size": 16, "epochs": epochs, "slow_update": False}
    made |= {"budget_start": 4, "budget_end": 2, "budget_shape": "cosine", "exact_stop": False}
    harness = Script(own_task)
    result, _ = run(bench(Scripted([edits[n : n + 16] for n in range(0, 96, 16)]), harness, **made), skill("x\n"))
    assert sum(s.decision is not None for s in result.steps) == gates
    shape = Shape(
        train=16, val=12, test=0, epochs=epochs, batch_size=16, minibatch_size=2, slow_update=False, meta_notes=False,
        slow_sample=20, confirm_runs=0, edit_budget=4, screen_runs=rule.most_runs,
    )  # fmt: skip
    most = train_calls(shape)
    took = [sum(s.stream == stream for _, s in harness.seen) for stream in ("val", "screen")]
    assert took[0] == 12 * (1 + gates) <= most.start_validation + most.validation
    assert took[1] <= most.screening


GOOD_ONE, POOR = Screening(gain=0.5, runs=9, evidence=9.0), Screening(gain=0.0, runs=9, evidence=-1.0)


@given(st.integers(0, 100), st.integers(0, 5))
def test_screening_shows_nothing_once_24_edits_were_in_vain_for_each_that_did_well_and_one_more(n: int, m: int) -> None:
    found = [*[POOR] * n, *[GOOD_ONE] * m]
    assert shows_nothing(found, RULE) == (n + m >= 24 + 24 * m)
