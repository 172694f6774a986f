"""What earlier runs and reviewers rejected: shown to the optimizer, and not bought again for the same skill."""

from dataclasses import replace
from pathlib import Path

import pytest

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import NOT_AGAIN, Rejected, TrainResult
from skillopt_ci.core.skill import Skill
from skillopt_ci.forge.memory import read_memory
from skillopt_ci.forge.proposal import Training, history_lines, history_path
from tests.engine.bench import Script, Scripted, add, bench, run, skill, tasks
from tests.fakes import MemoryTree

START = skill("x\n")
TASKS = tasks("aa", "bb", "cc", "dd")


def trained(start: Skill, *said: str, remembered: tuple[Rejected, ...] = ()) -> tuple[TrainResult, Script, Scripted]:
    harness, optimizer = Script(), Scripted([[add(text) for text in said]])
    made = bench(optimizer, harness, train=TASKS, val=TASKS, slow_update=False, meta_notes=False)
    return run(made, start, remembered)[0], harness, optimizer


def written(result: TrainResult, history: bytes = b"") -> bytes:
    made = Training(
        name="x",
        path="p",
        start=result.start,
        best=result.best,
        steps=result.steps,
        run_id=f"run {len(history)}",
        base_sha="b",
        policy_sha="c",
        history=history,
    )
    return history_lines(made)


def read(tmp_path: Path, data: bytes) -> tuple[Rejected, ...]:
    return read_memory(tmp_path, MemoryTree({history_path("x"): data}), "x")[0]


def test_what_was_rejected_by_itself_is_not_bought_again_for_the_same_skill(tmp_path: Path) -> None:
    first, harness, _ = trained(START, "- nothing")
    assert [r.status for s in first.steps for r in s.edits] == ["rejected"]
    lines = written(first)
    remembered = read(tmp_path, lines)
    again, second, optimizer = trained(START, "- nothing", "- bb", remembered=remembered)
    (step,) = again.steps
    assert [(r.edit.content, r.status) for r in step.edits] == [("- nothing", "refused"), ("- bb", "kept")]
    assert step.edits[0].reason == f"{NOT_AGAIN}not better (an earlier run)"
    assert any("nothing" in body for body, _ in harness.seen)
    assert not any("nothing" in body for body, _ in second.seen)  # nor shown to a target in any other way
    assert optimizer.asked[0][1].rejected == remembered
    assert written(again, lines).count(b"- nothing") == 1  # memory has it already


@pytest.mark.parametrize(
    ("said", "bought"),
    [
        (add("- nothing", "x"), False),
        (add("Nothing."), False),
        (add("* Always nothing!"), False),
        (add("- nothing else"), True),
        (add("- not nothing"), True),
        (add("- nothing\n- more"), True),
        (Edit(op="replace", target="x", content="- nothing"), True),
    ],
)
def test_the_same_advice_in_another_place_or_form_is_not_bought_again(said: Edit, bought: bool, tmp_path: Path) -> None:
    remembered = read(tmp_path, written(trained(START, "- nothing")[0]))
    harness = Script()
    made = bench(Scripted([[said]]), harness, train=TASKS, val=TASKS, slow_update=False, meta_notes=False)
    (step,) = run(made, START, remembered)[0].steps
    assert (step.edits[0].status != "refused") == bought
    assert any("othing" in body for body, _ in harness.seen) == bought


def test_for_a_changed_skill_it_is_shown_and_may_be_tried(tmp_path: Path) -> None:
    remembered = read(tmp_path, written(trained(START, "- nothing")[0]))
    changed, harness, optimizer = trained(skill("x\nanother\n"), "- nothing", remembered=remembered)
    assert optimizer.asked[0][1].rejected == remembered
    assert any("- nothing" in body for body, _ in harness.seen)
    assert changed.steps[0].edits[0].status == "rejected"


def test_what_was_rejected_with_its_bundle_may_be_tried_again(tmp_path: Path) -> None:
    first, _, _ = trained(START, "- nothing", "- no use")
    assert [r.status for r in first.steps[0].edits] == ["rejected", "rejected"]
    remembered = read(tmp_path, written(first))
    assert [r.base for r in remembered] == ["", ""]
    again, harness, _ = trained(START, "- nothing", remembered=remembered)
    assert again.steps[0].edits[0].status == "rejected"
    assert any("nothing" in body for body, _ in harness.seen)


@pytest.mark.parametrize("base", ["", "0" * 64])
def test_memory_of_another_text_or_of_none_refuses_nothing(base: str, tmp_path: Path) -> None:
    (entry,) = read(tmp_path, written(trained(START, "- bb")[0]).replace(b'"accepted"', b'"rejected"'))
    assert entry.base
    result, _, _ = trained(START, "- bb", remembered=(replace(entry, base=base),))
    assert result.steps[0].edits[0].status == "kept"
    result, _, _ = trained(START, "- bb", remembered=(entry,))
    assert result.steps[0].edits[0].status == "refused"
