"""The grader `spreadsheet`: cells of workbooks, compared by value and type as SpreadsheetBench compares them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skillopt_ci.core.cells import Area, Cells, areas, comparable, differing, inside
from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import Attachment, GraderSpec, Task
from skillopt_ci.core.texts import plural
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders import wording
from skillopt_ci.graders.base import Grader, JudgeModel, check_options
from skillopt_ci.graders.json_text import find_json
from skillopt_ci.workbook import WorkbookError, read_apart

_CASE_KEYS = ("file", "cells", "values", "sheet")
_FIRST = "Sheet1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test case: which workbook, which of its cells, and their values; cells without one must be blank.

    `sheet` is what a range without a sheet means; None: the first sheet of the workbook.
    """

    name: str
    file: str
    ranges: tuple[Area, ...]
    values: Mapping[str, object]
    sheet: str | None

    def wanted(self, first_sheet: str) -> Cells:
        """The expected cells that are not blank, by full address."""
        sheet = self.sheet or first_sheet
        full = {(name if "!" in name else f"{sheet}!{name}"): comparable(v) for name, v in self.values.items()}
        return {name: value for name, value in full.items() if value is not None}


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of a case; `why` and `hint` are empty when it is right."""

    why: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class _Spreadsheet:
    spec: GraderSpec
    cases: tuple[Case, ...]
    from_answer: bool

    def grade(self, _task: Task, trajectory: Trajectory, /) -> Score:
        if self.from_answer:
            results = self._of_answer(trajectory.answer)
        else:
            results = [_of_workbook(case, trajectory) for case in self.cases]
        right = sum(not r.why for r in results)
        value = right / len(results)
        said = f"{right} of {plural(len(results), 'test case')} right"
        wrong = [(c, r) for c, r in zip(self.cases, results, strict=True) if r.why]
        many = len(results) > 1
        why = "; ".join((said, *(f"{f'case {c.name}: ' if many else ''}{r.why}" for c, r in wrong)))
        hint = "; ".join(dict.fromkeys((said, *(r.hint for _, r in wrong))))
        return wording.scored(self.spec, value, right == len(results), why=why, hint=hint, bare=said)

    def _of_answer(self, answer: str) -> list[_Result]:
        try:
            found = find_json(answer)
        except ValueError:
            found = None
        if not isinstance(found, Mapping):
            said = "the answer holds no JSON object of cells"
            return [_Result(f"{said}: {wording.quoted(answer)}", said)] * len(self.cases)
        alone = len(self.cases) == 1 and not isinstance(found.get(self.cases[0].name), Mapping)
        return [_of_cells(case, found if alone else found.get(case.name)) for case in self.cases]


def _of_cells(case: Case, given: object) -> _Result:
    """Compare what an answer says of the cells."""
    if not isinstance(given, Mapping):
        said = "the answer says nothing of this test case"
        return _Result(said, said)
    first = case.sheet or next((a.sheet for a in case.ranges if a.sheet), None) or _FIRST
    cells: dict[str, object] = {}
    for name, value in given.items():
        sheet, _, cell = str(name).strip().replace("$", "").rpartition("!")
        kept = comparable(value) if not isinstance(value, list | Mapping) else str(value)
        if kept is not None:
            cells[f"{sheet.strip(chr(39)) or first}!{cell.upper()}"] = kept
    return _compared(case, first, inside(cells, case.ranges, first), ())


def _of_workbook(case: Case, trajectory: Trajectory) -> _Result:
    """Find and read the workbook of a case among what the agent left."""
    book = _book(case, [a for a in trajectory.artifacts if a.name.lower().endswith((".xlsx", ".xlsm"))])
    if book is None:
        lost = next((o for o in trajectory.omitted if case.file and o.startswith(f"{case.file}:")), "")
        said = f"the workbook '{case.file or 'xlsx'}' was not written" if not lost else f"not read: {lost}"
        return _Result(said, said)
    try:
        content = read_apart(book.data, case.ranges)
    except WorkbookError as error:
        said = f"'{wording.clip(book.name, 80)}': {error}"
        return _Result(said, said)
    return _compared(case, content.sheets[0] if content.sheets else _FIRST, content.cells, content.uncomputed)


def _book(case: Case, books: Sequence[Attachment]) -> Attachment | None:
    """The workbook of a case: of its path, else of its name, else the only one where the case names none."""
    for book in books:
        if book.name == case.file:
            return book
    for book in books:
        if book.name.rpartition("/")[2] == case.file.rpartition("/")[2]:
            return book
    return books[0] if len(books) == 1 and not case.file else None


def _compared(case: Case, first_sheet: str, given: Cells, uncomputed: Sequence[str]) -> _Result:
    wanted = case.wanted(first_sheet)
    wrong = differing(wanted, given)
    if not wrong:
        return _Result()
    at = wrong[0]
    said = f"{plural(len(wrong), 'cell')} wrong, the first at {wording.clip(at, 80)}"
    why = f"{said}: expected {_shown(wanted.get(at))}, got {_shown(given.get(at))}"
    if at in uncomputed:
        formula = "it holds a formula that was never computed: write values, or let a spreadsheet program compute it"
        return _Result(f"{why} ({formula})", f"{said}: {formula}")
    kinds = _kind(wanted.get(at)), _kind(given.get(at))
    about = f"{kinds[0]} is wanted, not {kinds[1]}" if kinds[0] != kinds[1] else f"{kinds[0]}, but another one"
    return _Result(why, f"{said}: {about}")


def _kind(value: object) -> str:
    if value is None:
        return "a blank cell"
    if isinstance(value, float):
        return "a number"
    return "a text" if isinstance(value, str) else "a duration"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return wording.quoted(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def spreadsheet(spec: GraderSpec, judge: JudgeModel | None, /) -> Grader:
    """Every test case of `cases` is right; the value is the share that is.

    A case has `file` (the workbook's path in the workspace; without it the only one), `cells` (ranges such as
    `Sheet1!A1:B3,'My sheet'!C5`), `values` (address -> value; every other cell of the ranges must be blank) and `sheet`
    (what a range without a sheet means; the first). `source`: `workbook` (what an agent wrote) or `answer`: the answer
    is a JSON object of addresses and values, or of one such object for every case, `{"1": {...}, "2": {...}}`.
    """
    del judge
    check_options(spec, {"cases": list, "source": str})
    source, listed = spec.options.get("source", "workbook"), spec.options.get("cases")
    if source not in ("workbook", "answer"):
        raise ConfigError(f"grader 'spreadsheet': option 'source' must be workbook or answer, not '{source}'")
    if not isinstance(listed, list) or not listed:
        raise ConfigError("grader 'spreadsheet': option 'cases' must list at least one test case")
    cases = tuple(_case(number, written) for number, written in enumerate(listed, 1))
    return _Spreadsheet(spec, cases, source == "answer")


def _case(number: int, written: object) -> Case:
    where = f"grader 'spreadsheet', case {number}"
    if not isinstance(written, Mapping):
        raise ConfigError(f"{where}: it must be a mapping with 'cells' and 'values'")
    unknown = next((k for k in written if k not in _CASE_KEYS), None)
    if unknown is not None:
        raise ConfigError(f"{where}: unknown key '{unknown}' (it takes: {', '.join(_CASE_KEYS)})")
    file, sheet, values = written.get("file", ""), written.get("sheet"), written.get("values")
    if not isinstance(file, str) or not (sheet is None or isinstance(sheet, str)):
        raise ConfigError(f"{where}: 'file' and 'sheet' must be texts")
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: 'values' must map addresses such as B2 to values")
    try:
        ranges = areas(str(written.get("cells", "")))
        case = Case(name=str(number), file=file, ranges=ranges, values=values, sheet=sheet)
        first = sheet or _FIRST
        outside = case.wanted(first).keys() - inside(case.wanted(first), ranges, first).keys()
    except ValueError as error:
        raise ConfigError(f"{where}: 'cells' and 'values': {error}") from error
    if outside:
        raise ConfigError(f"{where}: the value at '{min(outside)}' lies outside of 'cells'")
    return case
