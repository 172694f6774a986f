"""The small values: digests, tasks, trajectories, outcomes, spend and the history of a run."""

import dataclasses
import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.compare import compare
from skillopt_ci.core.digest import digest, fraction, text_digest
from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import (
    Confirmation,
    Decision,
    EditRecord,
    Step,
    TrainResult,
    effect_json,
)
from skillopt_ci.core.rejected import rejected_edits
from skillopt_ci.core.rollout import Evaluation, Failure, Rollout, Sample, Score, evaluate
from skillopt_ci.core.spend import Spend, format_usd
from skillopt_ci.core.stats import Effect, plus_two, wilson
from skillopt_ci.core.task import Attachment, GraderSpec, Source, Suite, Task, content_id
from skillopt_ci.core.trajectory import Message, Trajectory, Usage
from tests.core.bodies import skill

HERE = Source(file="tasks.jsonl", line=1)


class TestDigest:
    @given(
        st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))
    )
    def test_is_sha256_of_one_form(self, value: object) -> None:
        assert digest(value) == digest(json.loads(json.dumps(value)))
        assert len(digest(value)) == 64

    def test_order_of_keys_does_not_matter_and_values_do(self) -> None:
        assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
        assert len({digest(v) for v in (1, "1", 1.5, None, [1], {"a": 1}, True)}) == 7
        assert text_digest("a") != digest("a")
        assert len(text_digest("\ud800")) == 64

    def test_not_a_number_has_no_digest(self) -> None:
        with pytest.raises(ValueError):
            digest(float("nan"))

    @given(st.lists(st.text() | st.integers(), max_size=3))
    def test_a_fraction_is_below_one_and_always_the_same(self, parts: list[str | int]) -> None:
        assert 0 <= fraction(*parts) < 1
        assert fraction(*parts) == fraction(*parts)

    def test_fractions_are_spread(self) -> None:
        got = [fraction("seed", n) for n in range(2000)]
        assert abs(sum(got) / 2000 - 0.5) < 0.03
        assert len(set(got)) == 2000


class TestTask:
    def test_identity_is_everything_that_can_change_a_measurement_and_not_the_place(self) -> None:
        task = Task(id="t", prompt="p", source=HERE)
        assert replace(task, source=Source(file="x", line=9), tags=("a",)).identity() == task.identity()
        others = [
            replace(task, id="u"),
            replace(task, prompt="q"),
            replace(task, expected=("a",)),
            replace(task, context="c"),
            replace(task, files=(Attachment(name="f", data=b"1"),)),
            replace(task, files=(Attachment(name="f", data=b"2"),)),
            replace(task, setup=("make",)),
            replace(task, graders=()),
            replace(task, graders=(GraderSpec(type="exact"),)),
            replace(task, graders=(GraderSpec(type="exact", hidden=True),)),
            replace(task, graders=(GraderSpec(type="exact", options={"strip": True}),)),
            replace(task, split="val"),
            replace(task, golden=True),
            replace(task, should_trigger=False),
            replace(task, metadata={"cluster": 3}),
        ]
        assert len({digest(t.identity()) for t in [task, *others]}) == 16

    def test_cluster_is_text(self) -> None:
        assert Task(id="t", prompt="p", source=HERE, metadata={"cluster": 3}).cluster == "3"
        assert Task(id="t", prompt="p", source=HERE).cluster is None

    def test_an_id_from_content(self) -> None:
        assert len(content_id("p", "", ())) == 12
        assert len({content_id("p", "", ()), content_id("p", "c", ()), content_id("p", "", ("a",))}) == 3

    def test_a_suite_by_splits_and_its_digest(self) -> None:
        tasks = tuple(Task(id=s, prompt=s, source=HERE, split=s) for s in ("test", "train", "val"))  # type: ignore[arg-type]
        suite = Suite(tasks=tasks)
        assert [t.id for t in suite.of(["train", "val"])] == ["train", "val"]
        assert [t.id for t in suite.of(["test"])] == ["test"]
        assert suite.digest == Suite(tasks=tasks[::-1]).digest != Suite(tasks=tasks[1:]).digest


class TestOutcomes:
    def test_an_answer_is_the_last_word_of_the_assistant(self) -> None:
        ask, say = Message(role="user", content="q"), Message(role="assistant", content="a")
        for messages, answer in (((ask, say), "a"), ((say, ask), ""), ((), "")):
            assert Trajectory(messages=messages, stop_reason="stop", served_model="m").answer == answer

    @pytest.mark.parametrize(
        ("content", "answer"),
        [
            ("<think>\nParis or Rome?\n</think>\n\nRome", "Rome"),
            (" <think></think>Rome\n", "Rome\n"),
            ("Paris or Rome?\n</think>\n\nRome", "Rome"),  # the template of the prompt opened it
            ("<think>Paris or Rome?</think>\n", ""),
            ("<think>Paris", "<think>Paris"),
            ("Rome <think>or Paris?</think>", "Rome <think>or Paris?</think>"),
            ("Close it with `</think>`.", "Close it with `</think>`."),
        ],
    )
    def test_a_thought_before_it_is_no_part_of_an_answer(self, content: str, answer: str) -> None:
        said = (Message(role="assistant", content=content),)
        assert Trajectory(messages=said, stop_reason="stop", served_model="m").answer == answer

    @pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
    def test_a_score_lies_between_0_and_1(self, value: float) -> None:
        with pytest.raises(ValueError, match="must lie in"):
            Score(value=value, passed=True, why="", hint="")

    def test_places_of_samples_differ(self) -> None:
        samples = [
            Sample(task_id="t", stream="val"),
            Sample(task_id="t", stream="val", n=1),
            Sample(task_id="t", stream="test"),
            Sample(task_id="u", stream="val"),
            Sample(task_id="t", stream="val", replica="2"),
        ]
        assert len({s.place() for s in samples}) == 5

    def test_missing_is_not_zero(self) -> None:
        score = Score(value=0.0, passed=False, why="", hint="")
        failure = Failure(stage="target", kind="timeout", message="")

        def rollout(task: str, outcome: Score | Failure) -> Rollout:
            return Rollout(skill="s", sample=Sample(task_id=task, stream="val"), outcome=outcome)

        source = Source(file="t", line=1)
        tasks = [Task(id=name, prompt="p", split="val", source=source) for name in "abc"]
        got = evaluate("s", tasks, [rollout("b", failure), rollout("a", score), rollout("a", failure)])
        assert got.values == ((0.0, None), (None,), ())
        assert got.means == {"a": 0.0, "b": None, "c": None}
        assert (got.mean, got.n_runs) == (0.0, 1)
        assert got.missing_share == pytest.approx(2 / 3)
        empty = Evaluation(skill="s", task_ids=(), values=())
        assert (empty.mean, empty.missing_share, empty.interval) == (None, 0.0, None)

    def test_a_cluster_counts_as_one_in_the_interval(self) -> None:
        rows = ((1.0, 1.0), (1.0,), (0.0,), (0.0,), (None,))
        alone = Evaluation(skill="s", task_ids=tuple("abcde"), values=rows)
        assert alone.interval == pytest.approx(wilson(0.5, 4))
        assert replace(alone, clusters=("x", "x", "y", None, "z")).interval == pytest.approx(wilson(0.5, 3))
        assert replace(alone, clusters=("d", "d", "d", None, None)).interval == pytest.approx(wilson(0.5, 2))


class TestSpend:
    def test_an_unknown_price_makes_the_sum_unknown(self) -> None:
        known = Spend(calls=1, usage=Usage(input_tokens=3, cached_tokens=2, output_tokens=1), usd=Decimal("0.1"))
        unknown = replace(known, usd=None)
        assert (known + known).usd == Decimal("0.2")
        assert (known + unknown).usd is None
        assert known.minus(unknown).usd is None
        assert (known + known).minus(known) == known
        assert unknown.as_json() == {"calls": 1, "input_tokens": 3, "output_tokens": 1, "usd": None}
        assert known.as_json()["usd"] == "0.1"

    @pytest.mark.parametrize(
        ("amount", "text"),
        [
            ("0", "0"),
            ("10", "10"),
            ("100.00", "100"),
            ("0.1234565", "0.123456"),
            ("1E-7", "0"),
            ("-1E-7", "0"),
            ("-0.5", "-0.5"),
            ("1E+30", "1" + "0" * 30),
        ],
    )
    def test_usd_is_plain_digits(self, amount: str, text: str) -> None:
        assert format_usd(Decimal(amount)) == text


EDIT = Edit(op="add", target="", content="x", rationale="why", evidence=("t1",), support=2)
EFFECT = plus_two([0.5, 0.0, 0.25], runs=1)
DECISION = Decision(
    accept=False, reason="cannot win", mean=None, upper_bound=2 / 3, incumbent_mean=1.0, effect=EFFECT, n_rollouts=3
)
STEP = Step(
    number=1,
    epoch=1,
    kind="edit",
    action="reject",
    reason="cannot win",
    incumbent=skill("a"),
    candidate=skill("b"),
    decision=DECISION,
    incumbent_mean=2 / 3,
    edits=(EditRecord(edit=EDIT, status="rejected"), EditRecord(edit=EDIT, status="unmatched", reason="not found")),
    edit_budget=4,
    cost=Spend(calls=2),
    failures=(Failure(stage="target", kind="timeout", message="late"),),
)


class TestHistory:
    def test_a_step_in_json(self) -> None:
        got = STEP.as_json()
        assert json.loads(json.dumps(got, allow_nan=False)) == got
        assert (got["val_mean"], got["val_upper_bound"], got["incumbent_val_mean"]) == (None, 0.666667, 1.0)
        assert got["candidate"] == skill("b").digest
        assert got["effect"] == effect_json(EFFECT)
        assert got["failures"] == [{"stage": "target", "kind": "timeout", "message": "late"}]
        assert got["edits"][1] == {  # type: ignore[index]
            "op": "add",
            "target": "",
            "content": "x",
            "rationale": "why",
            "evidence": ["t1"],
            "support": 2,
            "status": "unmatched",
            "reason": "not found",
            "screening": None,
            "proposed": 0,
        }
        assert not {"time", "seconds", "paid", "replayed"} & set(got)

    def test_a_step_with_nothing_to_gate(self) -> None:
        got = replace(STEP, candidate=None, decision=None, action="skip").as_json()
        assert [got[k] for k in ("candidate", "val_mean", "val_upper_bound", "effect")] == [None] * 4
        assert got["incumbent_val_mean"] == 0.666667

    def test_the_means_of_a_step_differ_by_its_effect_when_the_gate_measured_the_incumbent_again(self) -> None:
        gated = replace(DECISION, mean=0.75, upper_bound=None, incumbent_mean=0.5)
        got = replace(STEP, decision=gated).as_json()
        assert (got["val_mean"], got["incumbent_val_mean"]) == (0.75, 0.5)
        assert effect_json(EFFECT) == {**got["effect"], "mean": 0.25}  # type: ignore[dict-item]

    def test_the_buffer_of_rejected_edits(self) -> None:
        refused = replace(STEP, decision=None, edits=(EditRecord(edit=EDIT, status="refused", reason="a URL"),))
        first, second = rejected_edits([STEP, refused])
        assert (first.edit, first.reason, first.effect) == (EDIT, "cannot win", EFFECT.mean if EFFECT else None)
        assert (second.reason, second.effect) == ("a URL", None)

    def test_an_improvement_must_be_measured_and_shown(self) -> None:
        ids = tuple(f"t{n}" for n in range(40))
        tasks = [Task(id=i, prompt=i, source=HERE) for i in ids]

        def evaluation(value: float | None) -> Evaluation:
            return Evaluation(skill="s", task_ids=ids, values=tuple((value,) for _ in ids))

        def confirmed(before: float | None, after: float | None) -> Confirmation:
            start, best = evaluation(before), evaluation(after)
            return Confirmation(start=start, best=best, comparison=compare(start, best, tasks), runs=1)

        assert confirmed(0.0, 1.0).shown(0.9)
        assert not confirmed(1.0, 0.0).shown(0.9)
        assert not confirmed(0.5, 0.5).shown(0.0)
        assert not confirmed(0.5, 0.51).shown(0.9)
        assert not confirmed(None, 1.0).shown(0.0)
        result = TrainResult(
            start=skill("a"),
            best=skill("b"),
            start_val=evaluation(0.0),
            best_val_mean=1.0,
            steps=(STEP, replace(STEP, action="accept")),
            stopped="",
            confirmation=confirmed(0.0, 1.0),
        )
        assert result.proposal(0.9)
        assert not replace(result, best=skill("a")).proposal(0.9)
        assert not replace(result, confirmation=None).proposal(0.9)
        assert (len(result.accepted), len(result.rejected)) == (1, 1)

    def test_no_effect_stays_null(self) -> None:
        assert effect_json(None) is None
        assert effect_json(Effect(mean=1 / 3, low=0, high=1)) == {"mean": 0.333333, "low": 0, "high": 1}

    def test_values_are_frozen(self) -> None:
        for value in (STEP, EDIT, DECISION, Spend(), Usage(), HERE):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(value, dataclasses.fields(value)[0].name, 1)
