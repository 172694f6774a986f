"""The example `agents` as a project of a test, the real command lines on PATH, and models that play in it."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.agents.models import answered, reply, says, texts
from tests.agents.world import KEY, shell, tools
from tests.forge.repo import Repo
from tests.loopback import Call, Loopback, Reply, chat_reply, messages_reply

EXAMPLE = Path(__file__).parents[2] / "examples" / "agents"
CONFIGS = {"claude-code": "skillopt.yml", "codex": "skillopt-codex.yml"}
RULE = "- Write amounts with two decimals."
each = pytest.mark.parametrize("name", tuple(CONFIGS))


def optimizer(asked: Call) -> Reply:
    """One edit, whatever failed."""
    edit = {"op": "add", "target": "", "content": RULE, "rationale": "the grader says so", "evidence": []}
    value = {"reasoning": "", "edits": [edit]}
    if "/messages" in asked.path:
        name = asked.body["tool_choice"]["name"]
        return messages_reply([{"type": "tool_use", "id": "t", "name": name, "input": value}], stop="tool_use")
    return chat_reply(json.dumps(value))


def model(name: str, command: str = "") -> Any:
    """An agent that opens the skill and does what it says and no more, or gives a command instead; and the optimizer.

    It gives the command again and again: Codex does not wait for one that takes longer than some seconds.
    """
    home = f"/rollout/state/{'claude' if name == 'claude-code' else 'codex'}/skills/order-totals"

    def handler(asked: Call) -> Reply:
        if not asked.body.get("stream"):
            return optimizer(asked)
        turn = answered(asked)
        shown = "awk '{ printf \"%.2f\\n\", $1 }'" if "two decimals" in texts(asked) else "cat"
        if turn == 0:
            return reply(asked, shell(name, f"cat {home}/SKILL.md"))
        if turn == 1 or command:
            return reply(asked, shell(name, command or f"sh {home}/scripts/total.sh orders.csv | {shown} > total.txt"))
        return reply(asked, says("The total is in total.txt."))

    return handler


def project(tmp_path: Path, name: str) -> Repo:
    repo = Repo(tmp_path / "project")
    shutil.copytree(EXAMPLE, repo.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".skillopt", "__pycache__"))
    (repo.root / CONFIGS[name]).rename(repo.root / "skillopt.yml")
    repo("config", "user.name", "A Person")
    repo("config", "user.email", "person@example.org")
    repo("add", "-A")
    repo("commit", "-q", "-m", "start")
    return repo


def environment(name: str, server: Loopback, tmp_path: Path) -> dict[str, str]:
    """The command line on PATH, as its reader would have it, and the provider's variables."""
    place = tmp_path / "bin"
    place.mkdir(exist_ok=True)
    program = place / ("claude" if name == "claude-code" else "codex")
    if not program.exists():
        program.symlink_to(tools()[name].path)
    return {
        "PATH": f"{place}:{os.environ['PATH']}",
        "ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": server.url, "OPENAI_BASE_URL": server.openai_url,
    }  # fmt: skip
