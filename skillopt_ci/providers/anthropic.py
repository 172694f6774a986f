"""Anthropic's Messages API."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import anthropic

from skillopt_ci.core.json_values import items, mapping, string
from skillopt_ci.core.texts import utf8
from skillopt_ci.core.trajectory import StopReason
from skillopt_ci.providers.base import Completion, ProviderOptions, Request
from skillopt_ci.providers.deadline import whole_answer_within
from skillopt_ci.providers.media import anthropic_content
from skillopt_ci.providers.sdk import (
    CONNECT_SECONDS,
    Endpoint,
    checked_url,
    credential,
    nothing_in,
    read_object,
    status_failure,
)
from skillopt_ci.providers.surroundings import surroundings
from skillopt_ci.providers.usage import anthropic_usage

_VARIABLE = "ANTHROPIC_API_KEY"
# API version 2026-10-21, which the SDK speaks, refuses `temperature`, even at its default. Another value is therefore
# sent by the version before; models that take none refuse it there too, and that ends the run with a clear line.
_DEFAULT_TEMPERATURE = 1.0
_VERSION_WITH_TEMPERATURE = "2023-06-01"
_STOPS: Mapping[str, StopReason] = {
    "max_tokens": "length",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_overflow",
}


def make(options: ProviderOptions) -> "AnthropicProvider":
    """A provider for api.anthropic.com or any `base_url`.

    Raises:
        ConfigError: no key, a base_url that is none, or an environment that no client can use.
    """
    key = credential(options, _VARIABLE, own_endpoint=options.base_url is not None)
    timeout = anthropic.Timeout(options.timeout_seconds, connect=min(options.timeout_seconds, CONNECT_SECONDS))
    with surroundings(options.name):
        http_client = anthropic.DefaultHttpxClient(event_hooks=whole_answer_within(options.timeout_seconds))
    client = anthropic.Anthropic(
        api_key=key, base_url=checked_url(options), timeout=timeout, max_retries=0, http_client=http_client
    )
    client._custom_headers = options.headers  # in place of ANTHROPIC_CUSTOM_HEADERS, which goes to every address
    return AnthropicProvider(client, options, key)


class AnthropicProvider:
    """One client, safe for threads."""

    def __init__(self, client: anthropic.Anthropic, options: ProviderOptions, secret: str) -> None:
        self._client = client
        self._timeout_seconds = options.timeout_seconds
        self._endpoint = Endpoint(
            name=options.name,
            host=client.base_url.host,
            variable=_VARIABLE,
            secret=secret,
            key_env=options.api_key_env,
            hide=options.clean,
        )
        self._create = client.messages.with_raw_response.create

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def complete(self, request: Request, /) -> Completion:
        """Answer one request, in one attempt.

        Raises:
            RetryableError: worth another try.
            CallFailedError: the request itself is refused.
            ProviderDownError: key, address or model are refused.
        """
        began = time.monotonic()
        try:
            raw = self._create(**_arguments(request))
            completion = self._read(read_object(self._endpoint, raw.http_response.content), request)
        except anthropic.APIStatusError as error:
            response = error.response
            outcome = status_failure(
                self._endpoint, error.status_code, response.headers, response.content, request.model
            )
            if not isinstance(outcome, Completion):
                raise outcome from None
            completion = outcome
        except anthropic.APITimeoutError as error:
            raise self._endpoint.timed_out(self._timeout_seconds, error.__cause__) from None
        except anthropic.APIConnectionError as error:
            raise self._endpoint.unreachable(error.__cause__) from None
        return replace(completion, seconds=time.monotonic() - began)

    def _read(self, answer: Mapping[str, object], request: Request) -> Completion:
        usage = anthropic_usage(mapping(answer.get("usage")))
        if not isinstance(answer.get("content"), list):
            return nothing_in(self._endpoint, "the answer has no content", answer, usage, request.model)
        blocks = items(answer["content"])
        text = "".join(string(b.get("text")) for b in blocks if b.get("type") == "text")
        if request.schema is not None:
            forced = [b.get("input") for b in blocks if b.get("type") == "tool_use"]
            text = json.dumps(forced[0], ensure_ascii=False) if forced else text
        return Completion(
            text=text,
            stop_reason=_STOPS.get(string(answer.get("stop_reason")), "stop"),
            usage=usage,
            served_model=string(answer.get("model")) or request.model,
        )


def _arguments(request: Request) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": m.role, "content": anthropic_content(m)} for m in request.messages if m.role != "system"],
        "max_tokens": request.max_output_tokens,
    }
    if request.system:
        arguments["system"] = utf8(request.system)
    if request.temperature is not None and request.temperature != _DEFAULT_TEMPERATURE:
        arguments["extra_body"] = {"temperature": request.temperature}
        arguments["extra_headers"] = {"anthropic-version": _VERSION_WITH_TEMPERATURE}
    if request.schema is not None:
        name = request.schema.name
        arguments["tools"] = [
            {"name": name, "description": "Gives the answer.", "input_schema": dict(request.schema.schema)}
        ]
        arguments["tool_choice"] = {"type": "tool", "name": name}
    return arguments
