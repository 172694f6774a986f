"""Requests, and providers over the real SDKs whose waits are only noted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from skillopt_ci import plugins
from skillopt_ci.core.trajectory import Message
from skillopt_ci.providers.base import ProviderOptions, Request, Schema
from skillopt_ci.providers.retrying import Retrying
from tests.loopback import Loopback

KEY = "sk-secret-0123456789"
SCHEMA = Schema(
    name="skill_edits",
    schema={
        "type": "object",
        "properties": {"answer": {"type": "string"}},
        "required": ["answer"],
        "additionalProperties": False,
    },
)


def request(text: str = "What is 2+2?", **changes: Any) -> Request:
    messages = (Message(role="system", content="Be brief."), Message(role="user", content=text))
    plain = Request(
        model="gpt-5.4-mini", messages=messages, max_output_tokens=64, temperature=None,
        place="t1/val/0", stream="val", label="t1",
    )  # fmt: skip
    return replace(plain, **changes)


@contextmanager
def connected(server: Loopback, kind: str = "openai", **options: Any) -> Iterator[Any]:
    """The bare SDK provider of a type, closed afterwards."""
    base_url = server.openai_url if kind == "openai" else server.url
    given = {"name": kind, "type": kind, "api_key": KEY, "base_url": base_url, "timeout_seconds": 5.0, **options}
    provider = plugins.load("providers", kind)(ProviderOptions(**given))
    try:
        yield provider
    finally:
        provider.close()


class Waits:
    """Stands in for `Event.wait`: notes the seconds, never waits, and stops the run after `stop_after` of them."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.seconds: list[float] = []
        self._stop_after = stop_after

    def __call__(self, seconds: float) -> bool:
        if not seconds:
            return False
        self.seconds.append(seconds)
        return self._stop_after is not None and len(self.seconds) >= self._stop_after


def patient(provider: Any, waits: Waits | None = None, **options: Any) -> Retrying:
    return Retrying(provider, wait=waits or Waits(), random=lambda: 0.0, **options)
