"""Progress of long work: a live table on a terminal, plain lines in a log."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING

from skillopt_ci.cli.console import Console
from skillopt_ci.core.rollout import Failure, Rollout
from skillopt_ci.core.spend import Spend, spend_words
from skillopt_ci.report.escape import one_line

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_PLAIN_SECONDS = 15.0
LIVE_ROWS = 6
LIVE_COLUMNS = (
    ("step", True), ("measuring", False), ("split", False), ("done", True), ("score", True), ("failed", True),
    ("spend", True), ("left", True),
)  # fmt: skip


class PlainProgress:
    """A line when something starts, and one every 15 seconds while it goes on."""

    def __init__(
        self, console: Console, spent: Callable[[], Spend], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._spent = spent
        self._clock = clock
        self._lock = threading.Lock()
        self._what = ""
        self._done = self._count = self._failed = 0
        self._said = self._began = clock()

    def begin(self, what: str, count: int, /) -> None:
        """Say what starts."""
        with self._lock:
            self._what, self._count, self._done, self._failed = what, count, 0, 0
            self._said = self._began = self._clock()
        self._console.detail(f"{what}: {count} rollouts")

    def advance(self, rollout: Rollout, /) -> None:
        """Count one; now and then say how far it is."""
        with self._lock:
            self._done += 1
            self._failed += isinstance(rollout.outcome, Failure)
            now = self._clock()
            if now - self._said < _PLAIN_SECONDS:
                return
            self._said = now
            line = self._line(now)
        self._console.say(line)

    def _line(self, now: float) -> str:
        rate = self._done / max(now - self._began, 1e-9)
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._what}: {self._done}/{self._count}{failed}, {rate:.1f}/s, {spend_words(self._spent())}"

    def step_done(self, number: int) -> None:
        """A step of training is over."""

    def __enter__(self) -> "PlainProgress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Nothing to put back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the live table: what is measured, of which split, how far; `total` are the scores so far, summed."""

    step: str
    what: str
    split: str
    count: int
    done: int = 0
    failed: int = 0
    total: float = 0.0

    def with_one(self, rollout: Rollout) -> "Row":
        """The row after one more rollout."""
        value = rollout.value
        return replace(
            self,
            split=split_of(rollout.sample.stream),
            done=self.done + 1,
            failed=self.failed + (value is None),
            total=self.total + (value or 0.0),
        )

    def cells(self, spend: str, left: str) -> tuple[str, ...]:
        """The row as shown: step, what, split, how far, mean score, failures, spend, time left."""
        measured = self.done - self.failed
        score = f"{100 * self.total / measured:.1f}" if measured > 0 else "-"
        done = f"{min(self.done, self.count)}/{self.count}"
        return (self.step, one_line(self.what, 48), self.split, done, score, str(self.failed), spend, left)


class LiveProgress(PlainProgress):
    """A table at the bottom of the terminal, redrawn; words of the command scroll above it.

    It has a row for each thing that is measured in the present step, the newest ones.
    """

    def __init__(self, console: Console, spent: Callable[[], Spend]) -> None:
        from rich.console import Console as Screen
        from rich.live import Live

        super().__init__(console, spent)
        self._step = 1
        self._rows: list[Row] = []
        self._live = Live(console=Screen(stderr=True), transient=True, refresh_per_second=4, get_renderable=self._table)

    def begin(self, what: str, count: int, /) -> None:
        """Start a new row."""
        super().begin(what, count)
        with self._lock:
            self._rows = [*self._rows, Row(step=str(self._step), what=what, split="-", count=count)][-LIVE_ROWS:]

    def advance(self, rollout: Rollout, /) -> None:
        """Count one in the newest row."""
        with self._lock:
            if self._rows:
                self._rows[-1] = self._rows[-1].with_one(rollout)

    def step_done(self, number: int) -> None:
        """The next step begins with an empty table."""
        with self._lock:
            self._step = number + 1
            self._rows = []

    def _table(self) -> "Table":
        from rich.table import Table

        table = Table(box=None, pad_edge=False, show_edge=False, header_style="dim")
        for head, right in LIVE_COLUMNS:
            table.add_column(head, justify="right" if right else "left", no_wrap=True)
        with self._lock:
            rows, began = list(self._rows), self._began
        for at, row in enumerate(rows):
            newest = at == len(rows) - 1
            spend = spend_words(self._spent()) if newest else ""
            cells = row.cells(spend, time_left(row.done, row.count, self._clock() - began) if newest else "")
            table.add_row(*map(_plain, cells))
        return table

    def __enter__(self) -> "LiveProgress":
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Take the table away, whatever happened."""
        self._live.stop()


def split_of(stream: str) -> str:
    """The split that a stream of samples is of, for people."""
    kind = stream.partition("/")[0]
    return {
        "screen": "train",
        "slow": "train",
        "base": "held-out",
        "head": "held-out",
        "fresh": "held-out",
        "cal": "held-out",
    }.get(kind, stream.partition("/")[2] or kind if kind == "eval" else kind)


def time_left(done: int, count: int, seconds: float) -> str:
    """The time that the rest takes at the pace so far, as m:ss; a dash before the first result."""
    if done <= 0 or count <= done:
        return "-" if done <= 0 else "0:00"
    left = round(seconds / done * (count - done))
    return f"{left // 60}:{left % 60:02d}"


def _plain(cell: str) -> "Text":
    from rich.text import Text

    return Text(cell)  # no markup in it means anything


def progress_for(console: Console, spent: Callable[[], Spend]) -> PlainProgress:
    """The progress that fits where stderr goes."""
    return LiveProgress(console, spent) if console.live else PlainProgress(console, spent)
