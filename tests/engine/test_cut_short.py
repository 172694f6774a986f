"""The budget ends a run in the middle of a screening: what was found by then still counts."""

from dataclasses import replace

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


def test_an_edit_that_helps_by_then_is_gated_with_what_waits_and_others_stay_undecided() -> None:
    proposals = [edit("- a", "a0", "a1")], [edit("- b", "b0", "b1"), edit("- q", "b0", "b1")]
    cuts = [trained(rollouts, *proposals, batch_size=4) for rollouts in range(40, 80)]
    found = []
    for result, _, ration in cuts:
        assert ration.used <= ration.rollouts
        cut = next((s for s in result.steps if s.reason == STEP_CUT), None)
        if cut is None:
            continue
        assert result.stopped_by == LIMIT
        assert all(r.reason == CUT for r in cut.edits if r.status == "undecided")
        found.append({r.edit.content: r.status for r in cut.edits})
        last = result.steps[-1]
        assert (last.action, last.reason) == ("accept", "better on validation")
        kept = {r.edit.content for r in cut.edits if r.status == "waiting"}
        assert {r.edit.content for r in last.edits if r.status == "kept"} == kept
        assert all(content in result.best.body for content in kept)
    assert {"- a": "waiting", "- b": "undecided", "- q": "undecided"} in found  # nothing new was clear
    assert any(said["- b"] == "waiting" for said in found)


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
