"""Where graders run commands; what those said is kept in the ledger, so that a replay grades as it was graded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from skillopt_ci.core.digest import digest
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import CallFailedError
from skillopt_ci.ledger import GRADE, Ledger
from skillopt_ci.ledger_records import Entry, Purchase
from skillopt_ci.providers.stored import NOT_STORED
from skillopt_ci.sandbox.base import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a grader that runs commands works with.

    Attributes:
        sandbox: makes it, or raises `ConfigError` when there is none.
        confined: whether it is one.
        ledger: where results and failures are kept.
        run: for whom it grades; empty for those who measure nothing.
    """

    sandbox: Callable[[], Sandbox]
    confined: bool
    ledger: Ledger
    run: str

    def ready(self) -> None:
        """Have the sandbox before anything is bought that is to be graded. Raises `ConfigError` when there is none.

        Not for those who look at what was bought: what a command said is kept.
        """
        if self.run and not self.ledger.replay_only:
            self.sandbox()

    def once(
        self, what: Mapping[str, object], label: str, ask: Callable[[], Mapping[str, object]]
    ) -> Mapping[str, object]:
        """What the command said of these contents: kept, or said now and kept. A script may not say the same twice.

        Args:
            what: all that can change what it says, as a JSON value.
            label: for people.
            ask: runs it.

        Raises:
            CallFailedError: it said nothing; that is logged, and in a replay it says nothing again.
        """
        ledger = self.ledger
        key = digest({**what, "kind": GRADE, "confined": self.confined})
        found = ledger.find(key)
        if found is not None:
            return found.value
        if ledger.replay_only:  # costs nothing, so what an older ledger does not know is found out
            ledger.replay_failure(key)
            return ask()
        entry = Entry(kind=GRADE, run=self.run, stream=GRADE, label=label)
        try:
            made, _ = ledger.once(key, entry, lambda: _free(ask()))
        except CallFailedError as error:
            if error.kind != "interrupted":
                ledger.fail(key, entry, error.kind, error.message)
            raise
        return made.value


def _free(value: Mapping[str, object]) -> Purchase:
    return Purchase(value=value, usage=Usage(), usd=Decimal(0), served_model="", calls=0)


def nowhere() -> Sandbox:
    """The sandbox of those who run nothing. Raises `CallFailedError` of kind `not-stored`."""
    raise CallFailedError(NOT_STORED, "what the script said is not in the ledger, and none is run here")
