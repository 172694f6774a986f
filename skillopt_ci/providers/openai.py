"""OpenAI, Azure OpenAI and every endpoint that speaks like them: vLLM, Ollama, gateways."""

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import openai

from skillopt_ci.core.json_values import items, mapping, string
from skillopt_ci.core.texts import utf8
from skillopt_ci.core.trajectory import StopReason
from skillopt_ci.errors import ConfigError
from skillopt_ci.providers.base import Completion, ProviderOptions, Request
from skillopt_ci.providers.deadline import whole_answer_within
from skillopt_ci.providers.media import chat_content, responses_content
from skillopt_ci.providers.retrying import RetryableError
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
from skillopt_ci.providers.usage import chat_usage, responses_usage

_OLD_LIMIT, _NEW_LIMIT = "max_tokens", "max_completion_tokens"
_WANTS_NEW_LIMIT = re.compile(rb"max_completion_tokens\W{1,3}instead", re.IGNORECASE)
_STOPS: Mapping[str, StopReason] = {
    "length": "length",
    "max_output_tokens": "length",
    "content_filter": "refusal",
}


def make(options: ProviderOptions) -> "OpenAIProvider":
    """A provider for api.openai.com or any `base_url`.

    Raises:
        ConfigError: no key, a base_url that is none, or an environment that no client can use.
    """
    key = credential(options, "OPENAI_API_KEY", own_endpoint=options.base_url is not None)
    client = openai.OpenAI(
        api_key=key,
        base_url=checked_url(options),
        timeout=_timeout(options),
        max_retries=0,
        http_client=_http_client(options),
    )
    return OpenAIProvider(client, options, "OPENAI_API_KEY")


def make_azure(options: ProviderOptions) -> "OpenAIProvider":
    """A provider for a resource at Azure: `base_url` is its endpoint, models are names of deployments.

    Raises:
        ConfigError: key, endpoint or api_version are missing.
    """
    if options.base_url is not None and not options.api_key:
        # A server that the configuration gave another name: the usual variable's key is not meant for it.
        raise ConfigError(
            f"provider '{options.name}': no key; name the environment variable that has it in api_key_env"
        )
    key = credential(options, "AZURE_OPENAI_API_KEY", own_endpoint=False)
    try:
        client = openai.AzureOpenAI(
            api_key=key,
            azure_endpoint=checked_url(options),  # type: ignore[arg-type]  # None: AZURE_OPENAI_ENDPOINT
            api_version=options.api_version,
            timeout=_timeout(options),
            max_retries=0,
            http_client=_http_client(options),
        )
    except ValueError as error:
        raise ConfigError(
            f"provider '{options.name}': set base_url (or AZURE_OPENAI_ENDPOINT) and api_version "
            f"(or OPENAI_API_VERSION): {error}"
        ) from None
    return OpenAIProvider(client, options, "AZURE_OPENAI_API_KEY")


def _timeout(options: ProviderOptions) -> openai.Timeout:
    return openai.Timeout(options.timeout_seconds, connect=min(options.timeout_seconds, CONNECT_SECONDS))


def _http_client(options: ProviderOptions) -> openai.DefaultHttpxClient:
    with surroundings(options.name):
        return openai.DefaultHttpxClient(event_hooks=whole_answer_within(options.timeout_seconds))


class OpenAIProvider:
    """One client, safe for threads. Answers are read as plain JSON: what a stranger's server sends may be anything."""

    def __init__(self, client: openai.OpenAI, options: ProviderOptions, variable: str) -> None:
        # In place of OPENAI_CUSTOM_HEADERS, OPENAI_ORG_ID and OPENAI_PROJECT_ID, which the SDK sends to every address.
        client.organization = client.project = None
        client._custom_headers = options.headers
        self._client = client
        self._timeout_seconds = options.timeout_seconds
        self._endpoint = Endpoint(
            name=options.name,
            host=client.base_url.host,
            variable=variable,
            secret=client.api_key,
            key_env=options.api_key_env,
            hide=options.clean,
        )
        self._responses = options.api == "responses"
        host = client.base_url.host
        # Newer models of OpenAI refuse `max_tokens`; many other servers know nothing else.
        own = isinstance(client, openai.AzureOpenAI) or host == "openai.com" or host.endswith(".openai.com")
        self._limit = _NEW_LIMIT if own else _OLD_LIMIT
        self._chat_create = client.chat.completions.with_raw_response.create
        self._responses_create = client.responses.with_raw_response.create

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
        limit = self._limit  # what this call sends; another thread may change it meanwhile
        try:
            if self._responses:
                raw = self._responses_create(**self._responses_arguments(request))
                completion = self._read_responses(read_object(self._endpoint, raw.http_response.content), request)
            else:
                raw_chat = self._chat_create(**self.chat_arguments(request))
                completion = self._read_chat(read_object(self._endpoint, raw_chat.http_response.content), request)
        except openai.APIStatusError as error:
            response = error.response
            if limit == _OLD_LIMIT and error.status_code == 400 and _WANTS_NEW_LIMIT.search(response.content):
                # A newer model behind a gateway; nothing in the configuration could help.
                self._limit = _NEW_LIMIT
                return self.complete(request)
            outcome = status_failure(
                self._endpoint, error.status_code, response.headers, response.content, request.model
            )
            if not isinstance(outcome, Completion):
                raise outcome from None
            completion = outcome
        except openai.APITimeoutError as error:
            raise self._endpoint.timed_out(self._timeout_seconds, error.__cause__) from None
        except openai.APIConnectionError as error:
            raise self._endpoint.unreachable(error.__cause__) from None
        return replace(completion, seconds=time.monotonic() - began)

    def chat_arguments(self, request: Request) -> dict[str, Any]:
        """What is sent to chat completions."""
        arguments: dict[str, Any] = {
            "model": request.model,
            "messages": [{"role": m.role, "content": chat_content(m)} for m in request.messages],
            self._limit: request.max_output_tokens,
        }
        if request.temperature is not None:
            arguments["temperature"] = request.temperature
        if request.schema is not None:
            described = {"name": request.schema.name, "schema": dict(request.schema.schema), "strict": True}
            arguments["response_format"] = {"type": "json_schema", "json_schema": described}
        return arguments

    def _responses_arguments(self, request: Request) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": request.model,
            "input": [
                {"role": m.role, "content": responses_content(m)} for m in request.messages if m.role != "system"
            ],
            "max_output_tokens": request.max_output_tokens,
            "store": False,
        }
        if request.system:
            arguments["instructions"] = utf8(request.system)
        if request.temperature is not None:
            arguments["temperature"] = request.temperature
        if request.schema is not None:
            arguments["text"] = {
                "format": {
                    "type": "json_schema",
                    "name": request.schema.name,
                    "schema": dict(request.schema.schema),
                    "strict": True,
                }
            }
        return arguments

    def _read_chat(self, answer: Mapping[str, object], request: Request) -> Completion:
        choices, usage = items(answer.get("choices")), chat_usage(mapping(answer.get("usage")))
        if not choices or not isinstance(choices[0].get("message"), dict):
            return nothing_in(self._endpoint, "the answer has no choice", answer, usage, request.model)
        message = mapping(choices[0]["message"])
        text, refusal = _text(message.get("content")), string(message.get("refusal"))
        stop = _STOPS.get(string(choices[0].get("finish_reason")), "stop")
        return Completion(
            text=text or refusal,
            stop_reason="refusal" if refusal else stop,
            usage=usage,
            served_model=string(answer.get("model")) or request.model,
        )

    def _read_responses(self, answer: Mapping[str, object], request: Request) -> Completion:
        status, usage = string(answer.get("status")), responses_usage(mapping(answer.get("usage")))
        if status not in ("completed", "incomplete"):
            if usage.input_tokens or usage.output_tokens:
                why = f"the response is {status or 'without a status'}"
                return nothing_in(self._endpoint, why, answer, usage, request.model)
            said = string(mapping(answer.get("error")).get("message")) or "no reason given"
            message = f"{self._endpoint}: the response is {status or 'without a status'}: {said}"
            raise RetryableError("server" if status else "malformed", self._endpoint.clean(message))
        parts = [
            part
            for item in items(answer.get("output"))
            if item.get("type") == "message"
            for part in items(item.get("content"))
        ]
        text = "".join(string(p.get("text")) for p in parts if p.get("type") == "output_text")
        refusal = "".join(string(p.get("refusal")) for p in parts if p.get("type") == "refusal")
        stop: StopReason = "stop"
        if status == "incomplete":
            stop = _STOPS.get(string(mapping(answer.get("incomplete_details")).get("reason")), "length")
        return Completion(
            text=text or refusal,
            stop_reason="refusal" if refusal else stop,
            usage=usage,
            served_model=string(answer.get("model")) or request.model,
        )


def _text(content: object) -> str:
    """The content of a message: a string, or (some servers) parts of text."""
    return string(content) or "".join(string(part.get("text")) for part in items(content))
