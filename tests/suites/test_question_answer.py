"""Rows of a question and its answer."""

import json

import pytest

from skillopt_ci.suites.detect import detect
from tests.suites.samples import lost, said, sample, text


def test_messages_and_ideal_answers_as_openai_evals_have_them() -> None:
    result = sample("qa/evals.jsonl")
    assert [(t.prompt, t.expected, t.graders) for t in result.tasks] == [
        ("Capital of France?", ("Paris", "paris"), None),
        ("2+2=", ("4",), None),
    ]
    assert [loss.reason for loss in result.losses] == [
        "a system prompt of its own; the skill takes its place",
        "a conversation of several turns",
    ]


def test_a_table_of_a_spreadsheet_with_semicolons() -> None:
    result = sample("qa/table.csv")
    assert [(t.prompt, t.expected, t.split, t.source.line) for t in result.tasks] == [
        ("What is 2 and 2?", ("4",), "test", 2),
        ("Two\nlines?", ("yes",), "val", 3),
    ]
    assert lost(result) == [(2, "", "level")]


def test_tabs_and_the_usual_names() -> None:
    (task,) = text("qa", 'Id\tPrompt\tExpected Output\nq1\t"a, b; c"\t7\n', "s.tsv").tasks
    assert (task.id, task.prompt, task.expected) == ("q1", "a, b; c", ("7",))
    line = {"instruction": "Sum up.", "input": "Long.", "output": "Short.", "tags": ["a"], "metadata": {"cluster": 1}}
    (task,) = text("qa", json.dumps([line]), "s.json").tasks
    assert (task.prompt, task.context, task.expected) == ("Sum up.", "Long.", ("Short.",))
    assert (task.tags, dict(task.metadata)) == (("a",), {"cluster": 1})
    (task,) = text("qa", '{"prompt": "", "question": "", "query": "Q", "context": "C"}\n', "s.jsonl").tasks
    assert (task.prompt, task.context, task.expected) == ("Q", "C", ())


@pytest.mark.parametrize(
    ("path", "content", "wanted"),
    [
        # Each was read without a word, with half an answer, another one, or the rest of the file in one prompt.
        ("t.csv", "question,answer\nq,Paris, France\n", "t.csv:2: 3 cells for 2 columns; put texts with ',' in quotes"),
        ("t.csv", "Question,Answer,answer\nq,a,b\n", "t.csv:1: the column 'answer' is there twice"),
        (
            "t.csv",
            'question,answer\n"q,a\nr,b\n',
            "t.csv:2: not a valid table: unexpected end of data (in the row that begins here)",
        ),
        (
            "t.tsv",
            'question\tanswer\n"Who" is it\ta\n',
            "t.tsv:2: not a valid table: '\t' expected after '\"' (in the row that begins here)",
        ),
    ],
)
def test_rows_that_do_not_fit_their_table(path: str, content: str, wanted: str) -> None:
    result = text("qa", content, path=path)
    assert (result.tasks, said(result)) == ((), [wanted])


def test_empty_cells_behind_the_last_column_are_nothing() -> None:
    (task,) = text("qa", 'question,answer,,\n"q ""x""",a,,,\n', path="t.csv").tasks
    assert (task.prompt, task.expected) == ('q "x"', ("a",))


def test_a_table_is_the_same_with_line_ends_of_windows() -> None:
    table = 'question,answer\n"Two\nlines?","x\ny"\nOne?,z\n'
    plain, windows = (text("qa", data, "s.csv").tasks for data in (table, table.replace("\n", "\r\n")))
    assert [(t.id, t.prompt, t.expected) for t in windows] == [(t.id, t.prompt, t.expected) for t in plain]
    assert windows[0].expected == ("x\ny",)
    assert [t.source.line for t in windows] == [2, 5]


def test_a_table_without_a_prompt_is_said_once() -> None:
    rows = "a,b\n" + "1,2\n" * 300
    assert said(text("qa", rows, "s.csv")) == [
        "s.csv:1: no column has the name of a prompt (question, prompt, instruction, input, query, user_input); "
        "there are: a, b"
    ]
    assert said(text("qa", "question,answer\n", "s.csv")) == []
    assert said(text("qa", "question,answer\n,2\n", "s.csv")) == ["s.csv:2: the prompt is missing or empty"]


@pytest.mark.parametrize(
    ("path", "data", "wanted"),
    [
        ("t.csv", b"question,answer\n", "qa"),
        ("t.csv", b"input,target\n", "inspect"),
        ("t.csv", b"input,choices,metadata\n", "inspect"),
        ("t.tsv", b"question\tanswer\n", "qa"),
        ("t.jsonl", b'{"question": "q", "answer": "a", "level": 1}\n', "qa"),
        ("t.jsonl", b'{"input": "q", "ideal": "a"}\n', "qa"),
        ("t.jsonl", b'{"input": "q", "target": "a"}\n', "inspect"),
        ("t.json", b'[{"question": "q", "answer": "a"}]', "qa"),
        # What a native task has is never dropped because of a name that is unknown here.
        ("t.jsonl", b'{"prompt": "q", "answer": "a", "graders": []}\n', "native"),
        ("t.jsonl", b'{"question": "q", "expected": "a", "answer": "b"}\n', "native"),
        ("t.jsonl", b'{"question": "q", "answer": 1, "choices": ["a", "b"]}\n', "native"),
        ("t.jsonl", b'{"question": "q"}\n', "native"),
    ],
)
def test_what_is_taken_for_such_rows(path: str, data: bytes, wanted: str) -> None:
    assert detect(path, data) == wanted


@pytest.mark.parametrize(
    ("names", "cells", "expected"),
    [
        ("question,answer,contexts,ground_truth", "q,said,c,right", "right"),
        ("question,answer,expected_answer", "q,said,right", "right"),
        ("question,answer,ground_truth", "q,right,", "right"),  # nobody has filled in the other one
        ("user_input,response,reference", "q,said,right", "right"),
        ("question,gold_answer", "q,right", "right"),
    ],
)
def test_what_is_right_counts_beside_what_a_system_answered(names: str, cells: str, expected: str) -> None:
    (task,) = text("qa", f"{names}\n{cells}\n", "t.csv").tasks
    assert (task.prompt, task.expected) == ("q", (expected,))


def test_rows_with_a_gold_answer_are_found_out() -> None:
    assert detect("t.jsonl", b'{"id": "1", "category": "c", "question": "q", "gold_answer": "a"}\n') == "qa"


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("t.csv", "question,A,B,answer\nWhich?,one,two,B\n"),
        ("t.jsonl", '{"question": "Which?", "options": ["one", "two"], "answer": "B"}\n'),
        ("t.jsonl", '{"question": "Which?", "options": {"A": "one", "B": "two"}, "answer": "B"}\n'),
        ("t.jsonl", '{"question": "Which?", "A": " one", "B": "two ", "answer": "B"}\n'),
        (
            "t.jsonl",
            '{"question": "Which?", "options": {"label": ["1", "2"], "text": ["one", "two"]}, "answer": "B"}\n',
        ),
        (
            "t.jsonl",
            '{"question": "Which?", "options": [{"key": "A", "value": "one"}, {"key": "B", "value": "two"}], '
            '"answer": "B"}\n',
        ),
    ],
)
def test_a_question_without_its_choices_is_no_task(path: str, content: str) -> None:
    assert detect(path, content.encode()) == "qa"
    result = text("qa", content, path)
    assert result.tasks == ()
    assert [loss.reason.partition(":")[0] for loss in result.losses] == ["its choices are not in its prompt"]
    asked = text("qa", content.replace("Which?", "Which? A: one; B: two"), path)
    assert [(one.prompt, one.expected) for one in asked.tasks] == [("Which? A: one; B: two", ("B",))]


def test_the_way_to_a_number_is_no_part_of_the_answer() -> None:
    """Compared as a whole, as it stands in GSM8K, no answer of a model would ever be right."""
    rows = [{"question": "Eggs?", "answer": "16 - 7 = <<16-7=9>>9.\nTimes 2.\n#### 1,018"}]
    result = text("qa", "".join(json.dumps(row) + "\n" for row in rows), "test.jsonl")
    assert [t.expected for t in result.tasks] == [("1,018",)]
    assert [(loss.field, loss.reason) for loss in result.losses] == [
        ("answer", "the way to an answer: what stands behind '####' is the answer")
    ]


@pytest.mark.parametrize("answer", ["#### 18", "Two parts\n#### Summary", "a\n#### 18\nor so", "a #### 18"])
def test_other_marks_of_that_kind_are_the_answer_itself(answer: str) -> None:
    result = text("qa", json.dumps({"question": "Eggs?", "answer": answer}) + "\n", "test.jsonl")
    assert ([t.expected for t in result.tasks], result.losses) == ([(answer,)], ())


def test_a_test_file_of_adk_is_one_conversation() -> None:
    """Its later turns, such as "and the second one?", were asked as questions of their own."""
    turns = [{"query": "Hi", "expected_tool_use": [], "reference": "Hello"}]
    turns.append({"query": "And mine?", "expected_tool_use": [{"tool_name": "cart"}], "reference": "Soil"})
    content = json.dumps(turns)
    assert detect("simple.test.json", content.encode()) == "qa"
    result = text("qa", content, "simple.test.json")
    assert [(t.prompt, t.expected) for t in result.tasks] == [("Hi", ("Hello",))]
    assert [loss.reason for loss in result.losses] == ["a later turn of a conversation: only its first one is asked"]


@pytest.mark.parametrize(
    "header",
    [
        *("option_a,option_b,answer", "Option A,Option B,Correct Answer", "Choice1,Choice2,answer", "A,B,answer"),
        "Incorrect Answer 1,Incorrect Answer 2,Correct Answer",
    ],
)
def test_a_question_is_not_asked_without_its_choices_in_whatever_columns(header: str) -> None:
    """A letter was the answer to a question that showed none."""
    result = text("qa", f"question,{header}\nWhich?,red,blue,B\n", "t.csv")
    assert result.tasks == ()
    assert [loss.reason.partition(":")[0] for loss in result.losses] == ["its choices are not in its prompt"]
    (task,) = text("qa", f"question,{header}\nWhich of red and blue?,red,blue,B\n", "t.csv").tasks
    assert task.expected == ("B",)


@pytest.mark.parametrize("name", ["Correct Answer", "Ideal Response", "ideal_output"])
def test_more_names_of_what_is_right(name: str) -> None:
    (task,) = text("qa", f"Question,{name}\nCapital?,Paris\n", "t.csv").tasks
    assert task.expected == ("Paris",)


def test_an_answer_that_is_no_text_says_what_it_is() -> None:
    content = json.dumps({"question": "Open?", "answer": True}) + "\n"
    assert said(text("qa", content, "t.jsonl")) == [
        "t.jsonl:1: 'answer' must be a text or a list of texts, not true or false"
    ]
