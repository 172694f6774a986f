"""The example `agents` with the real command lines: trained, gated, killed; the model is a loopback server."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.agents.conftest import processes_of
from tests.agents.models import answered, reply, says, texts
from tests.agents.world import KEY, need_sandbox, opens, shell, tools
from tests.cli.world import call, call_json
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
    """An agent that opens the skill, does what it says and no more; and the optimizer."""
    home = f"/rollout/state/{'claude' if name == 'claude-code' else 'codex'}/skills/order-totals"

    def handler(asked: Call) -> Reply:
        if not asked.body.get("stream"):
            return optimizer(asked)
        turn = answered(asked)
        shown = "awk '{ printf \"%.2f\\n\", $1 }'" if "two decimals" in texts(asked) else "cat"
        if turn == 0:
            return reply(asked, shell(name, f"cat {home}/SKILL.md"))
        if turn == 1:
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


@each
def test_the_example_is_trained_and_gated(name: str, tmp_path: Path) -> None:
    need_sandbox()
    with Loopback(model(name)) as server:
        repo = project(tmp_path, name)
        env = environment(name, server, tmp_path)
        assert call(repo.root, "check", env=env).code == 0
        done, value = call_json(repo.root, "train", env=env)
        assert done.code == 0, done.err
        (skill,) = value["skills"]
        assert skill["selection"] == {"start": 0.0, "best": 1.0}
        assert (skill["test"]["start"]["mean"], skill["test"]["best"]["mean"]) == (0.0, 1.0)
        assert value["proposal"] is True
        best = (Path(repo.root) / skill["run_dir"] / "best_skill.md").read_text()
        assert RULE in best
        told = [texts(c) for c in server.calls if not c.body.get("stream")]
        assert any("not written with two decimals" in t and "total.sh" in t for t in told)  # words and tool calls
        asked = len(server.calls)
        again, value = call_json(repo.root, "train", "--generation", "1", env=env)
        assert (again.code, len(server.calls), value["skills"][0]["spend"]["paid"]["calls"]) == (0, asked, 0)

        path = repo.root / "skills/order-totals/SKILL.md"
        start = path.read_text()
        path.write_text(best)
        repo("commit", "-qam", "the rule")
        repo("checkout", "-qb", "change")
        path.write_text(start)
        done, value = call_json(repo.root, "gate", env=env)
        (skill,) = value["skills"]
        assert (skill["harness"], skill["base"]["mean"], skill["head"]["mean"]) == (name, 1.0, 0.0), done.err
        assert (done.code, value["verdict"]) == (1, "regression")

        kept = b"".join(p.read_bytes() for p in (repo.root / ".skillopt").rglob("*") if p.is_file())
        assert KEY.encode() not in kept
        assert repo("status", "--porcelain").split() == ["M", "skills/order-totals/SKILL.md"]


OTHER = "---\nname: songs\ndescription: Finds songs. Use when music is asked for.\n---\n\n# Songs\n"
GOOD = "Adds up orders. Use when their total, or the sum of a list of amounts, is asked for."


def choosing(name: str) -> Any:
    """An agent that knows descriptions only: it opens the skill whose description has the request's last word."""
    words = {"orders": "order-totals", "amounts": "order-totals", "music": "songs"}

    def handler(asked: Call) -> Reply:
        told = texts(asked)
        if not asked.body.get("stream"):
            value = {"reasoning": "", "descriptions": [{"description": GOOD, "rationale": "wider", "evidence": []}]}
            if "/messages" in asked.path:
                tool = asked.body["tool_choice"]["name"]
                return messages_reply([{"type": "tool_use", "id": "t", "name": tool, "input": value}], stop="tool_use")
            return chat_reply(json.dumps(value))
        assert answered(asked) or "scripts/total.sh" not in told  # the body is never injected
        word = next(w for w in ("orders", "amounts", "music", "weather") if f"about {w} here" in told)
        which = words.get(word, "")
        shown = {"order-totals": "list of amounts" if word == "amounts" else "Adds up", "songs": "Finds songs"}
        if answered(asked) or shown.get(which, "\0") not in told:
            return reply(asked, says("done"))
        return reply(asked, opens(name, which))

    return handler


def asking(repo: Repo, name: str) -> None:
    """The project with requests instead of tasks, and a second skill beside the first."""
    rows = []
    for split, count in (("train", 1), ("val", 2), ("test", 3)):
        for word, should in (("orders", True), ("amounts", True), ("music", False), ("weather", False)):
            for n in range(count):
                prompt = f"Case {split} {n}: I ask about {word} here."
                rows.append({"prompt": prompt, "should_trigger": should, "graders": [], "split": split})
    (repo.root / "evals/order-totals/tasks.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (repo.root / "skills/songs").mkdir()
    (repo.root / "skills/songs/SKILL.md").write_text(OTHER)
    path = repo.root / "skillopt.yml"
    harness = {"type": name, "max_turns": 4, "seconds": 60, "distractors": ["skills/*/SKILL.md"]}
    config = yaml.safe_load(path.read_text()) | {"harness": harness}
    config["train"] |= {"what": "description"}
    path.write_text(json.dumps(config))
    repo("add", "-A")
    repo("commit", "-q", "-m", "requests")


@each
def test_triggering_is_measured_and_the_description_trained(name: str, tmp_path: Path) -> None:
    need_sandbox()
    with Loopback(choosing(name)) as server:
        repo = project(tmp_path, name)
        asking(repo, name)
        env = environment(name, server, tmp_path)
        done, value = call_json(repo.root, "eval", "--split", "test", env=env)
        assert done.code == 0, done.err
        found = value["skills"][0]["triggers"]
        assert (found["chosen"], found["missed"], found["false_alarms"], found["left"]) == (3, 3, 0, 6)
        assert (found["precision"]["value"], found["recall"]["value"]) == (1.0, 0.5)
        assert 0 < found["recall"]["low"] < 0.5 < found["recall"]["high"] < 1
        assert "precision 100.0 [" in done.out.replace("\\", "")
        listed = next(texts(c) for c in server.calls)
        assert "Finds songs" in listed
        assert "Adds up" in listed

        done, value = call_json(repo.root, "train", env=env)
        assert done.code == 0, done.err
        (skill,) = value["skills"]
        assert skill["selection"] == {"start": 0.75, "best": 1.0}
        best = (repo.root / skill["run_dir"] / "best_skill.md").read_text()
        start = (repo.root / "skills/order-totals/SKILL.md").read_text()
        old = "Adds up the amounts of an order list. Use when the total of orders in a CSV file is asked for."
        assert best == start.replace(old, GOOD)
        triggers = skill["test"]["triggers"]
        assert (triggers["start"]["recall"]["value"], triggers["best"]["recall"]["value"]) == (0.5, 1.0)


def test_a_provider_that_speaks_another_protocol_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    need_sandbox()
    with Loopback(model("codex")) as server:
        repo = project(tmp_path, "claude-code")
        path = repo.root / "skillopt.yml"
        path.write_text(path.read_text().replace("type: claude-code", "type: codex"))
        done = call(repo.root, "eval", "--split", "val", env=environment("codex", server, tmp_path))
        assert done.code == 2
        assert "give it a provider of type 'openai'" in done.err
        assert server.calls == []


@each
def test_doctor_says_whether_the_agent_is_there(name: str, tmp_path: Path) -> None:
    with Loopback(model(name)) as server:
        repo = project(tmp_path, name)
        env = environment(name, server, tmp_path)
        assert (
            f"harness '{name}': {tools()[name].version} is there" in call(repo.root, "doctor", "--offline", env=env).out
        )
        bare = {**env, "PATH": "/usr/bin:/bin"}
        done = call(repo.root, "doctor", "--offline", env=bare)
        assert done.code == 2
        assert "npm install -g" in done.out
        assert tools()[name].version in done.out


@each
def test_a_killed_command_leaves_no_process(name: str, tmp_path: Path) -> None:
    need_sandbox()
    marker = tmp_path / "rollouts"
    hang = "setsid sleep 311 & sleep 310 & echo started > started.txt; wait"
    with Loopback(model(name, hang)) as server:
        repo = project(tmp_path, name)
        env = {**environment(name, server, tmp_path), "HOME": str(tmp_path), "TMPDIR": str(marker)}
        env["PYTHONPATH"] = str(EXAMPLE.parents[1])
        command = [sys.executable, "-m", "skillopt_ci", "eval", "--split", "val", "--quiet"]
        running = subprocess.Popen(
            command, cwd=repo.root, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            waited(lambda: list(marker.glob("skillopt-*/*/started.txt")), "no tool ran")
            assert any("sleep 310" in line for line in processes_of(marker))
        finally:
            running.send_signal(signal.SIGKILL)
            running.wait()
        waited(lambda: not processes_of(marker), f"left: {processes_of(marker)}")
        for folder in marker.iterdir():  # what a killed process cannot remove
            shutil.rmtree(folder)


def waited(true: Any, otherwise: str) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError(otherwise)
