"""The native format in its three notations: every field, every mistake with its place, no traceback."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.task import Attachment, GraderSpec, Task, content_id
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.native import read
from skillopt_ci.suites.source import plain_scalar
from tests.fakes import MemoryTree

FULL = {
    "id": "t1",
    "prompt": "How much?",
    "expected": ["4.50", "4,50"],
    "context": "An invoice.",
    "files": {"in/invoice.txt": "files/1.txt"},
    "setup": ["make"],
    "graders": [{"type": "exact", "ignore_case": True, "hidden": False}, {"type": "rules", "checks": [{"op": "x"}]}],
    "split": "val",
    "golden": True,
    "should_trigger": False,
    "tags": ["money"],
    "metadata": {"cluster": "c1", "from": {"page": 3}},
}
TREE = MemoryTree({"evals/files/1.txt": b"\xffbytes", "shared/2.txt": "two"})


def load(text: str | bytes, name: str = "evals/tasks.jsonl", tree: MemoryTree = TREE) -> ReadResult:
    return read(tree, name, text.encode() if isinstance(text, str) else text)


def said(text: str | bytes, name: str = "evals/tasks.jsonl") -> list[str]:
    return [str(p) for p in load(text, name).problems]


def one(value: object) -> Task:
    result = load(json.dumps(value))
    assert result.problems == ()
    (task,) = result.tasks
    return task


@pytest.mark.parametrize("ending", ["jsonl", "json", "yaml", "yml"])
def test_every_field_in_every_notation(ending: str) -> None:
    text = {"jsonl": json.dumps(FULL), "json": json.dumps([FULL]), "yaml": yaml.safe_dump([FULL])}
    result = load(text.get(ending, text["yaml"]), f"evals/tasks.{ending}")
    assert result.problems == ()
    (task,) = result.tasks
    assert (task.id, task.prompt, task.expected, task.context) == ("t1", "How much?", ("4.50", "4,50"), "An invoice.")
    assert task.files == (Attachment(name="in/invoice.txt", data=b"\xffbytes"),)
    assert task.setup == ("make",)
    assert task.graders == (
        GraderSpec(type="exact", options={"ignore_case": True}, hidden=False),
        GraderSpec(type="rules", options={"checks": [{"op": "x"}]}),
    )
    assert (task.split, task.golden, task.should_trigger, task.tags) == ("val", True, False, ("money",))
    assert task.cluster == "c1"
    assert dict(task.metadata) == FULL["metadata"]
    assert task.source.line == 1


def test_other_spellings_defaults_and_nulls() -> None:
    task = one({"question": "Q", "answers": "A", "context": None, "tags": None, "split": None, "graders": None})
    assert task == one({"input": "Q", "expected": ["A"]})
    assert task.id == content_id("Q", "", ["A"])
    assert task.graders is None
    assert task.split is None
    assert one({"id": 7, "prompt": "Q"}).id == "7"
    assert load("- {id: 12345678e101, prompt: Q}\n", "t.yaml").tasks[0].id == "12345678e101"


def test_numbers_are_expected_as_they_were_written() -> None:
    text = '{"prompt": "a", "expected": [4.50, 10, 1e3, "x"]}\n'
    assert load(text).tasks[0].expected == ("4.50", "10", "1e3", "x")
    listed = "- {prompt: a, expected: [4.50, 10, 0x1F, 12:30, 007, 2024-01-02, yes, .nan, 1_000, '5']}\n"
    expected = load(listed, "t.yaml").tasks[0].expected
    assert expected == ("4.50", "10", "0x1F", "12:30", "007", "2024-01-02", "yes", ".nan", "1_000", "5")


def test_files_make_a_task_of_its_own_and_may_lie_elsewhere() -> None:
    first = one({"prompt": "p", "files": {"x": "files/1.txt"}})
    second = one({"prompt": "p", "files": {"x": "../shared/2.txt"}})
    assert first.id != second.id
    assert second.files[0].data == b"two"


def test_a_file_of_many_tasks_is_read_once() -> None:
    tree = MemoryTree({"evals/a.txt": "a"})
    line = json.dumps({"prompt": "p", "files": {"a.txt": "a.txt"}}) + "\n"
    assert len(load(line * 5, tree=tree).tasks) == 5
    assert tree.reads == ["evals/a.txt"]


def test_blank_lines_bom_and_line_separators_inside_strings() -> None:
    text = '\ufeff\r\n{"prompt": "a\u2028b"}\r\n\n{"prompt": "c"}'
    result = load(text)
    assert result.problems == ()
    assert [(t.prompt, t.source.line) for t in result.tasks] == [("a\u2028b", 2), ("c", 4)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, "'prompt' is missing"),
        ({"prompt": "  "}, "'prompt' is empty"),
        ({"prompt": 5}, "'prompt' must be a string, not a number"),
        ({"prompt": "p", "input": "q"}, "both 'prompt' and 'input' are given; they mean the same, keep one"),
        ({"prompt": "p", "expected": "a", "answers": "b"}, "both 'expected' and 'answers' are given"),
        ({"prompt": "p", "promt": 1}, "unknown field 'promt'; perhaps you meant 'prompt'?"),
        ({"prompt": "p", "zzzz\u202e": 1}, "unknown field 'zzzz\\u202e'; known: id, prompt"),
        ({"prompt": "p", "id": ""}, "'id' must have 1 to 200 characters"),
        ({"prompt": "p", "id": "a\nb"}, "'id' has characters that cannot be seen: 'a\\nb'"),
        ({"prompt": "p", "id": "a\u00a0b"}, "'id' has characters that cannot be seen"),
        ({"prompt": "p", "id": True}, "'id' must be a string, not true or false"),
        ({"prompt": "p", "id": "x" * 201}, "'id' must have 1 to 200 characters"),
        ({"prompt": "p", "expected": []}, "'expected' must be a string or a list of strings, none of them empty"),
        ({"prompt": "p", "expected": [" "]}, "'expected' must be a string or a list"),
        ({"prompt": "p", "expected": True}, "none of them empty; put true and false in quotes"),
        ({"prompt": "p", "expected": {"a": 1}}, "'expected' must be a string or a list"),
        ({"prompt": "p", "context": ["x"]}, "'context' must be a string, not a list"),
        ({"prompt": "p", "files": ["x"]}, "'files' must be a mapping, not a list"),
        ({"prompt": "p", "files": {"../x": "files/1.txt"}}, "files: the name '../x' is not a relative path"),
        ({"prompt": "p", "files": {"/x": "files/1.txt"}}, "files: the name '/x' is not a relative path"),
        ({"prompt": "p", "files": {"a\\b": "files/1.txt"}}, "files: the name 'a\\\\b' is not a relative path"),
        ({"prompt": "p", "files": {"x": "nope.txt"}}, "files: 'x' cannot be read: evals/nope.txt: no such file"),
        ({"prompt": "p", "files": {"x": "../../y"}}, "files: the path of 'x' must be a path relative to this file"),
        ({"prompt": "p", "files": {"x": "/etc/hostname"}}, "files: the path of 'x' must be a path relative"),
        ({"prompt": "p", "files": {"x": 5}}, "files: the path of 'x' must be a path relative"),
        ({"prompt": "p", "setup": "make"}, "'setup' must be a list of strings that are not empty"),
        ({"prompt": "p", "tags": [1]}, "'tags' must be a list of strings"),
        ({"prompt": "p", "graders": {"type": "exact"}}, "'graders' must be a list such as [{type: exact}]"),
        ({"prompt": "p", "graders": []}, "'graders' must be a list such as"),
        ({"prompt": "p", "graders": ["exact"]}, "a grader must be a mapping such as {type: exact}, not a string"),
        ({"prompt": "p", "graders": [{"values": []}]}, "a grader has no 'type'"),
        ({"prompt": "p", "graders": [{"type": "exakt"}]}, "unknown grader 'exakt'; perhaps you meant 'exact'?"),
        ({"prompt": "p", "graders": [{"type": "zzz"}]}, "unknown grader 'zzz'; known: exact, "),
        ({"prompt": "p", "graders": [{"type": "exact", "hidden": "no"}]}, "grader 'exact': 'hidden' must be true or"),
        (
            {"prompt": "p", "split": "validation"},
            "unknown split 'validation' (train, val or test); perhaps you meant 'val'?",
        ),
        ({"prompt": "p", "split": "tset"}, "unknown split 'tset' (train, val or test); perhaps you meant 'test'?"),
        ({"prompt": "p", "split": "qqq"}, "unknown split 'qqq' (train, val or test)"),
        ({"prompt": "p", "split": 1}, "'split' must be a string, not a number"),
        ({"prompt": "p", "golden": "yes"}, "'golden' must be true or false, not a string"),
        ({"prompt": "p", "should_trigger": 1}, "'should_trigger' must be true or false, not a number"),
        ({"prompt": "p", "metadata": "x"}, "'metadata' must be a mapping, not a string"),
        ({"prompt": "p", "metadata": {"cluster": ["x"]}}, "'metadata.cluster' must be a string, not a list"),
    ],
)
def test_mistakes_are_told_with_their_line(value: dict[str, object], expected: str) -> None:
    result = load('{"prompt": "fine"}\n' + json.dumps(value))
    (problem,) = result.problems
    assert str(problem).startswith("evals/tasks.jsonl:2: ")
    assert expected in str(problem)
    assert [t.prompt for t in result.tasks] == ["fine"]


def test_all_problems_of_a_file_at_once() -> None:
    messages = said('{"promt": 1}\n{"prompt": "p", "split": "x", "golden": 1}\nnot json\n[]\n')
    assert [m.split(":")[1] for m in sorted(messages)] == ["1", "1", "2", "2", "3", "4"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"prompt": "a" "b"}', ":1:16: not valid JSON: "),
        ('{"prompt": "a"} x', ":1:17: not valid JSON: more text after the object"),
        ('\n  {"a": 1, "a": 2}', ":2:3: not valid JSON: the key 'a' is there twice"),
        ('{"a": NaN}', ":1:1: not valid JSON: NaN is not a JSON number"),
        ('{"a": 1e999}', ":1:1: not valid JSON: number too large: 1e999"),
        ('{"a": ' + "9" * 5000 + "}", ":1:1: not valid JSON: Exceeds the limit"),
        ('{"prompt": "\\ud800"}', ":1:1: an unpaired surrogate"),
        ("# a comment", ":1: JSON Lines has no comments; remove this line"),
        ('{"prompt": "a"}\n# BOOTSTRAP_PENDING_REVIEW', ":2: the file is marked as not reviewed"),
        ('"text"', ":1: each line must be one object {...}, not a string"),
        ("null", ":1: each line must be one object {...}, not null"),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", ":1:1: nested deeper than 64 levels"),
        ('{"a": ' + "[" * 100000, ":1:1: nested deeper than 64 levels"),
        (b'{"a": 1}\n{"prompt": "\xff"}', ":2: not valid UTF-8 (byte 0xff); save the file as UTF-8"),
        (
            '{\n  "prompt": "a",\n  "expected": "b"\n}',
            ":1:1: an object stands on several lines; write each {...} on a ",
        ),
        ('\n\n[\n{"prompt": "a"}\n]', ":3:1: a list is not JSON Lines; name the file .json, or leave out the brackets"),
    ],
)
def test_broken_json_lines(text: str | bytes, expected: str) -> None:
    messages = said(text)
    assert len([m for m in messages if f"evals/tasks.jsonl{expected}" in m]) == 1


def test_a_pair_of_surrogates_and_a_flat_list_of_many_are_fine() -> None:
    assert one({"prompt": "\U0001f600", "metadata": {"x": [[]] * 100}}).prompt == "\U0001f600"


def test_a_file_full_of_mistakes_is_cut() -> None:
    messages = said("x\n" * 5000)
    assert len(messages) == 101
    assert messages[-1].endswith("too many problems before this line; the rest was not read")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ":1:1: must be a list of tasks"),
        ('{"prompt": "a"}', ":1:1: must be a list of tasks: [{...}, ...]; it has no format of another tool"),
        ('[{"prompt": "a"}', ":1:17: not valid JSON: expected ',' or ']'"),
        ('[{"prompt": "a"},\n]', ":2:1: not valid JSON: a comma before the end of the list"),
        ('[{"prompt": "a"}\n{}]', ":2:1: not valid JSON: expected ',' or ']'"),
        ('[{"prompt": "a"}] x', ":1:18: not valid JSON: more text after the list"),
        ('[\n5,\n{"prompt": "a"}]', ":2: a task must be an object {...}, not a number"),
        ('[\n{"prompt": }]', ":2:12: not valid JSON: Expecting value"),
        ("[" + "[" * 100000, ":1:2: nested deeper than 64 levels"),
    ],
)
def test_broken_json_lists(text: str, expected: str) -> None:
    (message,) = said(text, "t.json")
    assert message.startswith(f"t.json{expected}")


def test_json_lists_know_the_lines_of_their_items_and_stop_at_too_many_mistakes() -> None:
    text = json.dumps([{"prompt": "a"}, {"prompt": "b"}], indent=1)
    assert [t.source.line for t in load(text, "t.json").tasks] == [2, 5]
    assert load("[]", "t.json") == ReadResult(tasks=())
    assert len(said(json.dumps([1] * 5000), "t.json")) == 100


def test_a_name_that_is_no_task_file() -> None:
    assert said("x", "evals/notes.txt") == [
        "evals/notes.txt: not a task file by its name; task files end in .jsonl, .json, .yaml, .yml, .csv, .tsv"
    ]


# PyYAML writes a text such as `1e3` without quotes, which JSON's rules read as a number.
_text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20).filter(
    lambda t: not isinstance(plain_scalar(t), float)
)
_filled = _text.filter(lambda t: t.strip() != "")
_tasks = st.fixed_dictionaries(
    {"prompt": _filled},
    optional={
        "expected": st.lists(_filled, min_size=1, max_size=3),
        "context": _text,
        "graders": st.just([{"type": "exact", "ignore_case": True}]),
        "split": st.sampled_from(["train", "val", "test"]),
        "golden": st.booleans(),
        "should_trigger": st.booleans(),
        "setup": st.lists(_filled, max_size=2),
        "tags": st.lists(_filled, max_size=2),
        "metadata": st.dictionaries(_text, st.integers() | _text | st.lists(st.booleans()), max_size=2).map(
            lambda d: {k: v for k, v in d.items() if k not in ("cluster", "human")}  # these are read, and checked
        ),
        "files": st.dictionaries(st.sampled_from(["a.txt", "b/c.txt"]), st.just("files/1.txt")),
    },
)


def write(task: Task) -> dict[str, object]:
    graders = task.graders and [{"type": g.type, **g.options} for g in task.graders]
    return {
        "id": task.id,
        "prompt": task.prompt,
        "expected": list(task.expected) or None,
        "context": task.context,
        "files": {f.name: "files/1.txt" for f in task.files},
        "setup": list(task.setup),
        "graders": graders,
        "split": task.split,
        "golden": task.golden,
        "should_trigger": task.should_trigger,
        "tags": list(task.tags),
        "metadata": dict(task.metadata),
    }


@given(st.lists(_tasks, max_size=4), st.booleans())
def test_a_suite_written_and_read_again_is_identical(values: list[dict[str, object]], ascii_only: bool) -> None:
    first = load("".join(json.dumps(v, ensure_ascii=ascii_only) + "\n" for v in values))
    assert first.problems == ()
    assert len(first.tasks) == len(values)
    written = [write(t) for t in first.tasks]
    lines = "".join(json.dumps(w, ensure_ascii=ascii_only) + "\n" for w in written)
    assert load(lines).tasks == first.tasks
    listed = load(json.dumps(written), "evals/t.json")
    assert listed.problems == ()
    assert [t.identity() for t in listed.tasks] == [t.identity() for t in first.tasks]
    dumped = load(yaml.safe_dump(written), "evals/t.yaml")  # ASCII: YAML folds U+0085 and U+2028 as line ends
    assert dumped.problems == ()
    assert [t.identity() for t in dumped.tasks] == [t.identity() for t in first.tasks]


_SAMPLES = {
    "evals/t.jsonl": "\n".join(json.dumps(FULL) for _ in range(3)).encode(),
    "evals/t.json": json.dumps([FULL, FULL], indent=1).encode(),
    "evals/t.yaml": yaml.safe_dump([FULL, FULL]).encode(),
}


@given(st.sampled_from(sorted(_SAMPLES)), st.integers(0, 5000), st.binary(max_size=4), st.booleans())
def test_broken_files_give_problems_and_never_a_traceback(name: str, at: int, junk: bytes, cut: bool) -> None:
    data = _SAMPLES[name]
    at %= len(data)
    result = read(TREE, name, data[:at] + junk + (b"" if cut else data[at + len(junk) :]))
    for problem in result.problems:
        assert problem.message
        assert "\n" not in str(problem)
        assert problem.file == name
    for task in result.tasks:
        assert task.prompt.strip()
        assert task.identity()


@given(st.sampled_from(sorted(_SAMPLES)), st.binary(max_size=60))
def test_any_bytes_are_read_without_a_traceback(name: str, data: bytes) -> None:
    assert all(p.file == name for p in read(TREE, name, data).problems)


def test_a_task_about_triggering_alone_has_no_graders() -> None:
    assert one({"prompt": "p", "should_trigger": True, "graders": []}).graders == ()
    assert said('{"prompt": "p", "graders": []}')[0].startswith("evals/tasks.jsonl:1: 'graders' must be a list such as")
