"""Tasks and suites: what a skill is measured on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal

from skillopt_ci.core.digest import digest
from skillopt_ci.errors import Problem

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
STARTER_TAG = "starter"  # marks the tasks that `init` writes, until somebody replaces them
_EMPTY: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a task was written; `line` counts from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def problem(self, message: str, *, warning: bool = False) -> Problem:
        """Something wrong here."""
        return Problem(self.file, self.line, 0, message, warning)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderSpec:
    """A grader as written: its type and options. `hidden` is what the optimizer must not see; None is the default."""

    type: str
    options: Mapping[str, object] = field(default_factory=lambda: _EMPTY)
    hidden: bool | None = None

    def identity(self) -> object:
        """What distinguishes it from another grader, as a JSON value."""
        return {"type": self.type, "options": dict(self.options), "hidden": self.hidden}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that goes with a task: its name for the agent, and its bytes."""

    name: str
    data: bytes

    def identity(self) -> object:
        """Name and content, as a JSON value."""
        return {"name": self.name, "data": digest(self.data.hex())}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task; `expected` holds every accepted answer.

    `graders` None means the skill's graders; an empty tuple that only triggering is tested (`should_trigger`).
    """

    id: str
    prompt: str
    source: Source
    expected: tuple[str, ...] = ()
    context: str = ""
    files: tuple[Attachment, ...] = ()
    setup: tuple[str, ...] = ()
    graders: tuple[GraderSpec, ...] | None = None
    split: Split | None = None
    golden: bool = False
    should_trigger: bool | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=lambda: _EMPTY)

    @property
    def cluster(self) -> str | None:
        """Tasks of one cluster stand or fall together."""
        value = self.metadata.get("cluster")
        return None if value is None else str(value)

    def identity(self) -> object:
        """Everything that can change a measurement, as a JSON value; the place in a file cannot."""
        return {
            "id": self.id,
            "prompt": self.prompt,
            "expected": list(self.expected),
            "context": self.context,
            "files": [f.identity() for f in self.files],
            "setup": list(self.setup),
            "graders": None if self.graders is None else [g.identity() for g in self.graders],
            "split": self.split,
            "golden": self.golden,
            "should_trigger": self.should_trigger,
            "cluster": self.cluster,
        }


def content_id(prompt: str, context: str, expected: Sequence[str]) -> str:
    """The id of a task that was given none: 12 hex digits of its content."""
    return digest([prompt, context, list(expected)])[:12]


@dataclass(frozen=True, kw_only=True)
class Suite:
    """All tasks of a skill, every one with its split decided, in the order of their files."""

    tasks: tuple[Task, ...]

    def of(self, splits: Iterable[str]) -> tuple[Task, ...]:
        """The tasks of the named splits, in order."""
        wanted = set(splits)
        return tuple(t for t in self.tasks if t.split in wanted)

    @cached_property
    def digest(self) -> str:
        """Identity of the whole suite, whatever the order of its files."""
        return digest(sorted(digest(t.identity()) for t in self.tasks))
