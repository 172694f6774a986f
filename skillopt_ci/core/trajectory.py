"""What a harness saw while a target model worked on one task."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from skillopt_ci.core.task import Attachment

StopReason = Literal["stop", "length", "refusal", "context_overflow", "turns", "timeout", "tokens", "resources"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one or several calls.

    Attributes:
        input_tokens: all of them, cached or not.
        cached_tokens: of these, read from the provider's cache.
        written_tokens: of these, written to it, at a price of their own; only known of a call that is just made, as
            nobody needs them once it has its price.
    """

    input_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = field(default=0, compare=False)
    output_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            written_tokens=self.written_tokens + other.written_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a conversation; `attachments` are images and PDFs, sent as they are."""

    role: Literal["system", "user", "assistant"]
    content: str
    attachments: tuple[Attachment, ...] = ()

    def identity(self) -> list[object]:
        """Everything that can change an answer to it, as a JSON value."""
        plain: list[object] = [self.role, self.content]
        return [*plain, [a.identity() for a in self.attachments]] if self.attachments else plain


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool an agent called: name, arguments and result as text."""

    name: str
    arguments: str
    result: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """Messages in order, the last one the answer; `seconds` is wall-clock and never reaches a prompt.

    Of agents only:
        artifacts: files of the workspace that are new or changed, by their path in it; size-capped.
        removed: files that are gone.
        omitted: new or changed files that are not among the artifacts, with why, as `path: why`.
        diff: the changes as a unified diff, for people and prompts; size-capped.
        denied: names of tools that were refused, once for each time.
        skills_used: names of skills that the agent opened.
        tool_version: of the agent.
        calls: of the model that were answered: an agent's turns.
        usd: what they cost; None when a price is not known.
    """

    messages: tuple[Message, ...]
    stop_reason: StopReason
    served_model: str
    usage: Usage = Usage()
    tool_calls: tuple[ToolCall, ...] = ()
    seconds: float = 0.0
    artifacts: tuple[Attachment, ...] = ()
    removed: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()
    diff: str = ""
    denied: tuple[str, ...] = ()
    skills_used: tuple[str, ...] = ()
    tool_version: str = ""
    calls: int = 1
    usd: Decimal | None = None

    @property
    def answer(self) -> str:
        """The target's last words, without a thought before them in tags; empty when it said nothing."""
        last = self.messages[-1] if self.messages else None
        return _said(last.content) if last and last.role == "assistant" else ""


def _said(content: str) -> str:
    """What follows a thought that a server left in the text: `<think>...</think>`, or only its end on its own line."""
    thought, end, rest = content.partition("</think>")
    opened = thought.lstrip().startswith("<think>")
    alone = "<think>" not in thought and thought.endswith("\n") and rest.startswith("\n")
    return rest.lstrip("\n") if end and (opened or alone) else content
