"""Held-out stays held out, whatever the method: seen at the wire, by the requests that leave."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import call, call_json, files, write
from tests.loopback import Call, Loopback, Reply, chat_reply

TRAIN = {"epochs": 1, "batch_size": 6, "minibatch_size": 3, "gate": "strict", "edit_budget": {"start": 2, "end": 2}}
SIZES = (9, 12, 12)
SPLITS = ["train"] * 9 + ["val"] * 12 + ["test"] * 12


def texts(call: Call) -> str:
    return "\n".join(str(m["content"]) for m in call.body["messages"])


def invoices(text: str) -> set[str]:
    """The splits of the tasks whose invoices a text shows."""
    return {SPLITS[int(n)] for n in re.findall(r"INV-0*(\d+)", text)}


def answer(call: Call) -> Reply:
    """The target never answers right; the optimizer proposes a line, or the text with one."""
    if call.body["model"] == "target":
        return chat_reply("I do not know.")
    if "response_format" not in call.body:  # gepa asks for a text in a fence
        text = texts(call).split("```")[1].strip()
        return chat_reply(f"```\n{text}\n- Answer with only the value.\n```")
    name = call.body["response_format"]["json_schema"]["name"]
    edit = {"op": "add", "target": "", "content": "- Answer with only the value.", "rationale": "r", "evidence": []}
    said: dict[str, Any] = {
        "skill_edits": {"reasoning": "r", "edits": [edit]},
        "skill_rewrite": {"reasoning": "r", "body": "# Invoices\n\n- Answer with only the value."},
    }
    return chat_reply(json.dumps(said.get(name, {"reasoning": "", "guidance": "", "notes": "", "order": [1]})))


def project(root: Path, server: Loopback, method: str) -> Path:
    """A project whose target and optimizer are two models of one server."""
    models = {
        "providers": {"local": {"type": "openai", "base_url": server.openai_url, "api_key_env": "LOCAL_KEY"}},
        "target": {"provider": "local", "model": "target"},
        "optimizer": {"provider": "local", "model": "optimizer"},
    }
    write(root, files(sizes=SIZES, train={"method": method, **TRAIN}, **models))
    return root


@pytest.mark.parametrize("method", ["skillopt", "one-shot", "gepa"])
def test_an_optimizer_never_reads_validation_or_test_tasks(tmp_path: Path, method: str) -> None:
    with Loopback(answer) as server:
        done, value = call_json(project(tmp_path / "p", server, method), "train", env={"LOCAL_KEY": "k"})
        calls = list(server.calls)
    assert done.code == 0, done.err
    asked = [texts(c) for c in calls if c.body["model"] == "optimizer"]
    assert asked
    assert set().union(*map(invoices, asked)) == {"train"}
    # Nothing was kept, so that the test split was not opened at all.
    assert value["skills"][0]["test"] is None
    target = [invoices(texts(c)) for c in calls if c.body["model"] == "target"]
    assert set().union(*target) == {"train", "val"}


@pytest.mark.parametrize("method", ["skillopt", "one-shot"])
def test_what_was_rejected_is_told_to_the_optimizer_alone_until_the_skill_has_it(tmp_path: Path, method: str) -> None:
    lines = ("- Answer in a short and friendly way.", "- Shout it.")  # the skill says the first
    entry = {"status": "rejected", "op": "add", "target": "", "reason": "a reviewer closed pull request 1"}
    with Loopback(answer) as server:
        root = project(tmp_path / "p", server, method)
        write(root, {"memory/invoices.jsonl": "\n".join(json.dumps({**entry, "content": line}) for line in lines)})
        done = call(root, "train", "--memory", str(root / "memory"), env={"LOCAL_KEY": "k"})
        calls = list(server.calls)
    assert done.code == 0, done.err
    told = [texts(c) for c in calls if c.body["model"] == "optimizer"]
    assert (told != [], all("Shout it." in text for text in told)) == (True, True)
    assert not any(text.count("friendly way") > 1 for text in told)  # in the skill alone
    assert not any("Shout it." in texts(c) for c in calls if c.body["model"] == "target")
