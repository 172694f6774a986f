"""SpreadsheetBench: `dataset.json` (`instruction`, `answer_position`, ...) beside `spreadsheet/<id>/` of workbooks.

Source: RUCKBReasoning/SpreadsheetBench, README and `evaluation/evaluation.py`. Test cases are `<n>_<id>_input.xlsx`
with `_answer.xlsx`, in Verified 400 `_init.xlsx` with `_golden.xlsx` or `initial.xlsx` with `golden.xlsx`. The expected
cells are read from the answers, which are never attached.

As `spreadsheetbench` an agent gets the input workbooks and writes one workbook a case. As `spreadsheetbench-chat` the
first case is written out as text, and the answer is a JSON object of cells: what direct chat can do.
"""

import json
import posixpath
import re
from dataclasses import dataclass

from skillopt_ci.core.cells import Area, areas
from skillopt_ci.core.task import Attachment, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.fields import safe_name
from skillopt_ci.suites.foreign import Node, Report, top, written
from skillopt_ci.suites.making import Checks, Draft, clean_id, make, spec
from skillopt_ci.workbook import Content, WorkbookError, read_chosen

_PAIRS = (("_input.xlsx", "_answer.xlsx"), ("_init.xlsx", "_golden.xlsx"), ("initial.xlsx", "golden.xlsx"))
_START = re.compile(r"(?:input|init|initial)\.xlsx$")
_MOST_TEXT = 60_000  # characters of a workbook that chat is sent
_TOO_LARGE = f"the task is left out: its workbook has over {_MOST_TEXT:,} characters of text, too much for chat"


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    start: bytes
    goal: Content
    output: str


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The tasks for an agent with a workspace."""
    return _read(tree, path, data, chat=False)


def read_chat(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The tasks for direct chat."""
    return _read(tree, path, data, chat=True)


def _read(tree: Tree, path: str, data: bytes, *, chat: bool) -> ReadResult:
    report = Report(tree, path)
    return report.result([_task(node, chat=chat) for node in top(report, data)])


def _task(node: Node, *, chat: bool) -> Task | None:
    given = written(node.get("id")) or ""
    node.name = clean_id(given)
    kind, position, instruction = (node.text(k) for k in ("instruction_type", "answer_position", "instruction"))
    folder = node.text("spreadsheet_path") or f"spreadsheet/{given}"
    for key in ("answer_sheet", "data_position"):  # said in the instruction as well
        node.get(key)
    node.lose_rest({})
    try:
        ranges = areas(position)
    except ValueError as error:
        node.wrong(f"'answer_position': {error}", "answer_position")
        return None
    cases = _cases(node, folder, ranges)
    if not node.ok or not cases:
        return None
    listed = [_expected(case, position) for case in (cases[:1] if chat else cases)]
    where = f"The answer belongs in {position}."
    if chat:
        text = _as_text(cases[0].start)
        if text is None or len(text) > _MOST_TEXT:
            node.lose_item(_TOO_LARGE)
            return None
        checks = Checks(others=[spec("spreadsheet", source="answer", cases=listed)])
        prompt = f"{instruction}\n\n{where} Answer with a JSON object of cell addresses and values."
        return make(node, Draft(id=node.name, prompt=prompt, context=text, metadata={"type": kind}), checks)
    outputs = ", ".join(f"{c.name} as {c.output}" for c in cases)
    prompt = f"{instruction}\n\n{where} Save the changed workbook: {outputs}."
    files = tuple(Attachment(name=c.name, data=c.start) for c in sorted(cases, key=lambda c: c.name))
    checks = Checks(others=[spec("spreadsheet", cases=listed)])
    return make(node, Draft(id=node.name, prompt=prompt, files=files, metadata={"type": kind}), checks)


def _cases(node: Node, folder: str, ranges: tuple[Area, ...]) -> list[_Case]:
    """The test cases of a task, in order; problems are noted."""
    root = posixpath.join(posixpath.dirname(node.path), posixpath.normpath(folder))
    tree = node.report.tree
    names = sorted(tree.glob(f"{root}/*.xlsx")) if safe_name(posixpath.normpath(folder)) else []
    made: list[_Case] = []
    for start, goal in _PAIRS:
        for place in names:
            other = place.removesuffix(start) + goal
            name = posixpath.basename(place)
            if not place.endswith(start) or other not in names:
                continue
            try:
                content = read_chosen(tree.read(other), ranges)
                output = _START.sub("output.xlsx", name)
                made.append(_Case(name, tree.read(place), content, output))
            except WorkbookError as error:
                node.wrong(f"{other}: {error}", "answer_position")
            except ConfigError as error:
                node.wrong(str(error).replace("\n", "; "), "spreadsheet_path")
    if node.ok and not made:
        node.wrong(f"there are no workbooks with their answers in {root!r}", "spreadsheet_path")
    return made


def _expected(case: _Case, position: str) -> dict[str, object]:
    """A test case for the grader: what the answer's workbook holds in the ranges."""
    return {"file": case.output, "cells": position, "sheet": case.goal.sheets[0], "values": dict(case.goal.cells)}


def _as_text(data: bytes) -> str | None:
    """A workbook's cells as lines `Sheet1!A1: value`; None when it cannot be read."""
    try:
        content = read_chosen(data)
    except WorkbookError:
        return None
    return "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in content.cells.items())
