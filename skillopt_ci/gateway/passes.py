"""What one rollout may do at the gateway, and what it did."""

import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from skillopt_ci.core.trajectory import StopReason, Usage
from skillopt_ci.errors import BudgetReachedError, CallFailedError, ConfigError, SkilloptError
from skillopt_ci.gateway.protocols import Tally
from skillopt_ci.gateway.upstream import Upstream
from skillopt_ci.ledger_records import Purchase
from skillopt_ci.providers.meter import Meter
from skillopt_ci.providers.prices import Pricer

_NOTHING = Decimal(0)
_LONG_SECONDS = 30.0
_OVER = "this rollout is over"
_MOST_BYTES = 64 * 1024 * 1024  # of requests that one rollout has here at once: they are in the tool's own memory
_COUNTS_PER_CALL = 10
Capped = Literal["turns", "tokens"]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a rollout may do.

    Attributes:
        upstream: where its calls go.
        models: the only ones it may ask.
        calls: model calls at most.
        tokens: of input and output at most, checked before each call.
        meters: each must admit a call; the same order everywhere.
        pricer: of the provider.
        run: who buys.
    """

    upstream: Upstream
    models: frozenset[str]
    calls: int
    tokens: int
    meters: Sequence[Meter]
    pricer: Pricer
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """What a rollout did at the gateway.

    Attributes:
        calls: answered ones.
        usage: of all of them.
        usd: their price; None when one is not known.
        served_model: who answered last.
        capped: the limit of the rollout that it ran into.
        stop: what the provider said of the task itself: too long, or refused.
        waiting: a call had been open for long when the rollout ended, and nothing had come back.
        failure: why the last call gave no answer; None when it gave one.
        fatal: what no further rollout can succeed with: a limit of the budget, a dead provider, a missing price.
    """

    calls: int = 0
    usage: Usage = Usage()
    usd: Decimal | None = _NOTHING
    served_model: str = ""
    capped: Capped | None = None
    stop: StopReason | None = None
    waiting: bool = False
    failure: CallFailedError | None = None
    fatal: SkilloptError | None = None


class Ticket:
    """One admitted call: ends by exactly one of `settle` and `fail`; what comes later is not counted twice."""

    def __init__(self, owner: "Pass", model: str, characters: int, estimate: Decimal) -> None:
        self.owner = owner
        self.model = model
        self.characters = characters
        self.estimate = estimate
        self.meters: list[Meter] = []
        self.tally: Tally | None = None
        self.began = time.monotonic()

    def settle(self, usage: Usage, served_model: str, usd: Decimal | None) -> None:
        """The call was answered."""
        purchase = Purchase(value={}, usage=usage, usd=usd, served_model=served_model, run=self.owner.terms.run)
        if self.owner.leave(self, purchase, None):
            for meter in self.meters:
                meter.settle(f"call {secrets.token_hex(8)}", purchase, self.estimate)

    def fail(self, failure: CallFailedError | None) -> None:
        """The call was not answered and cost nothing."""
        if self.owner.leave(self, None, failure):
            self.give_back()

    def give_back(self) -> None:
        """Let go of what the meters hold."""
        for meter in self.meters:
            meter.release(self.estimate)


class Pass:
    """A rollout's entry to the gateway. Safe for threads."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.token = f"rollout-{secrets.token_urlsafe(32)}"
        self._lock = threading.Lock()
        self._metered = Metered()
        self._admitted = 0
        self._counted = 0
        self._held = 0
        self._open: set[Ticket] = set()
        self._closed = False

    @property
    def metered(self) -> Metered:
        """What it did so far."""
        return self._metered

    @contextmanager
    def holding(self, size: int) -> Iterator[bool]:
        """While a request of so many bytes is here: whether there is room for it."""
        with self._lock:
            fits = self._held + size <= _MOST_BYTES
            self._held += size if fits else 0
        try:
            yield fits
        finally:
            with self._lock:
                self._held -= size if fits else 0

    def count(self, model: str) -> str:
        """Let one request through that costs nothing; why not, when it may not."""
        with self._lock:
            if self._closed or model not in self.terms.models:
                return self._refusal(model)
            self._counted += 1
            most = _COUNTS_PER_CALL * self.terms.calls
            return f"tokens were counted {most} times in this rollout" if self._counted > most else ""

    def admit(self, model: str, characters: int, output_tokens: int) -> "Ticket | str":
        """Let one call through, or say why not.

        Args:
            model: that is asked.
            characters: of the request.
            output_tokens: that it allows at most.
        """
        with self._lock:
            why = self._refusal(model)
            if why:
                return why
            self._admitted += 1
        ticket = Ticket(self, model, characters, _NOTHING)
        try:
            ticket.estimate = self._estimate(model, characters, output_tokens)
            for meter in self.terms.meters:
                meter.admit(ticket.estimate)
                ticket.meters.append(meter)
        except (BudgetReachedError, ConfigError) as error:
            ticket.give_back()
            self.note(fatal=error)
            return str(error)
        with self._lock:
            if not self._closed:
                self._open.add(ticket)
                return ticket
        ticket.give_back()
        return _OVER

    def leave(self, ticket: Ticket, purchase: Purchase | None, failure: CallFailedError | None) -> bool:
        """A call is over; False when it was counted before."""
        with self._lock:
            if ticket not in self._open:
                return False
            self._open.remove(ticket)
            metered = self._metered
            if purchase is None:
                self._admitted -= 1  # what was not answered is no turn
                self._metered = replace(metered, failure=failure)
            else:
                usd = None if metered.usd is None or purchase.usd is None else metered.usd + purchase.usd
                self._metered = replace(
                    metered,
                    calls=metered.calls + 1,
                    usage=metered.usage + purchase.usage,
                    usd=usd,
                    served_model=purchase.served_model,
                    failure=None,
                )
        if purchase is not None:
            self._require_price(purchase, ticket.model)
        return True

    def note(self, *, fatal: SkilloptError | None = None, stop: StopReason | None = None) -> None:
        """Remember what the whole run, or this rollout, ends with; the first counts."""
        with self._lock:
            metered = self._metered
            self._metered = replace(metered, fatal=metered.fatal or fatal, stop=metered.stop or stop)

    def failed(self, failure: CallFailedError) -> None:
        """The last call was counted, and yet gave no whole answer."""
        with self._lock:
            self._metered = replace(self._metered, failure=failure)

    def close(self) -> Metered:
        """No call is let through any more; those that are open count with what is known of them."""
        with self._lock:
            self._closed = True
            left = list(self._open)
            before = self._metered.failure  # calls that are only now given up do not undo it
        for ticket in left:
            tally = ticket.tally
            if tally is None or not tally.began:
                self._waited(time.monotonic() - ticket.began)
            usage = Usage(input_tokens=ticket.characters // 4)
            if tally is not None:
                usage = tally.usage or tally.estimate(ticket.characters)
            ticket.settle(usage, ticket.model, self.terms.pricer.price(ticket.model, usage))
            if before is not None and (tally is None or not tally.began):
                self.failed(before)
        return self._metered

    def _waited(self, seconds: float) -> None:
        with self._lock:
            self._metered = replace(self._metered, waiting=self._metered.waiting or seconds >= _LONG_SECONDS)

    def _refusal(self, model: str) -> str:
        terms, metered = self.terms, self._metered
        if self._closed:
            return _OVER
        if metered.fatal is not None:
            return str(metered.fatal)
        if model not in terms.models:
            return f"this rollout may only ask: {', '.join(sorted(terms.models))}"
        if self._admitted >= terms.calls:
            self._metered = replace(metered, capped="turns")
            return f"the rollout's limit of {terms.calls} model calls is reached"
        if metered.usage.input_tokens + metered.usage.output_tokens >= terms.tokens:
            self._metered = replace(metered, capped="tokens")
            return f"the rollout's limit of {terms.tokens} tokens is reached"
        return ""

    def _estimate(self, model: str, characters: int, output_tokens: int) -> Decimal:
        """The most a call can cost: a token for every character (rarely true) and all the output allowed."""
        if not any(m.needs_price for m in self.terms.meters):
            return _NOTHING
        usd = self.terms.pricer.price(model, Usage(input_tokens=characters, output_tokens=output_tokens))
        if usd is None:
            raise ConfigError(
                f"model '{model}' has no known price, so a budget in USD cannot be kept: name a priced model "
                "in 'price_as' of the provider, set its 'price', or leave out the limit"
            )
        return usd

    def _require_price(self, purchase: Purchase, model: str) -> None:
        try:
            for meter in self.terms.meters:
                meter.require_price(purchase, model)
        except ConfigError as error:
            self.note(fatal=error)
