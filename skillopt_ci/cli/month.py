"""`budget.month_usd` over all runs of a repository: what others have spent, and what this one tells the next."""

import os
import secrets
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from skillopt_ci.actions.context import EventContext, read_context
from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import write_text
from skillopt_ci.core.spend import Limits, format_usd
from skillopt_ci.core.spending import SpendRecord, parse_record, render_record
from skillopt_ci.errors import BudgetReachedError, SkilloptError

if TYPE_CHECKING:
    from skillopt_ci.forge.spending import Spending

# The file that becomes the artifact; set by the action, and nowhere else are there other runs to ask.
SPEND_VARIABLE = "SKILLOPT_CI_SPEND"
_EVERY_SECONDS = 1.0


class MonthBook:
    """What other runs have spent this month, and a file that says what this one spends. Safe for threads."""

    def __init__(
        self, path: Path | None, others: SpendRecord, run: str, *, now: Callable[[], float] = time.time
    ) -> None:
        """Begin.

        Args:
            path: the file; None keeps no book.
            others: what is known of other runs; it is written, too, so that later ones need not ask for it again.
            run: names this command among all of the repository.
            now: seconds since the epoch.
        """
        self.before = others.total(month_name(now()))
        self._path = path
        self._others = others
        self._run = run
        self._now = now
        self._mine: dict[str, Decimal] = {}
        self._lock = threading.Lock()
        self._written = 0.0

    def add(self, usd: Decimal) -> None:
        """A call was bought. The file is brought up to date at most once a second: a killed job has told nearly all."""
        with self._lock:
            month = month_name(self._now())
            self._mine[month] = self._mine.get(month, Decimal(0)) + usd
            if self._now() - self._written >= _EVERY_SECONDS:
                with suppress(SkilloptError):  # a purchase is not lost for its receipt; `close` says what is wrong
                    self._write()

    def close(self) -> None:
        """Write what there is to tell."""
        with self._lock:
            if self._mine or self._others.months:
                self._write()

    def _write(self) -> None:
        self._written = self._now()
        if self._path is not None:
            mine = SpendRecord(months={month: {self._run: usd} for month, usd in self._mine.items()})
            write_text(self._path, render_record(self._others + mine))


@contextmanager
def month_book(
    console: Console, limits: Limits, *, limited: bool, env: Mapping[str, str] | None = None
) -> Generator[MonthBook]:
    """The book of this command; the records of other runs are read when something is `limited` by the month.

    Raises:
        ForgeError: they cannot be read.
        BudgetReachedError: so many could not be read that nobody knows whether there is money left.
    """
    env = os.environ if env is None else env
    place = env.get(SPEND_VARIABLE)
    path = Path(place) if place else None
    others = SpendRecord()
    if path is not None and path.is_file():  # an earlier step of this job
        others = parse_record(path.read_bytes())
    unread = 0
    context = read_context(env) if path is not None else EventContext()
    if path is not None and limited and not context.restricted:
        found = _of_others(console, context, env)
        others, unread = others + found.record, found.unread
    run = f"{env.get('GITHUB_RUN_ID') or 0}/{env.get('GITHUB_RUN_ATTEMPT') or 1}/{secrets.token_hex(4)}"
    book = MonthBook(path, others, run)
    try:
        book.before += _charged(console, limits, unread)
        yield book
    finally:
        book.close()


def month_start() -> float:
    """When this month began, in UTC, as seconds since the epoch."""
    now = datetime.fromtimestamp(time.time(), UTC)
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()


def month_name(moment: float) -> str:
    """The month of a moment, like 2026-11, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m")


def _of_others(console: Console, context: EventContext, env: Mapping[str, str]) -> "Spending":
    """What other runs of this month have told."""
    from skillopt_ci.forge.github import Connection, GitHub, Waiter
    from skillopt_ci.forge.spending import MOST, MOST_IN_A_GATE, Spending, read_spending

    token = env.get("GITHUB_TOKEN", "").strip()
    if not (token and context.repository and context.default_branch):
        console.warn("warning: no github-token: budget.month_usd counts only what the ledger here has bought")
        return Spending(record=SpendRecord(), unread=0)
    connection = Connection(repository=context.repository, token=token, api_url=context.api_url)
    api = GitHub(connection, Waiter(now=time.time, sleep=time.sleep), lambda text: text)
    judging = context.kind in ("pull-request", "merge-group") or context.pr_number is not None
    own = int(env.get("GITHUB_RUN_ID") or 0)
    month = month_name(time.time())
    try:
        most = MOST_IN_A_GATE if judging else MOST
        found = read_spending(api, context.default_branch, month, most=most, own=own)
    finally:
        api.close()
    console.detail(f"this month other runs have spent {format_usd(found.record.total(month))} USD")
    return found


def _charged(console: Console, limits: Limits, unread: int) -> Decimal:
    """USD that runs whose records could not be read may have spent."""
    if not unread:
        return Decimal(0)
    if limits.usd is None:
        raise BudgetReachedError(
            f"budget.month_usd: what {unread} more runs have spent could not be read, and without budget.usd nobody "
            "knows their limit; run the baseline on the default branch, which adds them up",
            limit="month_usd",
        )
    charged = limits.usd * unread
    console.warn(
        f"warning: {unread} more runs of this month could not be read; they count with budget.usd each, "
        f"{format_usd(charged)} USD together, until a run on the default branch has added them up"
    )
    return charged
