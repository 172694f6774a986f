"""Our one retry policy: what may be asked again, how long to wait, and when a provider counts as dead."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from skillopt_ci.errors import CallFailedError, ProviderDownError
from skillopt_ci.providers.base import Completion, Provider, Request

BASE_SECONDS = 0.5
CAP_SECONDS = 30.0
RETRY_AFTER_CAP_SECONDS = 60.0
# What took too long may be billed all the same, and nobody here can know: it is asked for once more, no oftener.
_ATTEMPTS = {"timeout": 2}
# Before anything was ever answered, this is a wrong address more often than a bad moment: less patience.
_FIRST_ATTEMPTS = {"network": 4}
_DEAD = frozenset({"network", "server", "timeout", "malformed"})
_DEAD_CALLS = 3
_FAILURES_IN_A_ROW = 10


class RetryableError(CallFailedError):
    """A failure that may pass: what SDK providers raise for `Retrying`. `retry_after` is in seconds."""

    def __init__(self, kind: str, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(kind, message)


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by `retry-after-ms` or `Retry-After` (seconds or an HTTP date); None when not said.

    Args:
        headers: with names in lower case, or a mapping that ignores case.
        now: seconds since the epoch.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        moment = parsedate_to_datetime(headers["retry-after"])
        # A date in "-0000" comes without a zone; HTTP dates are always UTC.
        return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now)
    except (KeyError, ValueError, OverflowError):
        return None


class Retrying:
    """A provider that asks again, and stops asking when the other side is dead. Safe for threads.

    Exponential backoff from 0.5 s to 30 s with jitter (half of it random); `Retry-After` counts up to 60 s.
    """

    def __init__(
        self,
        inner: Provider,
        *,
        wait: Callable[[float], bool],
        random: Callable[[], float],
        attempts: int = 6,
    ) -> None:
        """Wrap a provider.

        Args:
            inner: raises `RetryableError` for what may pass.
            wait: waits so many seconds; True when the run is being stopped (`threading.Event.wait`).
            random: a number in [0, 1).
            attempts: how often one call is tried at most.
        """
        self._inner = inner
        self._wait = wait
        self._random = random
        self._attempts = attempts
        self._lock = threading.Lock()
        self._answered = False
        self._dead_calls = 0
        self._in_a_row = 0
        self._down: str | None = None

    def complete(self, request: Request, /) -> Completion:
        """Answer one request, with as many attempts as it takes.

        Raises:
            CallFailedError: after all attempts, or kind `interrupted` when the run is being stopped.
            ProviderDownError: of the inner provider, or because call after call failed.
        """
        self._pause(0.0)
        attempt = 0
        while True:
            if self._down is not None:
                raise ProviderDownError(self._down)
            attempt += 1
            try:
                completion = self._inner.complete(request)
            except RetryableError as error:
                if attempt >= self._limit(error.kind):
                    raise self._given_up(error, attempt) from None
                self._pause(self._delay(attempt, error.retry_after))
            except CallFailedError as error:
                raise self._given_up(error, attempt) from None
            except ProviderDownError as error:
                self._down = str(error)
                raise
            else:
                if completion.nothing:  # billed: whether it is asked for again is for who counts the money to say
                    self._given_up(CallFailedError("server", completion.nothing), attempt, dead=False)
                else:
                    self._success()
                return completion

    def _pause(self, seconds: float) -> None:
        if self._wait(seconds):
            raise CallFailedError("interrupted", "the run is being stopped")

    def _limit(self, kind: str) -> int:
        few = _ATTEMPTS if self._answered else {**_ATTEMPTS, **_FIRST_ATTEMPTS}
        return min(self._attempts, few.get(kind, self._attempts))

    def _delay(self, attempt: int, retry_after: float | None) -> float:
        if retry_after is not None:
            # Never earlier than told, and not everybody in the same instant.
            return min(retry_after, RETRY_AFTER_CAP_SECONDS) + BASE_SECONDS * self._random()
        backoff = min(CAP_SECONDS, BASE_SECONDS * 2.0 ** (attempt - 1))
        return backoff * (0.5 + 0.5 * self._random())

    def _success(self) -> None:
        if self._answered and not self._in_a_row:
            return  # the usual case, without the lock
        with self._lock:
            self._answered = True
            self._in_a_row = 0

    def _given_up(
        self, error: CallFailedError, attempts: int, *, dead: bool = True
    ) -> CallFailedError | ProviderDownError:
        """Count a call that failed for good, and say what to raise. `dead`: whether a dead provider may be why."""
        with self._lock:
            # A request that is refused says nothing about the provider, unless nothing else ever came back.
            if error.kind != "request" or not self._answered:
                self._in_a_row += 1
            if dead and error.kind in _DEAD:
                self._dead_calls += 1
            nothing_yet = not self._answered and self._dead_calls >= _DEAD_CALLS
            if nothing_yet or self._in_a_row >= _FAILURES_IN_A_ROW:
                since = f"{self._in_a_row} calls in a row failed" if self._answered else "no call has succeeded yet"
                self._down = f"{error.message}; {since}: check base_url, the network and the provider's status"
                return ProviderDownError(self._down)
        tried = f" ({attempts} attempts)" if attempts > 1 else ""
        return CallFailedError(error.kind, error.message + tried)
