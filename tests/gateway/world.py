"""A gateway before a loopback model server, and entries to it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from skillopt_ci.core.spend import Limits
from skillopt_ci.gateway.passes import Pass, Terms
from skillopt_ci.gateway.server import Gateway
from skillopt_ci.gateway.upstream import Upstream
from skillopt_ci.providers.base import ProviderOptions
from skillopt_ci.providers.meter import Meter
from skillopt_ci.providers.prices import Pricer
from tests.loopback import Handler, Loopback, Reply

KEY = "sk-the-real-key-0123456789"
PRICES = {"input": Decimal(1), "output": Decimal(10), "cached_input": Decimal("0.1")}


@dataclass(frozen=True)
class World:
    server: Loopback
    gateway: Gateway
    upstream: Upstream
    meter: Meter

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gateway.door.port}"

    def enter(self, **changes: Any) -> Pass:
        """A rollout's entry; its terms can be changed."""
        terms: dict[str, Any] = {
            "upstream": self.upstream,
            "models": frozenset(["m"]),
            "calls": 10,
            "tokens": 1_000_000,
            "meters": [self.meter],
            "pricer": Pricer("openai", prices=PRICES),
            "run": "r",
            **changes,
        }
        return self.gateway.open(Terms(**terms))


@contextmanager
def world(
    handler: Handler,
    kind: str = "openai",
    limits: Limits = Limits(),  # noqa: B008
    timeout: float = 20,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[World]:
    """Everything up, and down again."""
    with Loopback(handler) as server, Gateway(port=True) as gateway:
        url = server.openai_url if kind == "openai" else server.url
        options = ProviderOptions(
            name="p", type=kind, api_key=KEY, base_url=url, timeout_seconds=timeout, headers=headers
        )
        upstream = Upstream(options)
        try:
            yield World(server, gateway, upstream, Meter(limits, ["r"]))
        finally:
            upstream.close()


def events(items: Iterable[tuple[str, Mapping[str, Any]]], *, named: bool = True, done: bool = False) -> Reply:
    """A stream of server-sent events."""
    parts = [(f"event: {name}\n" if named else "") + f"data: {json.dumps(data)}\n\n" for name, data in items]
    body = "".join(parts) + ("data: [DONE]\n\n" if done else "")
    return Reply(body=body.encode(), content_type="text/event-stream; charset=utf-8")


def anthropic_stream(text: str = "hello", *, end: bool = True) -> Reply:
    """A streamed message: 100 fresh, 20 written, 30 cached tokens in, 7 out."""
    usage = {
        "input_tokens": 100, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 30, "output_tokens": 1,
    }  # fmt: skip
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "served", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    delta, block = {"type": "text_delta", "text": text}, {"type": "text", "text": ""}
    items: list[tuple[str, Mapping[str, Any]]] = [
        ("message_start", {"type": "message_start", "message": message}),
        ("content_block_start", {"type": "content_block_start", "index": 0, "content_block": block}),
        ("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}),
    ]  # fmt: skip
    if end:
        items += [
            ("content_block_stop", {"type": "content_block_stop", "index": 0}),
            (
                "message_delta",
                {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                 "usage": {"output_tokens": 7}},
            ),
            ("message_stop", {"type": "message_stop"}),
        ]  # fmt: skip
    return events(items)


def chat_stream() -> Reply:
    """A streamed chat completion with its usage at the end: 12 in, 4 of them cached, 3 out."""
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "served"}
    cached = {"prompt_tokens_details": {"cached_tokens": 4}}
    usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15, **cached}
    deltas = [({"role": "assistant", "content": "hel"}, None), ({"content": "lo"}, None), ({}, "stop")]
    chunks = [{**base, "choices": [{"index": 0, "delta": d, "finish_reason": end}]} for d, end in deltas]
    return events([("", c) for c in [*chunks, {**base, "choices": [], "usage": usage}]], named=False, done=True)


def responses_stream() -> Reply:
    """A streamed response: 50 in, 10 of them cached, 6 out."""
    usage = {
        "input_tokens": 50, "input_tokens_details": {"cached_tokens": 10}, "output_tokens": 6,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 56,
    }  # fmt: skip
    response = {
        "id": "r",
        "object": "response",
        "created_at": 1,
        "model": "served",
        "output": [],
        "status": "completed",
    }
    delta = {
        "type": "response.output_text.delta", "delta": "hello", "item_id": "i", "output_index": 0, "content_index": 0,
        "sequence_number": 1, "logprobs": [],
    }  # fmt: skip
    done = {"type": "response.completed", "sequence_number": 2, "response": {**response, "usage": usage}}
    return events([("response.output_text.delta", delta), ("response.completed", done)])
