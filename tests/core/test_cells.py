from contextlib import suppress
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.cells import (
    LAST_COLUMN,
    LAST_ROW,
    Area,
    address,
    areas,
    column_letters,
    column_number,
    comparable,
    differing,
    equal,
    inside,
)

RANGES = [
    ("A1", (Area(None, 1, 1, 1, 1),)),
    ("Sheet1!$B$2:AA10", (Area("Sheet1", 2, 2, 27, 10),)),
    ("'My, sheet'!A1:B2, C3", (Area("My, sheet", 1, 1, 2, 2), Area(None, 3, 3, 3, 3))),
    ("'It''s'!b3:a1", (Area("It's", 1, 1, 2, 3),)),
    ("D:F,2:3", (Area(None, 4, 1, 6, LAST_ROW), Area(None, 1, 2, LAST_COLUMN, 3))),
]


@pytest.mark.parametrize(("text", "found"), RANGES)
def test_ranges(text: str, found: tuple[Area, ...]) -> None:
    assert areas(text) == found


@pytest.mark.parametrize(
    "text", ["", "Sheet1!", "A0", "A1:B2:C3", "ZZZ1", "A9999999", "'open!A1", "!!", "A1:", "hello there"]
)
def test_what_is_no_range_is_said(text: str) -> None:
    if text == "A1:":
        assert areas(text) == areas("A1")
        return
    with pytest.raises(ValueError, match=r"range|names no cells|outside of a sheet"):
        areas(text)


@given(st.text("AZ19:!', $", max_size=20))
def test_any_text_is_ranges_or_an_error_in_words(text: str) -> None:
    with suppress(ValueError):
        assert all(a.left <= a.right <= LAST_COLUMN and a.top <= a.bottom <= LAST_ROW for a in areas(text))


@given(st.integers(1, LAST_COLUMN))
def test_columns_are_read_as_they_are_written(number: int) -> None:
    assert column_number(column_letters(number)) == number


DAY = datetime(2024, 1, 2)  # noqa: DTZ001 - cells have no zone
# SpreadsheetBench, evaluation/evaluation.py: `transform_value` and `compare_cell_value`, by hand
SAME = [
    (1, 1.0), (1, "1"), ("1.004", 1), (True, 1), (False, "0"), (None, ""), (2.675, "2.675"), ("1e2", 100),
    (DAY, 45293), (DAY.replace(hour=18), 45294), (date(2024, 1, 2), 45293.0),
    (time(12, 30), "12:30"), (time(12, 30, 45), time(12, 30, 1)), (timedelta(hours=30), timedelta(hours=30)),
    ("text", "text"), (-0.001, 0), ("nan", "NaN"), ("1_000", 1000),
]  # fmt: skip
OTHER = [
    (1, 1.01), (0, None), (0, ""), ("Text", "text"), ("text ", "text"), ("1,000", 1000), ("#N/A", None),
    (timedelta(hours=30), 1.25), (time(12, 30), 0.52), ("10%", 0.1), (1.004, 1.006), ("TRUE", True),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), SAME)
def test_what_the_publisher_takes_for_the_same_is(first: object, second: object) -> None:
    assert equal(comparable(first), comparable(second))


@pytest.mark.parametrize(("first", "second"), OTHER)
def test_what_the_publisher_takes_for_another_is(first: object, second: object) -> None:
    assert not equal(comparable(first), comparable(second))


@given(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes() | st.times() | st.timedeltas()
)
def test_every_value_is_comparable_and_stays_so(value: object) -> None:
    once = comparable(value)
    assert equal(once, comparable(once))


def test_numbers_that_no_float_holds_are_texts() -> None:
    assert comparable(10**400) == str(10**400)
    assert comparable(float("inf")) == "inf"


def test_differing_cells_are_named_in_order() -> None:
    wanted = {"S!B10": 1.0, "S!B9": 1.0, "S!AA1": "x", "T!A1": 1.0}
    assert differing(wanted, {"S!B9": 2.0, "S!A11": 5.0, "T!A1": 1.0}) == ["S!AA1", "S!B9", "S!B10", "S!A11"]
    assert differing(wanted, wanted) == []


def test_cells_inside_of_ranges() -> None:
    cells = {address("S", 1, 1): 1.0, address("S", 3, 1): 2.0, address("T", 1, 1): 3.0}
    assert inside(cells, areas("A1:B2"), "S") == {"S!A1": 1.0}
    assert inside(cells, areas("A:C,T!A1"), "S") == cells
