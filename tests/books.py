"""Workbooks for tests, made by openpyxl and by hand."""

import io
import zipfile
from collections.abc import Mapping

import openpyxl


def workbook(**sheets: Mapping[str, object]) -> bytes:
    """A workbook of sheets: name=`{"A1": 5}`."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, cells in sheets.items():
        sheet = book.create_sheet(name)
        for address, value in cells.items():
            sheet[address] = value
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def replaced(book: bytes, parts: Mapping[str, bytes]) -> bytes:
    """The workbook with some parts of its archive replaced or added."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, data in parts.items():
            new.writestr(name, data)
    return stream.getvalue()
