"""Progress of long work, in a log and on a terminal."""

import io
from decimal import Decimal

import pytest

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.progress import (
    LIVE_COLUMNS,
    LIVE_ROWS,
    LiveProgress,
    PlainProgress,
    progress_for,
    spend_words,
    split_of,
    time_left,
)
from skillopt_ci.core.rollout import Failure, Rollout, Sample, Score
from skillopt_ci.core.spend import Spend

SAMPLE = Sample(task_id="t", stream="val")
GOOD = Rollout(skill="s", sample=SAMPLE, outcome=Score(value=1.0, passed=True, why="", hint=""))
LOST = Rollout(skill="s", sample=SAMPLE, outcome=Failure(stage="target", kind="server", message="500"))


def spent() -> Spend:
    return Spend(calls=7, usd=Decimal("0.25"))


class Clock:
    """A clock that is turned by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_log_gets_a_line_every_fifteen_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with PlainProgress(Console(), spent, clock) as progress:
        progress.begin("validation", 40)
        for rollout in [GOOD] * 20 + [LOST]:
            progress.advance(rollout)
        assert capsys.readouterr().err == ""
        clock.now += 15
        progress.advance(GOOD)
        assert capsys.readouterr().err == "validation: 22/40, 1 failed, 1.5/s, 7 calls, $0.25\n"
        progress.advance(GOOD)
        assert capsys.readouterr().err == ""
        progress.begin("closing", 2)  # starts anew, also its clock
        progress.advance(GOOD)
        assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_table_that_goes_away(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveProgress(Console(), spent) as progress:
        progress.begin("before", 1)
        progress.step_done(6)
        progress.begin("validation \x1b[2J [bold]of[/bold]", 3)
        for rollout in (GOOD, LOST, GOOD, GOOD):  # a failed one is tried again at the end
            progress.advance(rollout)
        (row,) = progress._rows
        assert row.cells("$1", "0:00") == ("7", "validation [bold]of[/bold]", "val", "3/3", "100.0", "1", "$1", "0:00")
        table = progress._table()
        assert [column.header for column in table.columns] == [head for head, _ in LIVE_COLUMNS]
        assert str(next(iter(table.columns[6].cells))) == "7 calls, $0.25"
        for number in range(20):
            progress.begin(f"more {number}", 1)
        assert len(progress._rows) == LIVE_ROWS
    assert "\x1b[2J" not in capsys.readouterr().err


def test_time_left_and_splits() -> None:
    assert [time_left(*x) for x in ((0, 5, 9.0), (5, 5, 9.0), (1, 3, 40.0), (6, 5, 1.0))] == [
        "-",
        "0:00",
        "1:20",
        "0:00",
    ]
    names = ("train/2", "screen", "slow/1", "val", "test", "eval/test", "head", "fresh/ab", "cal")
    assert [split_of(n) for n in names] == [*["train"] * 3, "val", "test", "test", *["held-out"] * 3]


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("variable", "value"), [("CI", "1"), ("NO_COLOR", "1"), ("TERM", "dumb")])
def test_plain_lines_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    for name in ("CI", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Console(screen=Screen()).live is True
    assert Console(screen=Screen(), quiet=True).live is False
    assert Console(screen=io.StringIO()).live is False
    monkeypatch.setenv(variable, value)
    assert Console(screen=Screen()).live is False


def test_a_log_is_no_terminal() -> None:
    assert type(progress_for(Console(), spent)) is PlainProgress


def test_an_unknown_price_is_said() -> None:
    assert spend_words(Spend(calls=2, usd=None)) == "2 calls, price unknown"
