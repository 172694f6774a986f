"""gbrain's benchmark files: the published seeds whole, and what is refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.task import GraderSpec
from skillopt_ci.suites.gbrain import read
from tests.fakes import MemoryTree

SEEDS = Path(__file__).parent.parent / "data" / "gbrain-skillopt-v1"
RULE = {"kind": "rule", "checks": [{"op": "max_chars", "arg": 1200}]}


def said(value: object, name: str = "benchmark.jsonl") -> list[str]:
    return [str(p) for p in read(MemoryTree(), name, json.dumps(value).encode()).problems]


@pytest.mark.parametrize(("seed", "checks"), [("seed-missing-structure", 2), ("seed-verbose", 1)])
def test_the_published_seeds(seed: str, checks: int) -> None:
    for name, count, split in (("benchmark.jsonl", 15, None), ("held-out.jsonl", 6, "test")):
        result = read(MemoryTree(), f"{seed}/{name}", (SEEDS / seed / name).read_bytes())
        assert result.problems == ()
        assert len(result.tasks) == count
        assert {t.split for t in result.tasks} == {split}
        for task in result.tasks:
            assert task.graders is not None
            (grader,) = task.graders
            assert grader.type == "rules"
            given_checks = grader.options["checks"]
            assert isinstance(given_checks, list)
            assert len(given_checks) == checks


def test_a_rubric_becomes_a_judge_and_its_model_is_told_to_be_unused() -> None:
    value = {"task_id": "a", "task": "p", "judge": {"kind": "llm", "rubric": "Is it kind?", "model": "m"}}
    result = read(MemoryTree(), "b.jsonl", json.dumps(value).encode())
    assert result.tasks[0].graders == (GraderSpec(type="judge", options={"rubric": "Is it kind?"}),)
    (problem,) = result.problems
    assert problem.warning
    assert "its 'model' is not used" in problem.message


def test_other_fields_are_kept_and_told_once() -> None:
    value = {"task_id": "a", "task": "p", "judge": RULE, "difficulty": 3}
    lines = [value, {**value, "task_id": "b"}]
    result = read(MemoryTree(), "b.jsonl", "\n".join(map(json.dumps, lines)).encode())
    assert [dict(t.metadata) for t in result.tasks] == [{"difficulty": 3}] * 2
    assert [str(p) for p in result.problems] == [
        "b.jsonl:1: warning: the field 'difficulty' has no meaning here; it is kept in the metadata"
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"task": "p", "judge": RULE}, "'task_id' is missing"),
        ({"task_id": "a", "judge": RULE}, "'task' is missing"),
        ({"task_id": "a", "task": " ", "judge": RULE}, "'task' is empty"),
        ({"task_id": "a", "task": "p"}, "'judge' must be a mapping"),
        ({"task_id": "a", "task": "p", "judge": {}}, "judge: has no 'kind'; use rule or llm"),
        (
            {"task_id": "a", "task": "p", "judge": {"kind": "qrels", "expected_slugs": ["x"], "k": 3}},
            "judge: the kind 'qrels' is not supported; use rule or llm",
        ),
        ({"task_id": "a", "task": "p", "judge": {"kind": "rule", "checks": []}}, "judge: 'checks' must be a list"),
        ({"task_id": "a", "task": "p", "judge": {"kind": "rule", "checks": ["x"]}}, "judge: 'checks' must be a list"),
        (
            {"task_id": "a", "task": "p", "judge": {"kind": "rule", "checks": [{"op": "x", "argument": 1}]}},
            "judge: 'checks' must be a list",
        ),
        ({"task_id": "a", "task": "p", "judge": {"kind": "llm", "rubric": ""}}, "judge: 'rubric' must be a string"),
    ],
)
def test_what_is_refused(value: object, expected: str) -> None:
    (message,) = said(value)
    assert message.startswith(f"benchmark.jsonl:1: {expected}")


def test_an_unreviewed_file_is_refused_at_its_line() -> None:
    data = json.dumps({"task_id": "a", "task": "p", "judge": RULE}) + "\n# BOOTSTRAP_PENDING_REVIEW\n"
    (problem,) = read(MemoryTree(), "b.jsonl", data.encode()).problems
    assert str(problem).startswith("b.jsonl:2: the file is marked as not reviewed (BOOTSTRAP_PENDING_REVIEW)")
    assert not problem.warning


def test_bytes_that_are_no_text() -> None:
    (problem,) = read(MemoryTree(), "b.jsonl", b"\xff").problems
    assert "not valid UTF-8" in problem.message


@given(st.integers(0, 3000), st.binary(max_size=4))
def test_broken_files_never_give_a_traceback(at: int, junk: bytes) -> None:
    data = (SEEDS / "seed-missing-structure" / "held-out.jsonl").read_bytes()
    at %= len(data)
    result = read(MemoryTree(), "b.jsonl", data[:at] + junk + data[at + 1 :])
    assert all(p.line >= 1 and p.message for p in result.problems)
