"""What the runs of a repository have spent in a month: small records that later runs read."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

SCHEMA = "skillopt-ci/spend/1"
MAX_BYTES = 1024 * 1024
_MAX_ENTRIES = 10_000
_RUN = re.compile(r"([0-9]{1,20})/[0-9]{1,6}/[0-9a-f]{8}")  # workflow run, attempt, and which of its commands
_MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
_UNTIL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_USD = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,12})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendRecord:
    """USD by month and by who spent it. Everything that was recorded before `until` is in it (empty: nothing is)."""

    months: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    until: str = ""

    def total(self, month: str) -> Decimal:
        """USD of one month, written like 2026-11."""
        return sum(self.months.get(month, {}).values(), Decimal(0))

    def __add__(self, other: "SpendRecord") -> "SpendRecord":
        """Both together. Of two amounts of one command the larger counts: a record can only raise the sum."""
        months = {month: dict(runs) for month, runs in self.months.items()}
        for month, runs in other.months.items():
            held = months.setdefault(month, {})
            for run, usd in runs.items():
                held[run] = max(usd, held.get(run, usd))
        return SpendRecord(months=months, until=max(self.until, other.until))

    def only(self, run: int) -> "SpendRecord":
        """What the record says of one workflow run alone, for a writer who is not believed about others."""
        mine = {m: {k: usd for k, usd in runs.items() if _owner(k) == run} for m, runs in self.months.items()}
        return SpendRecord(months=mine)


def parse_record(data: bytes) -> SpendRecord:
    """A record from an artifact, which anybody may have written.

    Raises:
        ValueError: it is none.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes")
    try:
        value = json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    months, until = (value.get("months"), value.get("until")) if isinstance(value, dict) else (None, None)
    if not isinstance(months, dict) or not isinstance(until, str) or value.get("schema") != SCHEMA:
        raise ValueError(f"not {SCHEMA}")
    if len(months) > 3 or (until and not _UNTIL.fullmatch(until)):
        raise ValueError("too many months, or a time that is none")
    return SpendRecord(months={_month(m): _runs(runs) for m, runs in months.items()}, until=until)


def render_record(record: SpendRecord) -> str:
    """The record as JSON, the same for the same record."""
    months = {m: {run: format(usd, "f") for run, usd in runs.items()} for m, runs in record.months.items()}
    return json.dumps({"schema": SCHEMA, "months": months, "until": record.until}, sort_keys=True) + "\n"


def _owner(key: str) -> int:
    found = _RUN.fullmatch(key)
    return int(found[1]) if found else -1


def _month(name: object) -> str:
    if not isinstance(name, str) or not _MONTH.fullmatch(name):
        raise ValueError("a month that is none")
    return name


def _runs(runs: object) -> dict[str, Decimal]:
    if not isinstance(runs, dict) or len(runs) > _MAX_ENTRIES:
        raise ValueError("runs are missing, or too many")
    for key, usd in runs.items():
        if not _RUN.fullmatch(key) or not isinstance(usd, str) or not _USD.fullmatch(usd):
            raise ValueError("a run or an amount that is none")
    return {key: Decimal(usd) for key, usd in runs.items()}
