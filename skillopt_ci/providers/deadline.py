"""A time limit for a whole answer: the SDKs' own one starts anew with every byte, and a gateway may drip for ever."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2

from skillopt_ci.providers.redirects import stay

_BEGAN = "skillopt_ci.began"


def whole_answer_within(seconds: float) -> dict[str, list[Callable[..., Any]]]:
    """Event hooks of an HTTP client that give up on an answer that is not complete so long after its request.

    They follow no redirect to another host either.

    The SDKs turn the `httpx2.ReadTimeout` into their own timeout error.
    """

    def begin(request: httpx2.Request) -> None:
        request.extensions[_BEGAN] = time.monotonic()

    def limit(response: httpx2.Response) -> None:
        if isinstance(response.stream, httpx2.SyncByteStream):
            response.stream = _Limited(response.stream, response.request.extensions[_BEGAN] + seconds)

    return {"request": [stay, begin], "response": [limit]}


class _Limited(httpx2.SyncByteStream):
    """A body that ends at a moment (of `time.monotonic`)."""

    def __init__(self, inner: httpx2.SyncByteStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._inner:
            if time.monotonic() > self._deadline:
                raise httpx2.ReadTimeout("the answer is not complete in time")
            yield chunk

    def close(self) -> None:
        self._inner.close()
