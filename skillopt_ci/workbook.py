"""Reading xlsx workbooks of strangers: never executed, within limits of size, memory and time.

A workbook that an agent made, and a large one of a suite, is read in a process of its own, which has no environment to
leak and may use so much memory and no more. Formulas are not computed, macros are refused, links to other workbooks are
not followed.
"""

import io
import json
import os
import subprocess
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from skillopt_ci.core.cells import LAST_COLUMN, LAST_ROW, Area, Cells, address, comparable

MAX_BYTES = 32 * 1024 * 1024
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
MAX_PARTS = 5_000
MAX_CELLS = 1_000_000
MAX_LOOKED_AT = 50_000_000  # cells, with the blank ones: a few bytes can put a cell at a sheet's far end
SMALL_BYTES = 512 * 1024  # packed and unpacked: what such a workbook can cost is not worth a process
SMALL_LOOKED_AT = 5_000_000  # cells of such a workbook: nothing stops a reader that is no process of its own
MEMORY_BYTES = 1024**3
SECONDS = 60
_CHUNK = 1 << 20
# What broken files make zipfile, the XML parser and openpyxl raise.
_BROKEN = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError),
    *(RuntimeError, SyntaxError, TypeError, ValueError, zipfile.BadZipFile, zlib.error),
)


class WorkbookError(ValueError):
    """A workbook cannot be read, in words for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What was read: the sheets' names in order, the values that are not blank, and addresses of bare formulas.

    `uncomputed` are cells that hold a formula without a value: whoever saved the workbook did not compute it.
    """

    sheets: tuple[str, ...]
    cells: Cells
    uncomputed: tuple[str, ...] = ()


def read_cells(data: bytes, ranges: Sequence[Area] | None = None, *, looked_at: int = MAX_LOOKED_AT) -> Content:
    """Read cells in this process. None, as no range, reads every sheet whole; of `looked_at` cells at most.

    Raises:
        WorkbookError: no workbook, a broken one, too large, with macros, or a sheet that is not there.
    """
    _refuse_hostile(data)
    try:
        with _opened(data, values=True) as book:
            sheets = tuple(str(name) for name in book.sheetnames)
            wanted = ranges or [Area(s, 1, 1, LAST_COLUMN, LAST_ROW) for s in sheets]
            cells = dict(_values(book, wanted, looked_at))
        with _opened(data, values=False) as book:
            bare = [
                name for name, value in _values(book, wanted, looked_at) if str(value)[:1] == "=" and name not in cells
            ]
    except WorkbookError:
        raise
    except _BROKEN as error:
        raise WorkbookError(f"the workbook is broken ({type(error).__name__})") from error
    return Content(sheets=sheets, cells=cells, uncomputed=tuple(bare))


@contextmanager
def _opened(data: bytes, *, values: bool) -> Iterator[Any]:
    import openpyxl

    with warnings.catch_warnings():  # openpyxl warns of what it leaves out
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=values, keep_links=False)
        try:
            yield book
        finally:
            book.close()


def _values(book: Any, ranges: Sequence[Area], most: int) -> Iterator[tuple[str, object]]:
    count = looked_at = 0
    for area in ranges:
        name = area.sheet or book.sheetnames[0]
        if name not in book.sheetnames:
            raise WorkbookError(f"there is no sheet '{name[:60]}'")
        sheet = book[name]
        if not hasattr(sheet, "reset_dimensions"):
            continue  # a sheet that is a chart
        sheet.reset_dimensions()  # what the file says of its size may be wrong
        right = None if area.right == LAST_COLUMN else area.right  # None: rows are as wide as they are
        rows = sheet.iter_rows(area.top, area.bottom, area.left, right, values_only=True)
        for row, cells in enumerate(rows, area.top):
            looked_at += 1 + len(cells)
            if looked_at > most:
                raise WorkbookError(f"over {most:,} cells to look at")
            if cells.count(None) == len(cells):
                continue  # a hostile sheet has millions of rows like this
            for column, value in enumerate(cells, area.left):
                kept = None if value is None else comparable(value)
                if kept is not None:
                    count += 1
                    if count > MAX_CELLS:
                        raise WorkbookError(f"over {MAX_CELLS:,} cells")
                    yield address(name, column, row), kept


def _refuse_hostile(data: bytes) -> None:
    """Look at the archive before its content is parsed. Sizes in it are binding: zipfile reads no further."""
    if len(data) > MAX_BYTES:
        raise WorkbookError(f"the workbook has {len(data):,} bytes; {MAX_BYTES:,} are read at most")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            unpacked = sum(p.file_size for p in parts)
            if len(parts) > MAX_PARTS or unpacked > MAX_UNPACKED_BYTES:
                raise WorkbookError(f"the workbook unpacks to {unpacked:,} bytes in {len(parts):,} parts: too much")
            if any(p.filename.lower().endswith("vbaproject.bin") for p in parts):
                raise WorkbookError("the workbook holds macros")
            for part in parts:
                if part.filename.lower().endswith((".xml", ".rels", ".vml")):
                    with archive.open(part) as stream:
                        _refuse_entities(stream)
    except WorkbookError:
        raise
    except _BROKEN as error:
        raise WorkbookError("no xlsx workbook, or a broken or encrypted one") from error


def _refuse_entities(stream: Any) -> None:
    """No part of a workbook declares a document type, the way to texts that grow when they are read."""
    before = b""
    while chunk := stream.read(_CHUNK):
        text = before + chunk
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text or b"\0" in text:
            raise WorkbookError("the workbook holds declarations that no workbook needs")
        before = text[-16:]


def read_chosen(data: bytes, ranges: Sequence[Area] = (), *, memory: int = MEMORY_BYTES) -> Content:
    """Read cells of a suite's workbook: a pull request may have brought it, and a suite has hundreds.

    A small one is read in this process, any other apart. No range reads every sheet whole.

    Raises:
        WorkbookError: as `read_apart`.
    """
    if _small(data):
        return read_cells(data, ranges, looked_at=SMALL_LOOKED_AT)
    return read_apart(data, ranges, memory=memory)


def _small(data: bytes) -> bool:
    if len(data) > SMALL_BYTES:
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return sum(p.file_size for p in archive.infolist()) <= SMALL_BYTES
    except _BROKEN:
        return True  # `read_cells` says what is wrong


def read_apart(data: bytes, ranges: Sequence[Area], *, memory: int = MEMORY_BYTES, seconds: float = SECONDS) -> Content:
    """Read cells of a workbook that an agent made, in a process that may use so many bytes and seconds.

    Raises:
        WorkbookError: as `read_cells`; also when it needs too much memory or time.
    """
    if len(data) > MAX_BYTES:
        raise WorkbookError(f"the workbook has {len(data):,} bytes; {MAX_BYTES:,} are read at most")
    asked = json.dumps([asdict(a) for a in ranges]).encode() + b"\n" + data
    # No environment: nothing a hostile file could make the parser say. -P: no module of the current folder.
    env = {"PYTHONPATH": str(Path(__file__).resolve().parents[1]), "PYTHONUTF8": "1"}
    env |= {k: os.environ[k] for k in ("SYSTEMROOT",) if k in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", "skillopt_ci.workbook", str(memory)],
            input=asked, env=env, capture_output=True, timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise WorkbookError(f"the workbook was not read within {seconds:g} s") from error
    try:
        told = json.loads(done.stdout)
    except ValueError:
        told = None
    if not isinstance(told, Mapping):
        raise WorkbookError(f"the workbook could not be read within {memory // 1024**2} MiB of memory")
    if "error" in told:
        raise WorkbookError(str(told["error"]))
    return Content(sheets=tuple(told["sheets"]), cells=told["cells"], uncomputed=tuple(told["uncomputed"]))


def answer(stdin: BinaryIO, stdout: TextIO) -> None:
    """The work of the process: ranges and a workbook in, the content or what is wrong out."""
    asked, _, data = stdin.read().partition(b"\n")
    try:
        content = read_cells(data, [Area(**a) for a in json.loads(asked)])
        told: object = {"sheets": content.sheets, "cells": content.cells, "uncomputed": content.uncomputed}
    except WorkbookError as error:
        told = {"error": str(error)}
    json.dump(told, stdout)


def _limit_memory(most: int) -> None:  # pragma: no cover - it holds for a whole process
    try:
        import resource
    except ImportError:  # Windows has none: the limits of size and time hold there
        return
    allowed = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":  # pragma: no cover
    _limit_memory(int(sys.argv[1]))
    answer(sys.stdin.buffer, sys.stdout)
