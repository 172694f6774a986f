"""Cells of spreadsheets: addresses, ranges, and values made comparable as SpreadsheetBench compares them.

Source: RUCKBReasoning/SpreadsheetBench, `evaluation/evaluation.py` (rules, not code).
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

Cells = Mapping[str, object]
"""Values that are not blank by address, `Sheet1!B2`; made by `comparable`."""
LAST_ROW, LAST_COLUMN = 1_048_576, 16_384
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - spreadsheets know no zones
_PART = re.compile(r"(?:'(?P<quoted>(?:[^']|'')+)'|(?P<plain>[^'!,]+))!|(?P<end>,)|(?P<range>[^!,']+)")
_CORNER = re.compile(r"\$?(?P<column>[A-Za-z]{1,3})?\$?(?P<row>[0-9]{1,7})?")


@dataclass(frozen=True, slots=True)
class Area:
    """A range of cells; `sheet` None is the first one. Rows and columns count from 1, both ends are inside."""

    sheet: str | None
    left: int
    top: int
    right: int
    bottom: int

    def holds(self, column: int, row: int) -> bool:
        """Whether a cell lies inside."""
        return self.left <= column <= self.right and self.top <= row <= self.bottom


def areas(text: str) -> tuple[Area, ...]:
    """Ranges as written: `Sheet1!A1:B3,'My sheet'!C5,D:F`. Without a sheet the first one is meant.

    Raises:
        ValueError: in words, when it is no such list.
    """
    found: list[Area] = []
    sheet: str | None = None
    at, text = 0, text.strip()
    while at < len(text):
        match = _PART.match(text, at)
        if match is None:
            raise ValueError(f"{text[:80]!r} is no list of ranges such as \"Sheet1!A1:B3,'My sheet'!C5\"")
        at = match.end()
        if match["quoted"] or match["plain"]:
            sheet = (match["quoted"] or "").replace("''", "'") or match["plain"].strip()
        elif match["range"] and match["range"].strip():
            found.append(_area(sheet, match["range"].strip()))
        elif match["end"]:
            sheet = None
    if not found:
        raise ValueError(f"{text[:80]!r} names no cells")
    return tuple(found)


def _area(sheet: str | None, text: str) -> Area:
    first, _, last = text.partition(":")
    corners = [_CORNER.fullmatch(part.strip()) for part in (first, last or first)]
    if not all(corners) or not all(c and (c["column"] or c["row"]) for c in corners):
        raise ValueError(f"{text[:40]!r} is no range such as A1 or A1:B3")
    (a, b) = ((c["column"], c["row"]) for c in corners if c)
    columns = sorted(column_number(c) if c else end for c, end in ((a[0], 1), (b[0], LAST_COLUMN)))
    rows = sorted(int(r) if r else end for r, end in ((a[1], 1), (b[1], LAST_ROW)))
    if columns[0] < 1 or columns[1] > LAST_COLUMN or rows[0] < 1 or rows[1] > LAST_ROW:
        raise ValueError(f"{text[:40]!r} lies outside of a sheet")
    return Area(sheet, columns[0], rows[0], columns[1], rows[1])


def column_number(letters: str) -> int:
    """`A` is 1, `AA` is 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """1 is `A`, 27 is `AA`."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def address(sheet: str, column: int, row: int) -> str:
    """The name of a cell: `Sheet1!B2`."""
    return f"{sheet}!{column_letters(column)}{row}"


def comparable(value: object) -> object:
    """A cell's value in the form in which two are compared: a number, a text, None when blank, a duration.

    Numbers and texts that are numbers are rounded to two decimals; truth values are 1 and 0; dates are whole days since
    1899-12-30; times of day are texts without seconds. Whatever JSON cannot say as a number is a text.
    """
    if isinstance(value, str):
        try:
            return _number(float(value))
        except ValueError:
            return value or None
    if isinstance(value, bool | int | float):
        try:
            return _number(float(value))
        except OverflowError:
            return str(value)
    if isinstance(value, datetime):
        passed = value.replace(tzinfo=None) - _EPOCH
        return round(passed.days + passed.seconds / 86400, 0)
    if isinstance(value, date):
        return float((datetime(value.year, value.month, value.day) - _EPOCH).days)  # noqa: DTZ001
    if isinstance(value, time):
        return str(value)[:-3]
    if isinstance(value, timedelta):
        return {"seconds": value.total_seconds()}
    if isinstance(value, Mapping):
        return dict(value)
    return None if value is None else str(value)


def _number(value: float) -> object:
    return round(value, 2) + 0.0 if math.isfinite(value) else str(value)


def equal(first: object, second: object) -> bool:
    """Whether two comparable values are the same in type and value; a blank one equals a blank one alone."""
    return type(first) is type(second) and first == second


def differing(wanted: Cells, given: Cells) -> list[str]:
    """Addresses at which two sets of cells differ, by sheet, row and column; what is missing is blank."""
    wrong = [a for a in {**wanted, **given} if not equal(wanted.get(a), given.get(a))]
    return sorted(wrong, key=_place)


def _place(cell: str) -> tuple[str, int, int]:
    sheet, _, name = cell.rpartition("!")
    letters = name.rstrip("0123456789")
    return sheet, int(name[len(letters) :] or 0), column_number(letters)


def inside(cells: Cells, ranges: Iterable[Area], first_sheet: str) -> dict[str, object]:
    """The cells that lie in one of the ranges."""
    kept = {}
    wanted = [(a.sheet or first_sheet, a) for a in ranges]
    for name, value in cells.items():
        sheet, row, column = _place(name)
        if any(s == sheet and a.holds(column, row) for s, a in wanted):
            kept[name] = value
    return kept
