"""Calls through the ledger: replayed when they were bought before, else admitted by every meter and bought."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import cast, get_args

from skillopt_ci.core.media import most_tokens
from skillopt_ci.core.texts import utf8
from skillopt_ci.core.trajectory import StopReason, Usage
from skillopt_ci.errors import MEND_LEDGER, CallFailedError, ConfigError, LedgerError
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Entry, Purchase
from skillopt_ci.providers.base import Completion, Provider, Request, request_key
from skillopt_ci.providers.meter import Meter
from skillopt_ci.providers.prices import Pricer

__all__ = ["Meter", "Purchased"]

_NOTHING = Decimal(0)
_TRIES = 2  # where an answer holds nothing: each of them is billed
_STOP_REASONS = frozenset(get_args(StopReason))


class Purchased:
    """A provider whose answers are bought once."""

    def __init__(
        self, inner: Provider, *, identity: str, ledger: Ledger, meters: Sequence[Meter], pricer: Pricer, run: str
    ) -> None:
        """Wrap a provider.

        Args:
            inner: with its retries inside.
            identity: the provider's type and configured name, part of the key.
            ledger: where purchases are.
            meters: each must admit a call; the same order everywhere.
            pricer: of this provider.
            run: who buys.
        """
        self._inner = inner
        self._identity = identity
        self._ledger = ledger
        self._meters = tuple(meters)
        self._pricer = pricer
        self._run = run
        self._estimates = any(m.needs_price for m in self._meters)

    def complete(self, request: Request, /) -> Completion:
        """Replay or buy one answer.

        Raises:
            BudgetReachedError: it would have to be bought, and a limit is reached.
            ConfigError: a budget in USD, and no price.
            LedgerMissError: replay only, and it was never bought.
            CallFailedError, ProviderDownError: of the inner provider; the first is logged in the ledger.
        """
        key = request_key(self._identity, request)
        entry = Entry(kind="call", run=self._run, stream=request.stream, label=request.label)
        purchase, bought = self._ledger.once(key, entry, lambda: self._buy(key, entry, request))
        for meter in self._meters:
            if not bought:
                meter.replay(key, purchase)
            meter.require_price(purchase, request.model)
        return replayed(purchase, request.label)

    def _buy(self, key: str, entry: Entry, request: Request) -> Purchase:
        nothing = ""
        try:
            for _ in range(_TRIES):
                purchase, nothing = self._asked(key, entry, request)
                if not nothing:
                    return purchase
            raise CallFailedError("server", f"{nothing}, and was billed ({_TRIES} attempts)")
        except CallFailedError as error:
            if error.kind != "interrupted":
                self._ledger.fail(key, entry, error.kind, error.message)
            raise

    def _asked(self, key: str, entry: Entry, request: Request) -> tuple[Purchase, str]:
        """An answer that is paid for, and why it is none, where it holds nothing; then it is in the ledger already."""
        estimate = self._estimate(request)
        admitted: list[Meter] = []
        purchase: Purchase | None = None
        lost = ""
        try:
            for meter in self._meters:
                meter.admit(estimate)
                admitted.append(meter)
            completion = self._inner.complete(request)
            purchase = found = self._bought(request, completion)
            if completion.nothing:
                lost = f"lost {secrets.token_hex(16)}"
                self._ledger.once(lost, replace(entry, kind="lost"), lambda: found)
        finally:
            for meter in admitted:
                if purchase is None:
                    meter.release(estimate)
                    continue
                if lost:  # paid, and within the limits; what a step has cost is told alike when it is replayed
                    meter.counted(lost)
                meter.settle(lost or key, purchase, estimate)
        return found, completion.nothing

    def _bought(self, request: Request, completion: Completion) -> Purchase:
        return Purchase(
            value={
                "text": utf8(completion.text),
                "stop": completion.stop_reason,
                "seconds": round(completion.seconds, 3),
            },
            usage=completion.usage,
            usd=self._price(request.model, completion),
            served_model=completion.served_model,
            run=self._run,
        )

    def _estimate(self, request: Request) -> Decimal:
        """The most a call can cost: a token for every character (rarely true) and all the output allowed."""
        if not self._estimates:
            return _NOTHING
        characters = sum(len(m.content) for m in request.messages)
        media = sum(most_tokens(file) for m in request.messages for file in m.attachments)
        most = Usage(input_tokens=characters + media, output_tokens=request.max_output_tokens)
        usd = self._pricer.price(request.model, most)
        if usd is None:
            raise ConfigError(
                f"model '{request.model}' has no known price, so a budget in USD cannot be kept: name a priced model "
                "in 'price_as' of the provider, set its 'price', or leave out the limit"
            )
        return usd

    def _price(self, model: str, completion: Completion) -> Decimal | None:
        usage = completion.usage
        if completion.stop_reason in ("stop", "length") and not usage.input_tokens and not usage.output_tokens:
            # No usage was reported. What it cost is then not known, except that a free model costs nothing.
            free = self._pricer.price(model, Usage(input_tokens=1_000_000, output_tokens=1_000_000)) == 0
            return _NOTHING if free else None
        return self._pricer.price(model, usage)


def replayed(purchase: Purchase, label: str) -> Completion:
    """The completion that was bought. Raises `LedgerError` when its record is damaged."""
    value = purchase.value
    text, stop, seconds = value.get("text"), value.get("stop"), value.get("seconds")
    if not isinstance(text, str) or not isinstance(seconds, int | float) or str(stop) not in _STOP_REASONS:
        raise LedgerError(f"the ledger's record of {label} is damaged; {MEND_LEDGER}")
    return Completion(
        text=text,
        stop_reason=cast(StopReason, stop),
        usage=purchase.usage,
        served_model=purchase.served_model,
        seconds=float(seconds),
    )
