"""Rows of questions and answers in the wrappings of other tools."""

import json

import pytest

from skillopt_ci.suites.detect import detect
from tests.fakes import MemoryTree
from tests.suites.samples import lost, reader, said, sample, text

GOLDEN = {"input": "Capital?", "actual_output": "Rome", "expected_output": "Paris", "context": ["France", "Its cities"]}
SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Normans",
            "paragraphs": [
                {
                    "context": "They came from Norway.",
                    "qas": [
                        {
                            "id": "q1",
                            "question": "Where from?",
                            "answers": 2 * [{"text": "Norway", "answer_start": 15}],
                        },
                        {"id": "q2", "question": "When?", "answers": [], "is_impossible": True},
                    ],
                }
            ],
        }
    ],
}


def rows(*found: dict[str, object], **more: object) -> str:
    """A page of HuggingFace's datasets-server."""
    listed = [{"row_idx": n, "row": row, "truncated_cells": []} for n, row in enumerate(found)]
    return json.dumps({"rows": listed, **more})


def test_rows_of_the_datasets_server() -> None:
    result = sample("qa/rows.json")
    (task,) = result.tasks
    assert (task.id, task.prompt, task.expected) == ("5733be28", "Who founded it?", ("Edward Sorin", "Sorin"))
    assert task.context == "Founded in 1842 by Edward Sorin."
    assert [(loss.field, loss.reason.partition(":")[0]) for loss in sorted(result.losses)] == [
        ("title", "not a field that is known here"),
        ("", "a question without an answer cannot be graded"),
        ("", "the server cut off some of its cells"),
        ("num_rows_total", "of 87599 rows the file holds 3"),
    ]


def test_sides_as_langsmith_has_them() -> None:
    result = sample("qa/langsmith.jsonl")
    assert [(t.id, t.prompt, t.expected) for t in result.tasks[:1]] == [("e1", "Capital of France?", ("Paris",))]
    assert dict(result.tasks[0].metadata) == {"level": 1}
    assert [(t.prompt, t.expected) for t in result.tasks[1:]] == [("Which tone?", ("polite",)), ("Hi?", ("Hello.",))]
    assert lost(result) == [(1, "e1", "inputs.language"), (4, "", "")]
    assert "none has the name of a prompt" in result.losses[-1].reason


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("t.csv", "id,input_question,output_answer\n1,Capital?,Paris\n"),
        ("t.csv", "id,inputs.city,outputs.target\n1,Capital?,Paris\n"),
        ("t.csv", "id,input,expectedOutput\n1,Capital?,Paris\n"),
        ("t.csv", "id,input,output,input_tokens\n1,Capital?,Paris,\n"),
        ("t.jsonl", '{"id": 1, "inputs": {"q": "Capital?"}, "expectations": {"expected_response": "Paris"}}\n'),
        ("t.jsonl", '{"id": 1, "item": {"question": "Capital?", "ground_truth": "Paris"}}\n'),
        ("t.jsonl", '{"id": 1, "question": "Capital?", "answers": {"text": ["Paris"], "answer_start": [3]}}\n'),
        ("t.jsonl", '{"id": 1, "question": "Capital?", "answers": [{"text": "Paris", "answer_start": 3}]}\n'),
        ("t.jsonl", '{"id": 1, "input": "Capital?", "expectedOutput": "Paris"}\n'),
        ("t.jsonl", '{"id": 1, "input": {"q": "Capital?"}, "expectedOutput": {"a": "Paris"}}\n'),
        ("t.jsonl", '{"id": 1, "input": {"q": "Capital?"}, "expected": "Paris"}\n'),
        ("t.jsonl", '{"id": 1, "inputs": {"q": "Capital?"}, "target": {"output": "Paris"}}\n'),
        ("t.jsonl", '{"id": 1, "input": {"q": "Capital?"}, "output": {"answer": "Paris"}}\n'),
        ("t.jsonl", '{"id": 1, "inputs": "Capital?", "expected_output": "Paris"}\n'),
        ("t.jsonl", '{"id": 1, "question": "Capital?", "truth": "Paris"}\n'),
        ("t.jsonl", '{"id": 1, "question": "Capital?", "expectedAnswer": "Paris"}\n'),
        ("t.json", '{"name": "n", "cases": [{"id": 1, "question": "Capital?", "answer": "Paris"}]}'),
        ("t.yaml", "questions: [{id: 1, question: 'Capital?', expected: Paris}]\n"),
        ("t.json", '{"notes": [], "tests": [{"id": 1, "input": "Capital?", "expected": "Paris"}]}'),
        ("t.jsonl", '{"question_id": 1, "turns": ["Capital?"], "reference": ["Paris"]}\n'),
        ("t.jsonl", '{"question_id": 1, "turns": [{"content": "Capital?"}], "reference": ["Paris"]}\n'),
        ("t.json", '{"examples": [{"id": 1, "input": "Capital?", "target": "Paris"}]}'),
        ("t.json", rows({"id": 1, "question": "Capital?", "answer": {"value": "Paris", "aliases": ["Paris"]}})),
        ("t.json", rows({"id": 1, "inputs": {"q": "Capital?"}, "outputs": {"a": "Paris"}}, num_rows_total=1)),
    ],
)
def test_what_is_inside(path: str, content: str) -> None:
    assert detect(path, content.encode()) == "qa"
    result = text("qa", content, path)
    assert (said(result), result.losses) == ([], ())
    assert [(t.id, t.prompt, t.expected) for t in result.tasks] == [("1", "Capital?", ("Paris",))]


def test_columns_about_tokens_ask_nothing() -> None:
    (problem,) = said(text("qa", "id,input_tokens,output_tokens\n1,20,30\n", "t.csv"))
    assert "no column has the name of a prompt" in problem


def test_the_first_turn_is_asked_and_the_others_are_told() -> None:
    content = '{"question_id": 81, "turns": ["Compose.", "Rewrite."], "reference": ["one", "two"]}\n'
    result = text("qa", content, "t.jsonl")
    assert [(t.id, t.prompt, t.expected) for t in result.tasks] == [("81", "Compose.", ("one",))]
    assert [loss.reason for loss in result.losses] == ["later turns of a conversation: only its first one is asked"]


def test_goldens_of_deepeval() -> None:
    result = text("qa", json.dumps([GOLDEN]), "t.json")
    assert [(t.prompt, t.context, t.expected) for t in result.tasks] == [
        ("Capital?", "France\n\nIts cities", ("Paris",))
    ]
    assert [(loss.field, loss.reason) for loss in result.losses] == [("actual_output", "what a system answered")]


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_an_expected_output_alone_is_an_answer_in_json_as_it_is_in_a_table(ending: str) -> None:
    row = {"question": "Capital?", "expected_output": "Paris"}
    content = json.dumps([row] if ending == "json" else row)
    assert detect(f"t.{ending}", content.encode()) == "qa"
    (task,) = text("qa", content, f"t.{ending}").tasks
    (other,) = text("qa", "question,expected_output\nCapital?,Paris\n", "t.csv").tasks
    assert task.identity() == other.identity()


@pytest.mark.parametrize(
    ("path", "more"),
    [("evals/evals.json", {}), ("t.json", {"files": []}), ("t.json", {"expectations": ["Says so"]})],
)
def test_what_marks_an_item_of_evals_json(path: str, more: dict[str, object]) -> None:
    row = {"prompt": "Capital?", "expected_output": "Names the capital.", **more}
    assert detect(path, json.dumps([row]).encode()) == "evals-json"


@pytest.mark.parametrize(
    "value",
    [
        {"prompts": [{"id": "a", "prompt": "Capital?"}]},  # the id was asked
        {"tests": [{"name": "a", "prompt": "Capital?", "evaluators": [{"type": "regex", "pattern": "Paris"}]}]},
        {"test_cases": [{"id": "a", "url": "https://example.com", "expected_data": {"title": "Paris"}}]},
    ],
)
def test_lists_of_a_name_that_other_tools_use_are_not_read_as_theirs(value: object) -> None:
    assert detect("evals/t.json", json.dumps(value).encode()) == "native"
    (problem,) = said(text("native", json.dumps(value), "evals/t.json"))
    assert "it has no format of another tool that is known here" in problem


def test_a_description_where_an_answer_is_compared_is_told() -> None:
    described = {"prompt": "Report", "expected_output": "A report that names " + "every city and its river, " * 4}
    (problem,) = said(text("qa", json.dumps([described]), "t.json"))
    assert problem.startswith("t.json:1:23: warning: an answer of over 15 words is compared as it is;")
    assert said(text("qa", json.dumps([{**described, "expected_output": "Paris"}]), "t.json")) == []


def test_an_answer_that_cannot_be_read_is_an_error() -> None:
    content = '{"question": "Capital?", "answer": {"city": "Paris"}}\n'
    assert said(text("qa", content, "t.jsonl")) == ["t.jsonl:1: 'answer' must be a text or a list of texts"]


def test_squad_with_its_articles_and_passages() -> None:
    content = json.dumps(SQUAD)
    assert detect("dev.json", content.encode()) == "searchqa"
    result = text("searchqa", content, "dev.json")
    assert [(t.id, t.prompt, t.expected, t.context) for t in result.tasks] == [
        ("q1", "Where from?", ("Norway",), "They came from Norway.")
    ]
    assert [(loss.item, loss.reason) for loss in result.losses] == [
        ("q2", "a question that its passage does not answer")
    ]


@pytest.mark.parametrize("more", [{"inputs": {"file": "a.txt"}}, {"item": {"question": "Other?", "answer": "no"}}])
def test_a_row_that_asks_something_itself_is_not_unwrapped(more: dict[str, object]) -> None:
    """What is asked stood in `prompt`, and something else was asked without a word."""
    row = json.dumps({"prompt": "Capital?", "expected": "Paris", **more})
    assert detect("t.jsonl", row.encode()) == "native"
    assert "unknown field" in str(said(reader("native")(MemoryTree({}), "t.jsonl", row.encode())))


def test_a_page_of_a_data_set_says_that_it_is_not_the_whole() -> None:
    page = {"data": [{"id": "a", "input": "Hi?", "expectedOutput": "Hello"}], "meta": {"page": 1, "totalItems": 200}}
    result = text("qa", json.dumps(page), "t.json")
    assert [(t.id, t.expected) for t in result.tasks] == [("a", ("Hello",))]
    assert "of 200 rows the file holds 1" in [loss.reason for loss in result.losses]
