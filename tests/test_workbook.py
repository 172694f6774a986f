"""Workbooks of strangers: what is read, and what a hostile one can do: nothing."""

import io
import json
import subprocess
import sys
import zipfile
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skillopt_ci import workbook as reader
from skillopt_ci.core.cells import areas
from skillopt_ci.workbook import WorkbookError, read_apart, read_cells, read_chosen
from tests.books import replaced, workbook

DAY = datetime(2024, 1, 2)  # noqa: DTZ001 - cells have no zone
VALUES = {
    "A1": 1.239, "A2": "x", "B1": DAY, "B2": time(12, 30), "C1": timedelta(hours=30), "D4": True,
    "E1": "=A1+1",
}  # fmt: skip
BOOK = workbook(Sheet1=VALUES, Other={"A1": "there"})
CELLS = {
    "Sheet1!A1": 1.24, "Sheet1!A2": "x", "Sheet1!B1": 45293.0, "Sheet1!B2": "12:30",
    "Sheet1!C1": {"seconds": 108000.0}, "Sheet1!D4": 1.0,
}  # fmt: skip
SHEET = "xl/worksheets/sheet1.xml"
HEAD = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
TAIL = b"</sheetData></worksheet>"


def test_values_are_read_in_comparable_form() -> None:
    content = read_cells(BOOK, areas("A1:E4"))
    assert content.sheets == ("Sheet1", "Other")
    assert content.cells == CELLS
    assert content.uncomputed == ("Sheet1!E1",)
    whole = read_cells(BOOK)
    assert whole.cells == {**CELLS, "Other!A1": "there"}


def test_a_process_of_its_own_reads_the_same() -> None:
    ranges = areas("A1:E4,Other!A:B")
    assert read_apart(BOOK, ranges) == read_cells(BOOK, ranges)


def test_what_the_process_does_with_its_streams() -> None:
    for asked, data, told in (
        ("A1", BOOK, {"sheets": ["Sheet1", "Other"], "cells": {"Sheet1!A1": 1.24}, "uncomputed": []}),
        ("X!A1", BOOK, {"error": "there is no sheet 'X'"}),
    ):
        out = io.StringIO()
        reader.answer(io.BytesIO(json.dumps([asdict(a) for a in areas(asked)]).encode() + b"\n" + data), out)
        assert json.loads(out.getvalue()) == told


def refused(data: bytes, ranges: str = "A1:E4") -> str:
    """The words with which both ways of reading refuse a workbook."""
    told = set()
    for read in (read_cells, read_apart):
        with pytest.raises(WorkbookError) as caught:
            read(data, areas(ranges))
        told.add(str(caught.value))
    (words,) = told
    return words


def test_what_is_no_workbook_is_said() -> None:
    assert "no xlsx workbook" in refused(b"")
    assert "no xlsx workbook" in refused(b"PK\x03\x04 not really")
    assert "the workbook is broken" in refused(replaced(BOOK, {"[Content_Types].xml": b"<Types/>"}))
    assert "the workbook is broken" in refused(replaced(BOOK, {SHEET: b"<worksheet"}))
    assert "there is no sheet 'Sheet9'" in refused(BOOK, "Sheet9!A1")


def test_macros_are_refused() -> None:
    assert "holds macros" in refused(replaced(BOOK, {"xl/vbaProject.bin": b"macro"}))


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"xl/{number}.xml", bytes(100 * 1024 * 1024))
    assert len(stream.getvalue()) < 500_000
    assert r"unpacks to 314,572,800 bytes in 3 parts: too much" in refused(stream.getvalue())
    assert "parts: too much" in refused(replaced(BOOK, {f"x{n}": b"" for n in range(5_001)}))
    assert "33,554,432 are read at most" in refused(bytes(reader.MAX_BYTES + 1))


@pytest.mark.parametrize(
    "text",
    [
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><worksheet>&c;</worksheet>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
        b" " * (1 << 20) + b"<!DOCTYPE a>",
    ],
)
def test_entities_are_refused(text: bytes) -> None:
    assert "declarations that no workbook needs" in refused(replaced(BOOK, {SHEET: text}))


def test_a_row_that_eats_memory_ends_in_its_own_process() -> None:
    eater = replaced(BOOK, {SHEET: HEAD + b"<row>" + b"<c/>" * 3_000_000 + b"</row>" + TAIL})
    assert len(eater) < 100_000
    with pytest.raises(WorkbookError, match=r"could not be read within 200 MiB of memory"):
        read_apart(eater, areas("A1:E4"), memory=200 * 1024**2)


def test_a_workbook_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(WorkbookError, match=r"not read within 0\.001 s"):
        read_apart(BOOK, areas("A1"), seconds=0.001)


def test_a_sheet_that_lies_about_its_rows_is_read_soon() -> None:
    far = (
        HEAD + b'<row r="1"><c r="A1"><v>5</v></c></row><row r="999999999"><c r="A999999999"><v>6</v></c></row>' + TAIL
    )
    assert read_cells(replaced(BOOK, {SHEET: far}), areas("A:C")).cells == {"Sheet1!A1": 5.0}


def test_a_few_bytes_cannot_keep_a_reader_busy() -> None:
    wide = b"".join(b'<row r="%d"><c r="XFD%d"/></row>' % (n, n) for n in range(1, 4_000))
    assert "over 50,000,000 cells to look at" in refused(replaced(BOOK, {SHEET: HEAD + wide + TAIL}), "1:1048576")
    far = b'<row r="1048576"><c r="A1048576"/></row>'
    assert "over 50,000,000 cells to look at" in refused(replaced(BOOK, {SHEET: HEAD + far + TAIL}), "A1:XFC1048576")


def test_a_small_workbook_that_is_read_here_is_given_up_sooner() -> None:
    wide = b"".join(b'<row r="%d"><c r="XFD%d"><v>1</v></c></row>' % (n, n) for n in range(1, 400))
    book = replaced(BOOK, {SHEET: HEAD + wide + TAIL})
    with pytest.raises(WorkbookError, match="over 5,000,000 cells to look at"):
        read_chosen(book)
    assert len(read_chosen(book, areas("XFD1:XFD400")).cells) == 399  # who says where the values are reads them


def test_the_workbook_of_a_suite_is_read_here_when_it_is_small_and_apart_when_it_is_not() -> None:
    assert read_chosen(BOOK, areas("A1:E4")) == read_cells(BOOK, areas("A1:E4"))
    assert read_chosen(BOOK) == read_cells(BOOK)
    eater = replaced(BOOK, {SHEET: HEAD + b"<row>" + b"<c/>" * 3_000_000 + b"</row>" + TAIL})
    assert len(eater) < reader.SMALL_BYTES  # it is what it unpacks to that counts
    with pytest.raises(WorkbookError, match=r"could not be read within 200 MiB of memory"):
        read_chosen(eater, areas("A1:E4"), memory=200 * 1024**2)
    with pytest.raises(WorkbookError, match="no xlsx workbook"):
        read_chosen(b"PK")
    with pytest.raises(WorkbookError, match="no xlsx workbook"):
        read_chosen(bytes(reader.SMALL_BYTES + 1))


def test_links_to_other_workbooks_are_not_followed() -> None:
    linked = HEAD + b'<row r="1"><c r="A1"><f>[1]Far!A1</f><v>7</v></c></row>' + TAIL
    link = (
        b'<externalLink xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><externalBook '
        b'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:id="rId1"/></externalLink>'
    )
    target = (
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        b'Type="x" Target="http://127.0.0.1:9/far.xlsx" TargetMode="External"/></Relationships>'
    )
    parts = {
        SHEET: linked,
        "xl/externalLinks/externalLink1.xml": link,
        "xl/externalLinks/_rels/externalLink1.xml.rels": target,
    }
    content = read_cells(replaced(BOOK, parts), areas("A1"))
    assert content.cells == {"Sheet1!A1": 7.0}  # what was saved, as the publisher's evaluation reads it
    assert content.uncomputed == ()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(BOOK) - 1), st.binary(min_size=1, max_size=40))
def test_damaged_bytes_are_read_or_refused_in_words(at: int, noise: bytes) -> None:
    with suppress(WorkbookError):
        assert read_cells(BOOK[:at] + noise + BOOK[at + len(noise) :], areas("A1:E4")).sheets


@settings(max_examples=60, deadline=None)
@given(st.text("<>/cvrt=\"'A1 &;rowfis", max_size=60))
def test_damaged_sheets_are_read_or_refused_in_words(text: str) -> None:
    with suppress(WorkbookError):
        assert read_cells(replaced(BOOK, {SHEET: HEAD + text.encode() + TAIL}), areas("A1:E4")).sheets


def test_openpyxl_is_imported_only_when_it_is_used() -> None:
    code = "import sys; from skillopt_ci.graders import spreadsheet; assert 'openpyxl' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
