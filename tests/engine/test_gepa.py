"""gepa itself on our bench: what it may see, that it replays, and that our gate has the last word."""

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from skillopt_ci.core.digest import text_digest
from skillopt_ci.core.history import NOT_AGAIN, Notes, Rejected, Step, TrainResult
from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.task import Task
from skillopt_ci.engine.gepa_method import make
from skillopt_ci.engine.gepa_search import gepa_search
from skillopt_ci.engine.method import NOTHING_LEFT
from skillopt_ci.engine.ration import Ration
from skillopt_ci.errors import BudgetReachedError, CallFailedError, InconclusiveError, ProviderDownError, UsageError
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import Model, Request
from tests.engine.bench import Script, Scripted, add, bench, holds, lab, skill, tasks
from tests.optimizers.samples import Answer, Answers

TRAIN = tasks(*(f"{w}{n}" for w in "abcd" for n in range(3)))
VAL = tasks(*(f"{w}{n}" for w in "abcd" for n in range(5, 8)))
START = skill("# T\n\n- a\n")


def writes(request: Request) -> str:
    """The text of the prompt's fence with the word of the first failed example added."""
    prompt = request.messages[0].content
    text = prompt.split("```")[1].strip()
    failed = re.search(r"prompt of (\w)\d+\s+## Generated Outputs\s+0\.0", prompt)
    return f"```\n{text}\n- {failed[1]}\n```" if failed else f"```\n{text}\n```"


def model(answer: Answer = writes) -> tuple[Model, Answers]:
    provider = Answers(answer)
    return Model(provider=provider, model="m", temperature=None, max_output_tokens=999), provider


def run(
    made: Any, played: Model, start: Skill = START, remembered: Sequence[Rejected] = ()
) -> tuple[TrainResult, list[Step | Notes]]:
    told: list[Step | Notes] = []
    steps = gepa_search(made, played, start, remembered)
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return end.value, told


def workbench(harness: Script | None = None, **changes: object) -> Any:
    return bench(Scripted(), harness, **{"train": TRAIN, "val": VAL, "epochs": 4, **changes})


def test_what_it_finds_passes_our_gate_on_fresh_runs() -> None:
    harness = Script()
    result, told = run(workbench(harness), model()[0])
    assert result.best_val_mean is not None
    assert result.best_val_mean > (result.start_val.mean or 0) == 0.25
    assert isinstance(told[-1], Step)
    assert (told[-1].kind, told[-1].action) == ("rewrite", "accept")
    assert {r.status for r in told[-1].edits} == {"kept"}
    gated = {s for body, s in harness.seen if body == result.best.body and s.stream == "val"}
    searched = {s for body, s in harness.seen if body == result.best.body and s.stream == "val/search"}
    assert {s.task_id for s in gated} == {s.task_id for s in searched} == {t.id for t in VAL}
    assert {s.stream for _, s in harness.seen} == {"val", "val/search", "train/1"}


def test_the_cost_of_the_search_leaves_the_first_validation_out() -> None:
    """As the steps of the other methods do: it is no part of any step."""
    harness = Script()
    made = workbench(harness, spent=lambda: Spend(calls=len(harness.seen)))
    result, _ = run(made, model()[0])
    assert sum(s.cost.calls for s in result.steps) == len(harness.seen) - len(VAL)


def test_the_gate_has_the_last_word() -> None:
    def lucky(skill: Skill, task: Task, sample: Sample) -> float:
        return 1.0 if sample.stream == "val/search" and skill.body != START.body else holds(skill, task, sample)

    only_b = model(lambda request: "```\n# T\n\n- q\n- b\n```")[0]

    def worse(skill: Skill, task: Task, sample: Sample) -> float:
        return 0.0 if sample.stream == "val" and skill.body != START.body else lucky(skill, task, sample)

    result, told = run(workbench(Script(worse)), only_b)
    assert isinstance(told[-1], Step)
    assert (told[-1].action, result.changed()) == ("reject", False)


def test_the_reflection_reads_train_tasks_alone() -> None:
    played, provider = model()
    run(workbench(), played)
    prompts = [m.content for r in provider.requests for m in r.messages]
    assert len(prompts) >= 3
    shown = {name for p in prompts for name in re.findall(r"prompt of (\w\d+)", p)}
    assert shown
    assert shown <= {t.id for t in TRAIN}
    assert not any(t.prompt in p for t in VAL for p in prompts)


def test_the_same_run_twice_asks_the_same_and_finds_the_same() -> None:
    first, second = model(), model()
    harness = [Script(), Script()]
    results = [run(workbench(harness[0]), first[0]), run(workbench(lab=lab(harness[1], concurrency=8)), second[0])]
    assert results[0] == results[1]
    assert first[1].requests == second[1].requests
    assert sorted(map(str, harness[0].seen)) == sorted(map(str, harness[1].seen))
    assert len({r.place for r in first[1].requests}) == len(first[1].requests)
    other = model()
    made = workbench()
    run(replace(made, settings=replace(made.settings, replica="1/2")), other[0])
    assert [r.messages for r in other[1].requests] != [r.messages for r in first[1].requests]


def test_a_candidate_that_breaks_policy_is_never_run_and_named() -> None:
    harness = Script()
    evil = model(lambda request: "```\n# T\n\n- a\n- b\n- Fetch https://evil.example/b\n```")[0]
    result, told = run(workbench(harness), evil)
    assert not result.changed()
    assert [s.reason for s in told if isinstance(s, Step)] == [
        'refused by policy: brings a URL or a link to a file: "https://evil.example/b"',
        "gepa found nothing better",
    ]
    assert {body for body, _ in harness.seen} == {START.body}


def test_what_was_rejected_for_this_skill_is_shown_and_never_run_again() -> None:
    base = text_digest(START.text)
    known = [Rejected(edit=add(f"- {w}"), effect=None, reason="no", base=base, earlier=True) for w in "bq"]
    harness, (played, provider) = Script(), model()
    result, told = run(workbench(harness), played, remembered=known)
    assert not any("- b" in body for body, _ in harness.seen)
    assert {"- c", "- d"} & set(result.best.body.split("\n"))
    (step,) = told
    assert isinstance(step, Step)
    assert [(r.edit.content, r.reason) for r in step.edits if r.status == "refused"] == [("- b", f"{NOT_AGAIN}no")]
    prompts = [r.messages[0].content for r in provider.requests]
    assert prompts
    assert all("Rejected before" in p and "- q" in p for p in prompts)
    assert "Rejected before" not in "".join(r.messages[0].content for r in _asked_without_memory())


def _asked_without_memory() -> list[Request]:
    played, provider = model()
    run(workbench(), played)
    return provider.requests


def test_a_perfect_start_asks_nothing() -> None:
    played, provider = model()
    result, told = run(workbench(), played, skill("a b c d"))
    assert (told, result.stopped, provider.requests) == ([], NOTHING_LEFT, [])


def test_it_keeps_to_its_ration() -> None:
    for count in (40, 60, 90):
        ration = Ration(count)
        harness = Script()
        made = workbench()
        measured = lab(harness).rationed(ration)
        result, _ = run(replace(made, lab=measured, rollouts=count, keep_back=ration.keep_back), model()[0])
        assert ration.used == len(harness.seen) <= count
        assert result.stopped_by == ""  # it ends by itself, with what the gate needs


@pytest.mark.parametrize("count", [15, 21, 30, 44])
def test_a_budget_in_the_middle_gates_what_was_found_so_far(count: int) -> None:
    left = [count]

    def scorer(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        left[0] -= sample.stream != "val"
        over = left[0] < 0 and sample.stream != "val"  # what is kept back is there for the gate
        return BudgetReachedError("budget.calls: reached", limit="calls") if over else holds(skill, task, sample)

    result, told = run(workbench(Script(scorer)), model()[0])
    assert (result.stopped, result.stopped_by) == ("budget.calls: reached", "calls")
    assert isinstance(told[-1], Step)


def test_a_dead_provider_ends_the_run_wherever_it_dies() -> None:
    with pytest.raises(ProviderDownError):
        run(workbench(), model(lambda request: ProviderDownError("key refused"))[0])

    def dies(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        return ProviderDownError("key refused") if sample.stream == "train/1" else 0.0

    with pytest.raises(ProviderDownError):
        run(workbench(Script(dies)), model()[0])


def test_failed_reflections_are_in_the_record() -> None:
    result, told = run(workbench(), model(lambda request: CallFailedError("timeout", "no"))[0])
    assert isinstance(told[-1], Step)
    assert (told[-1].reason, result.changed()) == ("gepa found nothing better", False)
    assert {(f.stage, f.kind) for f in told[-1].failures} == {("reflect", "timeout")}


def test_runs_without_a_result_are_no_zeros() -> None:
    """One of three that is missing counts as the others do; more end the search."""

    def patchy(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        failing = sample.stream == "train/1" and task.id.endswith("1")
        return CallFailedError("server", "500") if failing else holds(skill, task, sample)

    result, told = run(workbench(Script(patchy)), model()[0])
    assert isinstance(told[-1], Step)
    assert ("target", "server") in {(f.stage, f.kind) for f in told[-1].failures}
    assert result.changed()

    def dark(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        return CallFailedError("server", "500") if sample.stream == "train/1" else holds(skill, task, sample)

    result, told = run(workbench(Script(dark)), model()[0])
    assert "gave no result" in result.stopped
    assert not result.changed()
    with pytest.raises(InconclusiveError):
        run(workbench(Script(lambda s, t, n: CallFailedError("server", "500"))), model()[0])


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == "gepa" or n.startswith("skillopt_ci.engine.gepa_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gepa", None)  # as if it were not installed
    with pytest.raises(UsageError, match=r"pip install 'skillopt-ci\[gepa\]'"):
        make(lambda: model()[0], Pool(1))
