"""The reference implementation's data: split by folder, names of fields by benchmark."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.suites.skillopt_splits import read, split_of
from tests.fakes import MemoryTree

ITEM = {"id": 1, "question": "Q?", "ground_truth": 42, "reference_text": "page", "task_type": "qa"}


def test_the_example_of_the_guide() -> None:
    result = read(MemoryTree(), "data/x_split/train/items.json", json.dumps([ITEM], indent=1).encode())
    assert result.problems == ()
    (task,) = result.tasks
    assert (task.id, task.prompt, task.expected, task.context) == ("1", "Q?", ("42",), "page")
    assert (task.split, dict(task.metadata), task.source.line) == ("train", {"task_type": "qa"}, 2)


def test_the_first_name_of_several_is_used_and_the_others_are_kept() -> None:
    item = {"id": "a", "task": "t", "question": "q", "answer": "2", "answers": ["1.0", 1.50], "context": None}
    (task,) = read(MemoryTree(), "val/items.json", json.dumps([item]).encode()).tasks
    assert (task.prompt, task.expected, task.split) == ("q", ("1.0", "1.5"), "val")
    assert dict(task.metadata) == {"task": "t", "answer": "2", "context": None}


def test_answers_of_another_shape_are_kept_and_told_once() -> None:
    items = [{"id": i, "question": f"q{i}", "answer": {"cell": "A1"}} for i in range(3)]
    result = read(MemoryTree(), "test/items.json", json.dumps(items).encode())
    assert [(t.expected, dict(t.metadata)) for t in result.tasks] == [((), {"answer": {"cell": "A1"}})] * 3
    assert [str(p) for p in result.problems] == [
        "test/items.json:1: warning: 'answer' is neither a string nor a list of strings; it is kept in the metadata"
    ]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"question": "q"}, "'id' is missing"),
        ({"id": 1, "question": 5}, "'question' must be a string, not a number"),
        ({"id": 1, "question": "q", "context": [1]}, "'context' must be a string, not a list"),
    ],
)
def test_what_is_refused(item: object, expected: str) -> None:
    (problem,) = read(MemoryTree(), "val/items.json", json.dumps([item]).encode()).problems
    assert str(problem) == f"val/items.json:1: {expected}"


def test_places_that_name_no_split_and_bytes_that_are_no_text() -> None:
    assert split_of("dev/items.json") is None
    assert split_of("train/other.json") is None
    assert split_of("train/items.json") == "train"
    (problem,) = read(MemoryTree(), "data/items.json", b"[]").problems
    assert "the split is told by the folder" in problem.message
    (problem,) = read(MemoryTree(), "val/items.json", b"\xff").problems
    assert "not valid UTF-8" in problem.message


def test_items_that_hold_no_tasks_are_told_once() -> None:
    ids = json.dumps([{"id": n, "topic": "x"} for n in range(400)]).encode()
    (problem,) = read(MemoryTree(), "train/items.json", ids).problems
    assert str(problem).startswith("train/items.json:1: 400 items name their tasks by id and do not hold them")
    mixed = json.dumps([{"id": 1}, {"id": 2, "question": "q"}]).encode()
    result = read(MemoryTree(), "train/items.json", mixed)
    assert [str(p) for p in result.problems] == [
        "train/items.json:1: has none of the fields question, prompt, input, task"
    ]
    assert [t.id for t in result.tasks] == ["2"]


ITEMS = json.dumps(
    [{"id": n, "question": f"q{n}", "context": "c", "answers": ["a", "b"], "level": 1} for n in range(4)], indent=1
).encode()


@given(st.integers(0, 2000), st.binary(max_size=4) | st.sampled_from([b"[", b"null", b"{}", b"\n"]), st.booleans())
def test_mutated_files_give_messages_with_file_and_line_and_never_a_traceback(at: int, junk: bytes, cut: bool) -> None:
    at %= len(ITEMS)
    changed = ITEMS[:at] + junk + (b"" if cut else ITEMS[at + len(junk) :])
    result = read(MemoryTree(), "val/items.json", changed)
    assert all(p.file == "val/items.json" and p.line >= 1 and p.message for p in result.problems)
    assert all(t.prompt.strip() and t.identity() for t in result.tasks)
