"""What the providers over SDKs share: keys, reading answers of strangers, and errors in our own words."""

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2

from skillopt_ci.core.json_values import mapping, string
from skillopt_ci.core.texts import SECRET_MIN
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import CallFailedError, ConfigError, ProviderDownError
from skillopt_ci.providers.base import Completion, ProviderOptions
from skillopt_ci.providers.retrying import RetryableError, parse_retry_after

CONNECT_SECONDS = 10.0  # for a connection; an answer has the time that is configured
_MESSAGE_LENGTH = 300
_LONGEST_URL = 8000  # clients take no longer ones
_NO_KEY = "unused"  # what a server of one's own gets where no key is configured
# Servers like to quote the key they refuse, in part.
_KEY_LIKE = re.compile(r"\b(?:sk|pk|key)-[\w*.-]{6,}", re.IGNORECASE)
_HEADER = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_OVERFLOW = re.compile(
    r"maximum context length|maximum model length|context window|prompt is too long|input is too long"
    r"|exceed(?:s|ed)? (?:the )?(?:available )?context (?:size|limit|length)",
    re.IGNORECASE,
)
_OVERFLOW_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_FILTERED_CODES = frozenset({"content_filter", "content_policy_violation", "invalid_prompt"})
_BAD_PARAMETER_CODES = frozenset({"unsupported_parameter", "unsupported_value"})
_BAD_PARAMETER = re.compile(r"^\W?temperature\W? ?:|[`']temperature[`'] (?:is|does|may|must|cannot)", re.IGNORECASE)
_UNKNOWN_ISSUER = re.compile(r"self[- ]signed certificate|unable to get local issuer")
_NO_CREDIT = re.compile(r"credit balance is too low", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Who is asked, for messages; and the secret that may not be in them.

    `hide` takes it out in its other forms, and other secrets.

    `variable` is the usual one of this kind of key, `key_env` the one that this key is from, where that is known.
    """

    name: str
    host: str
    variable: str
    secret: str = field(repr=False)
    key_env: str | None = None
    hide: Callable[[str], str] = field(default=str, repr=False)

    def __str__(self) -> str:
        return f"{self.name} ({self.host})" if self.host else self.name

    def clean(self, text: str) -> str:
        """Text of a stranger on one line: no key, no control characters, at most 300 characters."""
        text = self.hide(text)
        if len(self.secret) >= SECRET_MIN and self.secret not in (_NO_KEY, self.name):  # dummies: see `secret_values`
            # Before the text is cut, maybe inside the key; also one that ends of lines or hidden characters divide.
            text = re.sub("[^!-~]*".join(map(re.escape, self.secret)), "***", text)
        text = text[: 20 * _MESSAGE_LENGTH]
        text = " ".join("".join(c if c.isprintable() else " " for c in _KEY_LIKE.sub("***", text)).split())
        return text if len(text) <= _MESSAGE_LENGTH else text[: _MESSAGE_LENGTH - 3] + "..."

    def malformed(self, why: str) -> RetryableError:
        """An answer that is none; worth another try."""
        return RetryableError("malformed", f"{self}: {self.clean(why)}")

    def unreachable(self, cause: BaseException | None) -> RetryableError:
        """No connection, or one that broke."""
        why = self.clean(str(cause) or "no reason given")
        if _UNKNOWN_ISSUER.search(why):
            why += " (SSL_CERT_FILE names a file of certificates that are accepted)"
        return RetryableError("network", f"{self}: connection failed: {why}")

    def timed_out(self, seconds: float, cause: BaseException | None) -> RetryableError:
        """No answer in time, or not even a connection: then nothing was asked, and nothing can be billed."""
        if isinstance(cause, httpx2.ConnectTimeout):
            return self.unreachable(TimeoutError(f"none within {min(seconds, CONNECT_SECONDS):g} s"))
        return RetryableError("timeout", f"{self}: no answer within {seconds:g} s")


def credential(options: ProviderOptions, variable: str, *, own_endpoint: bool) -> str:
    """The key to send, of the options or of the SDK's usual environment variable.

    Args:
        options: of the provider.
        variable: the usual variable's name.
        own_endpoint: a base_url of the user's: it never gets the usual variable's key, and may need none.

    Raises:
        ConfigError: there is no key, or it cannot be sent, or a header that goes with it.
    """
    found = options.api_key or ("" if own_endpoint else os.environ.get(variable, ""))
    key = found.strip()  # a stored secret often ends in a newline
    if not key:
        if own_endpoint:
            return _NO_KEY
        raise ConfigError(f"provider '{options.name}': no key; set the environment variable {variable}")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(
            f"provider '{options.name}': the key holds a space or characters that cannot be sent; "
            f"check the environment variable {options.api_key_env or variable}"
        )
    for name, value in options.headers.items():
        if not _HEADER.fullmatch(name) or not value.isascii() or not value.isprintable():
            raise ConfigError(
                f"provider '{options.name}': a header of the environment holds characters that cannot be sent; check "
                "OPENAI_CUSTOM_HEADERS, OPENAI_ORG_ID, OPENAI_PROJECT_ID and ANTHROPIC_CUSTOM_HEADERS"
            )
    return key


def checked_url(options: ProviderOptions) -> str | None:
    """The configured base_url.

    Raises:
        ConfigError: it is no http or https address.
    """
    if options.base_url is None:
        return None
    try:
        parts = urlsplit(options.base_url)
        fits = parts.scheme in ("http", "https") and bool((parts.hostname or "").encode("idna")) and parts.port != 0
        fits = fits and len(options.base_url) <= _LONGEST_URL
    except ValueError:  # a port that is none, a bracket that is never closed, a host that no DNS can hold
        fits = False
    if not fits or not options.base_url.isprintable() or " " in options.base_url:
        raise ConfigError(f"provider '{options.name}': base_url is not an http or https address")
    return options.base_url


def read_object(endpoint: Endpoint, body: bytes) -> dict[str, object]:
    """The JSON object a server answered with.

    Raises:
        RetryableError: kind `malformed`.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        shown = endpoint.clean(body.decode("utf-8", "replace"))[:60]
        raise endpoint.malformed(f"the answer is not JSON: {shown!r}; check base_url") from None
    if not isinstance(value, dict):
        raise endpoint.malformed("the answer is JSON, but no object; check base_url")
    return value


def nothing_in(endpoint: Endpoint, why: str, answer: Mapping[str, object], usage: Usage, model: str) -> Completion:
    """What an answer that holds nothing comes to: a completion that says so, where it was billed all the same.

    Raises:
        RetryableError: kind `malformed`; it cost nothing.
    """
    said = string(mapping(answer.get("error")).get("message"))  # some gateways fail with status 200
    problem = endpoint.malformed(f"{why}{': ' + said if said else ''}")
    if not usage.input_tokens and not usage.output_tokens:
        raise problem
    served = string(answer.get("model")) or model
    return Completion(text="", stop_reason="stop", usage=usage, served_model=served, nothing=problem.message)


def status_failure(
    endpoint: Endpoint, status: int, headers: Mapping[str, str], body: bytes, model: str
) -> Completion | CallFailedError | ProviderDownError:
    """What an HTTP error means: an outcome of the task itself, a failed call, or a dead provider.

    The caller returns the completion, or raises the rest.
    """
    code, text = _error_fields(body)
    message = endpoint.clean(text) or "no reason given"
    if status in (400, 413, 422) and (code in _OVERFLOW_CODES or _OVERFLOW.search(text)):
        return Completion(text="", stop_reason="context_overflow", usage=Usage(), served_model=model)
    if status == 400 and code in _FILTERED_CODES:
        return Completion(text="", stop_reason="refusal", usage=Usage(), served_model=model)
    if status == 401:
        return ProviderDownError(f"{endpoint}: the key is refused (401); check {_key_of(endpoint)}")
    if status == 403:
        return ProviderDownError(f"{endpoint}: access is denied (403): {message}; check {_key_of(endpoint)}")
    if status == 402 or code == "insufficient_quota" or _NO_CREDIT.search(text):
        return ProviderDownError(f"{endpoint}: no credit or quota is left ({status}): {message}")
    if status == 404:
        return ProviderDownError(f"{endpoint}: model '{model}' or the address is unknown (404): {message}")
    said = f"{endpoint}: {status}: {message}"
    if status == 400 and (code in _BAD_PARAMETER_CODES or _BAD_PARAMETER.search(text)):
        # Every call with this parameter would fail; one is enough to tell.
        judge = " (a judge's is 0 where none is given: `temperature: null` sends none)" if "temperature" in text else ""
        return ProviderDownError(f"{said}; change or leave out that setting of model '{model}'{judge}")
    wait = parse_retry_after(headers, time.time())
    if status == 429:
        return RetryableError("rate-limit", said, wait)
    if status == 408:
        return RetryableError("timeout", said, wait)
    if status == 409 or status >= 500:
        return RetryableError("server", said, wait)
    return CallFailedError("request", said)


def _key_of(endpoint: Endpoint) -> str:
    other = {"sk-ant-": "ANTHROPIC_API_KEY", "sk-proj-": "OPENAI_API_KEY", "ghp_": "GITHUB_TOKEN"}
    meant = next((v for start, v in other.items() if endpoint.secret.startswith(start) and v != endpoint.variable), "")
    hint = f"; what is there looks like what belongs into {meant}" if meant else ""
    held = f"none was sent: set {endpoint.key_env}" if endpoint.key_env else "none was sent: name one in api_key_env"
    if endpoint.secret != _NO_KEY:
        held = f"environment variable {endpoint.key_env or endpoint.variable}"
    return f"the key of provider '{endpoint.name}' ({held}){hint}"


def _error_fields(body: bytes) -> tuple[str, str]:
    """(code, message) out of the error bodies that are about: OpenAI's, Anthropic's, FastAPI's, proxies' pages."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace").strip()
        return "", "an HTML page; check base_url" if text.startswith("<") else text
    outer = mapping(value)
    error = mapping(outer.get("error")) or outer
    message = string(error.get("message")) or string(outer.get("error")) or string(outer.get("detail"))
    code = string(error.get("code")) or string(error.get("type"))
    return code, message or (json.dumps(outer.get("detail")) if "detail" in outer else code)
