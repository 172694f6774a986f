"""What of the environment no HTTP client can use is said in words, before the first call."""

from collections.abc import Callable

import pytest

from skillopt_ci.errors import ConfigError
from skillopt_ci.gateway.upstream import Upstream
from skillopt_ci.providers import anthropic, openai
from skillopt_ci.providers.base import ProviderOptions
from tests.wire.helpers import KEY

PASSWORD = "hunter2-hunter2"
MAKERS = (openai.make, anthropic.make, Upstream)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("ALL_PROXY", f"socks5://user:{PASSWORD}@127.0.0.1:1", "speaks SOCKS"),
        ("HTTPS_PROXY", f"ftp://user:{PASSWORD}@127.0.0.1:1", "not an http or https address"),
        ("HTTPS_PROXY", ":::", "not an http or https address"),
        ("SSL_CERT_FILE", "/no/such/file", "SSL_CERT_FILE .* cannot be read: No such file"),
        ("SSL_CERT_FILE", __file__, "SSL_CERT_FILE .* cannot be read: "),
    ],
)
def test_a_proxy_or_certificates_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[ProviderOptions], object], variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    kind = "anthropic" if make is anthropic.make else "openai"
    with pytest.raises(ConfigError, match=told) as caught:
        make(ProviderOptions(name="mine", type=kind, api_key=KEY))
    assert str(caught.value).startswith("provider 'mine': ")
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("header", [("X-Team", "\u00e9"), ("X Team", "a"), ("X-Team", "a\nb"), ("X-T\u00e9am", "a")])
def test_a_header_that_cannot_be_sent(make: Callable[[ProviderOptions], object], header: tuple[str, str]) -> None:
    kind = "anthropic" if make is anthropic.make else "openai"
    with pytest.raises(ConfigError, match="a header of the environment holds characters that cannot be sent"):
        make(ProviderOptions(name="mine", type=kind, api_key=KEY, headers=dict([header])))
