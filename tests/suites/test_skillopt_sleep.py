"""SkillOpt-Sleep: operators with gbrain's names and other meanings."""

import json

import pytest

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.trajectory import Message, Trajectory
from skillopt_ci.graders.build import build
from tests.suites.samples import graders, lost, said, sample, text


def score(task_id: str, answer: str) -> Score:
    task = next(t for t in sample("sleep/tasks.json").tasks if t.id == task_id)
    trajectory = Trajectory(messages=(Message(role="assistant", content=answer),), stop_reason="stop", served_model="m")
    return build(task.graders or (), None).grade(task, trajectory)


def test_the_sample() -> None:
    result = sample("sleep/tasks.json")
    assert [(t.id, t.split) for t in result.tasks] == [("a", "train"), ("b", "val"), ("c", "test"), ("d", "train")]
    a, b, c, d = result.tasks
    assert a.context == "order 7"
    assert b.expected == ("EUR 12.50",)
    assert graders(c) == {"judge": {"rubric": "Names the total"}}
    assert d.graders is None
    assert lost(result) == [(12, "a", "judge.checks[7]"), (13, "a", "judge.checks[8]"), (15, "b", "system")]


@pytest.mark.parametrize(
    ("answer", "met"),
    [
        ("Total\n## 1. Summary\nof the ORDER\n# The Total\n", 7),
        ("Total\n**Summary:**\norder\n# Total", 7),
        ("Total\nsummary: order\n# Total", 7),
        ("x\nTotal order\nSummary: \n# total", 6),  # without the flag m, ^ is the beginning
        ("Total order Summary\nTotal SORRY", 4),
    ],
)
def test_checks_mean_what_they_mean_there(answer: str, met: int) -> None:
    assert score("a", answer).value == pytest.approx(met / 7)


@pytest.mark.parametrize(("answer", "passed"), [("It is eur, 12 50!", True), ("EUR 12,50", True), ("EUR 1250", False)])
def test_an_exact_reference_may_stand_anywhere_whatever_the_punctuation(answer: str, passed: bool) -> None:
    assert score("b", answer).passed is passed


def test_a_file_that_nobody_reviewed_is_refused_with_its_line() -> None:
    result = text(
        "skillopt-sleep", '{\n"format": "skillopt_sleep.tasks.v1",\n"reviewed": false, "tasks": [{}]}', "t.json"
    )
    assert result.tasks == ()
    assert said(result) == ['t.json:3:1: the file says "reviewed": false; review its tasks, then set it to true']


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"id": None}, "'id' is missing"),
        ({"split": "later"}, "unknown split 'later'"),
        ({"reference_kind": "rule", "judge": {"checks": [{"op": "contains"}]}}, "check 'contains': 'arg' is missing"),
        ({"reference_kind": "rule", "judge": {"checks": [{"op": "max_chars", "arg": "x"}]}}, "must be a whole number"),
    ],
)
def test_mistakes(changes: dict[str, object], expected: str) -> None:
    content = json.dumps([{"id": "a", "intent": "p", **changes}])
    assert expected in said(text("skillopt-sleep", content, "t.json"))[0]


def test_patterns_and_references_that_cannot_be_kept() -> None:
    checks = {"checks": [{"op": "regex", "arg": "(?P<a"}]}
    content = json.dumps(
        [
            {"id": "a", "intent": "p", "reference_kind": "rule", "judge": checks},
            {"id": "b", "intent": "p", "reference_kind": "exact", "reference": "?!"},
        ]
    )
    result = text("skillopt-sleep", content, "t.json")
    assert result.tasks == ()
    assert len(result.losses) == 4


def test_a_rubric_beside_the_reference_is_the_criterion_and_the_reference_an_answer() -> None:
    one = {"id": "a", "intent": "p", "reference_kind": "rubric", "reference": "An outline.", "rubric": "Five sections."}
    result = text("skillopt-sleep", json.dumps([one]), "t.json")
    assert graders(result.tasks[0]) == {"judge": {"rubric": "Five sections.", "reference": "An outline."}}
    assert not result.losses
    result = text("skillopt-sleep", json.dumps([{**one, "rubric": " "}]), "t.json")
    assert graders(result.tasks[0]) == {"judge": {"rubric": "An outline."}}
    result = text("skillopt-sleep", json.dumps([{**one, "reference_kind": "none"}]), "t.json")
    assert [loss.field for loss in result.losses] == ["rubric"]
