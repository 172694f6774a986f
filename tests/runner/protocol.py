"""What the runner of GitHub Actions takes for a command, and how it reads the files of a step.

Written after actions/runner: ActionCommand.cs, ActionCommandManager.cs, FileCommandManager.cs, ExecutionContext.cs.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

COMMANDS = frozenset(
    {
        "set-env", "set-output", "save-state", "add-path", "add-mask", "debug", "notice", "warning", "error", "group",
        "endgroup", "echo", "add-matcher", "remove-matcher", "stop-commands", "internal-set-repo-path",
    }
)  # fmt: skip
PER_LEVEL, MESSAGE, SUMMARY_BYTES = 10, 4096, 1024 * 1024


@dataclass(frozen=True)
class Command:
    """A command that the runner would carry out."""

    name: str
    properties: dict[str, str]
    data: str


def lines_of(text: str) -> list[str]:
    """Lines as .NET's ReadLine splits them: at newline, carriage return, or both."""
    return re.split(r"\r\n|\n|\r", text)


def parse(line: str, known: frozenset[str] = COMMANDS) -> Command | None:
    """The command of a line, in the present form or the old one; None when it is only text."""
    return _parse(line, known) or _parse_old(line, known)


def _parse(line: str, known: frozenset[str]) -> Command | None:
    line = line.lstrip()  # both take every Unicode white space
    end = line.find("::", 2)
    if not line.startswith("::") or end < 0:
        return None
    return _command(line[2:end], ",", line[end + 2 :], known)


def _parse_old(line: str, known: frozenset[str]) -> Command | None:
    start = line.find("##[")
    end = line.find("]", start)
    if start < 0 or end < 0:
        return None
    return _command(line[start + 3 : end], ";", line[end + 1 :], known)


def _command(info: str, separator: str, data: str, known: frozenset[str]) -> Command | None:
    name, _, rest = info.partition(" ")
    if name.lower() not in {k.lower() for k in known}:
        return None
    pairs = [p.split("=", 1) for p in rest.strip().split(separator) if p]
    return Command(name.lower(), {p[0]: _plain(p[1]) for p in pairs if len(p) == 2 and all(p)}, _plain(data))


def _plain(text: str) -> str:
    for escaped, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escaped, char)
    return text


@dataclass
class Log:
    """A step's output as the runner reads it: what was carried out, and what is only shown."""

    commands: list[Command] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    masks: set[str] = field(default_factory=set)
    _token: str = ""

    def feed(self, output: str) -> "Log":
        """Read more output."""
        for line in lines_of(output):
            self._line(line)
        return self

    def _line(self, line: str) -> None:
        known = COMMANDS | {self._token} if self._token else COMMANDS
        found = parse(line, known)
        if self._token:
            if found is not None and found.name == self._token.lower():
                self._token = ""
            else:
                self.text.append(line)
        elif found is None:
            self.text.append(line)
        elif found.name == "stop-commands":
            assert found.data
            assert found.data not in COMMANDS
            self._token = found.data
        else:
            self.commands.append(found)
            if found.name == "add-mask":
                self.masks |= {m for m in lines_of(found.data) if m}

    @property
    def stopped(self) -> bool:
        """Commands are still stopped."""
        return bool(self._token)

    def annotations(self) -> list[Command]:
        """What is shown beside files: ten of a kind, 4,096 characters of each."""
        seen: Counter[str] = Counter()
        shown = []
        for command in self.commands:
            if command.name in ("error", "warning", "notice"):
                seen[command.name] += 1
                if seen[command.name] <= PER_LEVEL:
                    shown.append(Command(command.name, command.properties, command.data[:MESSAGE]))
        return shown


class FileCommandError(ValueError):
    """The runner fails the step."""


def parse_file(text: str) -> dict[str, str]:
    """GITHUB_OUTPUT or GITHUB_ENV as the runner of Linux reads it. Raises `FileCommandError`."""
    found: dict[str, str] = {}
    rows = text.split("\n")
    at = 0
    while at < len(rows):
        row = rows[at]
        at += 1
        if not row:
            continue
        equals, heredoc = row.find("="), row.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, _, value = row.partition("=")
        elif heredoc >= 0:
            name, _, delimiter = row.partition("<<")
            if not name or not delimiter:
                raise FileCommandError(f"Invalid format '{row}'")
            value, at = _heredoc(rows, at, delimiter)
        else:
            raise FileCommandError(f"Invalid format '{row}'")
        if not name:
            raise FileCommandError(f"Invalid format '{row}'")
        found[name] = value
    return found


def _heredoc(rows: Sequence[str], at: int, delimiter: str) -> tuple[str, int]:
    start = at
    while at < len(rows):
        if rows[at] == delimiter:
            return "\n".join(rows[start:at]), at + 1
        at += 1
    raise FileCommandError(f"Matching delimiter not found '{delimiter}'")


def read_summary(path: Path) -> str:
    """The summary that is shown: a larger one is dropped as a whole."""
    data = path.read_bytes() if path.exists() else b""
    return "" if len(data) > SUMMARY_BYTES else data.decode("utf-8")
