"""What is kept back for the closing confirmation."""

from decimal import Decimal

import pytest

from skillopt_ci.cli.reserve import Reserve
from skillopt_ci.core.spend import Limits, Spend
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import BudgetReachedError
from skillopt_ci.ledger import Purchase
from skillopt_ci.providers.meter import Meter


def spent(meter: Meter, usd: str) -> None:
    bought = Purchase(value={}, usage=Usage(), usd=Decimal(usd), served_model="m", run="r")
    meter.admit(Decimal(usd))
    meter.settle("key", bought, Decimal(usd))


def test_the_first_validation_prices_the_confirmation_and_a_longer_skill_makes_it_dearer() -> None:
    meter = Meter(Limits(usd=Decimal(1)), ["r"])
    reserve = Reserve([meter], answers=20, calls=1, measured=10)
    assert meter.reserve == Spend(calls=20)
    spent(meter, "0.10")
    reserve.check()
    assert meter.reserve == Spend(calls=20, usd=Decimal("0.10") * 2 * Decimal("1.25"))
    reserve.check()  # later spending does not change the price of an answer
    reserve.grow(Decimal("0.6"))
    assert meter.reserve.usd == Decimal("0.85")
    reserve.check()
    reserve.grow(Decimal("0.7"))
    with pytest.raises(BudgetReachedError, match="kept back for the confirmation"):
        reserve.check()
    reserve.release()
    assert meter.reserve == Spend()


def test_a_limit_that_cannot_cover_the_confirmation_is_refused_at_once() -> None:
    with pytest.raises(BudgetReachedError, match="20"):
        Reserve([Meter(Limits(calls=20))], answers=10, calls=2, measured=10)
