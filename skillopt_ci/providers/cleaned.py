"""Answers without secrets."""

from collections.abc import Callable
from dataclasses import replace

from skillopt_ci.providers.base import Completion, Provider, Request


class Cleaned:
    """A provider whose answers hold no secret: a server may echo the key that it was sent."""

    def __init__(self, inner: Provider, clean: Callable[[str], str]) -> None:
        """Wrap a provider; `clean` takes secrets out of a text."""
        self._inner = inner
        self._clean = clean

    def complete(self, request: Request, /) -> Completion:
        """The inner provider's answer; raises what that one raises."""
        found = self._inner.complete(request)
        return replace(found, text=self._clean(found.text), served_model=self._clean(found.served_model))
