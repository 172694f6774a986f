"""`ledger`: what was bought; merging the ledgers of parallel jobs."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import click

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import run
from skillopt_ci.cli.hub import clean_words
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options
from skillopt_ci.cli.project import find_root, open_project
from skillopt_ci.cli.work import ledger_path
from skillopt_ci.config.access import ledger_seal
from skillopt_ci.config.schema import Config
from skillopt_ci.core.spend import Spend
from skillopt_ci.errors import ConfigError, LedgerError, UsageError
from skillopt_ci.harnesses.stored_rollout import trajectory_of
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Purchase
from skillopt_ci.providers.purchased import replayed
from skillopt_ci.report.escape import one_line, scrub_value

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(help=COMMANDS["ledger"])
@click.option("--ledger", type=_FILE, help="Ledger file (default: the project's .skillopt/ledger.sqlite).")
@click.pass_context
def command(context: click.Context, ledger: Path | None) -> None:
    """See the help text above."""
    context.obj = ledger


def _with(path: Path | None, body: Callable[[Console, Ledger], None], *, create: bool = False) -> None:
    def opened(console: Console) -> int:
        console.scrub = clean_words(_config())
        place = path or ledger_path(find_root(None, Path.cwd())[0])
        if not create and not place.is_file():
            raise UsageError(f"{place}: there is no ledger yet; `eval`, `train` and `gate` make one")
        with Ledger(place, seal=ledger_seal(None, os.environ)) as ledger:
            body(console, ledger)
        return 0

    run("ledger", Options(), opened)


def _config() -> Config | None:
    """The project's, which names the variables of keys; none is needed to read a ledger."""
    try:
        return open_project(Options()).config
    except (ConfigError, UsageError):
        return None


@command.command()
@click.pass_obj
def stats(path: Path | None) -> None:
    """Calls, tokens and USD by stream."""

    def show(console: Console, ledger: Ledger) -> None:
        rows = ledger.spend_by_stream()
        for name, spend in [*rows.items(), ("total", sum(rows.values(), Spend()))]:
            console.result(f"{name}\t{json.dumps(spend.as_json())}")

    _with(path, show)


@command.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many.")
@click.pass_obj
def failures(path: Path | None, limit: int) -> None:
    """The newest calls that gave no result, and why."""

    def show(console: Console, ledger: Ledger) -> None:
        found = ledger.failures(limit)
        if not found:
            console.say("no call failed")
        for label, kind, message in found:
            console.result(f"{one_line(label, 100)}: {kind}: {one_line(console.scrub(message), 300)}")

    _with(path, show)


@command.command()
@click.argument("source", type=_FILE)
@click.pass_obj
def merge(path: Path | None, source: Path) -> None:
    """Take over what the ledger SOURCE has and this one has not; what is damaged there is left out."""

    def take(console: Console, ledger: Ledger) -> None:
        gained = ledger.merge(source, fits=_can_be_replayed, tell=lambda text: console.warn(f"warning: {text}"))
        console.result(f"{gained} purchases taken over from {source}")

    _with(path, take, create=source.is_file())  # a fresh checkout gathers the ledgers of other jobs


def _can_be_replayed(kind: str, purchase: Purchase) -> bool:
    try:
        if kind == "call":
            replayed(purchase, "")
        elif kind == "rollout":
            trajectory_of(purchase, "")
    except LedgerError:
        return False
    return True


@command.command()
@click.pass_obj
def export(path: Path | None) -> None:
    """Every purchase as JSON lines: key, stream, label, price, answer."""

    def show(console: Console, ledger: Ledger) -> None:
        rows = [scrub_value(row, console.scrub) for row in ledger.export()]
        console.scrub = str  # done, on values: the text of a line is JSON, and stays JSON
        for row in rows:
            console.result(json.dumps(row))  # ASCII: hostile characters stay escapes, and nothing is lost

    _with(path, show)
