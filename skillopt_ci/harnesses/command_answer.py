"""What a command-line agent printed: its answer, and what it did, found by paths."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from skillopt_ci.core.trajectory import ToolCall
from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.harnesses.transcript import ARGUMENT_CHARS, RESULT_CHARS, as_json, clipped, events, text

_STEP = re.compile(r"\.?([A-Za-z0-9_-]+)|\[(-?\d{1,9})\]")
Step = str | int
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Path:
    """A way into a JSON value: `part.text`, `choices[0].message`, `[-1].content`; empty is the value itself."""

    steps: tuple[Step, ...]
    written: str

    @classmethod
    def parse(cls, written: str) -> "Path":
        """Raises `ConfigError`."""
        steps: list[Step] = []
        at = 0
        while at < len(written):
            found = _STEP.match(written, at)
            if found is None or (at == 0 and written.startswith(".")):
                raise ConfigError(f"the path {written[:80]!r} is none; it is written like `items[0].text`")
            steps.append(found[1] if found[1] is not None else int(found[2]))
            at = found.end()
        return cls(tuple(steps), written)

    def find(self, value: object) -> object:
        """What is there; `_MISSING` when there is nothing."""
        for step in self.steps:
            if isinstance(step, str):
                value = value.get(step, _MISSING) if isinstance(value, dict) else _MISSING
            else:
                fits = isinstance(value, list) and -len(value) <= step < len(value)
                value = value[step] if fits and isinstance(value, list) else _MISSING
            if value is _MISSING:
                break
        return value

    def text(self, value: object) -> str | None:
        """A text that is there, or another value as JSON; None when there is nothing."""
        found = self.find(value)
        if found is _MISSING or found is None:
            return None
        return text(found) if isinstance(found, str) else as_json(found)


@dataclass(frozen=True, slots=True)
class Where:
    """Which lines are meant: each path has that value."""

    wanted: tuple[tuple[Path, object], ...]

    def fits(self, event: Mapping[str, object]) -> bool:
        """Whether a line is one of them."""
        return all(path.find(event) == value for path, value in self.wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRule:
    """Where the answer is.

    Attributes:
        source: what is read.
        format: the whole text, one JSON value, or one in each line.
        path: in the value, or in each line.
        where: of JSON lines, which ones.
        take: of those, the last one or all of them joined.
    """

    source: Literal["stdout", "file"] = "stdout"
    format: Literal["text", "json", "jsonl"] = "text"
    path: Path = Path((), "")
    where: Where = Where(())
    take: Literal["last", "join"] = "last"

    def read(self, printed: str) -> str:
        """The answer. Raises `CallFailedError` of kind `malformed` when there is none: the rule may be wrong."""
        if self.format == "text":
            return text(printed).strip()
        if self.format == "json":
            try:
                found = self.path.text(json.loads(printed))
            except (ValueError, RecursionError):
                raise CallFailedError("malformed", "the agent's output is not JSON") from None
            parts = [] if found is None else [found]
        else:
            lines = (self.path.text(event) for event in events(printed) if self.where.fits(event))
            parts = [line for line in lines if line is not None]
        if not parts:
            raise CallFailedError("malformed", f"the agent's output has no answer at '{self.path.written}'")
        return "".join(parts) if self.take == "join" else parts[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRule:
    """Where tool calls are: which lines, and name, arguments and result in them."""

    where: Where
    name: Path
    arguments: Path | None = None
    result: Path | None = None

    def read(self, printed: str) -> Iterator[ToolCall]:
        """Every tool call, in order; lines without a name are none."""
        for event in events(printed):
            name = self.name.text(event) if self.where.fits(event) else None
            if name:
                given = self.arguments.text(event) if self.arguments else None
                said = self.result.text(event) if self.result else None
                yield ToolCall(
                    name=name,
                    arguments=clipped(given or "", ARGUMENT_CHARS),
                    result=clipped(said or "", RESULT_CHARS),
                )
