"""Whole suites: finding files, telling formats apart, dividing, and what must hold across files."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.split import SplitWeights, count_splits
from skillopt_ci.core.task import Suite
from skillopt_ci.errors import Problem
from skillopt_ci.forge.worktree import WorkTree
from skillopt_ci.suites.load import MAX_FILE_BYTES, TaskEntry, detect, load_suite
from tests.fakes import MemoryTree

SEEDS = Path(__file__).parent.parent / "data" / "gbrain-skillopt-v1"
RULE = {"kind": "rule", "checks": [{"op": "max_chars", "arg": 9}]}


def lines(*values: object) -> str:
    return "".join(json.dumps(v) + "\n" for v in values)


def tasks(count: int, **fields: object) -> str:
    return lines(*({"id": f"t{i}", "prompt": f"prompt {i}", **fields} for i in range(count)))


def load(
    files: dict[str, bytes | str], *patterns: str, need: Sequence[str] = (), form: str | None = None
) -> tuple[Suite, list[Problem]]:
    entries = [TaskEntry(pattern=p, format=form) for p in patterns]
    suite, problems, _ = load_suite(MemoryTree(files), entries, split=SplitWeights(), need=need)
    return suite, problems


def errors(problems: list[Problem]) -> list[str]:
    return [str(p) for p in problems if not p.warning]


@pytest.mark.parametrize("seed", ["seed-missing-structure", "seed-verbose"])
def test_the_published_seeds_fill_all_splits(seed: str) -> None:
    entries = [TaskEntry(pattern=f"{seed}/benchmark.jsonl"), TaskEntry(pattern=f"{seed}/held-out.jsonl")]
    suite, problems, _ = load_suite(WorkTree(SEEDS), entries, split=SplitWeights(), need=["train", "val", "test"])
    assert errors(problems) == []
    assert count_splits(suite.tasks) == {"train": 6, "val": 9, "test": 6}
    assert [str(p) for p in problems] == [
        f"{seed}/benchmark.jsonl: warning: 6 test tasks; below 50, only large effects can be shown",
        f"{seed}/benchmark.jsonl: warning: 9 val tasks; below 20, edits are chosen by chance",
    ]


def test_a_pattern_reads_files_in_order_and_each_once() -> None:
    files: dict[str, bytes | str] = {"e/b.jsonl": lines({"prompt": "b"}), "e/a.yaml": "- prompt: a\n"}
    suite, problems = load(files, "e/*", "e/b.jsonl")
    assert [t.prompt for t in suite.tasks] == ["a", "b"]
    assert errors(problems) == []


def test_a_folder_of_splits_by_its_name_or_a_pattern() -> None:
    item = [{"id": "1", "question": "q"}]
    files: dict[str, bytes | str] = {
        f"d/{split}/items.json": json.dumps([{**item[0], "id": split, "question": split}])
        for split in ("train", "val", "test")
    }
    files["d/split_manifest.json"] = "{}"
    for pattern in ("d", "d/", "d/*/items.json", "d/**"):
        suite, problems = load(files, pattern, need=["train", "val", "test"])
        assert errors(problems) == []
        assert sorted((t.id, t.split) for t in suite.tasks) == [("test", "test"), ("train", "train"), ("val", "val")]


def test_a_held_out_file_divides_the_others_between_train_and_val() -> None:
    files: dict[str, bytes | str] = {
        "held-out.jsonl": lines({"task_id": "h", "task": "held", "judge": RULE}),
        "mine.jsonl": tasks(60),
    }
    suite, problems = load(files, "*.jsonl")
    assert errors(problems) == []
    assert [t.id for t in suite.of(["test"])] == ["h"]
    assert min(count_splits(suite.tasks).values()) > 0
    # A native file that names test tasks itself does not change how the others are divided.
    suite, _ = load({"a.jsonl": tasks(60), "held-out.jsonl": lines({"prompt": "h", "split": "test"})}, "*.jsonl")
    assert count_splits(suite.tasks)["test"] > 5


def test_duplicate_ids_name_both_places() -> None:
    files: dict[str, bytes | str] = {
        "a.jsonl": lines({"id": "x", "prompt": "1"}, {"id": "y", "prompt": "2"}),
        "b.jsonl": lines({"id": "z", "prompt": "3"}, {"id": "x", "prompt": "4"}),
    }
    (message,) = errors(load(files, "*.jsonl")[1])
    assert message.startswith("b.jsonl:2: the id 'x' is taken by a.jsonl:1; ids must be unique")


def test_tasks_without_id_and_with_the_same_content_are_duplicates() -> None:
    (message,) = errors(load({"a.jsonl": lines({"prompt": "p"}, {"prompt": "p"})}, "a.jsonl")[1])
    assert message.startswith("a.jsonl:2: the id '")
    assert message.endswith("' is taken by a.jsonl:1; it asks the same: remove one")


def test_the_same_prompt_in_two_splits_names_both_places() -> None:
    first = {"id": "a", "prompt": "How  MUCH?", "context": "c", "split": "train"}
    second = {"id": "b", "prompt": "how much?\n", "context": "C ", "split": "test"}
    (message,) = errors(load({"t.jsonl": lines(first, second)}, "t.jsonl")[1])
    assert message == (
        "t.jsonl:2: the same prompt in two splits: 'test' here, 'train' for 'a' at t.jsonl:1; "
        "remove one, or give both the same `split`"
    )
    for other in ({"split": "train"}, {"context": "other"}, {"files": {"x": "x.txt"}}):
        files: dict[str, bytes | str] = {"t.jsonl": lines(first, {**second, **other}), "x.txt": "x"}
        assert errors(load(files, "t.jsonl")[1]) == []


def test_an_empty_split_that_is_needed_is_an_error_and_no_warning_besides() -> None:
    _, problems = load({"t.jsonl": tasks(3, split="train")}, "t.jsonl", need=["train", "val"])
    assert [str(p) for p in problems] == [
        "t.jsonl: no task is in the split 'val', which is needed here; add tasks, or `split: val` to some of them",
        "t.jsonl: warning: 0 test tasks; below 50, only large effects can be shown",
    ]


def test_a_large_suite_has_nothing_to_warn_of() -> None:
    suite, problems = load({"t.jsonl": tasks(400)}, "t.jsonl", need=["train", "val", "test"])
    assert problems == []
    assert len(suite.tasks) == 400


@pytest.mark.parametrize("files", [{"t.jsonl": ""}, {"t.jsonl": "\n\n"}, {"t.json": "[]"}, {"t.yaml": "# none\n"}])
def test_no_tasks_at_all(files: dict[str, bytes | str]) -> None:
    (name,) = files
    said = 'there are no tasks; add some, such as {"prompt": "What is 2 + 3?", "expected": "5"}'
    assert [str(p) for p in load(files, name, need=["train"])[1]] == [f"{name}: {said}"]
    assert [str(p) for p in load({})[1]] == [f"tasks: {said}"]


def test_what_cannot_be_found_or_read_is_told_with_the_rest(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(lines({"prompt": "p", "splt": 1}))
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "t.jsonl")
    entries = [TaskEntry(pattern=p) for p in ("nothing/*.jsonl", "../x.jsonl", "link.jsonl", "t.jsonl")]
    suite, problems, _ = load_suite(WorkTree(tmp_path), entries, split=SplitWeights(), need=["test"])
    assert suite.tasks == ()
    assert [str(p) for p in problems] == [
        "../x.jsonl: not a path below the root; write it from there, without '..'",
        "link.jsonl: 'link.jsonl' is a symbolic link; only files of the repository itself are read",
        "nothing/*.jsonl: no task file is here; name task files, or a folder that holds {train,val,test}/items.json or "
        "another known layout",
        "t.jsonl:1: unknown field 'splt'; perhaps you meant 'split'?",
    ]


@pytest.mark.parametrize("named", ["evals/a/task.jsonl", "evals/a", "evals/a/"])
def test_a_path_without_task_files_is_told_with_what_was_meant(named: str) -> None:
    there = {"evals/a/tasks.jsonl": lines({"prompt": "p"}), "evals/a/task.md": "", "evals/a/task.jsonl.png": ""}
    problems = load(there, named)[1]
    assert f"{named}: no task file is here; perhaps you meant evals/a/tasks.jsonl" in [str(p) for p in problems]


def test_a_format_by_name_and_one_that_does_not_exist() -> None:
    suite, problems = load({"t.jsonl": lines({"task_id": "a", "task": "p", "judge": RULE})}, "t.jsonl", form="gbrain")
    assert [t.id for t in suite.tasks] == ["a"]
    assert errors(problems) == []
    _, problems = load({"t.jsonl": "{}"}, "t.jsonl", form="gbrian")
    assert errors(problems) == ["t.jsonl: unknown task format 'gbrian'; perhaps you meant 'gbrain'?"]


def test_a_file_that_is_too_large_is_not_read() -> None:
    _, (problem,) = load({"t.jsonl": b" " * (MAX_FILE_BYTES + 1)}, "t.jsonl")
    assert f"a task file may have {MAX_FILE_BYTES}" in problem.message


@pytest.mark.parametrize(
    ("path", "data", "expected"),
    [
        ("a/train/items.json", b"[]", "skillopt-splits"),
        ("a/dev/items.json", b"[]", "native"),
        ("a.jsonl", b'\n# x\n{"task_id": "a", "judge": {}}', "gbrain"),
        ("a.jsonl", b'\xef\xbb\xbf{"task_id": "a", "judge": {}}', "gbrain"),
        ("a.jsonl", b'{"task_id": "a", "judge": {', "gbrain"),
        ("a.jsonl", b'{"prompt": "a"}', "native"),
        ("a.jsonl", b"[1]", "native"),
        ("a.jsonl", b"\xff", "native"),
        ("a.jsonl", b"", "native"),
        ("a.jsonl", b"[" * 100000, "native"),
        ("a.yaml", b"- task_id: a\n  judge: {}\n", "native"),
        ("a.yaml", b"# x\n---\n- query: a\n  should_trigger: true\n- x", "triggers"),
        ("a.yaml", b"  - query: a\n    should_trigger: true\n", "triggers"),
        ("a.yaml", b"tests:\n- vars: {}\n", "promptfoo"),
        ("a.json", b'[{"id": 1, "intent": "x"}, broken', "skillopt-sleep"),
        ("a.json", b"[", "native"),
        ("a.json", b"{", "native"),
        ("a.json", b'{"tests": [{"input": 1, "expected": {}}]}', "upskill"),
        ("a.json", b'{"tests": 5}', "promptfoo"),
        ("a.json", b'{"name": "x"}', "native"),
        ("a.json", b'[{"vars": {}, "assert": []}]', "promptfoo"),
        ("x/criteria.json", b"{}", "part"),
        ("x/a.md", b"x", "part"),
        ("a.csv", b"q,__expected\n", "part"),
        ("evals.json", b'[{"prompt": "p"}]', "evals-json"),
        ("\xe9.yaml", b"\xff", "native"),
    ],
)
def test_formats_are_told_by_name_and_first_object(path: str, data: bytes, expected: str) -> None:
    assert detect(path, data) == expected


@given(st.permutations(["a.jsonl", "b.jsonl", "c.jsonl"]))
def test_the_order_of_files_changes_neither_splits_nor_digest(order: list[str]) -> None:
    files: dict[str, bytes | str] = {
        f"{n}.jsonl": lines(*({"id": f"{n}{i}", "prompt": f"{n} {i}"} for i in range(10))) for n in "abc"
    }
    suite, problems = load(files, *order)
    usual, _ = load(files, "*.jsonl")
    assert errors(problems) == []
    assert suite.digest == usual.digest
    assert {t.id: t.split for t in suite.tasks} == {t.id: t.split for t in usual.tasks}
