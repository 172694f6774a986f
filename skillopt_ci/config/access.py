"""How models are reached: key, address and price, of the configuration and of the environment; what is secret of it."""

import re
from collections.abc import Iterator, Mapping

from skillopt_ci.config.resolve import ModelRef
from skillopt_ci.config.schema import Config
from skillopt_ci.errors import MissingKeyError
from skillopt_ci.ledger_seal import Seal
from skillopt_ci.providers.base import ProviderOptions
from skillopt_ci.providers.prices import Pricer

# What each SDK reads when the configuration names no variable.
_KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "azure-openai": "AZURE_OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
_KEY_ALWAYS = ("azure-openai",)  # whatever its address: each resource has one of its own
_URL_VARIABLES = {
    "openai": "OPENAI_BASE_URL",
    "azure-openai": "AZURE_OPENAI_ENDPOINT",
    "anthropic": "ANTHROPIC_BASE_URL",
}
_VERSION_VARIABLES = {"azure-openai": "OPENAI_API_VERSION"}
# Headers that the SDKs send along: lines of `Name: value`, and those that a variable of their own holds.
_HEADER_VARIABLES = {"openai": "OPENAI_CUSTOM_HEADERS", "anthropic": "ANTHROPIC_CUSTOM_HEADERS"}
_ACCOUNT_VARIABLES = {
    "openai": {"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"},
}
_LEAST_SECRET = 8  # characters
_CREDENTIAL = re.compile(r"auth|key|token|secret|cookie|password", re.IGNORECASE)
# Set where the ledger becomes an artifact; the second may hold a secret of its own to seal it with.
SEAL_VARIABLE, SEAL_KEY_VARIABLE = "SKILLOPT_CI_SEAL", "SKILLOPT_CI_LEDGER_KEY"
# Other secrets of a CI job that must not leave the process through a message or a file.
_OTHER_SECRETS = ("GITHUB_TOKEN", "GH_TOKEN", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")


def secret_values(config: Config | None, env: Mapping[str, str]) -> tuple[str, ...]:
    """Values that must never leave the process: of every variable that can hold a key.

    Not one that is the name of a provider: a server that wants no key gets such a dummy (`OLLAMA_API_KEY=ollama`), and
    the configuration says the name to everybody.
    """
    named = [e.api_key_env for e in config.providers.values() if e.api_key_env] if config else []
    variables = [*_KEY_VARIABLES.values(), SEAL_KEY_VARIABLE, *_OTHER_SECRETS, *named]
    sent = [
        word
        for kind in _HEADER_VARIABLES
        for name, value in _headers(kind, env)
        if _CREDENTIAL.search(name)
        for word in _secret_words(value)
    ]
    names = config.providers if config else {}
    held = (env[v] for v in variables if env.get(v, "").strip() not in ("", *names))
    return tuple(dict.fromkeys([*held, *sent]))


def ledger_seal(config: Config | None, env: Mapping[str, str]) -> Seal:
    """What seals the ledger's answers where it becomes an artifact: a secret of its own, else a model's key.

    Not with `report.show_heldout`, and not where the ledger stays on the machine.
    """
    named = [e.api_key_env for e in config.providers.values() if e.api_key_env] if config else []
    secrets = [env.get(v, "").strip() for v in (SEAL_KEY_VARIABLE, *_KEY_VARIABLES.values(), *named)]
    shown = config is not None and config.report.show_heldout
    return Seal(secrets, sealing=env.get(SEAL_VARIABLE) == "1" and not shown)


def pricer(ref: ModelRef) -> Pricer:
    """Prices behind a model's provider."""
    entry = ref.entry
    prices = None
    if entry.price is not None:
        prices = {k: v for k, v in entry.price.model_dump().items() if v is not None}
    return Pricer(entry.type, price_as=entry.price_as, prices=prices)


def provider_options(ref: ModelRef, env: Mapping[str, str]) -> ProviderOptions:
    """How to reach a model's provider, with its key from the environment.

    Raises:
        ConfigError: the key's variable is not set, or an address is needed and missing.
    """
    entry = ref.entry
    base_url = entry.base_url or env.get(_URL_VARIABLES.get(entry.type, ""), "") or None
    return ProviderOptions(
        name=ref.provider,
        type=entry.type,
        api_key=_key(ref, env, optional=base_url is not None and entry.type not in _KEY_ALWAYS),
        api_key_env=_variable(ref),
        base_url=base_url,
        api=entry.api,
        api_version=entry.api_version or env.get(_VERSION_VARIABLES.get(entry.type, ""), "") or None,
        headers=dict(_headers(_meant_for(ref), env)),
        timeout_seconds=entry.timeout_seconds,
        noise=entry.noise,
        latency_ms=entry.latency_ms,
    )


def identity(ref: ModelRef) -> str:
    """What of a provider is in ledger keys: its type, its configured name, and its address where one is configured."""
    address = f"@{ref.entry.base_url}" if ref.entry.base_url else ""
    return f"{ref.entry.type}/{ref.provider}{address}"


def key_variable(ref: ModelRef) -> str | None:
    """The variable that must hold a model's key; None when none has to be set."""
    entry = ref.entry
    optional = entry.api_key_env is None and entry.base_url is not None and entry.type not in _KEY_ALWAYS
    return None if optional else _variable(ref)


def _meant_for(ref: ModelRef) -> str:
    """The kind whose settings in the environment a provider gets: that of the key it names, else its own.

    A server that was given another name gets none of its kind's, as it gets no key: they are meant for the vendor.
    """
    entry = ref.entry
    named = next((kind for kind, variable in _KEY_VARIABLES.items() if variable == entry.api_key_env), "")
    return named or (entry.type if entry.base_url is None or ref.provider == entry.type else "")


def _headers(kind: str, env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The headers that an SDK would take from the environment."""
    for name, variable in _ACCOUNT_VARIABLES.get(kind, {}).items():
        if env.get(variable):
            yield name, env[variable]
    for line in env.get(_HEADER_VARIABLES.get(kind, ""), "").split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip(), value.strip()


def _secret_words(value: str) -> list[str]:
    """Of `Bearer abc` the last word; of a cookie each value that is long enough to be one."""
    long = [part for part in re.split(r"[\s;,=]+", value) if len(part) >= _LEAST_SECRET]
    return list(dict.fromkeys([*value.split()[-1:], *long]))


def _variable(ref: ModelRef) -> str | None:
    """The variable whose key a model's provider gets; None when it gets none."""
    entry = ref.entry
    # The SDK's own variable is meant for the vendor: a server that was given another name never gets that key.
    if entry.api_key_env is None and entry.base_url is not None and ref.provider != entry.type:
        return None
    return entry.api_key_env or _KEY_VARIABLES.get(entry.type)


def _key(ref: ModelRef, env: Mapping[str, str], *, optional: bool) -> str | None:
    variable = _variable(ref)
    if variable is None:
        return None
    named = ref.entry.api_key_env is not None
    key = env.get(variable, "").strip()
    # A server of one's own often takes any key; only a variable that was named must be there.
    if not key and (named or not optional):
        raise MissingKeyError(
            f"provider '{ref.provider}' needs a key: set the environment variable {variable}"
            + ("" if named else " (or name another one in 'api_key_env')")
        )
    return key or None
