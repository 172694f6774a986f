import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from skillopt_ci.core.spend import Limits
from skillopt_ci.core.task import Attachment
from skillopt_ci.core.trajectory import Message, Usage
from skillopt_ci.errors import (
    BudgetReachedError,
    CallFailedError,
    ConfigError,
    LedgerError,
    LedgerMissError,
    ProviderDownError,
)
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Entry, Purchase
from skillopt_ci.providers.base import Completion, Request, Schema, request_key
from skillopt_ci.providers.meter import Meter
from skillopt_ci.providers.prices import Pricer
from skillopt_ci.providers.purchased import Purchased

USAGE = Usage(input_tokens=100, cached_tokens=40, output_tokens=10)
MORE = Usage(input_tokens=700, output_tokens=1)
PRICES = {"input": Decimal(1), "output": Decimal(2)}  # 0.00012 USD for USAGE
REQUEST = Request(
    model="m", messages=(Message(role="user", content="x" * 10),), max_output_tokens=20, temperature=None,
    place="t1/val/0", stream="val", label="t1",
)  # fmt: skip


class Answering:
    """Answers with a number that goes up, or raises what it is given; counts who is inside at once."""

    def __init__(self, failure: Exception | None = None, **completion: Any) -> None:
        self.failure = failure
        self.completion = completion
        self.calls = 0
        self._lock = threading.Lock()

    def complete(self, request: Request, /) -> Completion:
        with self._lock:
            self.calls += 1
        if self.failure is not None:
            raise self.failure
        plain = Completion(
            text=f"answer {self.calls}", stop_reason="stop", usage=USAGE, served_model="m-2026", seconds=1.23456
        )
        return replace(plain, **self.completion)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger(None) as opened:
        yield opened


def purchased(
    inner: Answering, ledger: Ledger, *meters: Meter, run: str = "me", pricer: Pricer | None = None
) -> Purchased:
    pricer = pricer or Pricer("openai", prices=PRICES)
    return Purchased(inner, identity="openai/local", ledger=ledger, meters=meters, pricer=pricer, run=run)


def test_bought_once_and_replayed_the_same(ledger: Ledger) -> None:
    inner, meter = Answering(), Meter(Limits(), ["me"])
    provider = purchased(inner, ledger, meter)
    first, second = provider.complete(REQUEST), provider.complete(REQUEST)
    assert inner.calls == 1
    assert first == second
    assert first == Completion(text="answer 1", stop_reason="stop", usage=USAGE, served_model="m-2026", seconds=1.235)
    stored = ledger.find(request_key("openai/local", REQUEST))
    assert stored is not None
    assert (stored.usd, stored.run) == (Decimal("0.00012"), "me")
    assert (meter.paid.calls, meter.replayed.calls, meter.total.usd) == (1, 0, Decimal("0.00012"))


def test_another_process_replays_and_pays_nothing(ledger: Ledger) -> None:
    purchased(Answering(), ledger, Meter(Limits(), ["me"])).complete(REQUEST)
    inner, mine, others = Answering(), Meter(Limits(calls=1), ["me"]), Meter(Limits(calls=1), ["you"])
    provider = purchased(inner, ledger, mine, others)
    assert provider.complete(REQUEST).text == "answer 1"
    assert inner.calls == 0
    assert (mine.paid.calls, mine.replayed.calls) == (0, 1)
    with pytest.raises(BudgetReachedError):
        provider.complete(replace(REQUEST, place="t2"))
    others.admit(Decimal(0))  # what another run bought is free


def test_whatever_can_change_an_answer_is_another_purchase_and_wording_is_not(ledger: Ledger) -> None:
    inner = Answering()
    provider = purchased(inner, ledger)
    schema, other = (Schema(name="s", schema={"type": kind}) for kind in ("object", "array"))
    others = [
        {"place": "t1/val/1"}, {"model": "n"}, {"messages": (Message(role="user", content="else"),)},
        {"max_output_tokens": 1}, {"temperature": 0.25}, {"schema": schema}, {"schema": other},
        {"schema": replace(schema, name="t")},
    ]  # fmt: skip
    for number, changes in enumerate(({}, *others), 1):
        for wording in ({}, {"label": "other words"}, {"stream": "another"}):
            provider.complete(replace(REQUEST, **changes, **wording))  # type: ignore[arg-type]
        assert inner.calls == number


def test_a_failed_call_is_logged_released_and_bought_later(ledger: Ledger) -> None:
    inner, meter = Answering(CallFailedError("server", "no \ud800")), Meter(Limits(calls=1))
    provider = purchased(inner, ledger, meter)
    with pytest.raises(CallFailedError, match="server"):
        provider.complete(REQUEST)
    inner.failure = CallFailedError("interrupted", "stop")
    with pytest.raises(CallFailedError, match="interrupted"):
        provider.complete(REQUEST)
    assert ledger.find(request_key("openai/local", REQUEST)) is None
    inner.failure = None
    assert provider.complete(REQUEST).text == "answer 3"
    assert meter.paid.calls == 1


def test_what_is_refused_by_the_second_meter_is_given_back_to_the_first(ledger: Ledger) -> None:
    first, second = Meter(Limits(calls=1)), Meter(Limits(calls=0))
    with pytest.raises(BudgetReachedError):
        purchased(Answering(), ledger, first, second).complete(REQUEST)
    assert purchased(Answering(), ledger, first).complete(REQUEST).text == "answer 1"


def test_an_answer_that_holds_nothing_is_paid_for_and_asked_for_once_more(ledger: Ledger) -> None:
    inner, meter = Answering(nothing="no choice"), Meter(Limits(calls=3), ["me"])
    with pytest.raises(CallFailedError, match=r"server: no choice, and was billed \(2 attempts\)"):
        purchased(inner, ledger, meter).complete(REQUEST)
    assert (inner.calls, meter.paid.calls, meter.paid.usd) == (2, 2, Decimal("0.00024"))
    assert (ledger.spend_by_stream("me")["val"], len(ledger.failures(9))) == (meter.paid, 1)
    with pytest.raises(BudgetReachedError, match=r"budget\.calls: 3 of 3"):  # between two attempts, too
        purchased(inner, ledger, meter).complete(REQUEST)
    later = Meter(Limits(calls=4))
    later.add_run("me", ledger.spend_by_stream("me")["val"])
    inner.completion = {}
    assert purchased(inner, ledger, later).complete(REQUEST).text == "answer 4"
    assert (later.paid.calls, later.total.calls) == (1, 1)
    with pytest.raises(BudgetReachedError):
        later.admit(Decimal(0))


def test_an_answer_after_one_that_holds_nothing_is_the_result(ledger: Ledger) -> None:
    class Once(Answering):
        def complete(self, request: Request, /) -> Completion:
            found = super().complete(request)
            return replace(found, nothing="no choice", usage=MORE) if self.calls == 1 else found

    inner, meter = Once(), Meter(Limits(), ["me"])
    provider = purchased(inner, ledger, meter)
    assert [provider.complete(REQUEST).text for _ in range(2)] == ["answer 2"] * 2
    assert (inner.calls, meter.paid.calls, ledger.failures(9)) == (2, 2, [])
    assert ledger.spend_by_stream("me")["val"] == meter.paid
    assert (meter.total.calls, meter.total.usage) == (1, USAGE)  # a step costs what its replay costs


def test_a_dead_provider_leaves_nothing_held(ledger: Ledger) -> None:
    meter = Meter(Limits(calls=1))
    with pytest.raises(ProviderDownError):
        purchased(Answering(ProviderDownError("dead")), ledger, meter).complete(REQUEST)
    assert purchased(Answering(), ledger, meter).complete(REQUEST).text == "answer 1"


def test_replay_only(ledger: Ledger) -> None:
    ledger.replay_only = True
    inner = Answering()
    with pytest.raises(LedgerMissError, match="never bought: t1"):
        purchased(inner, ledger).complete(REQUEST)
    assert inner.calls == 0


def test_a_budget_in_usd_needs_prices(ledger: Ledger) -> None:
    inner = Answering()
    unknown = Pricer("openai")
    with pytest.raises(ConfigError, match="model 'm' has no known price"):
        purchased(inner, ledger, Meter(Limits(usd=Decimal(1))), pricer=unknown).complete(REQUEST)
    assert inner.calls == 0
    meter = Meter(Limits(calls=9))
    purchased(inner, ledger, meter, pricer=unknown).complete(REQUEST)
    assert meter.paid.usd is None


@pytest.mark.parametrize(
    ("completion", "prices", "usd"),
    [
        ({"usage": Usage()}, PRICES, None),
        ({"usage": Usage()}, {"input": Decimal(0), "output": Decimal(0)}, Decimal(0)),
        ({"usage": Usage(), "stop_reason": "context_overflow", "text": ""}, PRICES, Decimal(0)),
        ({"usage": Usage(input_tokens=100), "text": ""}, PRICES, Decimal("0.0001")),
    ],
)
def test_no_usage_reported_is_an_unknown_price(
    ledger: Ledger, completion: dict[str, Any], prices: dict[str, Decimal], usd: Decimal | None
) -> None:
    meter = Meter(Limits())
    provider = purchased(Answering(**completion), ledger, meter, pricer=Pricer("openai", prices=prices))
    provider.complete(REQUEST)
    assert meter.paid.usd == usd


def test_no_usage_reported_under_a_budget_is_an_error_and_stays_one(ledger: Ledger) -> None:
    for _ in range(2):
        provider = purchased(Answering(usage=Usage()), ledger, Meter(Limits(usd=Decimal(1)), ["me"]))
        with pytest.raises(ConfigError, match="reports no token usage"):
            provider.complete(REQUEST)
    assert ledger.find(request_key("openai/local", REQUEST)) is not None


def test_text_that_no_file_can_hold_is_stored_with_a_mark(ledger: Ledger) -> None:
    provider = purchased(Answering(text="a\ud800\x00é"), ledger)
    got = provider.complete(REQUEST)
    assert got.text == "a?\x00é"
    assert provider.complete(REQUEST) == got


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"text": 1, "stop": "stop", "seconds": 0},
        {"text": "", "stop": [], "seconds": 0},
        {"text": "", "stop": "stop", "seconds": None},
    ],
)
def test_a_damaged_record_is_an_error_in_words(ledger: Ledger, value: dict[str, object]) -> None:
    key = request_key("openai/local", REQUEST)
    damaged = Purchase(value=value, usage=Usage(), usd=None, served_model="m")
    ledger.once(key, Entry(kind="call", run="r", stream="val", label="t1"), lambda: damaged)
    with pytest.raises(LedgerError, match="the ledger's record of t1 is damaged"):
        purchased(Answering(), ledger).complete(REQUEST)


def places(provider: Purchased, names: Sequence[str], threads: int) -> list[str]:
    """Complete a request for each place at once; the texts, or the word `refused`."""

    def one(name: str) -> str:
        try:
            return provider.complete(replace(REQUEST, place=name)).text
        except BudgetReachedError:
            return "refused"

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, names))


@pytest.mark.parametrize("threads", [1, 8])
def test_the_same_call_in_flight_is_bought_and_counted_once(ledger: Ledger, threads: int) -> None:
    inner, meter = Answering(), Meter(Limits(calls=5, usd=Decimal("0.0006")), ["me"])
    names = [str(i % 5) for i in range(40)]
    texts = places(purchased(inner, ledger, meter), names, threads)
    assert "refused" not in texts
    assert inner.calls == 5
    assert (meter.paid.calls, meter.replayed.calls, meter.total.calls) == (5, 0, 5)
    meter.check()


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_a_batch_beyond_the_limit_stops_the_same_at_every_concurrency(ledger: Ledger, threads: int) -> None:
    meter, overall = Meter(Limits(usd=Decimal("0.0006")), ["me"]), Meter(Limits(calls=30), ["me"])
    texts = places(purchased(Answering(), ledger, overall, meter), [str(i) for i in range(20)], threads)
    assert texts.count("refused") == 14  # five keep the limit, the sixth passes it
    assert meter.paid.calls == overall.paid.calls == 6
    with pytest.raises(BudgetReachedError):
        meter.check()


def test_the_key_of_a_text_is_as_it_was_when_only_texts_could_be_sent() -> None:
    assert request_key("openai/local", REQUEST) == "4d32a827dfb6918b909ececdec900baac9f53ba100ef009bf6b6f6d7a755cf64"


class Noting(Meter):
    """Notes what the calls may cost at most."""

    def admit(self, estimate: Decimal) -> None:
        self.asked = estimate
        super().admit(estimate)


def test_images_and_pdfs_are_in_the_most_that_a_call_can_cost(ledger: Ledger) -> None:
    files = (Attachment(name="a", data=b"\x89PNG\r\n\x1a\n"), Attachment(name="b", data=b"%PDF-1.7"))
    meter = Noting(Limits(usd=Decimal(5)), ["me"])
    message = Message(role="user", content="x" * 10, attachments=files)
    purchased(Answering(), ledger, meter).complete(replace(REQUEST, messages=(message,)))
    assert meter.asked == (10 + 50_000 + 8) * Decimal("0.000001") + 20 * Decimal("0.000002")
