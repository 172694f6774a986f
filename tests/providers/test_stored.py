import math
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from skillopt_ci.core.spend import Limits
from skillopt_ci.core.trajectory import Message, Usage
from skillopt_ci.errors import CallFailedError, LedgerError
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Entry, Purchase
from skillopt_ci.providers.base import Request, request_key
from skillopt_ci.providers.meter import Meter
from skillopt_ci.providers.stored import NOT_STORED, Replays, Stored

REQUEST = Request(
    model="m", messages=(Message(role="user", content="x"),), max_output_tokens=20, temperature=None,
    place="t1/base/0", stream="base", label="task t1, base, run 0",
)  # fmt: skip
ENTRY = Entry(kind="call", run="r", stream="base", label="t1")
PURCHASE = Purchase(
    value={"text": "hello", "stop": "stop", "seconds": 1.5},
    usage=Usage(input_tokens=3, output_tokens=2),
    usd=Decimal("0.01"),
    served_model="m-2026",
)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger(None) as opened:
        opened.once(request_key("openai/x", REQUEST), ENTRY, lambda: PURCHASE)
        yield opened


def stored(ledger: Ledger, *, until: float = math.inf, identity: str = "openai/x") -> tuple[Stored, Replays]:
    replays = Replays()
    return Stored(identity=identity, ledger=ledger, until=until, replays=replays), replays


def test_a_stored_answer_is_replayed_and_its_age_is_known(ledger: Ledger) -> None:
    provider, replays = stored(ledger)
    assert replays.oldest == math.inf
    found = provider.complete(REQUEST)
    assert (found.text, found.served_model, found.seconds, found.usage) == ("hello", "m-2026", 1.5, PURCHASE.usage)
    assert time.time() - 60 < replays.oldest <= time.time()


def test_the_oldest_counts(ledger: Ledger) -> None:
    provider, replays = stored(ledger)
    provider.complete(REQUEST)
    first = replays.oldest
    later = replace(REQUEST, place="t1/base/1")
    ledger.once(request_key("openai/x", later), ENTRY, lambda: PURCHASE)
    provider.complete(later)
    assert replays.oldest == first


@pytest.mark.parametrize(
    "other",
    [replace(REQUEST, place="t1/base/1"), replace(REQUEST, model="n"), replace(REQUEST, temperature=1.0)],
)
def test_what_was_never_bought_is_a_failure_and_no_purchase(ledger: Ledger, other: Request) -> None:
    provider, replays = stored(ledger)
    with pytest.raises(CallFailedError) as caught:
        provider.complete(other)
    assert caught.value.kind == NOT_STORED
    assert replays.oldest == math.inf
    assert len(ledger.export()) == 1


def test_another_provider_has_not_stored_it(ledger: Ledger) -> None:
    with pytest.raises(CallFailedError, match="task t1, base, run 0: not in the ledger"):
        stored(ledger, identity="openai/y")[0].complete(REQUEST)


def test_what_was_bought_after_the_moment_is_not_there_yet(ledger: Ledger) -> None:
    with pytest.raises(CallFailedError):
        stored(ledger, until=time.time() - 60)[0].complete(REQUEST)
    assert stored(ledger, until=time.time() + 60)[0].complete(REQUEST).text == "hello"


def test_replays_are_counted_when_they_are_used_once_a_key(ledger: Ledger) -> None:
    provider, replays = stored(ledger)
    meters = [Meter(Limits()), Meter(Limits())]
    for _ in range(3):
        provider.complete(REQUEST)
    assert [m.replayed.calls for m in meters] == [0, 0]
    replays.count(meters)
    assert [(m.paid.calls, m.replayed.calls, m.replayed.usd) for m in meters] == [(0, 1, Decimal("0.01"))] * 2


def test_a_damaged_record_is_an_error_of_the_ledger(ledger: Ledger) -> None:
    damaged = replace(REQUEST, place="damaged")
    ledger.once(request_key("openai/x", damaged), ENTRY, lambda: replace(PURCHASE, value={"text": 1}))
    with pytest.raises(LedgerError, match="damaged"):
        stored(ledger)[0].complete(damaged)
