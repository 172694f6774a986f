import pytest

from skillopt_ci.graders.validate import needs_workspace, validate
from tests.graders.helpers import spec, task


def test_direct_chat_writes_no_workbook() -> None:
    cases = [{"cells": "A1", "values": {"A1": 1}}]
    inside = spec("any", graders=[{"type": "exact"}, {"type": "spreadsheet", "cases": cases}])
    for specs in ([spec("spreadsheet", cases=cases)], [inside]):
        assert "an agent writes, and direct chat writes none" in str(needs_workspace(specs))
    assert needs_workspace([spec("spreadsheet", cases=cases, source="answer"), spec("exact")]) is None


@pytest.mark.parametrize("kind", ["files", "diff", "tool-calls"])
def test_direct_chat_has_no_workspace_and_no_tools(kind: str) -> None:
    for specs in ([spec(kind)], [spec("all", graders=[{"type": "exact"}, {"type": kind}])]):
        assert f"grader '{kind}' looks at" in str(needs_workspace(specs))
    assert needs_workspace([spec("exact")]) is None


def test_nothing_wrong() -> None:
    assert validate([spec("exact"), spec("judge", rubric="x"), spec("contains", values="a")], task("x")) == []


def test_everything_wrong_is_told() -> None:
    problems = validate(
        [spec("exact"), spec("numeric"), spec("regex", pattern="("), spec("exacr"), spec("contains", values="a")],
        task(),
    )
    assert problems[:2] == [
        "grader 'exact' needs 'expected', and task 't1' has none",
        "grader 'numeric' needs 'expected', and task 't1' has none",
    ]
    assert "invalid pattern" in problems[2]
    assert "unknown grader 'exacr'" in problems[3]
    assert len(problems) == 4
    assert validate([], task("x")) == ["no graders: give the skill or the task at least one"]


def test_specs_that_look_alike_are_told_apart() -> None:
    assert validate([spec("rules", checks=[{"op": "max_chars", "arg": 1}])], task()) == []
    assert "whole number" in validate([spec("rules", checks=[{"op": "max_chars", "arg": True}])], task())[0]
    assert validate([spec("numeric")], task("4")) == []
    assert "holds no number" in validate([spec("numeric")], task("four"))[0]
