"""What the event stream of an agent's command line tells, whichever agent it is. Nothing in a stream is trusted."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from skillopt_ci.core.json_values import parsed_objects
from skillopt_ci.core.texts import utf8
from skillopt_ci.core.trajectory import Message, StopReason, ToolCall

RESULT_CHARS = 8_000
ARGUMENT_CHARS = 8_000
MESSAGE_CHARS = 100_000
WORDS_CHARS = 400
_TELLING = 24
_MOST = 2_000  # messages, and tool calls: an endless stream is not kept whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Why a run measured nothing: a kind as in `CallFailedError` (`auth`: the key is refused), and words for people."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What happened in a run.

    Attributes:
        messages: what the agent said, in order; the last one is its answer when the run ended by itself.
        denied: names of tools that were refused, one for each time.
        skills_used: names of skills the agent opened, in order, each once.
        ended: the skill's own end; None with `broken`, or when the stream breaks off.
    """

    messages: tuple[Message, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    denied: tuple[str, ...] = ()
    skills_used: tuple[str, ...] = ()
    served_model: str = ""
    tool_version: str = ""
    ended: StopReason | None = None
    broken: Broken | None = None


def answered(transcript: Transcript, calls: int) -> Transcript:
    """The transcript of an agent that answers by its model alone: without a model call nothing was measured."""
    if calls or transcript.ended != "stop":
        return transcript
    said = transcript.messages[-1].content if transcript.messages else ""
    return replace(transcript, ended=None, broken=Broken(kind="agent", message=f"no model was asked: {said[:200]}"))


@dataclass(slots=True)
class Draft:
    """A transcript in the making. `skills` are the installed ones: name -> a line that only its body has."""

    skills: Mapping[str, str]
    messages: list[Message] = field(default_factory=list)
    calls: dict[str, ToolCall] = field(default_factory=dict)
    denied: dict[str, str] = field(default_factory=dict)
    used: dict[str, None] = field(default_factory=dict)

    def say(self, words: str) -> None:
        """The agent said something; silence is not kept."""
        if words and len(self.messages) < _MOST:
            self.messages.append(Message(role="assistant", content=clipped(words, MESSAGE_CHARS)))

    def call(self, key: str, call: ToolCall) -> None:
        """The agent called a tool, or its result is known now. Reading a skill's file is using the skill."""
        if key in self.calls or len(self.calls) < _MOST:
            self.calls[key] = call
        for name, line in self.skills.items():
            if names_skill(call.arguments, name) or (line and line in call.result):
                self.used[name] = None

    def use(self, name: str) -> None:
        """A skill was opened by its name; names of skills that are not there do not count."""
        if name in self.skills:
            self.used[name] = None


def names_skill(words: str, name: str) -> bool:
    """Whether words hold the path of a skill's SKILL.md; `old-invoices/SKILL.md` is not that of `invoices`."""
    return re.search(rf"(?<![\w.-]){re.escape(name)}/+(?:\./+)*SKILL\.md\b", words) is not None


def telling_line(body: str) -> str:
    """The longest line of a skill's body: who has it on the screen has read the skill. Empty when all are short."""
    longest = max((line.strip() for line in body.splitlines()), key=len, default="")
    return longest if len(longest) >= _TELLING else ""


def events(stream: str) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream, one a line; what is none is left out (a tool may have printed between them)."""
    return parsed_objects(line for line in stream.split("\n") if line.startswith("{"))


def text(value: object) -> str:
    """The value as a text that can be stored; empty for anything else."""
    return utf8(value) if isinstance(value, str) else ""


def as_json(value: object) -> str:
    """A value from a stream as short JSON text, such as the arguments of a call."""
    return clipped(utf8(json.dumps(value, ensure_ascii=False, sort_keys=True)), ARGUMENT_CHARS)


def clipped(words: str, limit: int) -> str:
    """At most about `limit` characters: the beginning and more of the end, where errors stand."""
    if len(words) <= limit:
        return words
    head = limit // 3
    return f"{words[:head]}\n[... {len(words) - limit} characters left out ...]\n{words[head - limit :]}"


def http_failure(status: int, words: str) -> Broken:
    """What an error of the model's endpoint means: a refused key, a refused request, or something that may pass."""
    kinds = {401: "auth", 403: "auth", 408: "timeout", 429: "rate-limit", 504: "timeout"}
    kind = kinds.get(status) or ("server" if status >= 500 else "request")
    return Broken(kind=kind, message=clipped(words, WORDS_CHARS))
