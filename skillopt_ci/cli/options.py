"""Options that several commands share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the shared options say; a command without some of them leaves their defaults."""

    config: Path | None = None
    skill: tuple[str, ...] = ()
    json: Path | None = None
    junit: Path | None = None
    summary: Path | None = None
    html: Path | None = None
    viewer: Path | None = None
    max_usd: Decimal | None = None
    max_calls: int | None = None
    replay_only: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False


class Usd(click.ParamType[Decimal]):
    """A positive amount of USD."""

    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Read it as decimal digits."""
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal(-1)
        if not amount.is_finite() or amount <= 0:
            self.fail(f"'{value}' is not an amount above 0", param, ctx)
        return amount


_FILE = click.Path(dir_okay=False, path_type=Path)
_COMMON = (
    click.option("--config", type=click.Path(path_type=Path), help="Configuration file (default: skillopt.yml)."),
    click.option("--skill", multiple=True, metavar="NAME", help="Only this skill; may be given several times."),
    click.option(
        "--json", type=_FILE, metavar="PATH", help="Write the whole result as JSON, also on failure; - is stdout."
    ),
    click.option("--quiet", is_flag=True, help="Only results and errors."),
    click.option("--verbose", is_flag=True, help="More words."),
    click.option("--debug", is_flag=True, help="Print the traceback of an unexpected error."),
)
_JUNIT = (click.option("--junit", type=_FILE, metavar="PATH", help="Write a JUnit file."),)
_BUYING = (
    click.option("--summary", type=_FILE, metavar="PATH", help="Append a Markdown summary."),
    click.option("--max-usd", type=Usd(), help="Budget in USD; wins over the configuration."),
    click.option("--max-calls", type=click.IntRange(min=1), help="Budget in model calls; wins over the configuration."),
    click.option(
        "--replay-only",
        is_flag=True,
        help="Buy nothing (no key is needed): a call that is not in the ledger is an error.",
    ),
)


html_option = click.option(
    "--html", type=_FILE, metavar="PATH", help="Write the result as one self-contained HTML page."
)


viewer_option = click.option(
    "--viewer",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write every run for skill-creator's viewer: benchmark.json, and a grading.json a run.",
)


def common(function: F) -> F:
    """Add --config, --skill, --json, --quiet, --verbose, --debug."""
    return _with(function, _COMMON)


def buying(function: F) -> F:
    """Add --summary, --max-usd, --max-calls, --replay-only to the common options."""
    return _with(function, (*_COMMON, *_BUYING))


def spending(function: F) -> F:
    """Add --junit, too: for commands whose result is one that passes or fails."""
    return _with(function, (*_COMMON, *_JUNIT, *_BUYING))


def _with(function: F, options: Sequence[Callable[[F], F]]) -> F:
    for option in reversed(options):
        function = option(function)
    return function
