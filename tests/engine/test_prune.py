"""Pruning: what does not carry its weight is taken out before the run ends."""

from dataclasses import replace

import pytest

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import Step, TrainResult
from skillopt_ci.core.rejected import rejected_edits
from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.task import Task
from skillopt_ci.core.training_gate import CONFIRM, STRICT, TrainingRule
from skillopt_ci.engine.prune import undo
from skillopt_ci.errors import BudgetReachedError
from tests.engine.bench import Script, Scripted, add, bench, holds, named, run, skill

LONGER = Edit(op="replace", target="old", content="a longer one")
MIXED = (*named("a", 10), *named("b", 2))


def edit(content: str, *evidence: str) -> Edit:
    return replace(add(content), evidence=evidence)


def trained(*edits: Edit, harness: Script | None = None, **changes: object) -> tuple[TrainResult, Step, Script]:
    """One accepted bundle, then the pruning."""
    harness = harness or Script()
    made = {"train": MIXED, "val": MIXED, "batch_size": 12, "slow_update": False, "prune": True, **changes}
    result, _ = run(bench(Scripted([edits]), harness, **made), skill("x\n"))
    return result, result.steps[-1], harness


def test_what_its_own_tasks_do_without_goes_and_the_rest_stays() -> None:
    result, step, _ = trained(edit("- a", "a0", "a1"), edit("- q", "a2"), edit("- r", "a3", "a4"))
    assert (step.kind, step.action, step.reason) == ("prune", "accept", "no worse with less text")
    assert sorted((r.edit.op, r.edit.content, r.status) for r in step.edits) == [
        ("add", "- q", "pruned"),
        ("add", "- r", "pruned"),
    ]
    assert result.best.body == "x\n\n- a\n"
    assert result.versions[-1] == result.best
    assert step.decision is not None
    assert (step.decision.mean, step.decision.incumbent_mean) == (10 / 12, 10 / 12)
    assert result.best_val_mean == 10 / 12


@pytest.mark.parametrize(("passing", "status"), [((0, 1, 4, 5, 6, 7), "pruned"), ((0, 1, 4), None)])
def test_what_a_first_look_leaves_unclear_is_looked_at_once_more(passing: tuple[int, ...], status: str | None) -> None:
    """Two of the first four runs pass without the edit: neither enough nor far from it."""

    def unsure(skill: Skill, task: Task, sample: Sample) -> float:
        alone = sample.stream == "screen" and "- q" not in skill.body
        return float(sample.n in passing) if alone else holds(skill, task, sample)

    _, step, harness = trained(edit("- a", "a0", "a1"), edit("- q", "a2"), harness=Script(unsure))
    tried = [s.n for body, s in harness.seen if s.stream == "screen" and "- q" not in body]
    assert tried == list(range(8))
    assert [(r.edit.content, r.status) for r in step.edits] == ([("- q", status)] if status else [])
    assert not step.edits or step.edits[0].reason.endswith("score 75 without it (8 runs)")


@pytest.mark.parametrize(("rule", "action"), [(CONFIRM, "accept"), (STRICT, "reject")])
def test_the_longer_skill_must_show_more_than_one_task_where_runs_are_repeated(rule: TrainingRule, action: str) -> None:
    def one_more(skill: Skill, task: Task, sample: Sample) -> float:
        lost = sample.stream == "val" and task.id == "a3" and "- q" not in skill.body
        return float(not lost and holds(skill, task, sample))

    result, _, _ = trained(edit("- a", "a0", "a1"), edit("- q", "a2"), harness=Script(one_more), rule=rule)
    assert [(s.kind, s.action) for s in result.steps] == [("edit", "accept"), ("prune", action)]


def test_a_skill_without_dead_weight_is_left_alone() -> None:
    result, step, harness = trained(edit("- a", "a0", "a1"))
    assert (step.kind, step.action, step.reason, step.candidate) == (
        "prune",
        "skip",
        "every edit carries its weight",
        None,
    )
    assert step.edits == ()
    assert result.best.body == "x\n\n- a\n"
    assert [s.task_id for body, s in harness.seen if s.stream == "screen"].count("a0") == 2


def test_the_longer_skill_stays_when_it_shows_that_it_is_better() -> None:
    def useful(skill: Skill, task: Task, sample: Sample) -> float:
        done = holds(skill, task, sample)
        return float("- q" in skill.body) if sample.stream == "val" and task.id < "a5" else done

    result, step, _ = trained(edit("- a", "a0"), edit("- q", "a6"), edit("- r", "a7"), harness=Script(useful))
    assert [s.kind for s in result.steps] == ["edit", "prune", "prune"]
    assert (result.steps[1].action, result.steps[1].reason) == ("reject", "the longer skill is better")
    assert {r.status for r in result.steps[1].edits} == {"undecided", "kept"}
    assert "- q" in result.best.body or "- r" in result.best.body
    assert {r.reason.count("without it") for s in result.steps[1:] for r in s.edits} == {1}
    assert step.decision is not None
    assert all(r.status != "rejected" for s in result.steps[1:] for r in s.edits)


def test_what_was_pruned_is_remembered_as_an_edit_that_was_not_kept() -> None:
    result, step, _ = trained(edit("- a", "a0", "a1"), edit("- q", "a2"))
    assert [(r.edit.op, r.edit.content, r.reason, r.effect) for r in rejected_edits(result.steps)] == [
        ("add", "- q", "no worse with less text: its own tasks score 100 without it (4 runs)", None)
    ]
    assert [r.screening for r in step.edits] == [None]  # what its tasks score without it is no gain
    assert step.as_json()["kind"] == "prune"


def test_what_finds_no_place_any_more_is_no_part_of_the_pruning() -> None:
    """Without its first line the second edit's text is not there to be taken out."""

    def longer_is_better(skill: Skill, task: Task, sample: Sample) -> float:
        return float(sample.stream == "screen" or int(task.id[1:]) < 4 * skill.body.count("- "))

    more = Edit(op="replace", target="- p", content="- p\n- q", evidence=("a4", "a5"))
    made = bench(
        Scripted([[edit("- p", "a3")], [more]]), Script(longer_is_better), train=named("a", 12), val=named("a", 12),
        batch_size=12, epochs=2, slow_update=False, prune=True,
    )  # fmt: skip
    result, _ = run(made, skill("x\n"))
    step = result.steps[-1]
    assert [s.kind for s in result.steps] == ["edit", "edit", "prune"]
    assert step.candidate is not None
    assert step.candidate.body == "x\n\n- q\n"
    assert [r.edit.content for r in step.edits] == ["- p"]


def test_money_that_ends_while_it_is_pruned_leaves_the_skill_as_it_was() -> None:
    def dear(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        if "- a" in skill.body and "- q" not in skill.body and sample.stream == "val":
            return BudgetReachedError("enough", limit="usd")
        return holds(skill, task, sample)

    result, step, _ = trained(edit("- a", "a0", "a1"), edit("- q", "a2"), harness=Script(dear))
    assert (step.kind, result.stopped, result.stopped_by) == ("edit", "enough", "usd")
    assert result.best.body == "x\n\n- a\n\n- q\n"


def test_nothing_accepted_nothing_to_prune() -> None:
    result, step, _ = trained(edit("- q", "a0"))
    assert [s.kind for s in result.steps] == ["edit"]
    assert step.action == "reject"
    off, last, _ = trained(edit("- a", "a0"), prune=False)
    assert (off.steps, last.kind) == ((last,), "edit")


@pytest.mark.parametrize(
    ("made", "body", "wanted"),
    [
        (add("- new"), "x\n\n- new\n", "x\n"),
        (LONGER, "x\n\na longer one\n", "x\n\nold\n"),
        (LONGER, "- x\n- a longer one\r\n", "- x\n- old\r\n"),
        # In a line that says more nobody knows which edit that belongs to.
        (LONGER, "x a longer one\n", None),
        (LONGER, "- a longer one, and a last one\n", None),
        (add("- new"), "x\n\n- new, and more\n", None),
        (add("- new\n- newer"), "x\n\n- new\n- newer still\n", None),
        (Edit(op="replace", target="a longer one", content="new"), "new\n", None),
        (Edit(op="delete", target="gone", content=""), "x\n", None),
        (add("- new"), "x\n\n- other\n", None),
        (add("- new"), "- new\n- new\n", None),
    ],
)
def test_an_edit_is_undone_where_that_leaves_less_text(made: Edit, body: str, wanted: str | None) -> None:
    from skillopt_ci.core.edit import apply_edits

    back = undo(skill(body), made)
    assert (None if back is None else apply_edits(skill(body), [back]).skill.body) == wanted


def test_a_run_that_its_budget_ends_is_pruned_with_what_was_kept_back() -> None:
    kept: list[int] = []

    def checkpoint() -> None:
        if kept and kept[-1]:
            raise BudgetReachedError("enough", limit="calls")

    optimizer = Scripted([[edit("- a", "a0"), edit("- q", "a1")]])
    made = bench(
        optimizer, train=MIXED, val=MIXED, batch_size=12, epochs=3, slow_update=False, prune=True,
        checkpoint=checkpoint, spent=Spend,
    )  # fmt: skip
    result, _ = run(replace(made, keep_back=kept.append), skill("x\n"))
    assert kept == [0, 2 * 4 + 2 * 12, 0]
    assert (result.stopped, result.stopped_by) == ("enough", "calls")
    assert result.best.body == "x\n\n- a\n"
