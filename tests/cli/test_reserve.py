"""What is kept back for the closing confirmation."""

from decimal import Decimal

import pytest

from skillopt_ci.cli.reserve import Reserve
from skillopt_ci.config.resolve import ModelRef
from skillopt_ci.config.schema import ModelPrice, ProviderEntry
from skillopt_ci.core.spend import Limits, Spend
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import BudgetReachedError
from skillopt_ci.ledger_records import Purchase
from skillopt_ci.providers.meter import Meter


def spent(meter: Meter, usd: str, key: str = "key") -> None:
    bought = Purchase(value={}, usage=Usage(), usd=Decimal(usd), served_model="m", run="r")
    meter.admit(Decimal(usd))
    meter.settle(key, bought, Decimal(usd))


def test_the_first_validation_prices_the_confirmation_and_a_longer_skill_makes_it_dearer() -> None:
    meter = Meter(Limits(usd=Decimal(1)), ["r"])
    reserve = Reserve([meter], answers=20, calls=1, measured=10)
    assert meter.reserve == Spend(calls=20)
    spent(meter, "0.10")
    reserve.check()
    assert meter.reserve == Spend(calls=20, usd=Decimal("0.10") * 2 * Decimal("1.25"))
    spent(meter, "0.05", "later")
    reserve.check()  # later spending does not change the price of an answer
    assert meter.reserve.usd == Decimal("0.25")
    reserve.grow(Decimal("0.6"))
    assert meter.reserve.usd == Decimal("0.85")
    reserve.check()
    reserve.grow(Decimal("0.7"))
    with pytest.raises(BudgetReachedError, match=r"kept back for the end of the run; raise it above 2\.05 and run"):
        reserve.check()
    reserve.release()
    assert meter.reserve == Spend()


def test_a_limit_that_cannot_cover_the_confirmation_is_refused_at_once() -> None:
    with pytest.raises(BudgetReachedError, match="20"):
        Reserve([Meter(Limits(calls=20))], answers=10, calls=2, measured=10)
    with pytest.raises(BudgetReachedError, match="19 calls cannot cover the closing comparison"):
        Reserve([Meter(Limits(calls=19))], answers=10, calls=2, measured=0)


def test_a_limit_of_just_the_confirmation_is_enough_where_nothing_comes_before_it() -> None:
    meter = Meter(Limits(calls=20))
    Reserve([meter], answers=10, calls=2, measured=0)
    assert meter.reserve == Spend(calls=20)


def test_other_targets_are_priced_by_the_tokens_of_the_first() -> None:
    price = ModelPrice.model_validate({"input": 2, "output": 4})
    entry = ProviderEntry(type="simulated", price=price)
    other = ModelRef(provider="p", model="m", temperature=None, max_output_tokens=10, entry=entry)
    meter = Meter(Limits(usd=Decimal(1)), ["r"])
    reserve = Reserve([meter], answers=20, calls=1, measured=10, others=[other])
    assert meter.reserve == Spend(calls=40)
    usage = Usage(input_tokens=10_000, output_tokens=5_000)
    bought = Purchase(value={}, usage=usage, usd=Decimal("0.01"), served_model="m", run="r")
    meter.admit(Decimal(0))
    meter.settle("key", bought, Decimal(0))
    reserve.check()
    each = Decimal("0.01") + Decimal(2 * 10_000 + 4 * 5_000) / 1_000_000
    assert meter.reserve == Spend(calls=40, usd=each * 2 * Decimal("1.25"))
    reserve.keep(5)  # pruning is done on the first target alone
    assert meter.reserve.usd == each * 2 * Decimal("1.25") + Decimal("0.01") / 10 * Decimal("1.25") * 5
    with pytest.raises(BudgetReachedError, match="40"):
        Reserve([Meter(Limits(calls=40))], answers=20, calls=1, measured=10, others=[other])
