"""Calls of the main thread, which Ctrl-C would break off: what was asked is paid for, so its answer is waited for."""

import threading

from skillopt_ci.errors import CallFailedError
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import Completion, Provider, Request


class Unbroken:
    """A provider whose calls are answered before an interruption ends anything, as those of a pool's threads are."""

    def __init__(self, inner: Provider, pool: Pool) -> None:
        """Wrap a provider; the pool is the one that its retries listen to."""
        self._inner = inner
        self._pool = pool

    def complete(self, request: Request, /) -> Completion:
        """The inner provider's answer; raises what that one raises."""
        if threading.current_thread() is not threading.main_thread() or self._pool.stop.is_set():
            return self._inner.complete(request)
        [found] = self._pool.map(self._asked, [request])
        if isinstance(found, CallFailedError):
            raise found
        return found

    def _asked(self, request: Request) -> Completion | CallFailedError:
        try:
            return self._inner.complete(request)
        except CallFailedError as error:  # a call that failed is no reason for the pool to stop
            return error
