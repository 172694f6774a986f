"""The OpenAI SDK over HTTP on loopback: what is sent, what is read, what goes wrong."""

import json
import socket
import threading

import pytest

from skillopt_ci.core.trajectory import Message, Usage
from skillopt_ci.errors import CallFailedError, ConfigError, ProviderDownError
from skillopt_ci.providers.base import Completion, ProviderOptions
from skillopt_ci.providers.openai import make, make_azure
from skillopt_ci.providers.retrying import RetryableError
from tests.loopback import Loopback, Reply, chat_reply, error_reply, responses_reply, scripted, strict_schema_problem
from tests.wire.helpers import KEY, SCHEMA, Waits, connected, patient, request


def ask(reply: Reply, **options: object) -> Completion:
    """The completion that one reply is read as."""
    with Loopback(lambda _: reply) as server, connected(server, **options) as provider:
        return provider.complete(request())


def fail(reply: Reply, kind: type[Exception], **options: object) -> str:
    """The message of the error that one reply becomes; it never holds the key."""
    with Loopback(lambda _: reply) as server, connected(server, **options) as provider, pytest.raises(kind) as caught:
        provider.complete(request())
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_chat_sends_what_was_asked_and_reads_usage() -> None:
    with Loopback(scripted(chat_reply("4", tokens=(20, 8, 3)))) as server, connected(server) as provider:
        got = provider.complete(request(temperature=0.5))
        (call,) = server.calls
    assert (got.text, got.stop_reason, got.served_model) == ("4", "stop", "served-model")
    assert got.usage == Usage(input_tokens=20, cached_tokens=8, output_tokens=3)
    assert got.seconds > 0
    assert call.path == "/v1/chat/completions"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert call.body == {
        "model": "gpt-5.4-mini",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2+2?"}],
        "max_tokens": 64,
        "temperature": 0.5,
    }


def test_chat_structured_output_is_a_strict_schema() -> None:
    with Loopback(scripted(chat_reply('{"answer": "4"}'))) as server, connected(server) as provider:
        got = provider.complete(request(schema=SCHEMA))
        body = server.calls[0].body
    assert json.loads(got.text) == {"answer": "4"}
    assert "temperature" not in body
    sent = body["response_format"]["json_schema"]
    assert (sent["name"], sent["strict"], sent["schema"]) == ("skill_edits", True, SCHEMA.schema)
    assert strict_schema_problem(sent["schema"]) is None


def test_responses_sends_what_was_asked_and_reads_usage() -> None:
    reply = responses_reply('{"answer": "4"}', tokens=(20, 8, 3))
    with Loopback(scripted(reply)) as server, connected(server, api="responses") as provider:
        got = provider.complete(request(schema=SCHEMA, temperature=1.0))
        (call,) = server.calls
    assert (got.text, got.stop_reason, got.served_model) == ('{"answer": "4"}', "stop", "served-model")
    assert got.usage == Usage(input_tokens=20, cached_tokens=8, output_tokens=3)
    assert call.path == "/v1/responses"
    assert call.body == {
        "model": "gpt-5.4-mini",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": "What is 2+2?"}],
        "max_output_tokens": 64,
        "temperature": 1.0,
        "store": False,
        "text": {"format": {"type": "json_schema", "name": "skill_edits", "schema": SCHEMA.schema, "strict": True}},
    }


def test_azure_names_the_deployment_in_the_path() -> None:
    with Loopback(scripted(chat_reply("4"))) as server:
        with connected(server, "azure-openai", api_version="2024-10-21") as provider:
            assert provider.complete(request()).text == "4"
        (call,) = server.calls
    assert call.path == "/openai/deployments/gpt-5.4-mini/chat/completions?api-version=2024-10-21"
    assert call.headers["api-key"] == KEY
    assert call.body["max_completion_tokens"] == 64


@pytest.mark.parametrize(
    ("reply", "options", "text", "stop"),
    [
        (chat_reply("cut", finish="length"), {}, "cut", "length"),
        (chat_reply(None, finish="content_filter"), {}, "", "refusal"),
        (chat_reply(None, refusal="I cannot."), {}, "I cannot.", "refusal"),
        (chat_reply(None), {}, "", "stop"),
        (chat_reply("x", finish="tool_calls"), {}, "x", "stop"),
        (responses_reply("cut", incomplete="max_output_tokens"), {"api": "responses"}, "cut", "length"),
        (responses_reply("", incomplete="content_filter"), {"api": "responses"}, "", "refusal"),
        (responses_reply("", refusal="I cannot."), {"api": "responses"}, "I cannot.", "refusal"),
        (error_reply(400, "flagged", code="content_filter"), {}, "", "refusal"),
        (error_reply(400, "flagged", code="invalid_prompt"), {}, "", "refusal"),
        (error_reply(400, "too much", code="context_length_exceeded"), {}, "", "context_overflow"),
        (error_reply(400, "This model's maximum context length is 4096 tokens. However"), {}, "", "context_overflow"),
        (
            error_reply(400, "The decoder prompt is longer than the maximum model length of 9"),
            {},
            "",
            "context_overflow",
        ),
        (error_reply(400, "Your input exceeds the context window of this model."), {}, "", "context_overflow"),
        (error_reply(400, "the request exceeds the available context size"), {}, "", "context_overflow"),
    ],
)
def test_what_ended_the_answer(reply: Reply, options: dict[str, str], text: str, stop: str) -> None:
    got = ask(reply, **options)
    assert (got.text, got.stop_reason) == (text, stop)
    if reply.status == 400:
        assert got.usage == Usage()
        assert got.served_model == "gpt-5.4-mini"


def test_content_in_parts_and_odd_or_missing_usage() -> None:
    message = {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, 3]}
    odd = {"prompt_tokens": -1, "completion_tokens": "9", "total_tokens": 60}  # of which nobody knows what was answered
    for usage in ({}, {"usage": None}, {"usage": odd}):
        got = ask(Reply(body={"choices": [{"message": message, "finish_reason": None}], **usage}))
        assert (got.text, got.stop_reason, got.usage, got.served_model) == ("ab", "stop", Usage(), "gpt-5.4-mini")


@pytest.mark.parametrize(
    ("completion", "total", "reasoning", "output"),
    [
        (40, 60, 37, 40),  # OpenAI's: reasoning is among the tokens of the completion
        (3, 60, 37, 40),  # xAI's: it is not, and the total has it
        (3, 60, None, 40),  # Gemini's: only the total tells
        (3, 90, 37, 40),  # a total that holds something else as well
        (3, None, 37, 3),
        (3, 10, None, 3),
    ],
)
def test_reasoning_is_output_wherever_a_server_counts_it(
    completion: int, total: int | None, reasoning: int | None, output: int
) -> None:
    usage: dict[str, object] = {"prompt_tokens": 20, "completion_tokens": completion, "total_tokens": total}
    if reasoning is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    choices = [{"message": {"role": "assistant", "content": "4"}, "finish_reason": "stop"}]
    assert ask(Reply(body={"choices": choices, "usage": usage})).usage == Usage(input_tokens=20, output_tokens=output)


def test_lone_surrogates_can_be_sent() -> None:
    with Loopback(scripted(chat_reply("4"))) as server, connected(server) as provider:
        provider.complete(request(messages=(Message(role="user", content="a\ud800b"),)))
        assert server.calls[0].user_text == "a?b"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body={"choices": []}),
        Reply(body={"choices": None}),
        Reply(body={"choices": [{"finish_reason": "stop"}]}),
        Reply(body={}),
        Reply(body=b"[1, 2]"),
        Reply(body=b'{"choices": ['),
        Reply(body=b"\xff\xfe"),
        Reply(body=b"[" * 100_000),
        Reply(body=b"<html>hello</html>", content_type="text/html"),
        Reply(body={"error": {"message": "upstream broke"}}),
    ],
)
def test_an_answer_that_is_none_is_tried_again(reply: Reply) -> None:
    waits = Waits()
    with Loopback(scripted(reply, chat_reply("4"))) as server, connected(server) as provider:
        assert patient(provider, waits).complete(request()).text == "4"
        assert len(server.calls) == 2
    assert waits.seconds == [0.25]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"status": "failed", "error": {"message": "boom"}},
            "server: openai (127.0.0.1): the response is failed: boom",
        ),
        ({"output": []}, "malformed: openai (127.0.0.1): the response is without a status: no reason given"),
        ({}, "malformed: openai (127.0.0.1): the response is without a status: no reason given"),
    ],
)
def test_a_response_that_did_not_complete(body: dict[str, object], words: str) -> None:
    assert fail(Reply(body=body), RetryableError, api="responses") == words


@pytest.mark.parametrize(
    ("body", "options", "why"),
    [
        ({"choices": []}, {}, "the answer has no choice"),
        ({"choices": [{"finish_reason": "stop"}], "error": {"message": "odd"}}, {}, "the answer has no choice: odd"),
        ({"status": "failed", "error": {"message": "boom"}}, {"api": "responses"}, "the response is failed: boom"),
        ({"output": []}, {"api": "responses"}, "the response is without a status"),
    ],
)
def test_an_answer_that_holds_nothing_and_was_billed_says_so(
    body: dict[str, object], options: dict[str, str], why: str
) -> None:
    for answered in (3, 0):  # what was asked is billed where nothing was answered, too
        usage = {"prompt_tokens": 20, "completion_tokens": answered, "input_tokens": 20, "output_tokens": answered}
        got = ask(Reply(body={**body, "model": "served", "usage": usage}), **options)
        assert got.nothing.endswith(why)
        assert (got.text, got.usage, got.served_model) == ("", Usage(input_tokens=20, output_tokens=answered), "served")


def test_429_waits_as_long_as_it_is_told() -> None:
    busy = error_reply(429, "slow down", headers={"Retry-After": "7"})
    waits = Waits()
    with Loopback(scripted(busy, chat_reply("4"))) as server, connected(server) as provider:
        assert patient(provider, waits).complete(request()).text == "4"
        assert len(server.calls) == 2
    assert waits.seconds == [7.0]


def test_500s_then_success() -> None:
    waits = Waits()
    replies = scripted(error_reply(500, "x"), error_reply(503, "x"), error_reply(409, "x"), chat_reply("4"))
    with Loopback(replies) as server, connected(server) as provider:
        assert patient(provider, waits).complete(request()).text == "4"
        assert len(server.calls) == 4
    assert waits.seconds == [0.25, 0.5, 1.0]


def test_500s_for_ever() -> None:
    with Loopback(scripted(error_reply(500, "broken"))) as server, connected(server) as provider:
        with pytest.raises(CallFailedError, match=r"openai \(127.0.0.1\): 500: broken \(6 attempts\)") as caught:
            patient(provider).complete(request())
        assert len(server.calls) == 6
    assert caught.value.kind == "server"


def test_a_hang_is_a_timeout() -> None:
    waits = Waits()
    with Loopback(scripted(Reply(hang=True))) as server, connected(server, timeout_seconds=0.1) as provider:
        with pytest.raises(CallFailedError, match=r"no answer within 0\.1 s \(2 attempts\)") as caught:
            patient(provider, waits).complete(request())
        assert len(server.calls) == 2
    assert caught.value.kind == "timeout"


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_no_connection_in_time_is_none_that_failed_and_no_answer_that_may_be_billed(kind: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,  # takes a connection, and never shakes hands
        Loopback(lambda _: chat_reply("4")) as server,
        connected(
            server, kind, base_url=f"https://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=0.2
        ) as provider,
        pytest.raises(CallFailedError, match=r"\(127\.0\.0\.1\): connection failed: none within 0\.2 s$") as caught,
    ):
        provider.complete(request())
    assert server.calls == []
    assert caught.value.kind == "network"


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_an_answer_that_drips_for_ever_is_a_timeout(kind: str) -> None:
    # Some gateways keep the line open with spaces; every one of them starts the SDK's own clock anew.
    reply = Reply(body=b"{" + b" " * 200, drip=0.02)
    with (
        Loopback(scripted(reply)) as server,
        connected(server, kind, timeout_seconds=0.2) as provider,
        pytest.raises(CallFailedError, match=r"no answer within 0\.2 s") as caught,
    ):
        provider.complete(request())
    assert caught.value.kind == "timeout"


def test_a_dead_address_is_given_up_after_three_calls() -> None:
    with socket.socket() as taken:  # bound but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        provider = make(ProviderOptions(name="local", type="openai", base_url=address))
        waits = Waits()
        retrying = patient(provider, waits)
        for _ in range(2):
            with pytest.raises(CallFailedError, match=r"connection failed: .*refused"):
                retrying.complete(request())
        with pytest.raises(ProviderDownError, match=r"local \(127.0.0.1\).*no call has succeeded yet: check base_url"):
            retrying.complete(request())
        provider.close()
    assert len(waits.seconds) == 9
    assert sum(waits.seconds[:3]) < 5


def test_401_on_the_first_call_ends_it() -> None:
    refused = error_reply(401, f"Incorrect API key provided: {KEY}", code="invalid_api_key")
    with Loopback(scripted(refused)) as server, connected(server) as provider:
        retrying = patient(provider)
        for _ in range(2):
            with pytest.raises(ProviderDownError, match=r"the key is refused \(401\).*OPENAI_API_KEY") as caught:
                retrying.complete(request())
            assert KEY not in str(caught.value)
        assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error_reply(403, "no access in your country"), "no access in your country"),
        (error_reply(404, "The model does not exist"), "model 'gpt-5.4-mini' or the address is unknown"),
        (error_reply(429, "You exceeded your current quota", code="insufficient_quota"), "no credit or quota"),
        (error_reply(402, "pay"), "no credit or quota"),
        (error_reply(400, "Unsupported value: 'temperature'", code="unsupported_value"), "leave out that setting"),
    ],
)
def test_no_point_in_asking_again(reply: Reply, words: str) -> None:
    assert words in fail(reply, ProviderDownError)


def test_a_refused_request_is_not_tried_again_and_its_message_is_clean() -> None:
    hostile = f"bad\r\n\x1b[31m key {KEY} sk-other-987654321 \u202e" + "x" * 1000
    with Loopback(scripted(error_reply(400, hostile))) as server, connected(server) as provider:
        with pytest.raises(CallFailedError) as caught:
            patient(provider).complete(request())
        assert len(server.calls) == 1
    assert caught.value.kind == "request"
    assert caught.value.message.startswith("openai (127.0.0.1): 400: bad [31m key *** *** xxx")
    assert len(caught.value.message) < 350
    assert caught.value.message.isprintable()


def test_a_page_of_a_proxy_is_not_repeated_to_people() -> None:
    message = fail(Reply(status=502, body=b"<!doctype html><title>x", content_type="text/html"), RetryableError)
    assert message.endswith("502: an HTML page; check base_url")
    assert fail(Reply(status=422, body={"detail": [{"msg": "no"}]}), CallFailedError).endswith('[{"msg": "no"}]')
    assert fail(Reply(status=422, body={"error": "no such model"}), CallFailedError).endswith("422: no such model")
    assert fail(Reply(status=408), RetryableError).endswith("408: no reason given")


def test_many_threads_share_one_client() -> None:
    got: list[str] = []
    with Loopback(lambda call: chat_reply(call.user_text)) as server, connected(server) as provider:
        threads = [
            threading.Thread(target=lambda i=i: got.append(provider.complete(request(str(i))).text)) for i in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(got, key=int) == [str(i) for i in range(16)]


def test_the_usual_key_never_goes_to_an_endpoint_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Loopback(scripted(chat_reply("4"))) as server, connected(server, api_key=None) as provider:
        provider.complete(request())
        assert server.calls[0].headers["authorization"] == "Bearer unused"


def test_what_the_sdk_reads_by_itself_goes_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "OPENAI_CUSTOM_HEADERS", "X-Theirs: secret\nAuthorization: Bearer theirs\nContent-Type: text/csv"
    )
    monkeypatch.setenv("OPENAI_ORG_ID", "org-theirs")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-theirs")
    headers = {"X-Ours": "1", "OpenAI-Organization": "org-ours"}
    with Loopback(lambda _: chat_reply("4")) as server:
        for kind, options in (("openai", {}), ("azure-openai", {"api_version": "v1"})):
            for more in ({}, {"headers": headers}):
                with connected(server, kind, **options, **more) as provider:
                    provider.complete(request())
        plain, ours, azure, azure_ours = (call.headers for call in server.calls)
    assert plain["authorization"] == ours["authorization"] == f"Bearer {KEY}"
    assert azure["api-key"] == azure_ours["api-key"] == KEY
    assert "authorization" not in azure
    for sent in (plain, ours, azure, azure_ours):
        assert "theirs" not in " ".join(sent.values())
        assert not {"x-theirs", "openai-project"} & set(sent)
        assert sent["content-type"] == "application/json"
    assert (ours["x-ours"], ours["openai-organization"]) == ("1", "org-ours")
    assert "openai-organization" not in plain


def test_the_sdks_own_variables_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(scripted(chat_reply("4"))) as server:
        monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\n")
        monkeypatch.setenv("OPENAI_BASE_URL", server.openai_url)
        provider = make(ProviderOptions(name="openai", type="openai"))
        assert provider.complete(request()).text == "4"
        provider.close()
        assert server.calls[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_model_behind_a_gateway_gets_the_limit_that_it_asks_for() -> None:
    says = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    refused = error_reply(400, says, code="unsupported_parameter")
    with Loopback(lambda c: refused if "max_tokens" in c.body else chat_reply("4")) as server:
        with connected(server) as provider:
            assert [provider.complete(request()).text for _ in range(2)] == ["4", "4"]
        sent = [[name for name in call.body if name.startswith("max_")] for call in server.calls]
    assert sent == [["max_tokens"], ["max_completion_tokens"], ["max_completion_tokens"]]


def test_a_limit_that_is_refused_under_either_name_is_asked_for_once_more() -> None:
    refused = error_reply(400, "Use 'max_completion_tokens' instead.", code="unsupported_parameter")
    with Loopback(scripted(refused)) as server, connected(server) as provider:
        with pytest.raises(ProviderDownError):
            provider.complete(request())
        assert len(server.calls) == 2


def test_max_completion_tokens_at_openai_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    for base_url, name in ((None, "max_completion_tokens"), ("http://127.0.0.1:1/v1", "max_tokens")):
        provider = make(ProviderOptions(name="openai", type="openai", api_key=KEY, base_url=base_url))
        assert provider.chat_arguments(request())[name] == 64
        provider.close()


def test_what_cannot_be_set_up_is_said_before_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "OPENAI_API_VERSION", "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigError, match="no key; set the environment variable OPENAI_API_KEY"):
        make(ProviderOptions(name="openai", type="openai"))
    with pytest.raises(ConfigError, match="no key; set the environment variable AZURE_OPENAI_API_KEY"):
        make_azure(ProviderOptions(name="azure-openai", type="azure-openai"))
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    with pytest.raises(ConfigError, match=r"'az': no key; name the environment variable .* api_key_env"):
        make_azure(ProviderOptions(name="az", type="azure-openai", base_url="http://127.0.0.1:1", api_version="v"))
    for incomplete in ({"base_url": "http://127.0.0.1:1"}, {"api_version": "2024-10-21"}):
        with pytest.raises(ConfigError, match=r"set base_url .* and api_version"):
            make_azure(ProviderOptions(name="az", type="azure-openai", api_key=KEY, **incomplete))
    for key in ("sk-\u00e4", "sk- x", "sk-\x00x"):
        with pytest.raises(ConfigError, match="cannot be sent") as caught:
            make(ProviderOptions(name="openai", type="openai", api_key=key))
        assert key not in str(caught.value)
    for url in (
        "",
        "localhost:8000",
        "ftp://h/x",
        "http://[x",
        "http://h:99999",
        "http://h:0",
        "http://a..b",
        "http://a b",
        "http://h/" + "x" * 100_000,
    ):
        with pytest.raises(ConfigError, match="base_url is not an http or https address"):
            make(ProviderOptions(name="openai", type="openai", api_key=KEY, base_url=url))
