"""Redirects: a server may send a request on to another address of its own, never to somebody else."""

import httpx2

_ASKED = "skillopt_ci.asked"


def stay(request: httpx2.Request) -> None:
    """A hook of an HTTP client for every request, also those of redirects, which have the extensions of the first.

    The SDKs take their own keys out of one to another host, but not the headers of the environment, nor the prompts.

    Raises:
        httpx2.RequestError: another host is asked than at first, or the same one without encryption.
    """
    asked: httpx2.URL = request.extensions.setdefault(_ASKED, request.url)
    url = request.url
    secured = (asked.scheme, url.scheme) == ("http", "https")
    if url.host != asked.host or not (secured or (url.scheme, url.port) == (asked.scheme, asked.port)):
        raise httpx2.RequestError("a redirect to another host is not followed; base_url must be the address itself")
