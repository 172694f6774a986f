"""What is kept in the ledger: purchases, what they were for, and the lives of runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from skillopt_ci.core.spend import Spend
from skillopt_ci.core.trajectory import Usage


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


def calls_of(kind: str) -> int:
    """Model calls of a stored kind: `rollout/7` took seven, `call` one."""
    number = kind.rpartition("/")[2]
    return int(number) if number.isdigit() else 1
