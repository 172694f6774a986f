"""Where results go: --json, --junit, --summary, the job summary of a runner, and stdout."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import is_stream, write_json, write_output
from skillopt_ci.cli.options import Options
from skillopt_ci.errors import SkilloptError
from skillopt_ci.report.junit import with_property
from skillopt_ci.report.parts import UNCONFINED, UNCONFINED_PLAIN

if TYPE_CHECKING:
    from skillopt_ci.report.page.model import Report


def leave_results(
    console: Console,
    options: Options,
    *,
    json: Mapping[str, object],
    summary: str,
    junit: str | None = None,
    pages: "Callable[[], Sequence[Report]] | None" = None,
    shown: str,
) -> None:
    """Show the result, then write everything that was asked for. Secrets are taken out of all of it.

    `pages` makes the pages that a command has; --html writes the first. A person at a terminal reads them in plain
    text, or else what is `shown` without its markup: Markdown is for where it is shown as a page.
    """
    if sys.stdout.isatty():
        shown = _for_a_person(shown, pages)
    if console.unconfined:
        json, summary, shown = {**json, "sandbox": "off"}, f"{UNCONFINED}\n\n{summary}", f"{UNCONFINED}\n{shown}"
        junit = junit and with_property(junit, "sandbox", "off")
    console.result(shown)
    if options.json is not None:
        write_json(options.json, json, console.scrub)
    if options.junit is not None and junit is not None:
        write_output(options.junit, console.scrub(junit))
    if options.html is not None and pages is not None:
        from skillopt_ci.report.page.document import document

        made = pages()[0]
        if console.unconfined:
            made = replace(made, notes=(UNCONFINED_PLAIN, *made.notes))
        write_output(options.html, console.scrub(document(made)))
    runner = os.environ.get("GITHUB_STEP_SUMMARY")
    if options.summary is not None:
        append(options.summary, console.scrub(summary))
    elif runner:
        try:
            append(Path(runner), console.scrub(summary))
        except SkilloptError as error:  # nobody asked for it: no reason to fail
            console.warn(f"warning: {error}")


def _for_a_person(shown: str, pages: "Callable[[], Sequence[Report]] | None") -> str:
    """A result as plain text, as wide as the terminal."""
    width = shutil.get_terminal_size((120, 24)).columns
    if pages is not None:
        from skillopt_ci.report.terminal import terminal

        return "\n\n".join(terminal(page, width) for page in pages())
    from rich.console import Console as Screen
    from rich.markdown import Markdown

    text = StringIO()
    Screen(file=text, width=width, color_system=None).print(Markdown(shown, hyperlinks=False))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def append(path: Path, text: str) -> None:
    """Add a text to a file; `-` is stdout. Raises `SkilloptError` when it cannot be written."""
    if is_stream(path):
        write_output(path, text if text.endswith("\n") else text + "\n")
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(text if text.endswith("\n") else text + "\n")
    except OSError as error:
        raise SkilloptError(f"{path}: cannot be written: {error.strerror}") from error


def run_pages(folders: Iterable[Path], scrub: Callable[[str], str]) -> "list[Report]":
    """The pages of finished runs, read from their folders."""
    from skillopt_ci.report.page.from_run import read_page

    return [read_page(folder, scrub) for folder in folders]
