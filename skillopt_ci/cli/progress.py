"""Progress of long work: a live line on a terminal, plain lines in a log."""

import threading
import time
from collections.abc import Callable
from types import TracebackType

from skillopt_ci.cli.console import Console
from skillopt_ci.core.rollout import Failure, Rollout
from skillopt_ci.core.spend import Spend, format_usd
from skillopt_ci.report.escape import one_line

_PLAIN_SECONDS = 15.0


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

    def __enter__(self) -> "PlainProgress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Nothing to put back."""


class LiveProgress(PlainProgress):
    """One line at the bottom of the terminal, redrawn; words of the command scroll above it."""

    def __init__(self, console: Console, spent: Callable[[], Spend]) -> None:
        from rich.console import Console as Screen
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        super().__init__(console, spent)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", markup=False),
            TimeRemainingColumn(),
            console=Screen(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, rate="")

    def begin(self, what: str, count: int, /) -> None:
        """Start the bar anew."""
        super().begin(what, count)
        self._bar.reset(self._task, total=count, description=one_line(what), rate="")

    def advance(self, rollout: Rollout, /) -> None:
        """Move the bar."""
        with self._lock:
            self._done += 1
            self._failed += isinstance(rollout.outcome, Failure)
            failed = f"{self._failed} failed, " if self._failed else ""
            rate = self._done / max(self._clock() - self._began, 1e-9)
        text = f"{failed}{rate:.1f}/s, {spend_words(self._spent())}"
        self._bar.update(self._task, completed=min(self._done, self._count), rate=text)

    def __enter__(self) -> "LiveProgress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Take the bar away, whatever happened."""
        self._bar.stop()


def progress_for(console: Console, spent: Callable[[], Spend]) -> PlainProgress:
    """The progress that fits where stderr goes."""
    return LiveProgress(console, spent) if console.live else PlainProgress(console, spent)


def spend_words(spend: Spend) -> str:
    """A spend in a few words; an unknown price is said."""
    usd = "price unknown" if spend.usd is None else f"${format_usd(spend.usd)}"
    return f"{spend.calls} calls, {usd}"
