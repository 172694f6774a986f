"""What a server bills is what a command says that it paid, and what the ledger knows, whatever goes wrong."""

import json
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import call, call_json, files, write
from tests.integration.process import KEY, finish, start
from tests.loopback import Call, Loopback, Reply, chat_reply, error_reply, messages_reply

ENV = {"LOCAL_KEY": KEY}
PRICE = {"input": 1.0, "output": 10.0}  # USD per million tokens
NAMES = (("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens"))  # Anthropic's, OpenAI's


class Billing:
    """A handler that adds up what its answers cost."""

    def __init__(self, answer: Callable[[Call], Reply]) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self.usd = Decimal(0)
        self.count = 0

    def __call__(self, made: Call) -> Reply:
        reply = self._answer(made)
        usage: dict[str, Any] = reply.body.get("usage", {}) if isinstance(reply.body, dict) else {}
        tokens = [usage.get(a, usage.get(b, 0)) for a, b in NAMES]
        with self._lock:
            self.count += any(tokens)
            self.usd += (Decimal(tokens[0]) + 10 * Decimal(tokens[1])) / 1_000_000
        return reply


CHAT = chat_reply("Alder 100 Ltd")
MESSAGE = messages_reply("Alder 100 Ltd")


def empty(reply: Reply, key: str) -> Reply:
    """The reply without what it says, and billed all the same."""
    assert isinstance(reply.body, dict)
    return replace(reply, body={k: v for k, v in reply.body.items() if k != key})


def project(root: Path, server: Loopback, kind: str = "openai", **changes: Any) -> Path:
    url = server.url if kind == "anthropic" else server.openai_url
    models = {"type": kind, "base_url": url, "api_key_env": "LOCAL_KEY", "price": PRICE}
    write(root, files(providers={"models": models}, **{"sizes": (1, 20, 1), **changes}))
    return root


def ledgers(root: Path) -> tuple[int, Decimal]:
    """Calls and USD as `ledger stats` has them."""
    total = json.loads(call(root, "ledger", "stats").out.splitlines()[-1].split("\t")[1])
    return total["calls"], Decimal(total["usd"])


@pytest.mark.parametrize(("kind", "whole", "key"), [("openai", CHAT, "choices"), ("anthropic", MESSAGE, "content")])
def test_answers_that_hold_nothing_are_paid_for_told_and_asked_for_a_few_times(
    tmp_path: Path, kind: str, whole: Reply, key: str
) -> None:
    bad = empty(whole, key)
    billing = Billing(lambda made: bad if "INV-0009" in made.user_text else whole)
    with Loopback(billing) as server:
        root = project(tmp_path / "p", server, kind)
        done, value = call_json(root, "eval", env=ENV)
    (entry,) = value["skills"]
    assert (done.code, entry["missing_share"]) == (0, 0.05)
    assert billing.count == 19 + 4  # asked for once more at once, and again at the end
    paid = value["spend"]["paid"]
    assert (paid["calls"], Decimal(paid["usd"])) == (billing.count, billing.usd) == ledgers(root)
    told = call(root, "ledger", "failures").out.splitlines()
    assert len(told) == 2
    assert "and was billed (2 attempts)" in told[0]


def test_they_count_against_the_budget_also_when_it_goes_on(tmp_path: Path) -> None:
    bad = empty(CHAT, "choices")
    billing = Billing(lambda made: bad if "INV-0009" in made.user_text else CHAT)
    with Loopback(billing) as server:
        root = project(tmp_path / "p", server, budget={"calls": 22})
        for _ in range(2):
            done, value = call_json(root, "eval", env=ENV)
            assert (done.code, value["reason"]) == (4, "budget")
            assert billing.count == 22 == ledgers(root)[0]


def test_money_that_ends_in_the_measurement_of_an_unchanged_skill(tmp_path: Path) -> None:
    dear = chat_reply("Alder 100 Ltd", tokens=(90_000, 0, 5))
    with Loopback(lambda made: dear) as server:
        train, budget = {"method": "human"}, {"usd": 0.5}
        root = project(tmp_path / "p", server, sizes=(1, 1, 20), train=train, budget=budget, concurrency=1)
        done, value = call_json(root, "train", env=ENV)
    (entry,) = value["skills"]
    assert (done.code, entry["test"], entry["spend"]["paid"]["calls"]) == (4, None, 6)
    assert "budget.usd: 0.5403 of 0.5 USD are spent" in entry["message"]


def test_a_server_that_only_bills_is_given_up(tmp_path: Path) -> None:
    billing = Billing(lambda made: empty(CHAT, "choices"))
    with Loopback(billing) as server:
        root = project(tmp_path / "p", server)
        done, value = call_json(root, "eval", env=ENV)
    assert (done.code, value["reason"]) == (5, "provider")
    assert "the answer has no choice; no call has succeeded yet" in value["message"]
    assert billing.count <= 10 + 4
    paid = value["spend"]["paid"]
    assert (paid["calls"], Decimal(paid["usd"])) == (billing.count, billing.usd) == ledgers(root)


@pytest.mark.parametrize(
    "command", [["eval"], ["eval", "--matrix"], ["baseline"], ["ablate"], ["calibrate", "--gates", "100"], ["train"]]
)
def test_what_was_paid_is_what_was_billed(tmp_path: Path, command: list[str]) -> None:
    """Some of the answers hold nothing, some are no JSON, and the server is busy or broken now and then."""
    trouble = {3: empty(CHAT, "choices"), 5: error_reply(429, "slow", headers={"retry-after": "0"})}
    trouble |= {7: Reply(body=b"<html>"), 8: error_reply(500, "oops", headers={"retry-after": "0"})}
    numbers = iter(range(10**6))

    def answer(made: Call) -> Reply:
        said = '{"reasoning": "", "edits": []}' if "response_format" in made.body else "Alder 100 Ltd"
        return trouble.get(next(numbers) % 40) or chat_reply(said)

    billing = Billing(answer)
    with Loopback(billing) as server:
        root = project(tmp_path / "p", server, sizes=(4, 4, 4), concurrency=1)
        done, value = call_json(root, *command, env=ENV)
    assert done.code == 0, done.err
    paid = (value if "spend" in value else value["skills"][0])["spend"]["paid"]
    assert (paid["calls"], Decimal(paid["usd"])) == (billing.count, billing.usd) == ledgers(root)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_waits_for_the_answer_of_an_optimizer_too(tmp_path: Path, sign: signal.Signals) -> None:
    running: list[subprocess.Popen[str]] = []

    def answer(made: Call) -> Reply:
        if "response_format" not in made.body:
            return chat_reply("no")
        if running:
            running.pop().send_signal(sign)
        return replace(chat_reply('{"reasoning": "", "body": "# Invoices"}'), delay=0.3)

    billing = Billing(answer)
    with Loopback(billing) as server:
        root = project(tmp_path / "p", server, sizes=(4, 4, 4), train={"method": "one-shot", "batch_size": 4})
        process = start(root, "train")
        running.append(process)
        assert finish(process)[0] == 130
        assert billing.count == 9
        assert (billing.count, billing.usd) == ledgers(root)
        done = call(root, "train", env=ENV)
    assert (done.code, billing.count) == (0, ledgers(root)[0])
