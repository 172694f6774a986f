"""What is kept in the ledger: purchases, what they were for, and the lives of runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from skillopt_ci.core.spend import Spend
from skillopt_ci.core.trajectory import Usage

DAMAGE = (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What reading a record raises that is none of ours: SQLite keeps any value in any column."""
_DEAREST = 12  # digits before the point of a price, which nobody pays: sums of larger ones overflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """A bought value (JSON) with its price; `usd` None is an unknown price. `calls`: model calls that it took.

    `run` and `bought_at` (seconds since the epoch) are the ledger's to fill in.
    """

    value: Mapping[str, object]
    usage: Usage
    usd: Decimal | None
    served_model: str
    calls: int = 1
    run: str = ""
    bought_at: float = 0.0

    @property
    def spend(self) -> Spend:
        """As a spend."""
        return Spend(calls=self.calls, usage=self.usage, usd=self.usd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a call is for: who buys, in which stream, and a label that names it to people."""

    kind: str
    run: str
    stream: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """A line in the life of a run: `started` or `finished`."""

    run: str
    generation: int
    event: str
    detail: Mapping[str, object]


def purchase_of(row: Sequence[Any], value: str) -> Purchase:
    """A purchase from its row in the file and its value, opened. Raises one of `DAMAGE` when it is none any more."""
    return Purchase(
        value=stored_json(value),
        usage=Usage(input_tokens=int(row[4]), cached_tokens=int(row[5]), output_tokens=int(row[6])),
        usd=stored_usd(row[3]),
        served_model=row[10],
        calls=calls_of(row[1]),
        run=row[7],
        bought_at=float(row[11]),
    )


def calls_of(kind: str) -> int:
    """Model calls of a stored kind: `rollout/7` took seven, `call` one."""
    number = kind.rpartition("/")[2]
    return int(number) if number.isdigit() else 1


def stored_json(text: str) -> dict[str, object]:
    """An object that was stored as JSON. Raises `ValueError` when it is none any more."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("a value that is no object")
    return value


def stored_usd(text: str | None) -> Decimal | None:
    """A price that was stored. Raises `ArithmeticError` or `ValueError` when it is none: money is never guessed."""
    if text is None:
        return None
    usd = Decimal(text)
    if not usd.is_finite() or usd < 0 or usd.adjusted() > _DEAREST:
        raise ValueError("a price that is none")
    return usd
