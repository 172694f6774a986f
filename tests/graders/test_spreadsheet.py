"""`spreadsheet` on workbooks of an agent and on cells in an answer.

What is compared follows SpreadsheetBench (github.com/RUCKBReasoning/SpreadsheetBench, `evaluation/evaluation.py`):
soft is the share of test cases that are right, hard is all of them; only the answer's ranges count.
"""

import json
from dataclasses import replace

import pytest

from skillopt_ci.core.hidden import hidden_texts, visible_texts
from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import Attachment, GraderSpec
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders.build import build
from tests.books import replaced, workbook
from tests.graders.helpers import grade, said, spec, task

ONE = {"file": "out/1.xlsx", "cells": "Sheet1!B1:B3", "values": {"Sheet1!B1": "Total", "B2": 12.5}}
TWO = {"file": "out/2.xlsx", "cells": "B1:B3", "values": {"B1": "Total", "B2": 7}}
RIGHT = {"B1": "Total", "B2": 12.5, "A1": "whatever"}


def left(grader: GraderSpec, omitted: tuple[str, ...] = (), /, **books: bytes) -> Score:
    files = tuple(Attachment(name=f"out/{name[1:]}.xlsx", data=data) for name, data in books.items())
    return build([grader], None).grade(task(), replace(said("Done."), artifacts=files, omitted=omitted))


@pytest.mark.parametrize(
    ("cells", "right"),
    [
        (RIGHT, True),
        ({**RIGHT, "B2": "12.50"}, True),  # a text that is a number
        ({**RIGHT, "B2": 12.504}, True),  # two decimals
        ({**RIGHT, "B3": ""}, True),
        ({**RIGHT, "B2": 12.51}, False),
        ({**RIGHT, "B1": "total"}, False),
        ({**RIGHT, "B3": 0}, False),  # blank is wanted
        ({"B1": "Total"}, False),
    ],
)
def test_a_workbook_is_right_when_all_cells_of_the_ranges_are(cells: dict[str, object], right: bool) -> None:
    got = left(spec("spreadsheet", cases=[ONE]), _1=workbook(Sheet1=cells))
    assert (got.value, got.passed) == ((1.0, True) if right else (0.0, False))


def test_soft_is_the_share_of_cases_and_hard_is_all() -> None:
    grader = spec("spreadsheet", cases=[ONE, TWO])
    good, other = workbook(Sheet1=RIGHT), workbook(First={"B1": "Total", "B2": 7})
    assert left(grader, _1=good, _2=other).passed
    half = left(grader, _1=good, _2=good)
    assert (half.value, half.passed) == (0.5, False)
    assert half.why == "1 of 2 test cases right; case 2: 1 cell wrong, the first at Sheet1!B2: expected 7, got 12.5"
    assert half.hint == "1 of 2 test cases right; 1 cell wrong, the first at Sheet1!B2: a number, but another one"
    assert left(grader, _1=good).hint == "1 of 2 test cases right; the workbook 'out/2.xlsx' was not written"


def test_the_only_workbook_is_taken_when_no_file_is_named_and_folders_may_differ() -> None:
    unnamed = {k: v for k, v in ONE.items() if k != "file"}
    assert left(spec("spreadsheet", cases=[unnamed]), _9=workbook(Sheet1=RIGHT)).passed
    assert not left(spec("spreadsheet", cases=[unnamed]), _8=workbook(Sheet1=RIGHT), _9=workbook(Sheet1=RIGHT)).passed
    assert left(spec("spreadsheet", cases=[{**ONE, "file": "elsewhere/1.xlsx"}]), _1=workbook(Sheet1=RIGHT)).passed


def test_hints_say_kinds_and_never_values() -> None:
    grader = spec("spreadsheet", cases=[ONE])
    hints = [
        left(grader, _1=workbook(Sheet1={**RIGHT, **change})).hint.split(": ", 1)[1]
        for change in ({"B1": "Sum"}, {"B2": "12,5"}, {"B2": None}, {"B3": 5}, {"B2": "=6+6.5"})
    ]
    assert hints == [
        "a text, but another one",
        "a number is wanted, not a text",
        "a number is wanted, not a blank cell",
        "a blank cell is wanted, not a number",
        "it holds a formula that was never computed: write values, or let a spreadsheet program compute it",
    ]
    wrong = workbook(Sheet1={**RIGHT, "B2": 1})
    assert left(spec("spreadsheet", hidden=True, cases=[ONE]), _1=wrong).hint == "0 of 1 test case right"
    assert "12.5" in left(spec("spreadsheet", hidden=False, cases=[ONE]), _1=wrong).hint
    assert "12.5" in hidden_texts(grader)
    assert "Total" in hidden_texts(grader)
    assert "Sheet1!B1:B3" in visible_texts(grader)


def test_what_cannot_be_read_is_the_agents_own_result() -> None:
    grader = spec("spreadsheet", cases=[ONE])
    good = workbook(Sheet1=RIGHT)
    for book, words in (
        (b"no workbook", "no xlsx workbook"),
        (replaced(good, {"xl/vbaProject.bin": b"x"}), "holds macros"),
        (workbook(Other=RIGHT), "there is no sheet 'Sheet1'"),
    ):
        got = left(grader, _1=book)
        assert (got.value, got.passed) == (0.0, False)
        assert words in got.why
    assert "not read: out/1.xlsx: too large" in left(grader, ("out/1.xlsx: too large",)).why


def test_the_answer_itself_can_be_the_cells() -> None:
    grader = spec("spreadsheet", cases=[ONE], source="answer")
    assert grade(grader, json.dumps({"Sheet1!B1": "Total", "Sheet1!$B$2": 12.5})).passed
    assert grade(grader, 'So:\n```json\n{"b1": "Total", "\'Sheet1\'!B2": "12.5", "B3": null, "A1": 9}\n```').passed
    assert grade(grader, json.dumps({"1": {"B1": "Total", "B2": 12.5}})).passed
    assert grade(grader, '{"B1": "Total", "B2": 12}').hint.endswith("at Sheet1!B2: a number, but another one")
    assert grade(grader, "[1]").hint == "0 of 1 test case right; the answer holds no JSON object of cells"
    assert grade(grader, '{"B1": "Total", "B2": [12.5]}').hint.endswith("a number is wanted, not a text")


def test_the_answer_can_hold_several_cases() -> None:
    grader = spec("spreadsheet", cases=[ONE, TWO], source="answer")
    both = {"1": {"B1": "Total", "B2": 12.5}, "2": {"B1": "Total", "B2": 7}}
    assert grade(grader, json.dumps(both)).passed
    half = grade(grader, json.dumps({"1": both["1"]}))
    assert (half.value, half.hint) == (0.5, "1 of 2 test cases right; the answer says nothing of this test case")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "'cases' must list at least one test case"),
        ({"cases": []}, "'cases' must list at least one test case"),
        ({"cases": [ONE], "source": "code"}, "must be workbook or answer, not 'code'"),
        ({"cases": ["x"]}, "case 1: it must be a mapping"),
        ({"cases": [ONE, {**ONE, "vlues": {}}]}, "case 2: unknown key 'vlues'"),
        ({"cases": [{**ONE, "file": 3}]}, "'file' and 'sheet' must be texts"),
        ({"cases": [{"cells": "A1"}]}, "'values' must map addresses"),
        ({"cases": [{"cells": "A0", "values": {}}]}, "outside of a sheet"),
        ({"cases": [{"cells": "A1", "values": {"B7": 1}}]}, "the value at 'Sheet1!B7' lies outside of 'cells'"),
        ({"cases": [{"cells": "A1", "values": {"total": 1}}]}, "'cells' and 'values'|outside"),
    ],
)
def test_options_are_checked(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build([spec("spreadsheet", **options)], None)
