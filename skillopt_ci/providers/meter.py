"""What a run has spent, and whether it may buy one call more."""

import threading
import time
from collections.abc import Callable, Iterable
from decimal import Decimal

from skillopt_ci.core.spend import Limits, Spend, format_usd
from skillopt_ci.errors import BudgetReachedError, ConfigError
from skillopt_ci.ledger_records import Purchase

# What is kept back is spent when a run ends, and kept back again for the end of the run that goes on.
_ENDS = 2
_NOTHING = Decimal(0)


class Meter:
    """Counts what was bought and replayed, and refuses to buy beyond the limits. Safe for threads.

    What a call was bought for counts at its recorded price, once per key, whoever replays it how often:
        paid: bought by this process. replayed: found in the ledger. total: both.
    Against the limits counts what `runs` bought, then or now; what other runs bought is free.
    """

    def __init__(
        self,
        limits: Limits,
        runs: Iterable[str] = (),
        *,
        month_usd: Decimal = _NOTHING,
        clock: Callable[[], float] = time.monotonic,
        paid_now: Callable[[Decimal], None] | None = None,
    ) -> None:
        """Start to count; the minutes run from now.

        Args:
            limits: what may be spent.
            runs: ids of the runs whose purchases count (see `add_run`).
            month_usd: what was spent this month before.
            clock: seconds.
            paid_now: hears the price of every call that is bought.
        """
        self._paid_now = paid_now
        self.limits = limits
        self.paid = Spend()
        self.replayed = Spend()
        self.total = Spend()
        self.reserve = Spend()
        """Kept back from the limits, for a closing confirmation that must still be affordable."""
        self._runs = set(runs)
        self._month_usd = month_usd
        self._clock = clock
        self._started = clock()
        self._change = threading.Condition()
        self._seen: set[str] = set()
        self._counted_calls = 0
        self._counted_usd = _NOTHING
        # All that the runs ever bought, replayed yet or not: a resumed run must not overshoot by what it has not
        # come to again.
        self._owned_calls = 0
        self._owned_usd = _NOTHING
        self._paid_usd = _NOTHING
        self._in_flight = 0
        self._held_usd = _NOTHING

    @property
    def needs_price(self) -> bool:
        """Whether a limit in USD is set, so that every call must have a price."""
        return self.limits.usd is not None or self.limits.month_usd is not None

    def add_run(self, run: str, already: Spend = Spend()) -> None:  # noqa: B008 - a frozen value
        """Count a run's purchases too; `already` is what it has bought according to the ledger. Twice is once."""
        with self._change:
            if run in self._runs:
                return
            self._runs.add(run)
            self._owned_calls += already.calls
            self._owned_usd += already.usd or _NOTHING

    def admit(self, estimate: Decimal) -> None:
        """Let one call be bought, or wait until it is clear whether it may.

        Near a limit calls go one at a time, so that the decision is the same whatever the concurrency: when all
        calls together keep the limit none is refused, and the overshoot of a USD limit is at most one call.
        Meters must be asked in the same order everywhere: a call holds one while it waits for the next.

        Args:
            estimate: the most this call can cost, in USD.

        Raises:
            BudgetReachedError: a limit is reached.
        """
        with self._change:
            while True:
                self._refuse()
                if not self._in_flight or self._fits(estimate):
                    break
                self._change.wait()
            self._in_flight += 1
            self._held_usd += estimate

    def release(self, estimate: Decimal) -> None:
        """The admitted call gave nothing."""
        with self._change:
            self._leave(estimate)

    def settle(self, key: str, purchase: Purchase, estimate: Decimal) -> None:
        """The admitted call was bought: count it and let go of its estimate in one step."""
        usd = purchase.usd or _NOTHING
        spend = purchase.spend
        with self._change:
            self.paid += spend
            self._paid_usd += usd
            self._owned_calls += 1
            self._owned_usd += usd
            self._count(key, spend, ours=True)
            self._leave(estimate)
        if self._paid_now is not None:
            self._paid_now(usd)

    def replay(self, key: str, purchase: Purchase) -> None:
        """A call was found in the ledger: counts at its first use."""
        with self._change:
            if key not in self._seen:
                spend = purchase.spend
                self.replayed += spend
                self._count(key, spend, ours=purchase.run in self._runs)

    def counted(self, key: str) -> None:
        """What is in the ledger under this key was counted call by call: its replay does not count again."""
        with self._change:
            self._seen.add(key)

    def check(self) -> None:
        """Stop here when the USD limit is passed. Called between batches, where the count is the same in every order.

        Raises:
            BudgetReachedError: more was bought than the limit allows, less the reserve.
        """
        limit = self.limits.usd
        with self._change:
            if limit is not None and self._counted_usd > limit - (self.reserve.usd or _NOTHING):
                raise self._reached_usd("usd", limit, self._counted_usd)

    def require_price(self, purchase: Purchase, model: str) -> None:
        """Refuse to go on with a USD limit when a call that counts has no price.

        Raises:
            ConfigError: says how to give one.
        """
        if purchase.usd is None and self.needs_price and purchase.run in self._runs:
            raise ConfigError(
                f"a call of model '{model}' has no known price (no price for the model, or the endpoint reports no "
                "token usage), so a budget in USD cannot be kept: set 'price' of the provider or leave out the limit"
            )

    def _count(self, key: str, spend: Spend, *, ours: bool) -> None:
        if key not in self._seen:
            self._seen.add(key)
            self.total += spend
        if ours:
            self._counted_calls += spend.calls
            self._counted_usd += spend.usd or _NOTHING

    def _leave(self, estimate: Decimal) -> None:
        self._in_flight -= 1
        self._held_usd -= estimate
        self._change.notify_all()

    def _calls(self) -> int:
        return max(self._counted_calls, self._owned_calls)

    def _usd(self) -> Decimal:
        return max(self._counted_usd, self._owned_usd)

    def _fits(self, estimate: Decimal) -> bool:
        """Whether this call keeps every limit even if all that is in flight succeeds at its highest price."""
        limits, held_back = self.limits, self.reserve.usd or _NOTHING
        more = self._held_usd + estimate + held_back
        return (
            (limits.calls is None or self._calls() + self._in_flight + 1 <= limits.calls - self.reserve.calls)
            and (limits.usd is None or self._usd() + more <= limits.usd)
            and (limits.month_usd is None or self._month_usd + self._paid_usd + more <= limits.month_usd)
        )

    def _refuse(self) -> None:
        limits, held_back = self.limits, self.reserve.usd or _NOTHING
        if limits.calls is not None and self._calls() + 1 > limits.calls - self.reserve.calls:
            kept = f" and {self.reserve.calls} are kept back for the end of the run" if self.reserve.calls else ""
            above = f" above {self._calls() + _ENDS * self.reserve.calls}" if self.reserve.calls else ""
            raise BudgetReachedError(
                f"budget.calls: {self._calls()} of {limits.calls} calls are bought{kept}; "
                f"raise it{above} and run the same command again to go on",
                limit="calls",
            )
        if limits.usd is not None and self._usd() > limits.usd - held_back:
            raise self._reached_usd("usd", limits.usd, self._usd())
        month = self._month_usd + self._paid_usd
        if limits.month_usd is not None and month > limits.month_usd - held_back:
            raise self._reached_usd("month_usd", limits.month_usd, month)
        if limits.minutes is not None and self._clock() - self._started > limits.minutes * 60:
            raise BudgetReachedError(
                f"budget.minutes: {limits.minutes:g} minutes are over; run the same command again to go on",
                limit="minutes",
            )

    def _reached_usd(self, name: str, limit: Decimal, spent: Decimal) -> BudgetReachedError:
        kept, above = "", ""
        if self.reserve.usd:
            kept = f" and {format_usd(self.reserve.usd)} kept back for the end of the run"
            above = f" above {format_usd(spent + _ENDS * self.reserve.usd)}"
        return BudgetReachedError(
            f"budget.{name}: {format_usd(spent)} of {format_usd(limit)} USD are spent{kept}; "
            f"raise it{above} and run the same command again to go on",
            limit=name,
        )
