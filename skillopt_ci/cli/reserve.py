"""Keeping back what the end of a training run will cost, so that it is never without its closing comparison."""

from collections.abc import Sequence
from decimal import Decimal

from skillopt_ci.config.access import pricer
from skillopt_ci.config.resolve import ModelRef, ResolvedSkill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import BudgetReachedError
from skillopt_ci.providers.meter import Meter

# Answers differ in length: what the confirmation will cost is taken from the first measurement with some room.
RESERVE_ROOM = Decimal("1.25")


class Reserve:
    """Keeps back what the closing confirmation, and before it the pruning, will cost, until it is time for it."""

    def __init__(
        self,
        meters: list[Meter],
        *,
        answers: int,
        calls: float,
        measured: int,
        others: Sequence[ModelRef] = (),
    ) -> None:
        """Reserve calls at once, USD at the first check.

        Args:
            meters: whose limits are kept; the last one is the run's own.
            answers: that the confirmation takes on one target.
            calls: of models for one answer.
            measured: answers of the first validation, whose price is then known; 0 where nothing is bought before
                the confirmation.
            others: further targets that the confirmation is made on.

        Raises:
            BudgetReachedError: the limit of calls cannot even cover the confirmation, and what must come before it.
        """
        self._meters = meters
        self._answers = answers
        self._calls = calls
        self._measured = measured
        self._others = tuple(others)
        self._others_usd = Decimal(0)
        self._pruning = 0
        self._grown = Decimal(0)
        self._usd: Decimal | None = None
        wanted = round(answers * (1 + len(self._others)) * calls)
        least = wanted + 1 if measured else wanted
        for meter in meters:
            if meter.limits.calls is not None and meter.limits.calls < least:
                raise BudgetReachedError(
                    f"budget.calls: {meter.limits.calls} calls cannot cover the closing comparison on the test split, "
                    f"which takes {wanted}; raise it, or use fewer test tasks",
                    limit="calls",
                )
        self._set()

    def keep(self, rollouts: int) -> None:
        """Keep the price of so many rollouts back as well."""
        self._pruning = rollouts
        self._set()

    def grow(self, usd: Decimal) -> None:
        """Keep so much more back: the skill to be confirmed is longer than the one whose price was measured."""
        self._grown = usd
        self._set()

    def check(self) -> None:
        """At a barrier: fix the reserve in USD once the first validation is paid, then hold the limits.

        Raises:
            BudgetReachedError: what was bought passes a limit less the reserve.
        """
        if self._usd is None and self._meters:
            total = self._meters[-1].total
            self._usd = (total.usd or Decimal(0)) / self._measured * RESERVE_ROOM
            # What others answer is taken to be as long.
            prices = [pricer(ref).price(ref.model, total.usage) or Decimal(0) for ref in self._others]
            self._others_usd = sum(prices, Decimal(0)) / self._measured * RESERVE_ROOM
            self._set()
        for meter in self._meters:
            meter.check()

    def release(self) -> None:
        """Now the confirmation may have it."""
        for meter in self._meters:
            meter.reserve = Spend()

    def _set(self) -> None:
        answers = self._answers * (1 + len(self._others)) + self._pruning
        usd = (self._usd or Decimal(0)) * (self._answers + self._pruning) + self._others_usd * self._answers
        usd += self._grown
        for meter in self._meters:
            meter.reserve = Spend(calls=round(answers * self._calls), usd=usd)


def growth_price(skill: ResolvedSkill, tokens: int, answers: int) -> Decimal:
    """USD that a skill longer by `tokens` adds to that many answers, with the usual room; 0 for a price not known."""
    usage = Usage(input_tokens=max(0, tokens) * answers)
    prices = (pricer(target).price(target.model, usage) or Decimal(0) for target in skill.targets)
    return sum(prices, Decimal(0)) * RESERVE_ROOM
