"""The files in which a step tells the runner something: GITHUB_OUTPUT and GITHUB_STEP_SUMMARY."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skillopt_ci.core.texts import utf8
from skillopt_ci.errors import SkilloptError

SUMMARY_BYTES = 1024 * 1024  # of a step; the runner drops a larger summary as a whole
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
_CUT = "\n\n_The summary was cut: a step may have 1 MiB._\n"


@dataclass(frozen=True)
class RunnerFiles:
    """The files of one step; outside of a runner, where none is named, nothing is written.

    Every method raises `SkilloptError` when a file cannot be written.
    """

    output: Path | None = None
    summary: Path | None = None

    @classmethod
    def of(cls, env: Mapping[str, str]) -> "RunnerFiles":
        """The files that the runner names."""
        output, summary = (env.get(f"GITHUB_{name}") for name in ("OUTPUT", "STEP_SUMMARY"))
        return cls(Path(output) if output else None, Path(summary) if summary else None)

    def set_output(self, name: str, value: str) -> None:
        """Set an output of the step, whatever the value holds."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"not the name of an output: {name!r}")
        _append(self.output, _entry(name, value))

    def add_summary(self, markdown: str) -> None:
        """Add to the job's summary; cut at a line when the step would get more than 1 MiB."""
        if self.summary is None:
            return
        try:
            used = self.summary.stat().st_size
        except OSError:
            used = 0
        text = utf8(markdown)
        _append(self.summary, _fitting(text if text.endswith("\n") else text + "\n", SUMMARY_BYTES - used))


def _fitting(text: str, room: int) -> str:
    """The text in at most `room` bytes of UTF-8, cut at a line and said so; empty when there is no room for that."""
    data = text.encode()
    if len(data) <= room:
        return text
    keep = room - len(_CUT.encode())
    while keep > 0:
        cut = data[:keep].rpartition(b"\n")[0].decode("utf-8", "ignore")
        if not cut:
            break
        shown = _close(cut) + _CUT
        over = len(shown.encode()) - room
        if over <= 0:
            return shown
        keep -= over  # the end of a fence takes room, too
    return ""


def _entry(name: str, value: str) -> str:
    """`name<<delimiter`, value, delimiter: a value cannot bring in another name, as it cannot know the delimiter."""
    value = utf8(value)
    delimiter = f"ghadelimiter_{uuid.uuid4()}"
    if delimiter in value:  # cannot happen by chance
        raise SkilloptError(f"output {name}: holds the delimiter")
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _close(text: str) -> str:
    """The text with its last fence closed, if one is open: what follows is ours and must be read as Markdown."""
    fence = ""
    for line in text.split("\n"):
        mark = re.match(r" {0,3}(`{3,}|~{3,})(.*)$", line)
        if mark is None:
            continue
        if not fence:
            fence = mark[1]
        elif mark[1][0] == fence[0] and len(mark[1]) >= len(fence) and not mark[2].strip():
            fence = ""
    return f"{text}\n{fence}" if fence else text


def _append(path: Path | None, text: str) -> None:
    if path is None:
        return
    try:
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise SkilloptError(f"{path}: cannot be written: {error.strerror}") from error
