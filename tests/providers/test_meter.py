import threading
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.spend import Limits, Spend
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import BudgetReachedError, ConfigError
from skillopt_ci.ledger_records import Purchase
from skillopt_ci.providers.meter import Meter

ZERO = Decimal(0)
FOREVER = 10.0


def bought(usd: str | None = "0", run: str = "me", tokens: int = 10) -> Purchase:
    usage = Usage(input_tokens=tokens, output_tokens=1)
    price = None if usd is None else Decimal(usd)
    return Purchase(value={}, usage=usage, usd=price, served_model="m", run=run)


def buy(meter: Meter, key: str, usd: str = "0", estimate: str | None = None) -> None:
    most = Decimal(usd if estimate is None else estimate)
    meter.admit(most)
    meter.settle(key, bought(usd), most)


def test_paid_replayed_and_total_are_apart_and_each_key_counts_once() -> None:
    meter = Meter(Limits(), ["me"])
    buy(meter, "a", "0.5")
    meter.replay("a", bought("0.5"))
    for _ in range(2):
        meter.replay("b", bought("0.25"))
        meter.replay("c", bought("2", run="other"))
    assert (meter.paid.calls, meter.paid.usd) == (1, Decimal("0.5"))
    assert (meter.replayed.calls, meter.replayed.usd) == (2, Decimal("2.25"))
    assert (meter.total.calls, meter.total.usd) == (3, Decimal("2.75"))
    assert meter.total.usage == Usage(input_tokens=30, output_tokens=3)


def test_calls_are_refused_beyond_the_limit() -> None:
    meter = Meter(Limits(calls=2))
    buy(meter, "a")
    buy(meter, "b")
    with pytest.raises(
        BudgetReachedError, match=r"budget.calls: 2 of 2 calls are bought; raise it and run the same"
    ) as e:
        meter.admit(ZERO)
    assert e.value.limit == "calls"


def test_what_was_replayed_counts_when_the_run_itself_had_bought_it() -> None:
    meter = Meter(Limits(calls=2, usd=Decimal(1)), ["me"])
    meter.replay("a", bought("0.9", run="other"))
    meter.replay("b", bought("0.9"))
    meter.replay("b", bought("0.9"))
    buy(meter, "c", "0.1")
    with pytest.raises(BudgetReachedError, match=r"budget\.calls"):
        meter.admit(ZERO)
    meter.check()
    meter.add_run("other")
    meter.replay("d", bought("0.1", run="other"))
    with pytest.raises(BudgetReachedError, match=r"budget.usd: 1.1 of 1 USD are spent"):
        meter.check()


def test_a_resumed_run_counts_what_it_had_bought_and_not_yet_come_to() -> None:
    meter = Meter(Limits(calls=3))
    meter.add_run("me", Spend(calls=2, usd=Decimal("0.2")))
    buy(meter, "c")
    meter.replay("a", bought())
    meter.replay("b", bought())
    with pytest.raises(BudgetReachedError, match="3 of 3"):
        meter.admit(ZERO)
    meter = Meter(Limits(usd=Decimal(1)))
    meter.add_run("me", Spend(calls=2, usd=Decimal("0.9")))
    buy(meter, "c", "0.2")
    with pytest.raises(BudgetReachedError, match=r"1\.1 of 1 USD"):
        meter.admit(ZERO)


def test_the_reserve_is_kept_back_until_it_is_given_free() -> None:
    meter = Meter(Limits(calls=3, usd=Decimal(1)))
    meter.reserve = Spend(calls=2, usd=Decimal("0.4"))
    buy(meter, "a", "0.7")
    with pytest.raises(BudgetReachedError, match="2 are kept back for the end of the run; raise it above 5 and"):
        meter.admit(ZERO)
    with pytest.raises(BudgetReachedError, match=r"0.7 of 1 USD are spent and 0.4 kept back"):
        meter.check()
    meter.reserve = Spend()
    meter.check()
    buy(meter, "b", "0.1")
    assert meter.paid.calls == 2
    for limits in (Limits(usd=Decimal(1)), Limits(month_usd=Decimal(1))):
        meter = Meter(limits)
        meter.reserve = Spend(usd=Decimal("0.4"))
        buy(meter, "a", "0.7")
        with pytest.raises(BudgetReachedError, match=r"0.7 of 1 USD are spent and 0.4 kept .* raise it above 1.5 and"):
            meter.admit(ZERO)


def test_usd_overshoots_by_one_call_at_most() -> None:
    meter = Meter(Limits(usd=Decimal(1)))
    for key in "ab":
        buy(meter, key, "0.5", estimate="5")  # an estimate above the limit does not refuse what may still fit
    meter.check()
    buy(meter, "c", "0.5")
    with pytest.raises(BudgetReachedError, match=r"budget.usd: 1.5 of 1 USD"):
        meter.admit(ZERO)
    with pytest.raises(BudgetReachedError, match="run the same command again to go on"):
        meter.check()


def test_month_and_minutes() -> None:
    now = [100.0]
    meter = Meter(Limits(month_usd=Decimal(10), minutes=2), month_usd=Decimal(9), clock=lambda: now[0])
    buy(meter, "a", "1")
    buy(meter, "b", "0.5")
    with pytest.raises(BudgetReachedError, match=r"budget.month_usd: 10.5 of 10 USD"):
        meter.admit(ZERO)
    meter.limits = Limits(minutes=2)
    now[0] = 220.0
    buy(meter, "c")
    now[0] = 220.1
    with pytest.raises(BudgetReachedError, match=r"budget\.minutes: 2 minutes are over"):
        meter.admit(ZERO)
    meter.replay("d", bought())


def test_who_keeps_the_book_hears_the_price_of_what_is_bought_and_of_nothing_else() -> None:
    heard: list[Decimal] = []
    meter = Meter(Limits(), ["me"], paid_now=heard.append)
    buy(meter, "a", "0.5")
    meter.replay("b", bought("2"))
    meter.admit(ZERO)
    meter.release(ZERO)
    assert heard == [Decimal("0.5")]


def test_no_limit_never_refuses() -> None:
    meter = Meter(Limits())
    for key in range(50):
        buy(meter, str(key), "100")
    meter.check()
    assert meter.paid.usd == 5000
    assert not meter.needs_price


def test_a_price_is_needed_only_under_a_limit_in_usd_and_for_own_calls() -> None:
    Meter(Limits(calls=5), ["me"]).require_price(bought(None), "m")
    for limits in (Limits(usd=Decimal(1)), Limits(month_usd=Decimal(1))):
        meter = Meter(limits, ["me"])
        assert meter.needs_price
        meter.require_price(bought("0"), "m")
        meter.require_price(bought(None, run="other"), "m")
        with pytest.raises(ConfigError, match="model 'm' has no known price"):
            meter.require_price(bought(None), "m")


def test_an_unknown_price_makes_the_sum_unknown() -> None:
    meter = Meter(Limits(), ["me"])
    buy(meter, "a", "1")
    meter.replay("b", bought(None))
    assert (meter.paid.usd, meter.replayed.usd, meter.total.usd) == (Decimal(1), None, None)


def run_batch(meter: Meter, outcomes: list[tuple[str, bool]], threads: int, estimate: str) -> tuple[int, int]:
    """Buy at once what `outcomes` says (price, whether it succeeds); how many were bought, how many refused."""
    lock = threading.Lock()
    waiting = list(enumerate(outcomes))
    refused: list[int] = []

    def work() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                key, (usd, succeeds) = waiting.pop(0)
            try:
                meter.admit(Decimal(estimate))
            except BudgetReachedError:
                refused.append(key)
                continue
            if succeeds:
                meter.settle(str(key), bought(usd), Decimal(estimate))
            else:
                meter.release(Decimal(estimate))

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(FOREVER)
    return meter.paid.calls, len(refused)


@given(
    st.lists(st.tuples(st.sampled_from(["0.1", "0.2", "0.3"]), st.booleans()), min_size=1, max_size=12),
    st.sampled_from([1, 2, 8]),
    st.sampled_from(["0.3", "1", "50"]),
)
def test_a_batch_that_keeps_the_limits_is_never_refused(
    outcomes: list[tuple[str, bool]], threads: int, estimate: str
) -> None:
    succeed = [usd for usd, succeeds in outcomes if succeeds]
    # One call more may be under way than succeeds: it needs a place while nobody knows that it will fail.
    calls = len(succeed) + (0 if len(succeed) == len(outcomes) else 1)
    exact = Limits(calls=calls, usd=sum(map(Decimal, succeed), ZERO))
    assert run_batch(Meter(exact), outcomes, threads, estimate) == (len(succeed), 0)


@given(
    st.lists(st.sampled_from(["0.1", "0.2", "0.3"]), min_size=2, max_size=12),
    st.sampled_from([1, 2, 8]),
    st.sampled_from(["0.3", "50"]),
)
def test_a_batch_beyond_the_limit_is_stopped_whatever_the_concurrency(
    prices: list[str], threads: int, estimate: str
) -> None:
    limit = sum(map(Decimal, prices), ZERO) - Decimal("0.05")
    meter = Meter(Limits(usd=limit))
    run_batch(meter, [(p, True) for p in prices], threads, estimate)
    with pytest.raises(BudgetReachedError):
        meter.check()
    assert meter.paid.usd is not None
    assert meter.paid.usd <= limit + Decimal("0.3")


@pytest.mark.parametrize(
    ("limits", "reserve", "second"),
    [
        (Limits(calls=1), "0", "refused"),
        (Limits(calls=2), "0", "admitted"),
        (Limits(usd=Decimal(1)), "0", "refused"),
        (Limits(usd=Decimal("1.2")), "0", "admitted"),
        (Limits(usd=Decimal("1.2")), "0.1", "refused"),
        (Limits(month_usd=Decimal(5)), "0", "refused"),
        (Limits(month_usd=Decimal("5.2")), "0", "admitted"),
        (Limits(calls=9, usd=Decimal(9), month_usd=Decimal(5)), "0", "refused"),
    ],
)
def test_near_a_limit_a_call_waits_for_the_one_before_it(limits: Limits, reserve: str, second: str) -> None:
    """Each may cost 0.6 USD; the first then costs 1.25. Who did not wait for it was let in before that was known."""
    asked = threading.Event()

    def clock() -> float:  # asked, with the lock held, before a call is let in or waits
        if threading.current_thread() is thread:
            asked.set()
        return 0.0

    said: list[str] = []

    def late() -> None:
        try:
            meter.admit(Decimal("0.6"))
            said.append("admitted")
        except BudgetReachedError:
            said.append("refused")

    thread = threading.Thread(target=late)
    meter = Meter(replace(limits, minutes=1), month_usd=Decimal(4), clock=clock)
    meter.reserve = Spend(usd=Decimal(reserve))
    for _ in range(9):  # what was given back holds nothing any more
        meter.admit(Decimal("0.6"))
        meter.release(Decimal("0.6"))
    meter.admit(Decimal("0.6"))
    thread.start()
    assert asked.wait(FOREVER)
    meter.settle("a", bought("1.25"), Decimal("0.6"))
    thread.join(FOREVER)
    assert said == [second]
