"""Proxies and certificates: HTTP clients take them from the environment, and fail in many ways where they are wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from skillopt_ci.errors import ConfigError

_PROXIES = "of the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY)"


@contextmanager
def surroundings(provider: str) -> Iterator[None]:
    """Make the HTTP client of a provider inside of it. No address is quoted: it may hold a password.

    Raises:
        ConfigError: the environment names a proxy or certificates that no client can use.
    """
    try:
        yield
    except ImportError:
        raise ConfigError(
            f"provider '{provider}': a proxy {_PROXIES} speaks SOCKS, which needs the Python package socksio: install "
            "it beside skillopt-ci, or name an HTTP proxy"
        ) from None
    except (httpx2.InvalidURL, ValueError):
        raise ConfigError(f"provider '{provider}': a proxy {_PROXIES} is not an http or https address") from None
    except OSError as error:
        raise ConfigError(
            f"provider '{provider}': the certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read: "
            f"{error.strerror or error}"
        ) from None
