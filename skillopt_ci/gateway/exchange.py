"""One request of a rollout: checked, admitted, passed on, counted."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import httpx2

from skillopt_ci.core.json_values import count, mapping, parsed_object, string
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import CallFailedError, ProviderDownError
from skillopt_ci.gateway.passes import Pass, Ticket
from skillopt_ci.gateway.protocols import COUNT_TOKENS, Tally, error_body, protocol_of
from skillopt_ci.gateway.upstream import PASSED, Asked
from skillopt_ci.providers.base import Completion
from skillopt_ci.providers.sdk import status_failure

_NOTHING = Decimal(0)
_PASSED_BACK = ("content-type", "retry-after", "retry-after-ms", "x-should-retry", "request-id", "x-request-id")
_MOST_IN_A_ROW = 20
_DEFAULT_OUTPUT = 8192
_LONGEST_ERROR = 64 * 1024
_LONGEST_HEADER = 4096
_MOST_VALUES = 1_000_000
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_ANSWERS = ("n", "best_of")
# What else a call may ask for, and what that may be: an answer that comes later says nothing of its usage, and what is
# served sooner has another price.
_ALLOWED: Mapping[str, tuple[object, ...]] = {
    "stream": (True, False),
    "background": (False,),
    "service_tier": ("auto", "default", "flex", "standard", "standard_only"),
    "speed": ("standard",),
}
_CHECKED = frozenset(["model", "stream_options", *_LIMITS, *_ANSWERS, *_ALLOWED])


class Failures:
    """Attempts in a row, over all rollouts, that the provider did not answer. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_a_row = 0

    def answered(self) -> None:
        """One was."""
        with self._lock:
            self._in_a_row = 0

    def failed(self, message: str) -> ProviderDownError | None:
        """One was not; the error once there is no point in asking again."""
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row < _MOST_IN_A_ROW:
                return None
        return ProviderDownError(
            f"{message}; {_MOST_IN_A_ROW} attempts in a row failed: check base_url, the network and the provider's "
            "status"
        )


class Stream:
    """The chunks of a streamed answer; counted when it ends or is closed. `whole`: it ended as it should."""

    def __init__(self, response: Any, ticket: Ticket, tally: Tally, failures: Failures) -> None:
        self._response = response
        self._ticket = ticket
        self._tally = tally
        self._failures = failures
        self._broken = ""
        self.whole = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._response.iter_raw():
                self._tally.feed(chunk)
                if chunk:
                    yield chunk
        except httpx2.HTTPError as error:
            self._broken = type(error).__name__
        else:
            self.whole = True

    def close(self) -> None:
        """Close the connection and count the call."""
        self._response.close()
        tally, ticket = self._tally, self._ticket
        failed = None
        if self._broken:
            said = f"{ticket.owner.terms.upstream.endpoint}: the answer broke off ({self._broken})"
            failed = CallFailedError("network", said)
        else:
            self._failures.answered()
        usage = tally.usage
        if usage is None and not (tally.complete and self.whole):
            usage = tally.estimate(ticket.characters)
        settle(ticket, usage or Usage(), tally.model)
        if failed is not None:
            ticket.owner.failed(failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the client gets: a body, or a stream of chunks that must be closed."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    stream: Stream | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """Takes the requests of one rollout."""

    entry: Pass
    failures: Failures = field(repr=False)

    def answer(self, asked: Asked) -> Answer:
        """Pass a request on, or refuse it."""
        upstream = self.entry.terms.upstream
        counting = asked.path == COUNT_TOKENS and "messages" in upstream.protocols
        protocol = "messages" if counting else protocol_of(asked.path)
        if protocol not in upstream.protocols:
            known = " and ".join(upstream.protocols)
            return _refused(404, asked, f"this rollout's provider speaks {known} here, and nothing else")
        why = _unfit(asked)
        if why:
            return _refused(400, asked, why)
        body = parsed_object(asked.body) or {}
        model = string(body.get("model"))
        why = _unclear(body) if model else "the request is no JSON object with a model"
        if why:
            return _refused(400, asked, why)
        if body.get("stream") is True and protocol == "chat":  # or the provider would not say what it cost
            body["stream_options"] = {**mapping(body.get("stream_options")), "include_usage": True}
        length = len(asked.body)
        try:  # what was checked is what is sent: another reader may take the first of two keys of one name
            asked = replace(asked, body=json.dumps(body, allow_nan=False).encode())
        except (ValueError, RecursionError):
            return _refused(400, asked, "the request holds what JSON has no words for")
        if counting:
            return self._count(asked, model)
        ticket = self.entry.admit(model, length, _most_output(body))
        if isinstance(ticket, str):
            return _refused(400, asked, ticket)
        ticket.tally = Tally(protocol)
        return self._sent(asked, ticket, ticket.tally)

    def _count(self, asked: Asked, model: str) -> Answer:
        """Counting tokens costs nothing; still it asks a real model in the key's name."""
        why = self.entry.count(model)
        if why:
            return _refused(400, asked, why)
        try:
            response = self.entry.terms.upstream.send(asked)
            try:
                response.read()
            finally:
                response.close()
        except httpx2.HTTPError:
            return _refused(502, asked, "the provider does not answer")
        body = response.content if response.status_code == 200 else error_body(asked.path, "tokens cannot be counted")
        return Answer(status=response.status_code, headers={}, body=body)

    def _sent(self, asked: Asked, ticket: Ticket, tally: Tally) -> Answer:
        upstream = self.entry.terms.upstream
        endpoint = upstream.endpoint
        try:
            response = upstream.send(asked)
            headers = {k: v for k in _PASSED_BACK if (v := response.headers.get(k))}
            if response.status_code == 200 and "event-stream" in headers.get("content-type", ""):
                stream = Stream(response, ticket, tally, self.failures)
                return Answer(status=200, headers=headers, stream=stream)
            try:
                response.read()
            finally:
                response.close()
        except httpx2.TimeoutException as error:
            return self._failed(504, asked, ticket, endpoint.timed_out(upstream.timeout_seconds, error))
        except httpx2.HTTPError as error:
            return self._failed(502, asked, ticket, endpoint.unreachable(error))
        if response.status_code == 200:
            self.failures.answered()
            tally.whole(response.content)
            settle(ticket, tally.usage or Usage(), tally.model)
            return Answer(status=200, headers=headers, body=response.content)
        return self._status(asked, ticket, response, headers)

    def _status(self, asked: Asked, ticket: Ticket, response: Any, headers: Mapping[str, str]) -> Answer:
        """An HTTP error. One that is final becomes a 400: agents try a 401 again and again."""
        endpoint = self.entry.terms.upstream.endpoint
        content: bytes = response.content[:_LONGEST_ERROR]
        outcome = status_failure(endpoint, response.status_code, response.headers, content, ticket.model)
        if isinstance(outcome, ProviderDownError):
            ticket.fail(None)
            self.entry.note(fatal=outcome)
            return _refused(400, asked, str(outcome))
        if isinstance(outcome, Completion):
            ticket.fail(None)
            self.entry.note(stop=outcome.stop_reason)
            body = content.replace(endpoint.secret.encode(), b"***")
            return Answer(status=response.status_code, headers=headers, body=body)
        return self._failed(response.status_code, asked, ticket, outcome, headers)

    def _failed(
        self,
        status: int,
        asked: Asked,
        ticket: Ticket,
        failure: CallFailedError,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        ticket.fail(failure)
        if failure.kind != "request":
            down = self.failures.failed(failure.message)
            if down is not None:
                self.entry.note(fatal=down)
                return _refused(400, asked, str(down))
        kept = {k: v for k, v in (headers or {}).items() if k != "content-type"}
        return Answer(status=status, headers=kept, body=error_body(asked.path, failure.message))


def settle(ticket: Ticket, usage: Usage, served_model: str) -> None:
    """Count an answered call at its price; unknown when the provider did not say what it used, unless it is free."""
    pricer = ticket.owner.terms.pricer
    if not usage.input_tokens and not usage.output_tokens:
        free = pricer.price(ticket.model, Usage(input_tokens=1_000_000, output_tokens=1_000_000)) == 0
        usd = _NOTHING if free else None
    else:
        usd = pricer.price(ticket.model, usage)
    ticket.settle(usage, served_model or ticket.model, usd)


def _most_output(body: Mapping[str, object]) -> int:
    """Tokens that an answer may have; which of several limits counts is the provider's to say, so the largest does."""
    return max(count(body.get(key)) for key in _LIMITS) or _DEFAULT_OUTPUT


def _unclear(body: Mapping[str, object]) -> str:
    """Why it is not plain what a request asks for, and what it may cost; empty when it is."""
    for key in body:
        if key not in _CHECKED and key.casefold() in _CHECKED:  # some servers match keys in any case
            return f"write the key '{key.casefold()}' in lower case"
    for key in _LIMITS:
        value = body.get(key)
        if value is not None and (type(value) is not int or count(value) != value):
            return f"'{key}' must be a whole number"
    for key in _ANSWERS:  # a hundred answers would be paid for as one call
        if body.get(key) not in (None, 1):
            return f"ask for one answer at a time, not with '{key}' for several"
    for key, allowed in _ALLOWED.items():
        value = body.get(key)  # 1 is no `true` here, and may be one at the provider
        if value is not None and not any(type(value) is type(one) and value == one for one in allowed):
            return f"'{key}' must be {' or '.join(map(json.dumps, allowed))} here: what else it asks for is not counted"
    return ""


def _unfit(asked: Asked) -> str:
    """Why a request cannot be passed on, or would fill the memory of this process when it is read."""
    said = (asked.query, *(asked.headers.get(name, "") for name in PASSED))
    if not all(text.isascii() and text.isprintable() and len(text) <= _LONGEST_HEADER for text in said):
        return "the query and the headers must be short, and printable ASCII"
    if asked.body.count(b"[") + asked.body.count(b"{") > _MOST_VALUES:
        return "the request has too many lists and objects"
    return ""


def _refused(status: int, asked: Asked, message: str) -> Answer:
    return Answer(status=status, headers={}, body=error_body(asked.path, message))
