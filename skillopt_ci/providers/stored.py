"""Answers from the ledger only: what was bought up to a moment. Nothing is bought."""

import math
import threading
from collections.abc import Iterable

from skillopt_ci.errors import CallFailedError
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Purchase
from skillopt_ci.providers.base import Completion, Request, request_key
from skillopt_ci.providers.meter import Meter
from skillopt_ci.providers.purchased import replayed

NOT_STORED = "not-stored"


class Replays:
    """What was replayed from the ledger. Safe for threads."""

    def __init__(self) -> None:
        self._found: dict[str, Purchase] = {}
        self._lock = threading.Lock()

    def add(self, key: str, purchase: Purchase) -> None:
        """One purchase was replayed."""
        with self._lock:
            self._found[key] = purchase

    @property
    def oldest(self) -> float:
        """When the oldest of them was bought, in seconds since the epoch; infinite without any."""
        return min((p.bought_at for p in self._found.values()), default=math.inf)

    def count(self, meters: Iterable[Meter]) -> None:
        """Count them as replayed."""
        for meter in meters:
            for key, purchase in self._found.items():
                meter.replay(key, purchase)


class Stored:
    """A provider that replays what was bought up to a moment (seconds since the epoch) and fails on the rest."""

    def __init__(self, *, identity: str, ledger: Ledger, until: float, replays: Replays) -> None:
        self._identity = identity
        self._ledger = ledger
        self._until = until
        self._replays = replays

    def complete(self, request: Request, /) -> Completion:
        """Replay one answer. Raises `CallFailedError` of kind `not-stored` when it was not bought by then."""
        key = request_key(self._identity, request)
        purchase = self._ledger.find(key)
        if purchase is None or purchase.bought_at > self._until:
            raise CallFailedError(NOT_STORED, f"{request.label}: not in the ledger")
        self._replays.add(key, purchase)
        return replayed(purchase, request.label)
