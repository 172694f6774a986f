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
from skillopt_ci.core.json_values import items
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
    folder = named_run(options, run_dir) if run_dir else newest_run(options)
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


def named_run(options: Options, folder: Path) -> Path:
    """The folder, which is a run of a skill named by --skill, when one is.

    Raises:
        UsageError: it is one of another skill, or no run folder.
    """
    if options.skill:
        name = _value(folder, "config.json").get("name")
        if name not in options.skill:
            named = ", ".join(options.skill)
            raise UsageError(f"--skill {named}: {folder} holds a run of {name!s:.80}; leave out one of the two")
    return folder


def newest_run(options: Options, *, trained: bool = False) -> Path:
    """The run folder whose report was written last; of the skill named by --skill, when one is.

    Args:
        options: of the command.
        trained: one of `train`, and none of `compare`, which proposes nothing.

    Raises:
        UsageError: there is none.
    """
    wanted = [folder for folder in _runs(options, options.skill) if not (trained and _compared(folder))]
    if not wanted:
        root = find_root(options.config, Path.cwd())[0]
        raise UsageError(f"no finished run in {root / RUNS}; `skillopt-ci train` makes one, or name its folder")
    return wanted[-1]


def newest_proposal(options: Options, name: str, start: str) -> list[Path]:
    """The newest run folder of a skill whose run is worth a pull request by its own word; none, or one.

    Not one whose result is the text that the newest run began with (`start`, a digest): that was taken over.
    """
    try:
        worth = [f for f in _runs(options, (name,)) if _proposes(f) and start not in _best(f)]
    except UsageError:  # a folder that cannot be read is no help, and this is only a hint
        return []
    return worth[-1:]


def other_proposals(options: Options, name: str) -> list[Path]:
    """Of every other skill that may be meant the newest run of `train`, where it is worth a pull request."""
    try:
        newest = {
            str(_value(folder, "config.json").get("name")): folder
            for folder in _runs(options, options.skill)
            if not _compared(folder)
        }
        return [folder for other, folder in newest.items() if other != name and _proposes(folder)]
    except UsageError:  # as above
        return []


def _proposes(folder: Path) -> bool:
    return not _compared(folder) and _value(folder, "report.json").get("proposal") is True


def _best(folder: Path) -> list[object]:
    """Digests of what the runs of a folder ended with."""
    return [skill.get("best") for skill in items(_value(folder, "report.json").get("skills"))]


def _compared(folder: Path) -> bool:
    return _value(folder, "config.json").get("command") == "compare"


def _runs(options: Options, names: Sequence[str]) -> list[Path]:
    """Folders of finished runs, the newest last; of all skills, or of these."""
    root = find_root(options.config, Path.cwd())[0]
    found = sorted((root / RUNS).glob("*/report.json"), key=lambda p: p.stat().st_mtime_ns)
    return [p.parent for p in found if not names or _value(p.parent, "config.json").get("name") in names]


def _value(folder: Path, name: str) -> Mapping[str, object]:
    value = read_json(folder, name)
    return value if isinstance(value, dict) else {}
