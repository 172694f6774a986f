import threading
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.trajectory import Message, Usage
from skillopt_ci.errors import CallFailedError, ProviderDownError
from skillopt_ci.providers.base import Completion, Request
from skillopt_ci.providers.retrying import RetryableError, Retrying, parse_retry_after

REQUEST = Request(
    model="m", messages=(Message(role="user", content="x"),), max_output_tokens=9, temperature=None,
    place="p", stream="val", label="t1",
)  # fmt: skip
DONE = Completion(text="ok", stop_reason="stop", usage=Usage(), served_model="m")


class Script:
    """A provider that raises and returns what it was given, the last one for ever; and the clock it waits by."""

    def __init__(self, *steps: Exception | Completion, stop_after: int | None = None) -> None:
        self.steps = list(steps)
        self.calls = 0
        self.waits: list[float] = []
        self.stop_after = stop_after

    def complete(self, request: Request, /) -> Completion:
        step = self.steps[min(self.calls, len(self.steps) - 1)]
        self.calls += 1
        if isinstance(step, Exception):
            raise step
        return step

    def wait(self, seconds: float) -> bool:
        if seconds:
            self.waits.append(seconds)
        return self.stop_after is not None and len(self.waits) >= self.stop_after

    def retrying(self, random: Callable[[], float] = lambda: 0.999, attempts: int = 6) -> Retrying:
        return Retrying(self, wait=self.wait, random=random, attempts=attempts)


def failed(retrying: Retrying) -> CallFailedError:
    with pytest.raises(CallFailedError) as caught:
        retrying.complete(REQUEST)
    return caught.value


def test_backoff_doubles_and_is_capped() -> None:
    script = Script(DONE, RetryableError("server", "x"))
    retrying = script.retrying(lambda: 1.0, attempts=10)
    assert retrying.complete(REQUEST) is DONE
    error = failed(retrying)
    assert (error.kind, error.message) == ("server", "x (10 attempts)")
    assert script.waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_half_of_the_backoff_is_random() -> None:
    script = Script(RetryableError("server", "x"), RetryableError("server", "x"), DONE)
    assert script.retrying(lambda: 0.0).complete(REQUEST) is DONE
    assert script.waits == [0.25, 0.5]


@pytest.mark.parametrize(("told", "waited"), [(0.0, 0.25), (7.0, 7.25), (3600.0, 60.25)])
def test_retry_after_is_honoured_up_to_a_minute(told: float, waited: float) -> None:
    script = Script(RetryableError("rate-limit", "x", told), DONE)
    assert script.retrying(lambda: 0.5).complete(REQUEST) is DONE
    assert script.waits == [waited]


def test_stopping_ends_the_wait_and_no_call_starts_after_it() -> None:
    script = Script(RetryableError("server", "x"), stop_after=1)
    retrying = script.retrying()
    assert failed(retrying).kind == "interrupted"
    assert failed(retrying).kind == "interrupted"
    assert script.calls == 1


def test_a_refused_request_is_not_tried_again() -> None:
    script = Script(CallFailedError("request", "bad"))
    error = failed(script.retrying())
    assert (error.kind, error.message, script.calls, script.waits) == ("request", "bad", 1, [])


def test_a_dead_provider_is_not_asked_again() -> None:
    script = Script(ProviderDownError("the key is refused"), DONE)
    retrying = script.retrying()
    for _ in range(2):
        with pytest.raises(ProviderDownError, match="the key is refused"):
            retrying.complete(REQUEST)
    assert script.calls == 1


@pytest.mark.parametrize(("kind", "attempts"), [("network", 4), ("timeout", 2), ("server", 6), ("malformed", 6)])
def test_three_failed_calls_and_no_answer_ever_means_dead(kind: str, attempts: int) -> None:
    script = Script(RetryableError(kind, "refused"))
    retrying = script.retrying()
    assert failed(retrying).kind == kind
    assert script.calls == attempts
    assert failed(retrying).kind == kind
    for _ in range(2):
        with pytest.raises(ProviderDownError, match="refused; no call has succeeded yet: check base_url"):
            retrying.complete(REQUEST)
    assert script.calls == 3 * attempts


def test_what_took_too_long_may_be_billed_and_is_asked_for_once_more_only() -> None:
    script = Script(DONE, RetryableError("timeout", "late"))
    retrying = script.retrying()
    retrying.complete(REQUEST)
    assert (failed(retrying).kind, script.calls) == ("timeout", 3)


def test_an_address_that_answered_once_is_asked_as_often_as_a_server() -> None:
    script = Script(DONE, RetryableError("network", "reset"))
    retrying = script.retrying()
    retrying.complete(REQUEST)
    assert (failed(retrying).kind, script.calls) == ("network", 1 + 6)


def test_an_answer_that_holds_nothing_is_handed_on_and_ten_in_a_row_mean_dead() -> None:
    nothing = replace(DONE, text="", nothing="the answer has no choice")
    script = Script(*[nothing] * 9, DONE, nothing)
    retrying = script.retrying()
    assert [retrying.complete(REQUEST).nothing for _ in range(10)].count("") == 1
    for _ in range(10):
        assert retrying.complete(REQUEST) is nothing
    with pytest.raises(ProviderDownError, match="the answer has no choice; 10 calls in a row failed"):
        retrying.complete(REQUEST)
    assert (script.calls, script.waits) == (20, [])


def test_a_dead_address_is_known_after_seconds() -> None:
    script = Script(RetryableError("network", "refused"))
    failed(script.retrying(lambda: 1.0))
    assert sum(script.waits) < 5


def test_after_an_answer_ten_failures_in_a_row_are_needed() -> None:
    script = Script(DONE, *[RetryableError("server", "x")] * 9, DONE, RetryableError("rate-limit", "busy"))
    retrying = script.retrying(attempts=1)
    retrying.complete(REQUEST)
    for _ in range(9):
        failed(retrying)
    assert retrying.complete(REQUEST) is DONE  # the row starts anew
    for _ in range(9):
        failed(retrying)
    with pytest.raises(ProviderDownError, match="busy; 10 calls in a row failed"):
        retrying.complete(REQUEST)


def test_refused_requests_count_only_while_nothing_was_answered() -> None:
    answered = Script(DONE, CallFailedError("request", "bad"))
    retrying = answered.retrying()
    retrying.complete(REQUEST)
    for _ in range(20):
        assert failed(retrying).kind == "request"
    never = Script(CallFailedError("request", "bad")).retrying()
    for _ in range(9):
        failed(never)
    with pytest.raises(ProviderDownError, match="bad; no call has succeeded yet"):
        never.complete(REQUEST)


def test_rate_limits_alone_do_not_mean_dead_at_once() -> None:
    retrying = Script(RetryableError("rate-limit", "busy")).retrying(attempts=1)
    for _ in range(9):
        assert failed(retrying).kind == "rate-limit"


def test_one_dead_call_stops_those_that_wait() -> None:
    """Threads in their backoff give up as soon as another one finds the key refused."""
    waiting, go_on = threading.Event(), threading.Event()
    calls: list[str] = []

    class Provider:
        def complete(self, request: Request, /) -> Completion:
            calls.append(request.label)
            if request.label == "t1":
                raise RetryableError("server", "x")
            raise ProviderDownError("refused")

    def wait(seconds: float) -> bool:
        if seconds:
            waiting.set()
            go_on.wait(5)
        return False

    retrying = Retrying(Provider(), wait=wait, random=lambda: 0.0)
    caught: list[Exception] = []

    def first() -> None:
        try:
            retrying.complete(REQUEST)
        except ProviderDownError as error:
            caught.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    waiting.wait(5)
    other = Request(model="m", messages=(), max_output_tokens=9, temperature=None, place="q", stream="val", label="t2")
    with pytest.raises(ProviderDownError, match="refused"):
        retrying.complete(other)
    go_on.set()
    thread.join()
    assert [str(c) for c in caught] == ["refused"]
    assert calls == ["t1", "t2"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": formatdate(1_000_030, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(999_000, usegmt=True)}, 0.0),
        ({"retry-after": formatdate(1_000_030, usegmt=False)}, 30.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, 1_000_000.0) == seconds


@given(st.text())
def test_retry_after_of_a_stranger_is_a_time_or_nothing(value: str) -> None:
    seconds = parse_retry_after({"retry-after": value, "retry-after-ms": value}, 1_000_000.0)
    assert seconds is None or seconds >= 0
