"""A server that sends requests on: to itself they go, to nobody else."""

import pytest

from skillopt_ci.providers.retrying import RetryableError
from tests.loopback import Call, Loopback, Reply, chat_reply, messages_reply
from tests.wire.helpers import connected, request

SECRET = {"X-Team-Token": "token-0123456789"}


def sent_on(status: int, place: str) -> Reply:
    return Reply(status=status, headers={"location": place})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_nothing_is_sent_to_another_host_or_port(kind: str, status: int, host: str) -> None:
    with Loopback(lambda _: chat_reply("4")) as other:
        place = other.url.replace("127.0.0.1", host)
        with (
            Loopback(lambda _: sent_on(status, place)) as server,
            connected(server, kind, headers=SECRET) as provider,
            pytest.raises(RetryableError, match="a redirect to another host is not followed; base_url must be"),
        ):
            provider.complete(request())
        assert other.calls == []


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_another_address_of_the_same_server_is_asked(kind: str) -> None:
    def answer(call: Call) -> Reply:
        if not call.path.startswith("/there"):
            return sent_on(307, "/there")
        return messages_reply("4") if kind == "anthropic" else chat_reply("4")

    with Loopback(answer) as server, connected(server, kind, headers=SECRET) as provider:
        assert provider.complete(request()).text == "4"
        assert [call.headers["x-team-token"] for call in server.calls] == [*SECRET.values()] * 2
