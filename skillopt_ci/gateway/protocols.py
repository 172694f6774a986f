"""The three protocols that go through the gateway: where usage stands in their answers, and how an error looks."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from skillopt_ci.core.json_values import items, mapping, parsed_object, string
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.providers.usage import anthropic_usage, chat_usage, responses_usage

Protocol = Literal["messages", "responses", "chat"]
_PATHS: Mapping[str, Protocol] = {
    "/v1/messages": "messages",
    "/v1/responses": "responses",
    "/v1/chat/completions": "chat",
}
_READERS: Mapping[Protocol, Callable[[Mapping[str, object]], Usage]] = {
    "messages": anthropic_usage,
    "responses": responses_usage,
    "chat": chat_usage,
}
# Of each type of provider that agents can use.
SPEAKS: Mapping[str, tuple[Protocol, ...]] = {"anthropic": ("messages",), "openai": ("responses", "chat")}
COUNT_TOKENS = "/v1/messages/count_tokens"
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


def cannot_be_used(provider: str, kind: str) -> str:
    """Words for a provider of a type that agents cannot use."""
    known = " or ".join(sorted(SPEAKS))
    return f"provider '{provider}': agents cannot use providers of type '{kind}'; give the target one of type {known}"


def protocol_of(path: str) -> Protocol | None:
    """Which protocol a path (without its query) speaks; None for every other path."""
    return _PATHS.get(path)


def error_body(path: str, message: str) -> bytes:
    """A refused request in the words of the protocol that was spoken."""
    if path.startswith("/v1/messages"):
        value: object = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    else:
        value = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": "gateway"}}
    return json.dumps(value).encode()


@dataclass(slots=True)
class Tally:
    """Reads what an answer says about itself, whole or event by event. Usage is None until the answer is complete."""

    protocol: Protocol
    model: str = ""
    usage: Usage | None = None
    complete: bool = False
    began: bool = False
    _input: Usage = field(default_factory=Usage)
    _written: int = 0
    _line: bytearray = field(default_factory=bytearray)

    def whole(self, body: bytes) -> None:
        """An answer in one piece."""
        answer = parsed_object(body) or {}
        self.complete = True
        self._note(answer)
        self.usage = self._usage(mapping(answer.get("usage")))

    def feed(self, data: bytes) -> None:
        """The next bytes of a stream of events."""
        self.began = True
        self._line += data
        *lines, rest = self._line.split(b"\n")
        self._line = bytearray(rest)
        for line in lines:
            if line.startswith(b"data:"):
                self._event(parsed_object(bytes(line[5:])) or {})

    def estimate(self, asked: int) -> Usage:
        """Usage of an answer that broke off: what it said of its input, else four characters a token.

        Args:
            asked: characters of the request.
        """
        said = self._input
        return replace(said, input_tokens=said.input_tokens or asked // 4, output_tokens=-(-self._written // 4))

    def _event(self, event: Mapping[str, object]) -> None:
        kind = string(event.get("type"))
        self._written += sum(len(text) for text in _texts(_delta(event)))
        if self.protocol == "messages":
            if kind == "message_start":
                start = mapping(event.get("message"))
                self._note(start)
                self._input = self._usage(mapping(start.get("usage")))
            elif kind == "message_delta":
                last = self._usage(mapping(event.get("usage")))
                first = last if last.input_tokens else self._input
                self.usage = replace(first, output_tokens=last.output_tokens)
            self.complete = self.complete or kind == "message_stop"
        elif self.protocol == "responses":
            if kind in _ENDS:
                answer = mapping(event.get("response"))
                self._note(answer)
                self.usage = self._usage(mapping(answer.get("usage")))
                self.complete = True
        else:
            self._note(event)
            if isinstance(event.get("usage"), dict):
                self.usage = self._usage(mapping(event.get("usage")))
            self.complete = self.complete or any(c.get("finish_reason") for c in items(event.get("choices")))

    def _note(self, answer: Mapping[str, object]) -> None:
        self.model = string(answer.get("model")) or self.model

    def _usage(self, usage: Mapping[str, object]) -> Usage:
        return _READERS[self.protocol](usage)


def _delta(event: Mapping[str, object]) -> object:
    return event.get("delta") or [choice.get("delta") for choice in items(event.get("choices"))]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
