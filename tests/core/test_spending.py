"""Records of what runs have spent: only ever raised, and checked before they are believed."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.spending import MAX_BYTES, SCHEMA, SpendRecord, parse_record, render_record

MONTH = "2026-11"
KEYS = st.from_regex(r"[1-9][0-9]{0,5}/[1-9]/[0-9a-f]{8}", fullmatch=True)
AMOUNTS = st.decimals(min_value=0, max_value=999_999, places=6)
MONTHS = st.dictionaries(st.sampled_from(["2026-10", MONTH, "2026-12"]), st.dictionaries(KEYS, AMOUNTS, max_size=5))
TIMES = st.sampled_from(["", "2026-11-01T00:00:00Z", "2026-11-20T10:00:00Z"])
RECORDS = st.builds(lambda months, until: SpendRecord(months=months, until=until), MONTHS, TIMES)


@given(RECORDS)
def test_a_record_survives_its_file(record: SpendRecord) -> None:
    assert parse_record(render_record(record).encode()) == record


@given(RECORDS, RECORDS)
def test_together_they_are_never_less_and_order_does_not_matter(one: SpendRecord, other: SpendRecord) -> None:
    both = one + other
    assert both.total(MONTH) >= max(one.total(MONTH), other.total(MONTH))
    assert both == other + one
    assert both + other == both


def test_of_a_stranger_only_what_it_says_of_itself_counts() -> None:
    runs = {"7/1/aaaaaaaa": Decimal(2), "7/2/bbbbbbbb": Decimal(1), "70/1/cccccccc": Decimal(99)}
    record = SpendRecord(months={MONTH: runs}, until="2099-01-01T00:00:00Z")
    assert record.only(7).total(MONTH) == Decimal(3)
    assert record.only(7).until == ""


def text(**changes: object) -> bytes:
    return json.dumps({"schema": SCHEMA, "months": {}, "until": "", **changes}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b" " * (MAX_BYTES + 1),
        text(schema="other"),
        text(months=[]),
        text(until=None),
        text(until="tomorrow"),
        text(months={"2026-13": {}}),
        text(months={MONTH: []}),
        text(months={f"20{n}-01": {} for n in range(10, 20)}),
        text(months={MONTH: {"../1/x": "1"}}),
        text(months={MONTH: {"1/1/aaaaaaaa": 1}}),
        text(months={MONTH: {"1/1/aaaaaaaa": "-1"}}),
        text(months={MONTH: {"1/1/aaaaaaaa": "NaN"}}),
        text(months={MONTH: {"1/1/aaaaaaaa": "1e9"}}),
        text(months={MONTH: {f"{n}/1/aaaaaaaa": "1" for n in range(10_001)}}),
    ],
)
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_record(data)
