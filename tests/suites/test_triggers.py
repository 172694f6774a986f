"""Trigger query files."""

import pytest

from skillopt_ci.suites.detect import detect
from tests.suites.samples import lost, said, sample, text


@pytest.mark.parametrize("path", ["triggers/eval_queries.json", "trigger-tests/trigger_tests.yaml"])
def test_queries_become_tasks_about_triggering_alone(path: str) -> None:
    result = sample(path)
    yes, no = result.tasks
    assert (yes.prompt, yes.should_trigger, yes.graders) == ("Please refund my order", True, ())
    assert (no.prompt, no.should_trigger, no.graders) == ("What is the weather?", False, ())
    assert no.metadata["reason"] == "unrelated"
    assert lost(result) == []
    assert no.split == ("val" if "queries" in path else None)


def test_wrappers_ids_and_what_belongs_to_a_run() -> None:
    content = (
        '{"skill_name": "a", "runs": 3, "queries": [{"id": 7, "query": "q", "should_trigger": true, "split": "odd"}]}'
    )
    result = text("triggers", content, "q.json")
    assert [t.id for t in result.tasks] == ["7"]
    assert lost(result) == [(1, "", "runs"), (1, "7", "split")]


def test_a_query_that_does_not_say_what_it_should_do() -> None:
    assert said(text("triggers", '[{"query": "q"}]', "q.json")) == [
        "q.json:1: 'should_trigger' is missing: true or false"
    ]


def test_a_table_of_prompts() -> None:
    content = 'id,Should_Trigger,prompt,note\na,true,Refund it.,\nb,FALSE,"Say hello, please.",x\n'
    result = text("triggers", content, "a.prompts.csv")
    assert detect("evals/a.prompts.csv", content.encode()) == "triggers"
    assert [(t.id, t.prompt, t.should_trigger, t.graders) for t in result.tasks] == [
        ("a", "Refund it.", True, ()),
        ("b", "Say hello, please.", False, ()),
    ]
    assert lost(result) == [(3, "b", "note")]


def test_a_table_that_does_not_say_what_a_prompt_should_do() -> None:
    content = "id,should_trigger,prompt\na,perhaps,Refund it.\nb,,Say hello.\n"
    assert said(text("triggers", content, "a.csv")) == [
        "a.csv:2: 'should_trigger' must be true or false, not a string",
        "a.csv:3: 'should_trigger' is missing: true or false",
    ]


def test_a_table_with_answers_is_no_table_of_triggers() -> None:
    assert detect("a.csv", b"prompt,expected,should_trigger\na,b,true\n") == "qa"
