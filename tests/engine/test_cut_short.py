"""The budget ends a run in the middle of a screening: what was found by then still counts."""

from dataclasses import replace

import pytest

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import TrainResult
from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.ration import LIMIT, Ration
from skillopt_ci.engine.screen import CUT
from skillopt_ci.engine.steps import CUT as STEP_CUT
from skillopt_ci.errors import CallFailedError
from tests.engine.bench import RULE, Script, Scripted, add, bench, holds, lab, named, run, skill

MIXED = (*named("a", 4), *named("b", 4))
VAL = (*MIXED, *named("c", 2))


def edit(content: str, *evidence: str) -> Edit:
    return replace(add(content), evidence=evidence)


def trained(rollouts: int, *proposals: list[Edit], **changes: object) -> tuple[TrainResult, Script, Ration]:
    """A run that may take so many rollouts."""
    harness, ration = Script(), Ration(rollouts)
    made = {
        "screen": replace(RULE, odds=50),
        "train": MIXED,
        "val": VAL,
        "batch_size": 8,
        "slow_update": False,
        **changes,
    }
    made |= {"lab": lab(harness).rationed(ration), "keep_back": ration.keep_back}
    result, _ = run(bench(Scripted([*proposals, []]), harness, **made), skill("x\n"))
    return result, harness, ration


def test_an_edit_that_helps_by_then_is_gated_and_others_stay_undecided() -> None:
    proposal = [edit("- a", "a0", "a1"), edit("- q", "b0", "b1")]
    whole, _, _ = trained(200, proposal)
    assert [(r.edit.content, r.status) for r in whole.steps[0].edits] == [("- a", "kept"), ("- q", "rejected-alone")]
    cuts = [cut for rollouts in range(28, 60) if (cut := trained(rollouts, proposal))[0].steps]
    found = {tuple((r.edit.content, r.status) for s in result.steps for r in s.edits) for result, _, _ in cuts}
    assert (("- a", "undecided"), ("- q", "undecided")) in found  # nothing was clear
    assert (("- a", "waiting"), ("- q", "rejected-alone"), ("- a", "kept")) in found
    for result, _, ration in cuts:
        assert ration.used <= ration.rollouts
        for record in result.steps[0].edits:
            assert record.reason == CUT or record.status != "undecided"
        if result.stopped_by == LIMIT and result.changed():
            assert [(s.action, s.reason) for s in result.steps] == [
                ("skip", STEP_CUT),
                ("accept", "better on validation"),
            ]
            assert result.best.body == "x\n\n- a\n"


@pytest.mark.parametrize("rollouts", range(30, 60, 3))
def test_the_gate_of_what_a_screening_finds_is_kept_back(rollouts: int) -> None:
    """Whatever is found before the end, no edit that does well is left without its gate."""
    result, _, _ = trained(rollouts, [edit("- a", "a0", "a1")], [edit("- b", "b0")], batch_size=4)
    last: dict[str, str] = {}
    for step in result.steps:
        last |= {r.edit.content: r.status for r in step.edits}
    assert "waiting" not in last.values()


def test_what_did_well_waits_where_its_gate_could_not_measure() -> None:
    """A provider that loses validation says nothing about an edit, nor that screening finds nothing."""

    def lost(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        first = sample.stream == "val" and "- a" in skill.body and "- b" not in skill.body
        return CallFailedError("request", "400") if first and task.id in ("a0", "b0") else holds(skill, task, sample)

    made = {"screen": RULE, "train": MIXED, "val": VAL, "batch_size": 8, "slow_update": False, "epochs": 2}
    optimizer = Scripted([[edit("- a", "a0", "a1")], [edit("- b", "b0", "b1")], []])
    result, _ = run(bench(optimizer, Script(lost), **made), skill("x\n"))
    assert [(s.reason, [(r.edit.content, r.status) for r in s.edits]) for s in result.steps] == [
        ("infrastructure", [("- a", "waiting")]),
        ("better on validation", [("- a", "kept"), ("- b", "kept")]),
    ]
    assert all(r.screening for s in result.steps for r in s.edits)  # the second epoch screens, too


def test_an_edit_is_tried_on_no_task_that_only_an_older_text_failed() -> None:
    made = {"screen": RULE, "train": MIXED, "val": VAL, "batch_size": 8, "slow_update": False, "epochs": 2}
    harness = Script()
    optimizer = Scripted([[edit("- a", "a0", "a1")], [edit("- idle", "a0", "a1")], []])
    result, _ = run(bench(optimizer, harness, **made), skill("x\n"))
    assert [(r.edit.content, r.status) for s in result.steps for r in s.edits] == [
        ("- a", "kept"),
        ("- idle", "rejected-alone"),
    ]
    assert {s.task_id[0] for body, s in harness.seen if "- idle" in body} == {"b"}
