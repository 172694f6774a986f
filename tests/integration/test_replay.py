"""`--replay-only` asks nobody: it needs no key, no address and nobody who answers; so does a finished run again."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import GOOD, PATH, SKILL, call, call_json, repository, write
from tests.forge.repo import Repo
from tests.loopback import Call, Loopback, Reply, chat_reply, messages_reply

MODEL = {"provider": "far", "model": "m"}
PRICE = {"price": {"input": 1, "output": 1}}


def project(root: Path, kind: str, **changes: Any) -> Repo:
    """Target, optimizer and judge at a provider whose key and address are in the environment only."""
    far = {"type": kind, **PRICE, "api_key_env": "FAR_KEY"}
    roles = {"target": MODEL, "optimizer": MODEL}
    return repository(root, skill=GOOD, sizes=(4, 6, 12), providers={"far": far}, **roles, **changes)


def environment(server: Loopback) -> dict[str, str]:
    return {"FAR_KEY": "k", "OPENAI_BASE_URL": server.openai_url, "ANTHROPIC_BASE_URL": server.url}


def edits(asked: Call) -> Reply:
    """The target says one thing, the optimizer has nothing to propose."""
    value = {"reasoning": "", "edits": []}
    if "/messages" not in asked.path:
        return chat_reply(json.dumps(value) if asked.body.get("response_format") else "2026-01-01")
    if "tool_choice" not in asked.body:
        return messages_reply("2026-01-01")
    name = asked.body["tool_choice"]["name"]
    return messages_reply([{"type": "tool_use", "id": "t", "name": name, "input": value}], stop="tool_use")


def apart(value: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """What was spent, and what was found."""
    found = value.get("skills") or value["cells"]
    spends = [entry.pop("spend") for entry in found if "spend" in entry]
    return value.get("spend") or spends[0], found


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize(
    "command", [["eval"], ["eval", "--matrix"], ["gate"], ["train", "--generation", "1"], ["ablate"]], ids=" ".join
)
def test_it_needs_no_key(tmp_path: Path, kind: str, command: list[str]) -> None:
    with Loopback(edits) as server:
        repo = project(tmp_path / "p", kind)
        if command == ["gate"]:
            write(repo.root, {PATH: SKILL})
        done, first = call_json(repo.root, *command, env=environment(server))
        assert done.code in (0, 1, 3), done.err
    again, second = call_json(repo.root, *command, "--replay-only")
    assert again.code == done.code, again.err
    (bought, found), (spent, replayed) = apart(first), apart(second)
    assert bought["paid"]["calls"] == spent["replayed"]["calls"] > 0
    assert spent["paid"]["calls"] == 0
    assert replayed == found
    bare = call(repo.root, *command)  # to buy, it does; a finished run does not buy
    assert (bare.code, "FAR_KEY" in bare.err) == ((0, False) if command[0] == "train" else (2, True))


def test_what_was_never_bought_is_said_instead_of_a_missing_key(tmp_path: Path) -> None:
    repo = project(tmp_path / "p", "openai")
    done = call(repo.root, "eval", "--replay-only")
    assert done.code == 2
    assert "replay only, and this call was never bought: task t" in done.err
    assert "FAR_KEY" not in done.err
