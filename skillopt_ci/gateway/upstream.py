"""The provider behind the gateway: its address, its key, its HTTP client."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from skillopt_ci.errors import ConfigError
from skillopt_ci.gateway.protocols import SPEAKS, cannot_be_used
from skillopt_ci.providers.base import ProviderOptions
from skillopt_ci.providers.sdk import CONNECT_SECONDS, Endpoint, checked_url, credential
from skillopt_ci.providers.surroundings import surroundings

_VARIABLES = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY"}
_ADDRESSES = {"anthropic": "https://api.anthropic.com", "openai": "https://api.openai.com/v1"}
# What a client may say to the provider; everything else of its headers stays here.
PASSED = ("accept", "anthropic-beta", "anthropic-version", "openai-beta")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request to pass on: `path` begins with /v1, `query` has no question mark, header names are in lower case."""

    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Upstream:
    """One provider. Safe for threads."""

    def __init__(self, options: ProviderOptions) -> None:
        """Set it up.

        Raises:
            ConfigError: a kind that agents cannot use, no key, an address that is none, no proxy that can be used.
        """
        if options.type not in SPEAKS:
            raise ConfigError(cannot_be_used(options.name, options.type))
        self.protocols = SPEAKS[options.type]
        self.kind = options.type
        variable = _VARIABLES[options.type]
        self._key = credential(options, variable, own_endpoint=options.base_url is not None)
        self._base = (checked_url(options) or _ADDRESSES[options.type]).rstrip("/")
        host = urlsplit(self._base).hostname or ""
        self.endpoint = Endpoint(
            name=options.name,
            host=host,
            variable=variable,
            secret=self._key,
            key_env=options.api_key_env,
            hide=options.clean,
        )
        self._headers = {name.lower(): value for name, value in options.headers.items()}
        self.timeout_seconds = options.timeout_seconds
        with surroundings(options.name):
            self._client = httpx2.Client(
                timeout=httpx2.Timeout(options.timeout_seconds, connect=min(CONNECT_SECONDS, options.timeout_seconds)),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
            )

    def send(self, asked: Asked) -> Any:
        """The open response (an `httpx2.Response` to be read and closed). Raises `httpx2.HTTPError`."""
        headers = {name: asked.headers[name] for name in PASSED if name in asked.headers}
        headers |= {"content-type": "application/json", "accept-encoding": "identity"}
        if self.kind == "anthropic":
            headers |= {"x-api-key": self._key}
            headers.setdefault("anthropic-version", "2023-06-01")
        else:
            headers |= {"authorization": f"Bearer {self._key}"}
        headers |= self._headers
        # An address for OpenAI clients ends in /v1, one for Anthropic's does not.
        path = asked.path if self.kind == "anthropic" else asked.path.removeprefix("/v1")
        url = self._base + path + (f"?{asked.query}" if asked.query else "")
        request = self._client.build_request("POST", url, headers=headers, content=asked.body)
        return self._client.send(request, stream=True)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
