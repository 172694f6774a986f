"""Tables of values between commas, semicolons (as spreadsheets of many countries write them) or tabs."""

import csv
from collections import Counter
from collections.abc import Iterator
from io import StringIO

from skillopt_ci.suites.document import Document
from skillopt_ci.suites.foreign import Node, Report

ENDINGS = (".csv", ".tsv")


def is_table(path: str) -> bool:
    """Whether a file is a table, by its name."""
    return path.lower().endswith(ENDINGS)


def delimiter(path: str, header: str) -> str:
    """What stands between the cells of a table, by its name and its first line."""
    if path.lower().endswith(".tsv"):
        return "\t"
    return ";" if ";" in header and "," not in header else ","


def rows(report: Report, data: bytes) -> Iterator[tuple[int, dict[str, object]]]:
    """The rows of a table with their lines: cells by the names in the first row, empty ones left out."""
    text = report.text(report.path, data)
    if text is None:
        return
    between = delimiter(report.path, text.partition("\n")[0])
    # Not strict, a quotation mark that is never closed would make one cell of the rest of the file.
    reader = csv.reader(StringIO(text, newline=""), delimiter=between, strict=True)
    line = 1
    try:
        header = [h.strip() for h in next(reader, [])]
        if twice := [h for h, count in Counter(map(str.lower, filter(None, header))).items() if count > 1]:
            report.wrong(f"the column {twice[0][:60]!r} is there twice", line=1)
            return
        line = reader.line_num + 1
        for row in reader:
            cells: dict[str, object] = {k: v for k, v in zip(header, row, strict=False) if k and v.strip()}
            if any(cell.strip() for cell in row[len(header) :]):
                report.wrong(
                    f"{len(row)} cells for {len(header)} columns; put texts with {between!r} in quotes", line=line
                )
            elif cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        report.wrong(f"not a valid table: {error} (in the row that begins here)", line=line)


def as_node(report: Report, line: int, cells: dict[str, object]) -> Node:
    """A row as an item."""
    return Node(report, Document(path=report.path, value=cells, places={}, first=line)).as_item()
