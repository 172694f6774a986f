"""The Anthropic SDK over HTTP on loopback."""

import json

import pytest

from skillopt_ci.core.trajectory import Message, Usage
from skillopt_ci.errors import CallFailedError, ConfigError, ProviderDownError
from skillopt_ci.providers.anthropic import make
from skillopt_ci.providers.base import ProviderOptions
from tests.loopback import Loopback, Reply, error_reply, messages_reply, scripted
from tests.wire.helpers import KEY, SCHEMA, Waits, connected, patient, request


def test_messages_sends_what_was_asked_and_reads_usage() -> None:
    reply = messages_reply("4", tokens=(20, 8, 3))
    with Loopback(scripted(reply)) as server, connected(server, "anthropic") as provider:
        got = provider.complete(request(temperature=1.0))
        (call,) = server.calls
    assert (got.text, got.stop_reason, got.served_model) == ("4", "stop", "served-model")
    assert got.usage == Usage(input_tokens=28, cached_tokens=8, output_tokens=3)
    assert got.seconds > 0
    assert call.path == "/v1/messages"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert call.body == {
        "model": "gpt-5.4-mini",
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "What is 2+2?"}],
        "max_tokens": 64,
    }


def test_what_the_sdk_reads_by_itself_goes_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Theirs: secret\nAuthorization: Bearer theirs")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "theirs")
    with Loopback(lambda _: messages_reply("4")) as server:
        for headers in ({}, {"X-Ours": "1"}):
            with connected(server, "anthropic", headers=headers) as provider:
                provider.complete(request())
        plain, ours = (call.headers for call in server.calls)
    assert plain["authorization"] == ours["authorization"] == f"Bearer {KEY}"
    assert "x-theirs" not in {*plain, *ours}
    assert ours["x-ours"] == "1"


def test_what_is_written_to_the_cache_is_input_with_a_price_of_its_own() -> None:
    usage = {"input_tokens": 100, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 900, "output_tokens": 7}
    body = {"type": "message", "content": [{"type": "text", "text": "4"}], "stop_reason": "end_turn", "usage": usage}
    with Loopback(scripted(Reply(body=body))) as server, connected(server, "anthropic") as provider:
        got = provider.complete(request()).usage
    assert (got.input_tokens, got.cached_tokens, got.written_tokens, got.output_tokens) == (1030, 30, 900, 7)


def test_a_temperature_is_sent_by_the_last_version_of_the_api_that_takes_one() -> None:
    with Loopback(scripted(messages_reply("4"))) as server, connected(server, "anthropic") as provider:
        for temperature in (0.0, 1.0, None):
            provider.complete(request(temperature=temperature))
        sent = [(c.headers["anthropic-version"], c.body.get("temperature")) for c in server.calls]
    assert sent[0] == ("2023-06-01", 0.0)
    assert sent[1] == sent[2]
    assert sent[1][0] > "2023-06-01"
    assert sent[1][1] is None


def test_no_system_message_no_system_parameter() -> None:
    with Loopback(scripted(messages_reply("4"))) as server, connected(server, "anthropic") as provider:
        provider.complete(request(messages=(Message(role="user", content="hi\ud800"),)))
        body = server.calls[0].body
    assert "system" not in body
    assert body["messages"] == [{"role": "user", "content": "hi?"}]


def test_structured_output_is_a_forced_tool() -> None:
    blocks = [
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "toolu_1", "name": "skill_edits", "input": {"answer": "vi\u00e8r"}},
    ]
    reply = messages_reply(blocks, stop="tool_use")
    with Loopback(scripted(reply, messages_reply("no tool"))) as server, connected(server, "anthropic") as provider:
        got = provider.complete(request(schema=SCHEMA))
        by_text = provider.complete(request(schema=SCHEMA))
        body = server.calls[0].body
    assert (json.loads(got.text), got.stop_reason) == ({"answer": "vi\u00e8r"}, "stop")
    assert by_text.text == "no tool"
    assert body["tool_choice"] == {"type": "tool", "name": "skill_edits"}
    assert body["tools"] == [{"name": "skill_edits", "description": "Gives the answer.", "input_schema": SCHEMA.schema}]


@pytest.mark.parametrize(
    ("reply", "text", "stop"),
    [
        (messages_reply("cut", stop="max_tokens"), "cut", "length"),
        (messages_reply([], stop="refusal"), "", "refusal"),
        (messages_reply("x", stop="stop_sequence"), "x", "stop"),
        (messages_reply("x", stop="model_context_window_exceeded"), "x", "context_overflow"),
        (error_reply(400, "prompt is too long: 210000 tokens > 200000 maximum"), "", "context_overflow"),
        (error_reply(400, "input length and `max_tokens` exceed context limit: 9 + 9 > 10"), "", "context_overflow"),
    ],
)
def test_what_ended_the_answer(reply: Reply, text: str, stop: str) -> None:
    with Loopback(scripted(reply)) as server, connected(server, "anthropic") as provider:
        got = provider.complete(request())
    assert (got.text, got.stop_reason) == (text, stop)


def test_a_large_output_limit_needs_no_stream() -> None:
    with Loopback(scripted(messages_reply("4"))) as server, connected(server, "anthropic") as provider:
        assert provider.complete(request(max_output_tokens=64_000)).text == "4"


@pytest.mark.parametrize(
    "broken",
    [
        Reply(body=b"{"),
        Reply(body=b"<html>", content_type="text/html"),
        Reply(body={"type": "error", "error": {"message": "x"}}),
        error_reply(529, "Overloaded", code="overloaded_error"),
        error_reply(500, "x"),
    ],
)
def test_what_may_pass_is_tried_again(broken: Reply) -> None:
    waits = Waits()
    with Loopback(scripted(broken, messages_reply("4"))) as server, connected(server, "anthropic") as provider:
        assert patient(provider, waits).complete(request()).text == "4"
        assert len(server.calls) == 2
    assert waits.seconds == [0.25]


def test_an_answer_that_holds_nothing_and_was_billed_says_so() -> None:
    broken = Reply(body={"type": "message", "content": None, "usage": {"input_tokens": 20, "output_tokens": 3}})
    with Loopback(scripted(broken)) as server, connected(server, "anthropic") as provider:
        got = patient(provider).complete(request())
        assert len(server.calls) == 1
    assert got.nothing.endswith("the answer has no content")
    assert got.usage == Usage(input_tokens=20, output_tokens=3)


def test_429_waits_as_long_as_it_is_told() -> None:
    waits = Waits()
    replies = scripted(error_reply(429, "slow", headers={"retry-after": "3"}), messages_reply("4"))
    with Loopback(replies) as server, connected(server, "anthropic") as provider:
        assert patient(provider, waits).complete(request()).text == "4"
    assert waits.seconds == [3.0]


def test_a_hang_is_a_timeout_and_a_closed_port_a_network_failure() -> None:
    with (
        Loopback(scripted(Reply(hang=True))) as server,
        connected(server, "anthropic", timeout_seconds=0.1) as provider,
    ):
        with pytest.raises(CallFailedError, match="no answer within") as hung:
            provider.complete(request())
        address = server.url
    provider = make(ProviderOptions(name="a", type="anthropic", base_url=address))
    with pytest.raises(CallFailedError, match="connection failed") as gone:
        provider.complete(request())
    provider.close()
    assert (hung.value.kind, gone.value.kind) == ("timeout", "network")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error_reply(401, f"invalid x-api-key {KEY}", code="authentication_error"), "ANTHROPIC_API_KEY"),
        (error_reply(404, "model: nope", code="not_found_error"), "model 'gpt-5.4-mini'"),
        (error_reply(400, "`temperature` is deprecated for this model."), "`temperature: null` sends none"),
        (error_reply(400, "temperature: Extra inputs are not permitted"), "leave out that setting of model"),
        (error_reply(400, "Your credit balance is too low to access the API"), "no credit"),
    ],
)
def test_no_point_in_asking_again(reply: Reply, words: str) -> None:
    with Loopback(scripted(reply)) as server, connected(server, "anthropic") as provider:
        with pytest.raises(ProviderDownError) as caught:
            patient(provider).complete(request())
        assert len(server.calls) == 1
    assert words in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_refused_request() -> None:
    with (
        Loopback(scripted(error_reply(400, "messages: no"))) as server,
        connected(server, "anthropic") as provider,
    ):
        with pytest.raises(CallFailedError, match="messages: no") as caught:
            patient(provider).complete(request())
        assert len(server.calls) == 1
    assert caught.value.kind == "request"


def test_no_key_is_said_before_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="set the environment variable ANTHROPIC_API_KEY"):
        make(ProviderOptions(name="anthropic", type="anthropic"))
