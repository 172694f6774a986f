"""What earlier runs and reviewers rejected: shown to the optimizer, and not bought again for the same skill."""

from dataclasses import replace
from pathlib import Path

import pytest

from skillopt_ci.core.digest import text_digest
from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import NOT_AGAIN, Rejected, TrainResult
from skillopt_ci.core.policy import EditPolicy
from skillopt_ci.core.screening import REPEATS
from skillopt_ci.core.skill import Skill
from skillopt_ci.engine.one_shot import with_rewriter
from skillopt_ci.forge.memory import read_memory
from skillopt_ci.forge.proposal import Training, history_lines, history_path
from tests.engine.bench import RULE, Script, Scripted, add, bench, named, run, skill, tasks
from tests.engine.test_methods import Writer, workbench
from tests.engine.test_methods import run as run_method
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


def test_guidance_that_was_rejected_for_the_same_skill_is_not_bought_again(tmp_path: Path) -> None:
    def whole(remembered: tuple[Rejected, ...]) -> tuple[TrainResult, Script]:
        harness, optimizer = Script(), Scripted([[add("- no use")], [add("- bb")], []], guidance=["Useless."])
        made = bench(optimizer, harness, train=TASKS, val=TASKS, epochs=3, meta_notes=False)
        return run(made, START, remembered)[0], harness

    first, seen = whole(())
    assert [r.status for s in first.steps if s.kind == "slow_update" for r in s.edits] == ["rejected"]
    assert any("Useless" in body for body, _ in seen.seen)
    again, seen = whole(read(tmp_path, written(first)))
    assert again.best == first.best
    (step,) = (s for s in again.steps if s.kind == "slow_update" and s.edits)
    assert (step.action, step.reason) == ("skip", "it was rejected before")
    assert (step.edits[0].status, step.edits[0].reason.startswith(NOT_AGAIN)) == ("refused", True)
    assert not any("Useless" in body for body, _ in seen.seen)


@pytest.mark.parametrize("base", ["", "0" * 64])
def test_memory_of_another_text_or_of_none_refuses_nothing(base: str, tmp_path: Path) -> None:
    (entry,) = read(tmp_path, written(trained(START, "- bb")[0]).replace(b'"accepted"', b'"rejected"'))
    assert entry.base
    result, _, _ = trained(START, "- bb", remembered=(replace(entry, base=base),))
    assert result.steps[0].edits[0].status == "kept"
    result, _, _ = trained(START, "- bb", remembered=(entry,))
    assert result.steps[0].edits[0].status == "refused"


def test_what_policy_refused_is_checked_again(tmp_path: Path) -> None:
    """A limit is of one run: the next one begins to count anew, with the text that the first one ended with."""
    made = bench(
        Scripted([[add("- bb")], [add("- cc")]]),
        train=TASKS,
        val=TASKS,
        batch_size=2,
        slow_update=False,
        policy=EditPolicy(max_growth_chars=8),
    )
    first = run(made, START)[0]
    assert [[r.status for r in s.edits] for s in first.steps] == [["kept"], ["refused"]]
    remembered = read(tmp_path, written(first))
    assert [(r.edit.content, r.base) for r in remembered] == [("- cc", "")]
    again, _, optimizer = trained(first.best, "- cc", remembered=remembered)
    assert again.steps[0].edits[0].status == "kept"
    assert optimizer.asked[0][1].rejected == remembered


def test_what_was_refused_beside_another_edit_keeps_nobody_from_buying_that_one(tmp_path: Path) -> None:
    first, _, _ = trained(START, "- nothing", "- Always nothing!", "- no use")
    assert [r.status for r in first.steps[0].edits] == ["rejected", "refused", "rejected"]
    again, harness, _ = trained(START, "- nothing", remembered=read(tmp_path, written(first)))
    assert again.steps[0].edits[0].status == "rejected"
    assert any("nothing" in body for body, _ in harness.seen)


def test_a_rewrite_that_was_refused_for_one_line_leaves_the_others_free(tmp_path: Path) -> None:
    text, start = "- a\n- b\n\nSee.\n- see https://evil.example/b", skill("- a\n\nSee.\n")
    first, _ = run_method(with_rewriter(Writer(text)), workbench(), start)
    assert [(r.edit.content, r.status) for s in first.steps for r in s.edits] == [
        ("- b", "refused"),
        ("- see https://evil.example/b", "refused"),
    ]
    remembered = read(tmp_path, written(first))
    again, _ = run_method(with_rewriter(Writer("- a\n- b\n\nSee.")), workbench(), start, remembered)
    assert again.best.body == "- a\n- b\n\nSee.\n"


SCREENED = {
    "screen": RULE,
    "train": (*named("a", 4), *named("b", 4)),
    "val": named("a", 3) + named("c", 3),
    "slow_update": False,
}


def said(content: str, *evidence: str) -> Edit:
    return replace(add(content), evidence=evidence)


def test_what_was_rejected_alone_beside_waiting_edits_was_rejected_for_the_text_with_them(tmp_path: Path) -> None:
    made = bench(Scripted([[said("- a", "a0")], [said("- q", "b0")], []]), **SCREENED)
    first = run(made, START)[0]
    assert [[(r.edit.content, r.status) for r in s.edits] for s in first.steps] == [
        [("- a", "waiting")],
        [("- a", "kept"), ("- q", "rejected-alone")],
    ]
    assert first.steps[1].incumbent == START
    remembered = read(tmp_path, written(first))
    assert [(r.edit.content, r.base) for r in remembered] == [("- q", text_digest(skill("x\n\n- a\n").text))]
    for start, status in ((START, "rejected-alone"), (first.best, "refused")):
        again = run(bench(Scripted([[said("- q", "b0")]]), **SCREENED), start, remembered)[0]
        assert again.steps[0].edits[0].status == status


def test_what_was_rejected_alone_is_remembered_for_the_text_of_the_step_that_tried_it(tmp_path: Path) -> None:
    """An earlier step's word stands in a later one, too, where edits may wait that it was not tried beside."""
    made = bench(Scripted([[said("- q", "a0")], [said("- q", "a1")]]), **SCREENED)
    first = run(made, START)[0]
    assert [[(r.status, r.proposed) for r in s.edits] for s in first.steps] == [[("rejected-alone", 1)]] * 2
    assert [r.base for r in read(tmp_path, written(first))] == [text_digest(START.text), ""]


def test_what_another_edit_of_its_step_made_needless_was_not_rejected_by_itself(tmp_path: Path) -> None:
    same = Script(lambda s, t, p: float("- a" in s.body or "- A" in s.body))
    edits = [said("- a", "a0", "a1", "a2"), said("- A", "a0", "a1", "a2")]
    made = bench(Scripted([edits, []]), same, **{**SCREENED, "batch_size": 8})
    remembered = read(tmp_path, written(run(made, START)[0]))
    assert [(r.reason, r.base) for r in remembered] == [(f"{REPEATS} (an earlier run)", "")]
