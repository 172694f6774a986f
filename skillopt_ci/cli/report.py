"""`report`: show what a training run found, and make its page again."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import run, write_json
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options, common
from skillopt_ci.cli.project import find_root
from skillopt_ci.cli.training import RUNS
from skillopt_ci.config.access import secret_values
from skillopt_ci.errors import UsageError
from skillopt_ci.report.escape import log_json, mask_tokens, scrubber
from skillopt_ci.report.page.document import document
from skillopt_ci.report.page.from_run import read_page
from skillopt_ci.report.run_folder import RunFolder
from skillopt_ci.report.run_reader import read_json, read_text
from skillopt_ci.report.terminal import terminal

_FILES = {"markdown": "report.md", "junit": "junit.xml"}
FORMS = ("terminal", "markdown", "html", "junit", "json")


@click.command(help=COMMANDS["report"])
@common
@click.argument("run_dir", required=False, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMS),
    default="terminal",
    show_default=True,
    help="What is printed. `terminal` also writes report.html of the folder again.",
)
def command(run_dir: Path | None, form: str, **shared: Any) -> None:
    """See the help text above."""
    options = Options(**shared)
    run("report", options, lambda console: _report(console, options, run_dir, form))


def _report(console: Console, options: Options, run_dir: Path | None, form: str) -> int:
    folder = run_dir or newest_run(options)
    known = scrubber(secret_values(None, os.environ))
    console.scrub = lambda text: mask_tokens(known(text))
    console.detail(str(folder))
    if form == "json":
        console.result(log_json(read_json(folder, "report.json")))
    elif form == "html":
        console.result(document(read_page(folder, console.scrub)).rstrip("\n"))
    elif form == "terminal":
        console.result(terminal(read_page(folder, console.scrub), shutil.get_terminal_size((120, 24)).columns))
        _write_page(console, folder)
    else:
        console.result(read_text(folder, _FILES[form]).rstrip("\n"))
    if options.json is not None:
        write_json(options.json, read_json(folder, "report.json"), console.scrub)
    return 0


def _write_page(console: Console, folder: Path) -> None:
    """Make the page again: of a run by an earlier version, or where it was deleted. Nobody asked: no reason to fail."""
    try:
        RunFolder(folder, console.scrub).write_page()
    except UsageError as error:
        console.warn(f"warning: {error}")
    else:
        console.say(f"page: {folder / 'report.html'}")


def newest_run(options: Options) -> Path:
    """The run folder whose report was written last; of the skill named by --skill, when one is.

    Raises:
        UsageError: there is none.
    """
    wanted = _runs(options, options.skill)
    if not wanted:
        root = find_root(options.config, Path.cwd())[0]
        raise UsageError(f"no finished run in {root / RUNS}; `skillopt-ci train` makes one, or name its folder")
    return wanted[-1]


def newest_proposal(options: Options, name: str) -> Path | None:
    """The newest run folder of a skill whose run is worth a pull request by its own word."""
    try:
        worth = [folder for folder in _runs(options, (name,)) if _value(folder, "report.json").get("proposal") is True]
    except UsageError:  # a folder that cannot be read is no help, and this is only a hint
        return None
    return worth[-1] if worth else None


def _runs(options: Options, names: Sequence[str]) -> list[Path]:
    """Folders of finished runs, the newest last; of all skills, or of these."""
    root = find_root(options.config, Path.cwd())[0]
    found = sorted((root / RUNS).glob("*/report.json"), key=lambda p: p.stat().st_mtime_ns)
    return [p.parent for p in found if not names or _value(p.parent, "config.json").get("name") in names]


def _value(folder: Path, name: str) -> Mapping[str, object]:
    value = read_json(folder, name)
    return value if isinstance(value, dict) else {}
