"""The example `agents` with the real command lines: trained, gated, killed; the model is a loopback server."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.agents.conftest import processes_of
from tests.agents.example import EXAMPLE, RULE, each, environment, model, project
from tests.agents.models import texts
from tests.agents.world import KEY, need_sandbox, tools
from tests.cli.world import call, call_json
from tests.loopback import Loopback


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
        without = {**env, "PATH": "/usr/bin:/bin"}  # what is replayed needs no program
        again, value = call_json(repo.root, "train", "--generation", "1", env=without)
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
