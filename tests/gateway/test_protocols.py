"""What answers say about themselves, however they arrive."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.trajectory import Usage
from skillopt_ci.gateway.protocols import Protocol, Tally, error_body, protocol_of
from tests.gateway.world import anthropic_stream, chat_stream, responses_stream

STREAMS: dict[Protocol, tuple[bytes, Usage]] = {
    "messages": (bytes(anthropic_stream().body), Usage(input_tokens=150, cached_tokens=30, output_tokens=7)),  # type: ignore[arg-type]
    "chat": (bytes(chat_stream().body), Usage(input_tokens=12, cached_tokens=4, output_tokens=3)),  # type: ignore[arg-type]
    "responses": (bytes(responses_stream().body), Usage(input_tokens=50, cached_tokens=10, output_tokens=6)),  # type: ignore[arg-type]
}


@given(st.sampled_from(sorted(STREAMS)), st.lists(st.integers(0, 3000), max_size=8))
def test_a_stream_says_the_same_however_it_is_cut(protocol: Protocol, cuts: list[int]) -> None:
    body, usage = STREAMS[protocol]
    tally = Tally(protocol)
    at = [0, *sorted(c % len(body) for c in cuts), len(body)]
    for start, end in pairwise(at):
        tally.feed(body[start:end])
    assert (tally.usage, tally.complete, tally.model) == (usage, True, "served")


def test_events_may_stand_close_and_an_answer_may_end_before_it_is_whole() -> None:
    body, usage = STREAMS["responses"]
    for end in (b"response.completed", b"response.incomplete", b"response.failed"):
        tally = Tally("responses")
        tally.feed(body.replace(b"response.completed", end).replace(b"data: ", b"data:"))
        assert (tally.usage, tally.complete, tally.model) == (usage, True, "served")
    broken = Tally("responses")
    broken.feed(body[: body.index(b"event: response.completed")])
    assert (broken.usage, broken.complete, broken.estimate(400).output_tokens) == (None, False, 2)


def test_a_stream_says_what_was_written_to_the_cache() -> None:
    body, _ = STREAMS["messages"]
    tally = Tally("messages")
    tally.feed(body)
    assert tally.usage is not None
    assert tally.usage.written_tokens == 20
    broken = Tally("messages")
    broken.feed(body[: body.index(b"message_delta")])
    assert (broken.estimate(400).written_tokens, broken.model) == (20, "served")


@given(st.sampled_from(sorted(STREAMS)), st.binary(max_size=300), st.integers(0, 3000))
def test_hostile_bytes_say_nothing(protocol: Protocol, junk: bytes, cut: int) -> None:
    body, _ = STREAMS[protocol]
    tally = Tally(protocol)
    tally.feed(body[: cut % len(body)])
    tally.feed(junk + b"\ndata: " + junk + b"\ndata: [" + b"[" * 5000 + b"\n")
    found = tally.estimate(400)
    assert found.input_tokens >= 0
    assert found.output_tokens >= 0
    whole = Tally(protocol)
    whole.whole(junk)
    assert whole.complete


@pytest.mark.parametrize("value", [None, -5, True, "7", 10**30, [1], {"a": 1}, 1.5])
def test_counts_that_are_none_count_nothing(value: object) -> None:
    usage = {"input_tokens": value, "output_tokens": value, "cache_read_input_tokens": value}
    for protocol in STREAMS:
        tally = Tally(protocol)
        tally.whole(json.dumps({"usage": usage, "model": value}).encode())
        assert tally.usage == Usage()
        assert tally.model in ("", "7")


def test_an_estimate_of_what_broke_off() -> None:
    tally = Tally("chat")
    delta = {"content": "12345678", "tool_calls": [{"function": {"arguments": "1234"}}]}
    tally.feed(b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n")
    assert tally.estimate(400) == Usage(input_tokens=100, output_tokens=3)
    assert Tally("messages").estimate(7) == Usage(input_tokens=1)


def test_errors_in_each_protocol() -> None:
    assert json.loads(error_body("/v1/messages", "no"))["type"] == "error"
    assert json.loads(error_body("/v1/responses", "no"))["error"]["message"] == "no"
    assert protocol_of("/v1/messages") == "messages"
    assert protocol_of("/v1/messages/") is None
