"""The port `Provider`: a request in, a completion out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Protocol

from skillopt_ci.core.digest import digest
from skillopt_ci.core.trajectory import Message, StopReason, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Structured output wanted: a name (also the forced tool's) and a JSON Schema with every property required."""

    name: str
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One model call. `place` is the identity of the sample or of the step in a run, part of the ledger key."""

    model: str
    messages: tuple[Message, ...]
    max_output_tokens: int
    temperature: float | None
    place: str
    stream: str
    label: str
    schema: Schema | None = None

    @property
    def system(self) -> str:
        """The system messages, joined."""
        return "\n\n".join(m.content for m in self.messages if m.role == "system")

    def identity(self) -> dict[str, object]:
        """Everything that can change the answer, and the sample; not the stream's or label's wording."""
        return {
            "model": self.model,
            "messages": [m.identity() for m in self.messages],
            "max_output_tokens": self.max_output_tokens,
            "temperature": self.temperature,
            "schema": None if self.schema is None else [self.schema.name, dict(self.schema.schema)],
            "place": self.place,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A model's answer. For structured output `text` is the JSON text, valid or not.

    `nothing`: why it is none, where a server billed an answer that holds nothing. It is paid for, and nobody's result.
    """

    text: str
    stop_reason: StopReason
    usage: Usage
    served_model: str
    seconds: float = 0.0
    nothing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderOptions:
    """How to reach a provider. `api_key` is the secret itself, never shown in a repr, a record or a message.

    `api_key_env` is the variable that it is from, for messages; None is the SDK's usual one.
    `headers` go with every request. Nothing else of the environment does, whatever an SDK reads there by itself.
    `clean` takes every secret out of a text, in whatever form: for what a server says, before it is cut.
    """

    name: str
    type: str
    api_key: str | None = field(default=None, repr=False)
    api_key_env: str | None = None
    base_url: str | None = None
    api: Literal["chat", "responses"] = "chat"
    api_version: str | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    timeout_seconds: float = 120.0
    noise: float = 0.05
    latency_ms: float = 0.0
    clean: Callable[[str], str] = field(default=str, repr=False)


class Provider(Protocol):
    """One way to reach models."""

    def complete(self, request: Request, /) -> Completion:
        """Answer one request.

        Raises:
            CallFailedError: this call gave no result (after retries, in wrapped providers).
            ProviderDownError: no further call can succeed: the key is refused, the endpoint is dead.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model at a provider, with its sampling parameters: what a role (target, optimizer, judge) is played by."""

    provider: Provider
    model: str
    temperature: float | None
    max_output_tokens: int


def request_key(provider: str, request: Request) -> str:
    """The ledger key of a request at a provider (its type and configured name)."""
    return digest({"provider": provider, **request.identity()})
