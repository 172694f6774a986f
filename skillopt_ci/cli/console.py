"""Words for people on stderr, results on stdout; secrets and control characters never on either."""

import os
import re
import sys
from collections import Counter
from collections.abc import Callable
from typing import TextIO

import click

from skillopt_ci.core.spend import Spend
from skillopt_ci.errors import Problem, SkilloptError
from skillopt_ci.report.escape import log_text

# Problems that differ in names and numbers alone are alike; so many of a kind are shown.
_VARIES = re.compile(r"'[^']*'|\d+")
_ALIKE = 5


class Console:
    """Where a command writes. `scrub` takes secrets out of every text; `screen` is stderr, unless another is named."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False, screen: TextIO | None = None) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self._screen = screen
        self.scrub: Callable[[str], str] = lambda text: text
        self.data = False
        """Stdout is for a result that a program reads: words for people go to stderr."""
        self.unconfined = False
        """Agents and scripts run without a sandbox: every report says so."""
        self.spent: Callable[[], tuple[Spend, Spend]] | None = None
        """What a command that spends has paid and replayed so far, for the result of one that fails."""

    @property
    def live(self) -> bool:
        """Stderr is a terminal that can redraw lines, and nobody asked for plain ones (`CI`, `NO_COLOR`)."""
        plain = os.environ.get("CI") or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return (self._screen or sys.stderr).isatty() and not plain and not self.quiet

    def say(self, text: str) -> None:
        """A line of progress; silent with --quiet."""
        if not self.quiet:
            self._write(text, None, err=True)

    def detail(self, text: str) -> None:
        """A line that only --verbose shows."""
        if self.verbose and not self.quiet:
            self._write(text, None, err=True)

    def warn(self, text: str) -> None:
        """A warning; silent with --quiet."""
        if not self.quiet:
            self._write(text, "yellow", err=True)

    def error(self, text: str) -> None:
        """An error; always shown."""
        self._write(text, "red", err=True)

    def problems(self, problems: tuple[Problem, ...]) -> None:
        """Errors and warnings of files, one a line; of those that are alike the first ones, and how many more."""
        kinds = [(p.file, p.warning, _VARIES.sub("", p.message)) for p in problems]
        all_of, said = Counter(kinds), Counter[tuple[str, bool, str]]()
        for problem, kind in zip(problems, kinds, strict=True):
            say = self.warn if problem.warning else self.error
            said[kind] += 1
            more = all_of[kind] - _ALIKE
            if said[kind] <= _ALIKE or more == 1:
                say(str(problem))
            if said[kind] == _ALIKE and more > 1:
                say(f"{problem.file}: {'warning: ' if problem.warning else ''}and {more} more like the last one")

    def result(self, text: str) -> None:
        """The command's result, on stdout."""
        self._write(text, None, err=self.data)

    def _write(self, text: str, colour: str | None, *, err: bool) -> None:
        stream = sys.stderr if err else sys.stdout
        plain = log_text(self.scrub(text))
        # https://no-color.org: any value that is not empty.
        coloured = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        echo(click.style(plain, fg=colour) if colour and coloured else plain, err=err, colour=coloured)


def echo(text: str, *, err: bool = False, colour: bool = False) -> None:
    """Write a line to stdout or stderr; nothing happens where nobody reads.

    Raises:
        SkilloptError: stdout cannot be written, as on a full disk.
    """
    try:
        click.echo(text, err=err, color=colour)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), (sys.stderr if err else sys.stdout).fileno())
        # `| head`: nobody reads the rest, and the exit code is still the command's own.
        if not err and not isinstance(error, BrokenPipeError):
            raise SkilloptError(f"stdout: cannot be written: {error.strerror}") from error
