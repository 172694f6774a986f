"""The gateway with the real SDKs before it and a loopback model server behind it."""

import select
import socket
import threading
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import anthropic
import httpx2
import openai
import pytest

from skillopt_ci.core.spend import Limits
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import BudgetReachedError, ConfigError, ProviderDownError
from skillopt_ci.gateway.passes import Pass
from skillopt_ci.gateway.protocols import Tally
from skillopt_ci.gateway.server import Gateway
from skillopt_ci.gateway.upstream import Upstream
from skillopt_ci.providers.base import ProviderOptions
from skillopt_ci.providers.meter import Meter
from skillopt_ci.providers.prices import Pricer
from tests.gateway.world import KEY, PRICES, World, anthropic_stream, chat_stream, responses_stream, world
from tests.loopback import Call, Reply, chat_reply, error_reply, messages_reply, responses_reply, scripted


def claude(world: World, entry: Pass) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=world.url, api_key=entry.token, max_retries=0, timeout=20)


def gpt(world: World, entry: Pass) -> openai.OpenAI:
    return openai.OpenAI(base_url=world.url + "/v1", api_key=entry.token, max_retries=0, timeout=20)


def bearer(entry: Pass) -> dict[str, str]:
    return {"authorization": f"Bearer {entry.token}"}


def say(client: anthropic.Anthropic, model: str = "m") -> str:
    answer = client.messages.create(model=model, max_tokens=9, messages=[{"role": "user", "content": "hi"}])
    return "".join(block.text for block in answer.content if block.type == "text")


def test_a_message_goes_through_with_the_real_key() -> None:
    with world(lambda _: messages_reply("hello", tokens=(10, 5, 3)), "anthropic") as w:
        entry = w.enter()
        with claude(w, entry) as client:
            assert say(client) == "hello"
        (call,) = w.server.calls
        assert call.path == "/v1/messages"
        assert call.headers["x-api-key"] == KEY
        assert entry.token not in str(call.headers)
        assert call.headers["anthropic-version"]
        # What is compressed could not be counted.
        assert (call.headers["content-type"], call.headers["accept-encoding"]) == ("application/json", "identity")
        assert (entry.metered.calls, entry.metered.served_model) == (1, "served-model")
        assert entry.metered.usage == Usage(input_tokens=15, cached_tokens=5, output_tokens=3)
        assert entry.metered.usd == (10 * 1 + 5 * Decimal("0.1") + 3 * 10) / 1_000_000
        assert w.meter.paid.calls == 1
        assert w.meter.paid.usage == entry.metered.usage


def test_headers_of_the_provider_go_along() -> None:
    headers = {"X-Team": "red", "anthropic-beta": "ours"}
    with world(lambda _: messages_reply("hello"), "anthropic", headers=headers) as w:
        with claude(w, w.enter()) as client:
            say(client)
        (call,) = w.server.calls
    assert (call.headers["x-team"], call.headers["anthropic-beta"], call.headers["x-api-key"]) == ("red", "ours", KEY)


def test_a_streamed_message() -> None:
    with world(lambda _: anthropic_stream(), "anthropic") as w:
        entry = w.enter()
        with (
            claude(w, entry) as client,
            client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]) as stream,
        ):
            assert stream.get_final_text() == "hello"
        w.gateway.shut(entry)
        assert entry.metered.usage == Usage(input_tokens=150, cached_tokens=30, output_tokens=7)
        assert (entry.metered.calls, entry.metered.failure) == (1, None)


def test_chat_completions_and_responses_whole_and_streamed() -> None:
    def answer(call: Call) -> Reply:
        if call.path == "/v1/responses":
            return responses_stream() if call.body.get("stream") else responses_reply("r", tokens=(20, 2, 4))
        return chat_stream() if call.body.get("stream") else chat_reply("c", tokens=(10, 1, 2))

    with world(answer) as w:
        entry = w.enter()
        messages = [{"role": "user", "content": "hi"}]
        with gpt(w, entry) as client:
            whole = client.chat.completions.create(model="m", messages=messages)  # type: ignore[call-overload]
            assert whole.choices[0].message.content == "c"
            parts = list(client.chat.completions.create(model="m", messages=messages, stream=True))  # type: ignore[call-overload]
            assert "".join(p.choices[0].delta.content or "" for p in parts if p.choices) == "hello"
            assert client.responses.create(model="m", input="hi").output_text == "r"
            kinds = [event.type for event in client.responses.create(model="m", input="hi", stream=True)]
            assert kinds == ["response.output_text.delta", "response.completed"]
        w.gateway.shut(entry)
        assert {c.headers["authorization"] for c in w.server.calls} == {f"Bearer {KEY}"}
        assert w.server.calls[1].body["stream_options"] == {"include_usage": True}
        assert entry.metered.calls == 4
        assert entry.metered.usage == Usage(
            input_tokens=10 + 12 + 20 + 50, cached_tokens=1 + 4 + 2 + 10, output_tokens=15
        )


def test_without_a_token_nobody_gets_in() -> None:
    with world(scripted(messages_reply("x")), "anthropic") as w:
        entry = w.enter()
        for headers in ({}, {"x-api-key": "guess"}, {"authorization": "Bearer guess"}, {"authorization": entry.token}):
            answer = httpx2.post(w.url + "/v1/messages", json={"model": "m"}, headers=headers)
            assert answer.status_code == 401
        w.gateway.shut(entry)
        answer = httpx2.post(w.url + "/v1/messages", json={"model": "m"}, headers={"x-api-key": entry.token})
        assert answer.status_code == 401
        assert w.server.calls == []


def test_a_client_of_another_protocol_is_told_so() -> None:
    with world(scripted(messages_reply("x")), "openai") as w:
        entry = w.enter()
        path = "/v1beta/models/m:streamGenerateContent?alt=sse"
        answer = httpx2.post(w.url + path, json={"contents": []}, headers={"x-goog-api-key": entry.token})
        assert (answer.status_code, w.server.calls) == (404, [])
        assert "speaks responses and chat here, and nothing else" in answer.text


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v1/chat/completions", b'{"model": "m"}', 404, "speaks messages here"),
        ("/v1/files", b'{"model": "m"}', 404, "speaks messages here"),
        ("/v1/messages/../messages", b'{"model": "m"}', 404, "speaks messages"),
        ("/v1/messages", b"nonsense", 400, "no JSON object with a model"),
        ("/v1/messages", b"[" * 100_000, 400, "no JSON object"),
        ("/v1/messages", b'{"model": "other"}', 400, "this rollout may only ask: m"),
        ("/v1/messages/count_tokens", b'{"model": "other"}', 400, "this rollout may only ask: m"),
        ("/v1/messages", b'{"model": "other", "model": "m", "Model": "other"}', 400, "the key 'model' in lower case"),
        ("/v1/messages", '{"model": "m", "max_to\u212aens": 9}'.encode(), 400, "the key 'max_tokens' in lower case"),
        ("/v1/messages", b'{"model": "m", "max_tokens": 9e9}', 400, "'max_tokens' must be a whole number"),
        ("/v1/messages", b'{"model": "m", "max_tokens": -9}', 400, "'max_tokens' must be a whole number"),
        ("/v1/messages", b'{"model": "m", "n": "128"}', 400, "one answer at a time, not with 'n'"),
        ("/v1/messages", b'{"model": "m", "best_of": 2}', 400, "one answer at a time, not with 'best_of'"),
        ("/v1/messages", b'{"model": "m", "stream": 1}', 400, "'stream' must be true or false here"),
        ("/v1/messages", b'{"model": "m", "background": true}', 400, "'background' must be false here"),
        ("/v1/messages", b'{"model": "m", "service_tier": "priority"}', 400, "what else it asks for is not counted"),
        ("/v1/messages", b'{"model": "m", "speed": ["fast"]}', 400, "'speed' must be"),
        ("/v1/messages", b'{"model": "m", "Service_Tier": "priority"}', 400, "the key 'service_tier' in lower case"),
        ("/v1/messages", b'{"model": "m", "x": NaN}', 400, "what JSON has no words for"),
        ("/v1/messages?a=\x01", b'{"model": "m"}', 400, "printable ASCII"),
        ("/v1/messages/count_tokens?" + "a" * 5000, b'{"model": "m"}', 400, "must be short"),
        ("/v1/messages", b'{"model": "m", "x": [' + b"[]," * 1_000_001 + b"0]}", 400, "too many lists and objects"),
    ],
)
def test_what_is_not_let_through(path: str, body: bytes, status: int, words: str) -> None:
    with world(scripted(messages_reply("x")), "anthropic") as w:
        entry = w.enter()
        with socket.create_connection(("127.0.0.1", w.gateway.door.port)) as client:  # httpx would clean the path
            head = f"POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {entry.token}\r\ncontent-length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body)
            client.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: client.recv(65536), b"")).decode()
        assert said.startswith(f"HTTP/1.1 {status} ")
        assert words in said
        assert w.server.calls == []
        assert entry.metered.calls == 0


def test_headers_that_cannot_be_passed_on_cost_nothing() -> None:
    with world(scripted(messages_reply("x")), "anthropic") as w:
        entry = w.enter()
        head = (
            f"POST /v1/messages HTTP/1.1\r\nx-api-key: {entry.token}\r\ncontent-length: 14\r\nanthropic-beta: ".encode()
        )
        with socket.create_connection(("127.0.0.1", w.gateway.door.port)) as client:
            client.sendall(head + b'anthropic-beta: \xe9\r\n\r\n{"model": "m"}')
            assert client.recv(65536).startswith(b"HTTP/1.1 400 ")
        w.gateway.shut(entry)
        assert (entry.metered.calls, w.meter.paid.calls, w.server.calls) == (0, 0, [])


def test_one_rollout_does_not_fill_the_memory_of_all() -> None:
    with world(scripted(messages_reply("x")), "anthropic") as w:
        entry, other = w.enter(), w.enter()
        head = f"POST /v1/messages HTTP/1.1\r\nx-api-key: {entry.token}\r\ncontent-length: {30 << 20}\r\n\r\n".encode()
        clients = []
        for _ in range(3):
            clients.append(socket.create_connection(("127.0.0.1", w.gateway.door.port)))
            clients[-1].sendall(head)
        answered, _, _ = select.select(clients, [], [], 20)
        assert [c.recv(65536).split(b"\r\n")[0] for c in answered] == [b"HTTP/1.1 429 Too Many Requests"]
        with claude(w, other) as client:
            assert say(client) == "x"
        for each in clients:
            each.close()
        for _ in range(3):  # one after another there is room
            with other.holding(40 << 20) as fits:
                assert fits


def test_connections_beyond_a_number_are_closed() -> None:
    with Gateway(port=True, connections=3) as gateway:
        clients = [socket.create_connection(("127.0.0.1", gateway.door.port)) for _ in range(4)]
        closed, _, _ = select.select(clients, [], [], 20)
        assert [c.recv(1) for c in closed] == [b""]
        for each in clients:
            each.close()
        # As soon as those are gone there is room again.
        with httpx2.Client() as client:
            assert until_answered(client, f"http://127.0.0.1:{gateway.door.port}/") == 200


def until_answered(client: httpx2.Client, url: str) -> int:
    """The status of the first answer that is one."""
    for _ in range(400):
        try:
            return int(client.head(url).status_code)
        except httpx2.HTTPError:
            time.sleep(0.02)
    return 0


def test_tokens_are_not_counted_without_end() -> None:
    with world(lambda _: Reply(body={"input_tokens": 5}), "anthropic") as w:
        entry = w.enter(calls=2)
        passed = {"accept": "a", "anthropic-beta": "b", "openai-beta": "c"}
        with httpx2.Client(headers={"x-api-key": entry.token, "x-own": "d", **passed}, base_url=w.url) as client:
            got = [client.post("/v1/messages/count_tokens", json={"model": "m"}) for _ in range(21)]
        assert [g.status_code for g in got] == [200] * 20 + [400]
        assert "counted 20 times" in got[-1].text
        assert [call.headers["anthropic-version"] for call in w.server.calls] == ["2023-06-01"] * 20
        sent = w.server.calls[0].headers
        assert ({name: sent[name] for name in passed}, "x-own" in sent) == (passed, False)


def test_requests_that_are_not_for_models() -> None:
    with world(scripted(messages_reply("x")), "anthropic") as w:
        entry = w.enter()
        headers = {"x-api-key": entry.token}
        assert httpx2.head(w.url + "/").status_code == 200
        assert httpx2.get(w.url + "/v1/models", headers=headers).status_code == 404
        zipped = httpx2.post(w.url + "/v1/messages", content=b"x", headers={**headers, "content-encoding": "gzip"})
        assert zipped.status_code == 413
        chunked = httpx2.post(w.url + "/v1/messages", content=iter([b"x"]), headers=headers)
        assert chunked.status_code == 413
        head = f"POST /v1/messages HTTP/1.1\r\nx-api-key: {entry.token}\r\ncontent-length: {33 << 20}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", w.gateway.door.port), 20) as large:
            large.sendall(head.encode())
            assert large.recv(65536).startswith(b"HTTP/1.1 413 ")
        assert w.server.calls == []


def test_a_count_that_is_refused_is_told_in_our_own_words() -> None:
    with world(lambda _: error_reply(401, f"invalid x-api-key: {KEY}"), "anthropic") as w:
        headers = {"x-api-key": w.enter().token}
        answer = httpx2.post(w.url + "/v1/messages/count_tokens", json={"model": "m"}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["message"]) == (401, "tokens cannot be counted")


def test_tokens_are_counted_for_nothing() -> None:
    with world(lambda _: Reply(body={"input_tokens": 5}), "anthropic") as w:
        entry = w.enter()
        with claude(w, entry) as client:
            counted = client.messages.count_tokens(model="m", messages=[{"role": "user", "content": "hi"}])
        assert counted.input_tokens == 5
        assert w.server.calls[0].path == "/v1/messages/count_tokens"
        assert (entry.metered.calls, w.meter.paid.calls) == (0, 0)


def test_the_turn_limit_of_a_rollout() -> None:
    with world(lambda _: messages_reply("x"), "anthropic") as w:
        entry = w.enter(calls=2)
        with claude(w, entry) as client:
            assert [say(client), say(client)] == ["x", "x"]
            with pytest.raises(anthropic.BadRequestError, match="limit of 2 model calls"):
                say(client)
        assert (entry.metered.capped, len(w.server.calls)) == ("turns", 2)


def test_the_token_limit_of_a_rollout() -> None:
    with world(lambda _: messages_reply("x", tokens=(60, 0, 50)), "anthropic") as w:
        entry = w.enter(tokens=100)
        with claude(w, entry) as client:
            say(client)
            with pytest.raises(anthropic.BadRequestError, match="limit of 100 tokens"):
                say(client)
        assert (entry.metered.capped, len(w.server.calls)) == ("tokens", 1)


def test_the_budget_of_the_run() -> None:
    with world(lambda _: messages_reply("x"), "anthropic", Limits(calls=1)) as w:
        entry, other = w.enter(), w.enter()
        with claude(w, entry) as client:
            say(client)
            with pytest.raises(anthropic.BadRequestError, match=r"budget\.calls"):
                say(client)
        with claude(w, other) as client, pytest.raises(anthropic.BadRequestError):
            say(client)
        assert isinstance(entry.metered.fatal, BudgetReachedError)
        assert isinstance(other.metered.fatal, BudgetReachedError)
        assert len(w.server.calls) == 1


class Noting(Meter):
    """A meter that notes the most that each call can cost."""

    def __init__(self) -> None:
        super().__init__(Limits(usd=Decimal(1)), ["r"])
        self.estimates: list[Decimal] = []

    def admit(self, estimate: Decimal) -> None:
        self.estimates.append(estimate)
        super().admit(estimate)


@pytest.mark.parametrize(
    ("limits", "tokens"),
    [
        ({"max_tokens": 1, "max_completion_tokens": 30_000, "n": 1}, 30_000),
        ({"max_completion_tokens": 7, "max_output_tokens": 120_000}, 120_000),
        ({"max_tokens": 30_000, "max_completion_tokens": None, "n": None}, 30_000),
        ({}, 8192),
    ],
)
def test_the_largest_of_several_limits_is_what_a_call_may_cost(limits: dict[str, int | None], tokens: int) -> None:
    with world(lambda _: chat_reply("x")) as w:
        meter = Noting()
        entry = w.enter(meters=[meter])
        body = {"model": "m", "messages": [], **limits}
        answer = httpx2.post(w.url + "/v1/chat/completions", json=body, headers=bearer(entry))
        length = len(answer.request.content)
        assert meter.estimates == [Decimal(length + 10 * tokens) / 1_000_000]


def test_what_is_sent_is_what_was_checked() -> None:
    with world(lambda _: chat_reply("x")) as w:
        tools = '"tools": [{"a": 1, "a": 2.50}]'
        body = f'{{"model": "other", "n": 128, {tools}, "n": 1, "messages": ["\u00e9"], "model": "m"}}'.encode()
        url = w.url + "/v1/chat/completions"
        assert httpx2.post(url, content=body, headers=bearer(w.enter())).status_code == 200
        (call,) = w.server.calls
        assert call.raw == b'{"model": "m", "n": 1, "tools": [{"a": 2.5}], "messages": ["\\u00e9"]}'


def test_a_budget_in_usd_needs_a_price() -> None:
    with world(lambda _: messages_reply("x"), "anthropic", Limits(usd=Decimal(1))) as w:
        entry = w.enter(pricer=Pricer("anthropic"))
        with claude(w, entry) as client, pytest.raises(anthropic.BadRequestError, match="no known price"):
            say(client)
        assert isinstance(entry.metered.fatal, ConfigError)
        assert w.server.calls == []


def test_an_answer_without_usage_has_no_price() -> None:
    with world(lambda _: messages_reply("x", tokens=(0, 0, 0)), "anthropic", Limits(usd=Decimal(1))) as w:
        entry = w.enter()
        with claude(w, entry) as client:
            say(client)
            free = w.enter(pricer=Pricer("anthropic", prices=dict.fromkeys(PRICES, Decimal(0))))
            say(client.with_options(api_key=free.token))
        assert entry.metered.usd is None
        assert isinstance(entry.metered.fatal, ConfigError)
        assert (free.metered.usd, free.metered.fatal) == (0, None)


def test_a_refused_key_ends_at_once_and_is_not_shown() -> None:
    refused = error_reply(401, f"invalid x-api-key: {KEY}", code="authentication_error")
    with world(scripted(refused), "anthropic") as w:
        entry = w.enter()
        with claude(w, entry) as client:
            with pytest.raises(anthropic.BadRequestError) as caught:  # not a 401, which agents try again
                say(client)
            with pytest.raises(anthropic.BadRequestError):
                say(client)
        assert KEY not in str(caught.value)
        assert isinstance(entry.metered.fatal, ProviderDownError)
        assert len(w.server.calls) == 1


def test_errors_that_pass_are_passed_on() -> None:
    replies = [
        error_reply(529, "busy", headers={"retry-after": "0"}),
        error_reply(429, "slow", headers={"retry-after": "0"}),
    ]
    with world(scripted(*replies, messages_reply("at last")), "anthropic") as w:
        entry = w.enter(calls=1)  # what was not answered is none
        with claude(w, entry) as client:
            with pytest.raises(anthropic.APIStatusError) as caught:
                say(client)
            assert (caught.value.status_code, caught.value.response.headers["retry-after"]) == (529, "0")
            assert entry.metered.failure is not None
            assert entry.metered.failure.kind == "server"
            assert say(client.with_options(max_retries=2)) == "at last"
        assert (entry.metered.failure, entry.metered.calls) == (None, 1)
        assert w.meter.paid.calls == 1


def test_a_context_that_is_too_long_is_the_tasks_own() -> None:
    with world(scripted(error_reply(400, "prompt is too long: 300000 tokens > 200000 maximum")), "anthropic") as w:
        entry = w.enter()
        with claude(w, entry) as client, pytest.raises(anthropic.BadRequestError, match="prompt is too long"):
            say(client)
        assert (entry.metered.stop, entry.metered.failure, entry.metered.fatal) == ("context_overflow", None, None)


def test_a_provider_that_is_gone() -> None:
    with Gateway(port=True) as gateway:
        options = ProviderOptions(
            name="p", type="anthropic", api_key=KEY, base_url="http://127.0.0.1:9", timeout_seconds=5
        )
        upstream = Upstream(options)
        w = World(None, gateway, upstream, None)  # type: ignore[arg-type]
        entry = w.enter(meters=[], calls=100)
        with claude(w, entry) as client:
            for _ in range(19):
                with pytest.raises(anthropic.InternalServerError):
                    say(client)
            assert entry.metered.fatal is None
            with pytest.raises(anthropic.BadRequestError, match="20 attempts in a row failed"):
                say(client)
        assert isinstance(entry.metered.fatal, ProviderDownError)
        upstream.close()


def test_a_stream_that_breaks_off_counts_what_it_said() -> None:
    with world(lambda _: anthropic_stream("x" * 400, end=False), "anthropic") as w:
        entry = w.enter()
        messages = [{"role": "user", "content": "hi"}]
        with claude(w, entry) as client, client.messages.stream(model="m", max_tokens=9, messages=messages) as stream:  # type: ignore[arg-type]
            assert len(list(stream)) >= 2
        w.gateway.shut(entry)
        assert entry.metered.usage.input_tokens == 150
        assert entry.metered.usage.output_tokens >= 100
        left = w.enter()  # and one that is open when its rollout ends
        ticket = left.admit("m", 400, 9)
        assert not isinstance(ticket, str)
        ticket.tally = Tally("messages")
        ticket.tally.feed(bytes(anthropic_stream("x" * 400, end=False).body))  # type: ignore[arg-type]
        w.gateway.shut(left)
        assert (left.metered.calls, left.metered.usage.input_tokens, left.metered.waiting) == (1, 150, False)
        assert left.metered.usage.output_tokens >= 100


def test_a_stream_that_the_provider_breaks_off_does_so_for_the_client_and_is_counted() -> None:
    broken = replace(anthropic_stream(end=False), headers={"content-length": "99999", "connection": "close"})
    with world(lambda _: broken, "anthropic") as w:
        entry = w.enter()
        body = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "x" * 400}]}
        with pytest.raises(httpx2.RemoteProtocolError):  # who is not told waits for the rest
            httpx2.post(w.url + "/v1/messages", json=body, headers={"x-api-key": entry.token}, timeout=10)
        w.gateway.shut(entry)
        assert (entry.metered.calls, w.meter.paid.calls) == (1, 1)
        assert entry.metered.usage.input_tokens == 150
        assert entry.metered.failure is not None
        assert (entry.metered.failure.kind, "the answer broke off" in str(entry.metered.failure)) == ("network", True)


@pytest.mark.parametrize("failed", [False, True])
def test_a_call_that_is_open_when_the_rollout_ends_is_counted_once(failed: bool) -> None:
    asked = threading.Event()
    before = [error_reply(529, "busy")] if failed else []

    def hang(_: Call) -> Reply:
        if before:
            return before.pop()
        asked.set()
        return Reply(hang=True)

    with world(hang, "anthropic") as w:
        entry = w.enter()
        if failed:
            with claude(w, entry) as client, pytest.raises(anthropic.APIStatusError):
                say(client)
        body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x" * 4000}]}

        def ask() -> None:
            try:
                httpx2.post(w.url + "/v1/messages", json=body, headers={"x-api-key": entry.token}, timeout=30)
            except httpx2.HTTPError:
                return

        thread = threading.Thread(target=ask)
        thread.start()
        asked.wait()
        w.gateway.shut(entry)
        assert (entry.metered.calls, entry.admit("m", 9, 9)) == (1, "this rollout is over")
        assert (entry.metered.failure is not None) is failed  # what nobody answered does not undo it
        assert 1000 <= entry.metered.usage.input_tokens <= 1100
        w.server.close()
        thread.join()
        assert entry.metered.calls == w.meter.paid.calls == 1


def test_a_slow_provider_is_a_time_out() -> None:
    with world(lambda _: Reply(hang=True), "anthropic", timeout=0.3) as w:
        entry = w.enter()
        with claude(w, entry) as client, pytest.raises(anthropic.APIStatusError) as caught:
            say(client)
        assert caught.value.status_code == 504
        assert entry.metered.failure is not None
        assert entry.metered.failure.kind == "timeout"


def test_many_rollouts_at_once_are_kept_apart() -> None:
    with world(lambda call: chat_reply(call.user_text, tokens=(len(call.user_text), 0, 1))) as w:
        entries = [w.enter() for _ in range(12)]

        def work(entry: Pass, size: int) -> None:
            with gpt(w, entry) as client:
                for _ in range(3):
                    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x" * size}])

        threads = [threading.Thread(target=work, args=(e, n)) for n, e in enumerate(entries, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [e.metered.usage.input_tokens for e in entries] == [3 * n for n in range(1, 13)]
        assert w.meter.paid.calls == 36


@pytest.mark.parametrize("kind", ["simulated", "azure-openai", "mine"])
def test_providers_that_agents_cannot_use(kind: str) -> None:
    with pytest.raises(ConfigError, match=f"agents cannot use providers of type '{kind}'"):
        Upstream(ProviderOptions(name="p", type=kind))


@pytest.mark.parametrize(("kind", "host"), [("anthropic", "api.anthropic.com"), ("openai", "api.openai.com")])
def test_without_an_address_the_key_is_for_its_vendor(kind: str, host: str) -> None:
    upstream = Upstream(ProviderOptions(name="p", type=kind, api_key=KEY))
    assert str(upstream.endpoint) == f"p ({host})"
    upstream.close()


def test_without_a_port_there_is_a_socket_only() -> None:
    with Gateway(port=False) as gateway:
        assert gateway.door.port == 0
        assert gateway.door.socket.is_socket()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(gateway.door.socket))
            client.sendall(b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert not gateway.door.socket.exists()


def test_in_a_folder_whose_path_is_too_long_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / ("x" * 100)
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    with Gateway(port=False) as gateway:
        assert gateway.door.socket.is_socket()
        assert list(place.iterdir()) == []
    assert not gateway.door.socket.parent.exists()
