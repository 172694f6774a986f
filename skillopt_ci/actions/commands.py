"""Workflow commands: lines on standard output that the runner carries out.

Escaping and limits are the runner's own (actions/runner: ActionCommand.cs, ExecutionContext.cs): a line counts as a
command when it begins with `::` after white space; 10 annotations of a kind are shown per step, and 4,096 characters of
each.
"""

import re
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Literal

from skillopt_ci.errors import Problem

Level = Literal["error", "warning", "notice"]
MAX_PER_LEVEL = 10
MAX_MESSAGE = 4096
_MASK_MIN = 8


def escape_data(text: str) -> str:
    """The message of a command: a percent sign and line ends."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """A property's value of a command: what a message needs, and what separates properties."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def annotation(level: Level, message: str, problem: Problem | None = None) -> str:
    """One annotation as a line; with the place of a problem when there is one."""
    properties: list[str] = []
    if problem is not None and problem.file:
        properties.append(f"file={escape_property(problem.file)}")
        properties += [f"line={problem.line}"] if problem.line else []
        properties += [f"col={problem.column}"] if problem.line and problem.column else []
    return f"::{level}{' ' if properties else ''}{','.join(properties)}::{escape_data(_cut(message))}"


def annotations(problems: Sequence[Problem]) -> list[str]:
    """Errors, then warnings, in their order; of more than ten of a kind the tenth says how many are left out."""
    lines: list[str] = []
    levels: tuple[Level, ...] = ("error", "warning")
    for level in levels:
        chosen = [p for p in problems if p.warning == (level == "warning")]
        shown = chosen if len(chosen) <= MAX_PER_LEVEL else chosen[: MAX_PER_LEVEL - 1]
        lines += [annotation(level, p.message, p) for p in shown]
        if len(chosen) > len(shown):
            lines.append(annotation(level, f"{len(chosen) - len(shown)} more are in the log and in the summary"))
    return lines


def masks(secrets: Sequence[str]) -> list[str]:
    """Commands that take secrets out of the log, a line of a secret each.

    Short ones are left alone: the runner would take them out of every word that has them in it.
    """
    rows = (row.strip() for secret in secrets for row in re.split(r"[\r\n]+", secret))
    return [f"::add-mask::{escape_data(row)}" for row in dict.fromkeys(rows) if len(row) >= _MASK_MIN]


@contextmanager
def no_commands(write: Callable[[str], object]) -> Generator[None]:
    """Until the end of the block the runner takes no line for a command; the word that ends it cannot be guessed."""
    token = uuid.uuid4().hex
    write(f"::stop-commands::{token}\n")
    try:
        yield
    finally:
        # First a line end: the last line may have none.
        write(f"\n::{token}::\n")


def _cut(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
