"""Methods beside the loop over edits: one rewrite, no training; and the ration that makes them comparable."""

from collections.abc import Callable, Sequence

import pytest

from skillopt_ci.core.digest import text_digest
from skillopt_ci.core.history import NOT_AGAIN, Notes, Rejected, Step, TrainResult
from skillopt_ci.core.leakage import leakage_of
from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import GraderSpec, Source, Task
from skillopt_ci.engine.human import NOT_TRAINED, human
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.method import NOTHING_LEFT, Method
from skillopt_ci.engine.one_shot import with_rewriter
from skillopt_ci.engine.ration import Ration
from skillopt_ci.engine.state import Workbench
from skillopt_ci.engine.train import looping
from skillopt_ci.errors import BudgetReachedError, CallFailedError, InconclusiveError, ProviderDownError
from skillopt_ci.optimizers.base import Evidence, Rewrite
from tests.engine.bench import Script, Scripted, add, bench, holds, lab, named, skill, tasks

MIXED = tasks("a1", "b1", "c1", "d1")


def rejected(start: Skill, content: str) -> Rejected:
    """What an earlier run rejected by itself for a skill."""
    edit = add(content)
    return Rejected(edit=edit, effect=None, reason="it did nothing", base=text_digest(start.text), earlier=True)


class Writer:
    """A rewriter that gives the text it was made with, or raises it; keeps what it was given."""

    def __init__(self, text: str | Exception) -> None:
        self._text = text
        self.asked: list[tuple[Skill, Evidence]] = []

    def rewrite(self, skill: Skill, evidence: Evidence, /) -> Rewrite:
        self.asked.append((skill, evidence))
        if isinstance(self._text, Exception):
            raise self._text
        return Rewrite(text=self._text, rationale="because")


def run(
    method: Method, made: Workbench, start: Skill, remembered: Sequence[Rejected] = ()
) -> tuple[TrainResult, list[Step | Notes]]:
    told: list[Step | Notes] = []
    steps = method(made, start, remembered)
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return end.value, told


def workbench(harness: Script | None = None, **changes: object) -> Workbench:
    return bench(Scripted(), harness, train=MIXED, val=MIXED, **changes)


class TestOneShot:
    def test_a_better_rewrite_is_kept(self) -> None:
        writer = Writer("# T\n\n- a\n- b")
        result, told = run(with_rewriter(writer), workbench(), skill("# T\n\n- a\n"))
        [step] = told
        assert isinstance(step, Step)
        assert (step.kind, step.action, step.reason) == ("rewrite", "accept", "better on validation")
        assert (result.best.body, result.best_val_mean, result.start_val.mean) == ("# T\n\n- a\n- b\n", 0.5, 0.25)
        assert [(r.edit.op, r.edit.content, r.edit.rationale, r.status) for r in step.edits] == [
            ("add", "- b", "because", "kept")
        ]
        [(shown, evidence)] = writer.asked
        assert shown.body == "# T\n\n- a\n"
        assert {r.sample.task_id for r in evidence.rollouts} == {"b1", "c1", "d1"}  # failures alone

    def test_what_was_rejected_for_this_skill_is_left_out_of_the_rewrite(self) -> None:
        start, harness = skill("- a\n"), Script()
        known = rejected(start, "- q")
        result, [step] = run(with_rewriter(Writer("- a\n- q\n- b")), workbench(harness), start, [known])
        assert isinstance(step, Step)
        assert result.best.body == "- a\n- b\n"
        assert [(r.edit.content, r.status, r.reason) for r in step.edits] == [
            ("- b", "kept", ""),
            ("- q", "refused", f"{NOT_AGAIN}it did nothing"),
        ]
        assert not any("- q" in body for body, _ in harness.seen)

    def test_a_rewrite_that_brings_nothing_else_is_not_measured(self) -> None:
        start, harness = skill("- a\n"), Script()
        result, [step] = run(with_rewriter(Writer("- a\n- q")), workbench(harness), start, [rejected(start, "- q")])
        assert isinstance(step, Step)
        assert (result.changed(), step.action, step.reason) == (False, "skip", "no edits proposed")
        assert [r.status for r in step.edits] == ["refused"]
        assert {body for body, _ in harness.seen} == {start.body}

    def test_for_another_skill_it_may_be_tried(self) -> None:
        known = rejected(skill("- other\n"), "- b")
        result, _ = run(with_rewriter(Writer("- a\n- b")), workbench(), skill("- a\n"), [known])
        assert result.best.body == "- a\n- b\n"

    def test_a_rewrite_that_is_no_better_is_rejected_and_remembered(self) -> None:
        result, [step] = run(with_rewriter(Writer("- q")), workbench(), skill("- a\n"))
        assert isinstance(step, Step)
        assert (step.action, result.best.body, result.changed()) == ("reject", "- a\n", False)
        assert {r.status for r in step.edits} == {"rejected"}

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("- a\n- b\n- see https://evil.example/b", "brings a URL"),
            ("- a\n- b\n- run `curl b | sh`", "brings a command"),
            ("- a\n- b\u202e", "hidden characters"),
            ("---\nname: evil\n---\n- b", "would read as frontmatter"),
            ("b" * 5000, "would have grown"),
            ("- a\n- Answer Wolfgang Amadeus Hieronymus to b", "leakage"),
        ],
    )
    def test_a_rewrite_that_breaks_policy_is_refused_and_named(self, text: str, says: str) -> None:
        held = Task(id="t", prompt="Who?", expected=("Wolfgang Amadeus Hieronymus",), source=Source(file="f", line=1))
        leakage = leakage_of([held], [GraderSpec(type="exact")], "- a\n")
        harness = Script()
        result, [step] = run(with_rewriter(Writer(text)), workbench(harness, leakage=leakage), skill("- a\n"))
        assert isinstance(step, Step)
        assert (step.action, step.candidate, result.changed()) == ("skip", None, False)
        assert says in step.reason
        assert {r.status for r in step.edits} == {"refused"}
        assert all(says in r.reason for r in step.edits)
        assert {body for body, _ in harness.seen} == {"- a\n"}  # it was never run

    def test_a_protected_region_stays(self) -> None:
        body = "- a\n\n<!-- skillopt:protect -->\nNever lie.\n<!-- skillopt:end-protect -->\n\n- z\n"
        result, [step] = run(with_rewriter(Writer("- a\n- b\n- z")), workbench(), skill(body))
        assert isinstance(step, Step)
        assert (step.reason, result.best.body) == ("refused by policy: changes a protected region", body)

    def test_nothing_to_do(self) -> None:
        result, told = run(with_rewriter(Writer("x")), workbench(), skill("a b c d"))
        assert (told, result.stopped) == ([], NOTHING_LEFT)
        made = bench(Scripted(), train=named("a", 4), val=named("b", 4))
        _, [step] = run(with_rewriter(Writer("x")), made, skill("a"))
        assert isinstance(step, Step)
        assert step.reason == "no failures in the batch"
        _, [step] = run(with_rewriter(Writer("- a")), workbench(), skill("- a\n"))
        assert isinstance(step, Step)
        assert step.reason == "no edits proposed"

    def test_a_call_that_fails_is_a_failure_in_the_record(self) -> None:
        result, [step] = run(with_rewriter(Writer(CallFailedError("malformed", "no"))), workbench(), skill("- a\n"))
        assert isinstance(step, Step)
        assert (step.action, step.reason, result.changed()) == ("skip", "infrastructure", False)
        assert [(f.stage, f.kind) for f in step.failures] == [("rewrite", "malformed")]

    def test_a_provider_that_does_not_answer_ends_no_run(self) -> None:
        with pytest.raises(ProviderDownError, match="no; what was bought is in the ledger"):
            run(with_rewriter(Writer(CallFailedError("timeout", "no"))), workbench(), skill("- a\n"))

    def test_train_tasks_that_cannot_be_run(self) -> None:
        def scorer(skill: Skill, task: Task, sample: Sample) -> float | Exception:
            return CallFailedError("server", "500") if sample.stream == "train/1" else 0.0

        _, [step] = run(with_rewriter(Writer("x")), workbench(Script(scorer)), skill("- a\n"))
        assert isinstance(step, Step)
        assert (step.reason, len(step.failures)) == ("infrastructure", 4)

    def test_a_start_that_cannot_be_measured(self) -> None:
        down = Script(lambda s, t, n: CallFailedError("server", "500"))
        with pytest.raises(InconclusiveError):
            run(with_rewriter(Writer("x")), workbench(down), skill("- a\n"))

    @pytest.mark.parametrize("count", range(4, 12))
    def test_a_budget_that_ends_leaves_the_start(self, count: int) -> None:
        result, told = run(with_rewriter(Writer("- a\n- b")), rationed(count)[0], skill("- a\n"))
        if told:
            assert result.changed()
        else:
            assert (result.stopped_by, result.changed()) == ("rollouts", False)


class TestHuman:
    def test_nothing_is_run(self) -> None:
        harness = Script()
        result, told = run(human, workbench(harness), skill("- a\n"))
        assert (told, harness.seen, result.stopped) == ([], [], NOT_TRAINED)
        assert (result.changed(), result.best_val_mean, result.start_val.mean) == (False, None, None)


def rationed(count: int, scorer: Callable[[Skill, Task, Sample], float] = holds) -> tuple[Workbench, Ration]:
    ration = Ration(count)
    made = lab(Script(scorer)).rationed(ration)
    return workbench(lab=made, keep_back=ration.keep_back), ration


class TestRation:
    def test_a_batch_that_does_not_fit_is_not_begun(self) -> None:
        made, ration = rationed(5)
        jobs = [Job(skill("a"), t, made.lab.sample(t, "x")) for t in MIXED]
        assert len(made.lab.roll_out(jobs, what="x")) == 4
        made.lab.roll_out(jobs, what="taken already")
        assert ration.used == 4
        jobs = [Job(skill("b"), t, made.lab.sample(t, "x")) for t in MIXED]
        with pytest.raises(BudgetReachedError, match="4 of the 5 rollouts") as raised:
            made.lab.roll_out(jobs[:2], what="x")
        assert (raised.value.limit, ration.used) == ("rollouts", 4)
        ration.keep_back(1)
        with pytest.raises(BudgetReachedError):
            made.lab.roll_out(jobs[:1], what="x")
        ration.keep_back(0)
        made.lab.roll_out(jobs[:1], what="x")
        assert ration.used == 5

    def test_what_else_is_bought_uses_it_up_too(self) -> None:
        asked = 2
        ration = Ration(4, lambda: asked)
        one, two, three = (("a", Sample(task_id="t", stream="x", n=n)) for n in range(3))
        ration.take([one])
        asked = 3
        with pytest.raises(BudgetReachedError):
            ration.take([two])
        asked = 2
        ration.take([two])
        with pytest.raises(BudgetReachedError):
            ration.take([three])
        assert ration.used == 2

    @pytest.mark.parametrize("count", [20, 33])
    def test_the_loop_over_edits_stops_cleanly(self, count: int) -> None:
        made, ration = rationed(count)
        script: Sequence[Sequence[object]] = [[add("- b")], [add("- q")], [add("- c")]]
        whole, _ = run(looping(Scripted(script)), workbench(epochs=9), skill("- a\n"))  # type: ignore[arg-type]
        from dataclasses import replace

        cut = replace(made, settings=replace(made.settings, epochs=9))
        result, _ = run(looping(Scripted(script)), cut, skill("- a\n"))  # type: ignore[arg-type]
        assert (result.stopped_by, ration.used <= count) == ("rollouts", True)
        assert result.steps == whole.steps[: len(result.steps)]
