"""Screening is given up where it shows next to nothing (what comes then: `test_factorial.py`)."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.cli.training import train_settings
from skillopt_ci.config.schema import Train
from skillopt_ci.core.costs import Shape, train_calls
from skillopt_ci.core.history import EditRecord
from skillopt_ci.core.rollout import Evaluation, Sample
from skillopt_ci.core.screening import Screening, ScreenRule, shows_nothing
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.state import State
from tests.engine.bench import RULE, Script, Scripted, add, bench, named, run, skill

EDITS = [replace(add(f"- w{n:02d}"), evidence=(f"a{n % 8}",)) for n in range(60)]


def screened(*, one_helps: bool = False, gives_up: bool = True, again: float = 0.3, epochs: int = 1) -> list[int]:
    """How many edits each step screens, of five a step, where all are in vain, or all but the first.

    A failed task scores so much `again`, whatever stands in the text.
    """

    def some(body: Skill, task: Task, sample: Sample) -> float:
        helped = "w00" in body.body and one_helps
        return (1.0 if helped else again) if sample.stream == "screen" else 0.0

    optimizer = Scripted([EDITS[n : n + 5] for n in range(0, 60, 5)] * epochs)
    made = {"screen": replace(RULE, gives_up=gives_up), "train": named("a", 24), "val": named("v", 12)}
    made |= {"epochs": epochs, "batch_size": 2, "slow_update": False, "budget_start": 4, "budget_end": 4}
    result, _ = run(bench(optimizer, Script(some), **made), skill("x\n"))
    return [
        sum(r.screening is not None and r.proposed == s.number for r in s.edits) for s in result.steps if s.rollouts
    ]


def test_screening_is_given_up_after_14_edits_in_vain_and_7_more_for_each_that_did_well() -> None:
    assert screened() == [5] * 3 + [0] * 9
    assert screened(one_helps=True) == [5] * 5 + [0] * 7
    assert screened(gives_up=False) == [5] * 12


def test_where_no_luck_could_hide_an_effect_edits_are_screened_until_an_epoch_is_over() -> None:
    assert screened(again=0.24) == [5] * 12
    assert screened(again=0.0, epochs=2) == [5] * 12 + [0] * 12


def test_descriptions_exclude_each_other_and_are_screened_to_the_end() -> None:
    assert train_settings(Train(), "1/1").screen.gives_up
    assert not train_settings(Train(what="description"), "1/1").screen.gives_up


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


@pytest.mark.parametrize("epochs", [2, 4, 5])
def test_no_run_takes_more_than_the_upper_bound_of_its_plan(epochs: int) -> None:
    """Two edits help their own tasks, all others seem to beside others, and the gate keeps none."""
    rule, train, val = ScreenRule(runs=6), named("a", 16), named("v", 12)
    edits = [replace(add(f"- w{n:02d}"), evidence=(f"a{n % 16}",)) for n in range(96)]

    def own_task(body: Skill, task: Task, sample: Sample) -> float:
        if sample.stream == "val":
            return 0.5 * ("- w" not in body.body)
        if sample.stream.startswith("train/"):
            return min(0.9, 0.1 * body.body.count("- w"))
        number = int(task.id[1:])
        helped = sample.stream == "screen" and f"w{number:02d}" in body.body
        return helped * (1.0 if number < 2 else 0.3)

    made = {"screen": rule, "train": train, "val": val, "batch_size": 16, "epochs": epochs, "slow_update": False}
    made |= {"budget_start": 4, "budget_end": 2, "budget_shape": "cosine", "exact_stop": False}
    harness = Script(own_task)
    result, _ = run(bench(Scripted([edits[n : n + 16] for n in range(0, 96, 16)]), harness, **made), skill("x\n"))
    gates = sum(s.decision is not None for s in result.steps)
    assert gates > epochs
    shape = Shape(
        train=16, val=12, test=0, epochs=epochs, batch_size=16, minibatch_size=2, slow_update=False, meta_notes=False,
        edit_budget=4, screen_runs=rule.most_runs,
    )  # fmt: skip
    most = train_calls(shape)
    val_runs, screened, batches = (
        sum(s.stream.startswith(stream) for _, s in harness.seen) for stream in ("val", "screen", "train/")
    )
    assert val_runs == 12 * (1 + gates) <= most.start_validation + most.validation
    assert screened <= most.screening
    assert 16 * epochs <= batches <= most.rollouts


GOOD_ONE, POOR = Screening(gain=0.5, runs=9, evidence=9.0), Screening(gain=0.0, runs=9, evidence=-1.0)


@given(st.integers(0, 100), st.integers(0, 5), st.lists(st.floats(0, 1), max_size=4))
def test_screening_shows_nothing_once_14_edits_were_tried_and_7_for_each_that_did_well(
    n: int, m: int, scores: list[float]
) -> None:
    found = [*[POOR] * n, *[GOOD_ONE] * m]
    lucky = bool(scores) and math.fsum(scores) / len(scores) >= 0.25  # failed tasks score as much by themselves
    assert shows_nothing(found, scores, RULE) == (lucky and n + m >= 14 + 7 * m)
