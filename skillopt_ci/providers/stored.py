"""Answers from the ledger only: what was bought in a window of time. Nothing is bought."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from skillopt_ci.errors import CallFailedError
from skillopt_ci.ledger import Ledger
from skillopt_ci.providers.base import Completion, Request, request_key
from skillopt_ci.providers.meter import Meter
from skillopt_ci.providers.purchased import replayed

NOT_STORED = "not-stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Moments in seconds since the epoch, both included."""

    since: float = -math.inf
    until: float = math.inf


class Stored:
    """A provider that replays what was bought in a window and fails on everything else."""

    def __init__(self, *, identity: str, ledger: Ledger, meters: Sequence[Meter], window: Window) -> None:
        self._identity = identity
        self._ledger = ledger
        self._meters = tuple(meters)
        self._window = window

    def complete(self, request: Request, /) -> Completion:
        """Replay one answer. Raises `CallFailedError` of kind `not-stored` when it was not bought in the window."""
        key = request_key(self._identity, request)
        purchase = self._ledger.find(key)
        if purchase is None or not self._window.since <= purchase.bought_at <= self._window.until:
            raise CallFailedError(NOT_STORED, f"{request.label}: not in the ledger")
        for meter in self._meters:
            meter.replay(key, purchase)
        return replayed(purchase, request)
