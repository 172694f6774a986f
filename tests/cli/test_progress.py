"""Progress of long work, in a log and on a terminal."""

from decimal import Decimal

import pytest

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.progress import LiveProgress, PlainProgress, progress_for, spend_words
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


def test_a_terminal_gets_a_line_that_goes_away(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveProgress(Console(), spent) as progress:
        progress.begin("validation \x1b[2J [bold]of[/bold]", 3)
        for rollout in (GOOD, LOST, GOOD, GOOD):  # a failed one is tried again at the end
            progress.advance(rollout)
        (task,) = progress._bar.tasks
        assert (task.completed, task.total) == (3, 3)
        assert task.description == "validation [bold]of[/bold]"
        assert task.fields["rate"].startswith("1 failed, ")
        assert task.fields["rate"].endswith("/s, 7 calls, $0.25")
    assert "\x1b[2J" not in capsys.readouterr().err


def test_a_log_is_no_terminal() -> None:
    assert type(progress_for(Console(), spent)) is PlainProgress


def test_an_unknown_price_is_said() -> None:
    assert spend_words(Spend(calls=2, usd=None)) == "2 calls, price unknown"
