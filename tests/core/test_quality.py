from dataclasses import replace
from typing import Any

import pytest

from skillopt_ci.core.quality import always_problems, exam_problems, shape_only
from skillopt_ci.core.task import GraderSpec, Source, Split, Task
from tests.core.test_likeness import text

EXACT = [GraderSpec(type="exact")]


def task(number: int, prompt: str, *expected: str, split: Split = "train", **more: Any) -> Task:
    return Task(
        id=f"t{number}", prompt=prompt, expected=expected, split=split, source=Source(file="f", line=number), **more
    )


def judge(*criteria: str) -> GraderSpec:
    return GraderSpec(type="judge", options={"rubric": list(criteria)})


def told(*tasks: Task, graders: list[GraderSpec] | None = None) -> list[str]:
    return [str(p) for p in exam_problems(tasks, EXACT if graders is None else graders)]


def test_contradictions_are_errors() -> None:
    (problem,) = told(task(1, "Which city?", "Oslo"), task(2, "which  city", "Rome"))
    assert problem.startswith("f:2: asks the same as 't1' at f:1 and expects another answer; no answer passes both")
    assert told(task(1, "Which city?", "Oslo", "Rome"), task(2, "Which city?", "rome")) == []
    assert told(task(1, "Which city?", "Oslo"), task(2, "Which city?")) == []
    assert told(task(1, "Which city?", "Oslo"), task(2, "Which city?", "Rome", context="In Italy.")) == []
    own = (GraderSpec(type="numeric"),)
    assert told(task(1, "Which city?", "Oslo"), task(2, "Which city?", "2", graders=own)) == []
    assert len(told(*(task(n, "Which city?", f"c{n}") for n in range(40)))) == 11


def test_leaks_are_warnings() -> None:
    (problem,) = told(task(1, "Which city is it?"), task(2, "Which city, is it", split="test"))
    assert problem.startswith("f:2: warning: asks the same as 't1' at f:1, of the split 'train': what was trained on")
    assert told(task(1, "Which city is it?"), task(2, "which  city is IT?", split="test")) == []  # an error of its own
    (problem,) = told(task(1, text(1)), task(2, f"{text(1)} please", split="val"))
    assert problem.startswith("f:2: warning: 98% of its runs of words are those of 't1' at f:1, of the split 'train'")
    clustered = {"metadata": {"cluster": "c"}}
    assert told(task(1, "Which city is it?", **clustered), task(2, "Which city is it", split="test", **clustered)) == []
    crowd = [task(n, text(n), split="train") for n in range(15)]
    copies = [replace(t, id=f"c{t.id}", split="test", prompt=f"{t.prompt} x") for t in crowd]
    assert told(*crowd, *copies)[-1] == "f:10: warning: 5 more tasks that leak from here on"


@pytest.mark.parametrize(
    "criterion",
    [
        "Is well formatted.",
        "The answer is well-structured and has headings.",
        "At most 200 words",
        "The response uses Markdown with bullet points and is concise",
        "Has no spelling or grammar typos",
        "Is polite and professional",
        "Good quality output",
    ],
)
def test_criteria_of_form_alone(criterion: str) -> None:
    assert shape_only(judge(criterion))


@pytest.mark.parametrize(
    "criterion",
    [
        "Names the largest risk",
        "The answer has a heading 'Key Risks'",
        "Says that the refund is refused, politely",
        "Is correct",
        "Is valid JSON with the field total",
        "The answer is in French",
        "Der Text ist gut formatiert.",
        "回答格式正确",
        "Uses bullet points for the three causes",
        "???",
        "200",
    ],
)
def test_criteria_that_look_at_what_is_said(criterion: str) -> None:
    assert not shape_only(judge(criterion))
    assert not shape_only(judge("Is concise.", criterion))


def test_a_judge_of_form_alone_is_told_once() -> None:
    form = judge("Is concise.", "Has headings.")
    (problem,) = told(task(1, "a b c d"), task(2, "e f g h"), graders=[form])
    assert problem == (
        "f:1: warning: its judge looks at the form of an answer alone, and a wrong answer passes; "
        "add a criterion about what it must say"
    )
    assert told(task(1, "a b c d"), graders=[form, *EXACT]) == []  # something else looks at what is said
    short = GraderSpec(type="rules", options={"checks": [{"op": "max_chars", "arg": 9}]})
    said = GraderSpec(type="rules", options={"checks": [{"op": "contains", "arg": "x"}]})
    assert len(told(task(1, "a b c d"), graders=[form, short])) == 1
    assert told(task(1, "a b c d"), graders=[form, said]) == []
    assert told(task(1, "a b c d"), graders=[short]) == []  # rules are what they say
    either = GraderSpec(type="any", options={"graders": [{"type": "judge", "rubric": "Is concise."}]})
    assert len(told(task(1, "a b c d"), graders=[either])) == 1
    assert told(task(1, "a b c d"), graders=[GraderSpec(type="judge", options={"rubric": 3})]) == []


@pytest.mark.parametrize(
    "prompt",
    ["TODO", "todo: write the question", "FIXME later", "<your prompt>", "[Insert the task here]", "...",
     "Example prompt", "User's example prompt", "{{ prompt }}", "your question"],
)  # fmt: skip
def test_placeholders(prompt: str) -> None:
    assert told(task(1, prompt)) == ["f:1: warning: its prompt or expected answer is a placeholder; write the real one"]


@pytest.mark.parametrize(
    "prompt",
    ["List my TODO items", "Write a test prompt for a chat model.", "What does <your> mean?", "What is a prompt?"],
)
def test_no_placeholders(prompt: str) -> None:
    assert told(task(1, prompt, "[1, 2]")) == []
    assert told(task(1, prompt, "<b>")) == []


def test_tasks_that_are_marked_as_not_reviewed_are_errors() -> None:
    words = "is marked as not reviewed; review it, then remove the mark"
    assert told(task(1, "a b c", metadata={"reviewed": False})) == [f"f:1: {words}"]
    assert told(task(1, "a b c", tags=("Unreviewed",))) == [f"f:1: {words}"]
    assert told(task(1, "a b c", metadata={"reviewed": True})) == []


def test_always() -> None:
    tasks = [task(n, f"prompt {n}") for n in range(1, 5)]
    rows = [(tasks[0], [True] * 4), (tasks[1], [False] * 4), (tasks[2], [True, False]), (tasks[3], [True] * 3)]
    found = [str(p) for p in always_problems(rows)]
    assert len(found) == 1  # one of the two that are known passes: not more than half
    assert found[0].startswith("f:2: warning: failed in all 4 stored runs: nothing is seen by it")
    (passing,) = always_problems([(t, [True] * 8) for t in tasks])
    assert str(passing).startswith(
        "f:1: warning: 4 of 4 tasks passed in every stored run ('t1', 't2', 't3', 't4'): they can"
    )
    assert always_problems([]) == []
    many = [(task(n, "p"), [False] * 5) for n in range(30)]
    assert str(always_problems(many)[-1]) == "f:10: warning: 20 more tasks that always fail from here on"
