"""What a reader of a task format gets and gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import Problem


@dataclass(frozen=True, slots=True, order=True)
class Loss:
    """Something that a foreign file says and native tasks cannot. `item` is the task's id, empty for the whole file."""

    file: str
    line: int
    item: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """Tasks of one file, everything wrong with it (errors and warnings), and what of it could not be expressed."""

    tasks: tuple[Task, ...]
    problems: tuple[Problem, ...] = ()
    losses: tuple[Loss, ...] = ()


class Reader(Protocol):
    """Reads one file of a format; never executes anything in it."""

    def __call__(self, tree: Tree, path: str, data: bytes, /) -> ReadResult:
        """Return the tasks with their line numbers, all problems and all losses at once."""
        ...


def decode(path: str, data: bytes) -> tuple[str, Sequence[Problem]]:
    """The file's text without a byte-order mark; problems instead when it is not UTF-8."""
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return "", [Problem(path, line, 0, f"not valid UTF-8 (byte 0x{data[error.start]:02x}); save the file as UTF-8")]
