"""Screening: each edit on its own evidence, before its bundle is gated."""

import math
from dataclasses import replace

import pytest

from skillopt_ci.core.digest import fraction
from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import Step, TrainResult
from skillopt_ci.core.leakage import leakage_of
from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.screening import REPEATS, ScreenRule
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.steps import WAITS
from skillopt_ci.errors import BudgetReachedError, CallFailedError
from tests.engine.bench import RULE, Script, Scripted, add, bench, holds, lab, named, run, skill, tasks

MIXED = (*named("a", 4), *named("b", 4))
GAINS = {"- b": (0.88, 3), "- a": (0.82, 3), "- q": (-0.34, 2)}
ON = {"screen": RULE, "train": MIXED, "val": MIXED, "batch_size": 8, "slow_update": False}


def edit(content: str, *evidence: str) -> Edit:
    return replace(add(content), evidence=evidence)


def first(optimizer: Scripted, harness: Script | None = None, **changes: object) -> tuple[Step, TrainResult, Script]:
    harness = harness or Script()
    result, _ = run(bench(optimizer, harness, **{**ON, **changes}), skill("x\n"))
    return result.steps[0], result, harness


def status(step: Step) -> dict[str, str]:
    return {r.edit.content: r.status for r in step.edits}


def screens(harness: Script) -> list[tuple[str, str, int]]:
    """Body, task and number of every run of screening."""
    return [(body, s.task_id, s.n) for body, s in harness.seen if s.stream == "screen"]


def test_what_helps_its_tasks_is_gated_and_the_rest_is_rejected_alone() -> None:
    edits = [edit("- q", "a0", "b1"), edit("- a", "a0", "a1"), edit("- b", "b0")]
    step, result, harness = first(Scripted([edits]))
    assert status(step) == {"- a": "kept", "- b": "kept", "- q": "rejected-alone"}
    assert step.action == "accept"
    shown = {r.edit.content: r.screening for r in step.edits if r.screening}
    assert {word: (round(found.gain, 2), found.runs) for word, found in shown.items()} == GAINS
    assert min(shown["- a"].evidence, shown["- b"].evidence) >= math.log(RULE.odds)
    assert min(shown["- a"].gain, shown["- b"].gain) > 0.5
    assert shown["- q"].gain < 0
    why = "-34 points on 2 runs of its own train tasks, against what they score again without it"
    why += " (taken as 25 to begin with)"
    assert step.edits[-1].reason == f"it gained too little: {why}"
    assert result.best_val_mean == 1
    seen = screens(harness)
    assert len(seen) == len(set(seen)) == sum(r.sample.stream == "screen" for r in step.rollouts) == 12
    assert {task for body, task, _ in seen if "- q" in body} == {"a0", "b1"}
    assert {task for body, task, _ in seen if "- b" in body} == {"b0"}
    for content, found in shown.items():
        assert found.runs == sum(content in body for body, _, _ in seen)


def test_edits_that_answer_one_task_share_its_runs() -> None:
    """Each is tried with others and without them: eight edits, of which one mends the task, take few runs."""
    edits = [edit(f"- {letter}", "a0") for letter in "acdefghi"]
    step, _, harness = first(Scripted([edits]))
    assert status(step) == {"- a": "kept", **{f"- {letter}": "rejected-alone" for letter in "cdefghi"}}
    seen = screens(harness)
    told = sum(r.screening.runs for r in step.edits if r.screening)
    assert told > 1.5 * len(seen)  # of how many edits the runs tell, all in all
    first_look = " ".join(body for body, _, _ in seen[:2]).split()
    assert sorted(w for w in first_look if len(w) == 1 and w not in "-x") == list("acdefghi")  # each in one of them


def test_kept_edits_stand_in_the_order_of_their_gain() -> None:
    def most(skill: Skill, task: Task, sample: Sample) -> float:
        if sample.stream == "screen" and "- a" in skill.body:
            return float(sample.n != 1)
        return holds(skill, task, sample)

    step, _, _ = first(Scripted([[edit("- a", "a0"), edit("- b", "b0")]]), Script(most))
    assert [(r.edit.content, r.status) for r in step.edits] == [("- b", "kept"), ("- a", "kept")]
    found = [r.screening for r in step.edits if r.screening]
    assert [s.runs for s in found] == [3, 4]  # one that failed once is looked at longer
    assert found[0].gain > found[1].gain


def test_what_passes_by_luck_helps_nothing() -> None:
    """Every second run passes whatever the skill says."""
    lucky = Script(lambda s, t, p: float(p.stream == "screen" and (p.n + int(t.id[1])) % 2))
    step, _, harness = first(Scripted([[edit("- q", "a0", "a1", "b0")]]), lucky)
    assert status(step) == {"- q": "rejected-alone"}
    alone = step.edits[0].screening
    assert alone is not None
    assert alone.evidence < 0
    runs = [("- q" in body, task) for body, task, _ in screens(harness)]
    assert sorted(runs[:3]) == [(True, "a0"), (True, "a1"), (True, "b0")]
    assert runs[3] == (False, "a1")  # the task that passed with it, now without


def test_what_failed_by_bad_luck_is_run_again_without_a_promising_edit() -> None:
    """The task fails twice and passes ever after, with the edit and without it."""

    def late(skill: Skill, task: Task, sample: Sample) -> float:
        return float(sample.stream == "screen" and ("- q" in skill.body or sample.n > 0))

    strict = replace(RULE, odds=1e6)
    step, _, harness = first(Scripted([[edit("- q", "a0")]]), Script(late), screen=strict)
    runs = [("- q" in body, n) for body, _, n in screens(harness)]
    assert runs == [(turn % 2 == 0, turn // 2) for turn in range(strict.most_runs)]  # with it and without, in turn
    assert status(step) == {"- q": "rejected-alone"}
    shown = step.edits[0].screening
    assert shown is not None
    without = (0.75 + 6) / (3 + 7)  # the first run without it failed
    assert (shown.gain, shown.runs) == (pytest.approx(1 - without), 8)


def test_runs_without_any_edit_are_shared_by_later_steps() -> None:
    """The task passes with any edit at first, then never; the second step knows what it does without one."""
    said = [[edit("- q", "a0")], [edit("- s", "a0"), edit("- t", "a0")], []]
    lucky = Script(lambda s, t, p: float(p.stream == "screen" and "- " in s.body and p.n == 0))
    result, _, harness = trained(said, lucky)
    seen = screens(harness)
    assert len(seen) == len(set(seen))  # no sample twice
    plain = [n for body, _, n in seen if body == "x\n"]
    assert plain == list(range(len(plain)))
    taken = [
        sum(r.sample.stream == "screen" and r.skill == skill("x\n").digest for r in s.rollouts) for s in result.steps
    ]
    shown = result.steps[1].edits[0].screening
    assert (taken[0] > 1, shown is not None) == (True, True)
    # They meet as if nothing had been run: one lot, then the other edits, whatever was run without any.
    second = [body for body, _, _ in seen[sum(r.sample.stream == "screen" for r in result.steps[0].rollouts) :]]
    first_look = " ".join(second[:2]).split()
    assert (first_look.count("s"), first_look.count("t")) == (1, 1)


def trained(said: list[list[Edit]], harness: Script) -> tuple[TrainResult, Scripted, Script]:
    optimizer = Scripted(said)
    made = {**ON, "epochs": len(said), "screen": replace(RULE, gives_up=False)}
    result, _ = run(bench(optimizer, harness, **made), skill("x\n"))
    return result, optimizer, harness


@pytest.mark.parametrize("chance", range(8))
def test_whatever_comes_every_edit_is_decided_on_within_its_runs(chance: int) -> None:
    """Scores, failures of the service and no sense at all."""

    def scorer(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        at = (chance, skill.body, task.id, sample.stream, sample.n)
        if sample.stream == "screen" and fraction(*at, "down") < 0.1 * (chance % 4):
            return CallFailedError("server", "500")
        return round(fraction(*at), 1 if chance < 4 else 0)

    edits = [edit(f"- {w}", *(f"{w[0]}{n}" for n in range(chance % 4 + 1))) for w in ("aa", "ab", "ba", "bb", "ac")]
    step, _, harness = first(Scripted([edits]), Script(scorer), screen=replace(RULE, odds=1e6))
    assert set(status(step).values()) <= {"rejected-alone", "rejected", "kept", "undecided"}
    runs = screens(harness)
    assert len(set(runs)) == sum(r.sample.stream == "screen" for r in step.rollouts)
    tried = len(edits) + 4  # and where none helps the first four again, together
    assert len(set(runs)) <= tried * RULE.most_runs
    for r in step.edits:
        found = 0 if r.screening is None else r.screening.runs
        assert found <= sum(r.edit.content in body for body, _, _ in runs)
        assert (found == 0) == (r.screening is None)


def test_two_that_only_work_together_are_found_and_a_third_is_not() -> None:
    """Readers named another task for each of them."""
    edits = [edit("- a", "a0"), edit("- b", "b0"), edit("- q", "a1")]
    pair = Script(lambda s, t, p: float("- a" in s.body and "- b" in s.body))
    step, result, _ = first(Scripted([edits]), pair)
    assert status(step) == {"- a": "kept", "- b": "kept", "- q": "rejected-alone"}
    assert result.best_val_mean == 1
    nothing = Script(lambda s, t, p: 0.0)
    step, _, harness = first(Scripted([edits]), nothing)
    assert set(status(step).values()) == {"rejected-alone"}
    assert (step.action, step.reason) == ("skip", "no edit helped its own tasks")
    bodies = [body for body, _, _ in screens(harness)]
    assert bodies[-3:] == ["x\n\n- a\n\n- b\n\n- q\n"] * 3  # each alone, then all on the tasks of all
    assert not any(s.stream == "val" for body, s in harness.seen if body != "x\n")


@pytest.mark.parametrize("at", range(4))
def test_of_edits_that_change_the_same_line_each_is_tried(at: int) -> None:
    """No text has two of them, and no run counts for one that is not in it."""
    words = ["wrong", "worse", "none"]
    words.insert(at, "- a")
    said = [Edit(op="replace", target="x", content=word, evidence=("a0", "a1")) for word in words]
    step, result, harness = first(Scripted([said]))
    assert status(step) == {"- a": "kept", **dict.fromkeys(set(words) - {"- a"}, "rejected-alone")}
    assert result.best.body == "- a\n"
    runs = {r.edit.content: r.screening.runs for r in step.edits if r.screening}
    bodies = [body for body, _, _ in screens(harness)]
    assert runs == {word: sum(word in body for body in bodies) for word in words}


def test_two_that_one_task_needs_meet() -> None:
    pair = Script(lambda s, t, p: float("- a" in s.body and "- b" in s.body))
    step, result, _ = first(Scripted([[edit("- a", "a0", "a1"), edit("- b", "a0", "a1")]]), pair)
    assert status(step) == {"- a": "kept", "- b": "kept"}
    assert result.best_val_mean == 1


def test_of_two_that_say_the_same_one_is_kept() -> None:
    """Either mends the tasks as well as the other; both do no more."""
    same = Script(lambda s, t, p: float("- a" in s.body or "- A" in s.body))
    said = [edit("- a", "a0", "a1", "a2"), edit("- A", "a0", "a1", "a2")]
    step, result, _ = first(Scripted([said]), same)
    assert sorted(status(step).values()) == ["kept", "rejected-alone"]
    assert result.best_val_mean == 1
    assert [r.reason for r in step.edits if r.status == "rejected-alone"] == [REPEATS]


def test_an_epoch_of_screening_that_found_nothing_is_the_last() -> None:
    """Two edits of two steps that only work together."""
    said = [[edit("- a", "a0")], [edit("- b", "b0")], [edit("- a", "a0"), edit("- b", "b0")], []]

    def screened(screen: ScreenRule) -> TrainResult:
        pair = Script(lambda s, t, p: float(p.stream != "screen" and "- a" in s.body and "- b" in s.body))
        made = {"epochs": 2, "batch_size": 4, "screen": screen}
        return first(Scripted(said), pair, **made)[1]

    result = screened(RULE)
    assert [list(status(s).values()) for s in result.steps[:2]] == [["rejected-alone"]] * 2
    assert [s.factorial for s in result.steps] == [False] * 2 + [True] * (len(result.steps) - 2)
    assert result.best_val_mean == 1
    result = screened(replace(RULE, gives_up=False))
    assert list(status(result.steps[2]).values()) == ["rejected-alone"] * 2


def test_what_did_well_and_found_no_place_is_first_in_the_next_step_and_not_run_again() -> None:
    optimizer = Scripted([[edit("- a", "a0"), edit("- b", "b0")], []])
    made = {"budget_start": 1, "budget_end": 1, "epochs": 2, "val": (*MIXED, *named("c", 2))}
    step, result, harness = first(optimizer, **made)
    assert sorted(status(step).values()) == ["kept", "waiting"]
    assert status(result.steps[1]) == {"- b": "kept"} or status(result.steps[1]) == {"- a": "kept"}
    assert result.best_val_mean == 0.8
    taken = [sum(r.sample.stream == "screen" for r in s.rollouts) for s in result.steps]
    assert taken == [len(screens(harness)), 0]


def test_a_step_tries_four_times_as_many_edits_as_it_may_keep() -> None:
    edits = [edit(f"- {letter}", "a0") for letter in "cdefghij"]
    step, _, harness = first(Scripted([edits]), budget_start=1, budget_end=1)
    assert list(status(step).values()) == ["rejected-alone"] * 4 + ["over-budget"] * 4
    bodies = [body for body, _, _ in screens(harness)]
    assert all(any(f"- {letter}" in body for body in bodies) == (letter in "cdef") for letter in "cdefghij")
    assert len(bodies) == 4  # one edit is no group


def test_an_edit_that_could_not_be_measured_alone_is_left_to_the_gate() -> None:
    def down(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        return CallFailedError("server", "500") if sample.stream == "screen" else holds(skill, task, sample)

    step, _, _ = first(Scripted([[edit("- a", "a0"), edit("- b", "b0")]]), Script(down))
    assert status(step) == {"- a": "kept", "- b": "kept"}
    assert {f.kind for f in step.failures} == {"server"}


def test_what_was_rejected_alone_is_told_until_the_skill_changes() -> None:
    optimizer = Scripted([[edit("- q", "a0")], [edit("- a", "a0"), edit("- r", "a1")], [], []])
    made = {**ON, "epochs": 4, "val": (*MIXED, *named("c", 2)), "screen": replace(RULE, gives_up=False)}
    run(bench(optimizer, **made), skill("x\n"))
    told = [[(r.edit.content, r.effect) for r in e.rejected] for _, e in optimizer.asked]
    assert told == [[], [("- q", None)], [], []]


def test_an_edit_that_did_nothing_alone_is_not_run_again_for_the_same_skill() -> None:
    optimizer = Scripted([[edit("- q", "a0")], [edit("- q", "a1")], [edit("- a", "a0")], [edit("- q", "b1")]])
    harness = Script()
    made = {**ON, "epochs": 4, "val": (*MIXED, *named("c", 2)), "screen": replace(RULE, gives_up=False)}
    result, _ = run(bench(optimizer, harness, **made), skill("x\n"))
    assert [list(status(s).values()) for s in result.steps] == [["rejected-alone"]] * 2 + [["kept"], ["rejected-alone"]]
    assert result.steps[0].edits == result.steps[1].edits
    tried = [body for body, s in harness.seen if s.stream == "screen" and "- q" in body]
    assert (tried.count("x\n\n- q\n"), len(tried)) == (2, 4)  # alone, then beside the new line


def test_a_rejected_bundle_gives_its_better_half_another_gate() -> None:
    def spoiled(skill: Skill, task: Task, sample: Sample) -> float:
        if sample.stream == "val" and "- b" in skill.body:
            return 0.0
        if sample.stream == "screen" and "- b" in skill.body:
            return float(sample.n % 4 < 2)
        return holds(skill, task, sample)

    harness = Script(spoiled)
    optimizer = Scripted([[edit("- b", "b0"), edit("- a", "a0")], []])
    result, _ = run(bench(optimizer, harness, **{**ON, "exact_stop": False}), skill("x\n"))
    one, two = result.steps
    assert (one.action, two.action) == ("reject", "accept")
    assert [(r.edit.content, r.status) for r in one.edits] == [("- a", "undecided"), ("- b", "rejected")]
    assert (
        one.edits[0].reason
        == "its bundle was not kept; the better half of it gets another gate, as far as the budget goes"
    )
    assert one.edits[1].reason == "not better (with 1 more in its bundle)"
    assert [(r.edit.content, r.status) for r in two.edits] == [("- a", "kept")]
    assert len(optimizer.asked) == 1
    assert result.best.body == "x\n\n- a\n"


def test_what_leaks_is_refused_before_it_costs_anything() -> None:
    held_out = Task(id="t", prompt="Where is it?", context="It is in Quillport.", source=tasks("x")[0].source)
    step, _, harness = first(Scripted([[edit("- Go to Quillport", "a0")]]), leakage=leakage_of([held_out], (), ""))
    assert [(r.status, r.reason) for r in step.edits] == [("refused", 'leakage: "Quillport" belongs to single tasks')]
    assert {body for body, _ in harness.seen} == {"x\n"}


@pytest.mark.parametrize("noise", [3, 5])
def test_concurrency_changes_nothing(noise: int) -> None:
    def scorer(skill: Skill, task: Task, sample: Sample) -> float:
        lucky = sum(f"{sample.place()}{len(skill.body)}".encode()) % noise == 0
        return abs(holds(skill, task, sample) - lucky)

    script = [[edit(f"- {w}", f"{w}0", f"{w}1") for w in words] for words in ("aq", "br", "sab", "zc")]
    histories = []
    for concurrency in (1, 8):
        made = bench(
            Scripted(script), lab=lab(Script(scorer), concurrency=concurrency), **{**ON, "epochs": 4, "prune": True}
        )
        result, _ = run(made, skill("x\n"))
        histories.append(([s.as_json() for s in result.steps], result.best.text))
    assert histories[0] == histories[1]


def waits(**changes: object) -> tuple[TrainResult, Script, Scripted]:
    """Two batches an epoch; the first suggests "- a", the second "- b"."""
    harness, optimizer = Script(), Scripted([[edit("- a", "a0")], [edit("- b", "b0")], []])
    val = (*MIXED, *named("c", 2))
    result, _ = run(bench(optimizer, harness, **{**ON, "batch_size": 4, "val": val, **changes}), skill("x\n"))
    return result, harness, optimizer


def test_what_did_well_alone_waits_for_more_until_the_epoch_ends() -> None:
    result, harness, optimizer = waits()
    one, two = result.steps
    assert (one.action, one.reason, one.decision) == ("skip", WAITS, None)
    assert [r.status for r in one.edits] == ["waiting"]
    assert (two.action, [r.status for r in two.edits]) == ("accept", ["kept", "kept"])
    assert result.best_val_mean == 0.8
    bodies = [body for body, s in harness.seen if s.stream == "val"]
    assert set(bodies) == {"x\n", result.best.body}  # one gate for both
    # The second batch ran with what waits, and so did the edit that was screened then.
    assert {body for body, s in harness.seen if s.stream == "train/1"} == {"x\n", "x\n\n- a\n"}
    assert optimizer.asked[1][0].body == "x\n\n- a\n"
    screened = {body for body, s in harness.seen if s.stream == "screen" and "- b" in body}
    assert all("- a" in body for body in screened)


def test_without_screening_nothing_waits() -> None:
    result, _, _ = waits(screen=ScreenRule(runs=0))
    assert result.steps[0].decision is not None


def test_what_waits_when_the_budget_ends_the_run_is_gated_all_the_same() -> None:
    kept: list[int] = []
    calls = iter(range(99))

    def checkpoint() -> None:
        if next(calls) == 1:  # in the second step, which is lost
            raise BudgetReachedError("budget.calls", limit="calls")

    result, _, _ = waits(checkpoint=checkpoint, keep_back=kept.append)
    assert result.stopped_by == "calls"
    assert [(s.number, s.reason) for s in result.steps] == [(1, WAITS), (2, "better on validation")]
    assert kept[-2:] == [10, 0]  # the price of its gate was kept back
    assert [(r.edit.content, r.status) for r in result.steps[1].edits] == [("- a", "kept")]
    assert result.best.body == "x\n\n- a\n"
