"""The example `agents` with the real command lines: trained, gated, killed; the model is a loopback server."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from skillopt_ci.sandbox.scratch import sweep
from tests.agents.conftest import processes_of
from tests.agents.example import EXAMPLE, RULE, each, environment, model, project
from tests.agents.models import texts
from tests.agents.outside import untouched
from tests.agents.world import KEY, need_sandbox, tools
from tests.cli.world import call, call_json
from tests.forge.repo import Repo
from tests.loopback import Loopback


@each
def test_the_example_is_trained_and_gated(name: str, tmp_path: Path) -> None:
    need_sandbox()
    with Loopback(model(name)) as server:
        repo = project(tmp_path, name)
        if name == "claude-code":
            fewer_tasks(repo)
        env = environment(name, server, tmp_path)
        assert call(repo.root, "check", env=env).code == 0
        with untouched(repo.root):
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
        bare = tmp_path / "bare"
        bare.mkdir()
        (bare / "git").symlink_to(str(shutil.which("git")))
        without = {"PATH": str(bare)}  # what is replayed needs no program, no sandbox, no key and no address
        for more in ([], ["--replay-only"]):
            again, value = call_json(repo.root, "train", "--generation", "1", *more, env=without)
            assert (again.code, len(server.calls), value["skills"][0]["spend"]["paid"]["calls"]) == (0, asked, 0)

        keeps_no_key(repo)
        if name == "claude-code":  # a gate of it is in test_triggering
            return
        path = repo.root / "skills/order-totals/SKILL.md"
        start = path.read_text()
        path.write_text(best)
        repo("commit", "-qam", "the rule")
        repo("checkout", "-qb", "change")
        path.write_text(start)
        with untouched(repo.root):
            done, value = call_json(repo.root, "gate", env=env)
        (skill,) = value["skills"]
        assert (skill["harness"], skill["base"]["mean"], skill["head"]["mean"]) == (name, 1.0, 0.0), done.err
        assert (done.code, value["verdict"]) == (1, "regression")
        again, replayed = call_json(repo.root, "gate", "--replay-only", env=without)
        assert (again.code, replayed["skills"]) == (1, value["skills"])
        assert repo("status", "--porcelain").split() == ["M", "skills/order-totals/SKILL.md"]
        keeps_no_key(repo)


def fewer_tasks(repo: Repo) -> None:
    """Every run of Claude Code takes a second of a core: as few tasks as show an improvement."""
    path = repo.root / "evals/order-totals/tasks.jsonl"
    rows = path.read_text().splitlines(keepends=True)
    of = {split: [row for row in rows if json.loads(row)["split"] == split] for split in ("train", "val", "test")}
    path.write_text("".join([*of["train"][:2], *of["val"][:2], *of["test"][:4]]))
    repo("commit", "-qam", "fewer tasks")


def keeps_no_key(repo: Repo) -> None:
    kept = b"".join(p.read_bytes() for p in (repo.root / ".skillopt").rglob("*") if p.is_file())
    assert KEY.encode() not in kept


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


def test_check_knows_what_an_agent_always_fails_without_running_anything(tmp_path: Path) -> None:
    need_sandbox()
    with Loopback(model("codex")) as server:
        repo = project(tmp_path, "codex")
        env = environment("codex", server, tmp_path)
        assert call(repo.root, "eval", "--split", "val", "--runs", "4", env=env).code == 0
        asked = len(server.calls)
        done = call(repo.root, "check", env={**env, "PATH": str(tmp_path)})
        assert sum("failed in all 4 stored runs" in line for line in done.lines) == 4
        assert (done.code, len(server.calls)) == (0, asked)


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
def test_a_killed_command_leaves_no_process_and_the_next_one_takes_its_folders(name: str, tmp_path: Path) -> None:
    need_sandbox()
    place = Path(tempfile.gettempdir())
    hang = "chmod 0 ../home; setsid sleep 311 & sleep 310 & echo started > started.txt; wait"
    with Loopback(model(name, hang)) as server:
        repo = project(tmp_path, name)
        with (repo.root / "skillopt.yml").open("a") as config:
            config.write("concurrency: 1\n")  # so that all its folders are there when its tool runs
        env = {**environment(name, server, tmp_path), "HOME": str(tmp_path), "TMPDIR": str(place)}
        env["PYTHONPATH"] = str(EXAMPLE.parents[1])
        killed, killed_folders = hanging(repo.root, env, place)
        shutil.copytree(repo.root, tmp_path / "other")
        other, other_folders = hanging(tmp_path / "other", env, place)
        try:
            killed.send_signal(signal.SIGKILL)
            killed.wait()
            waited(lambda: not any(processes_of(f) for f in killed_folders), "processes of the killed command")
            assert all(folder.is_dir() for folder in killed_folders)
        finally:
            killed.kill()
            try:
                with Loopback(model(name)) as calm:
                    env = {**environment(name, calm, tmp_path), "TMPDIR": str(place)}
                    with untouched(repo.root):
                        assert call(repo.root, "eval", "--split", "val", env=env).code == 0
                assert set(place.iterdir()) == other_folders  # of a command that is still at work
                assert other.poll() is None
                assert any("sleep 310" in line for line in processes_of(place))
            finally:
                other.kill()
                other.wait()
        waited(lambda: not processes_of(place), f"left: {processes_of(place)}")
    sweep()


def hanging(root: Path, env: dict[str, str], place: Path) -> tuple[subprocess.Popen[bytes], set[Path]]:
    """A command with a tool at work, and the folders that it made."""
    before = set(place.iterdir())
    command = [sys.executable, "-m", "skillopt_ci", "eval", "--split", "val", "--quiet"]
    process = subprocess.Popen(command, cwd=root, env=env, stdout=subprocess.DEVNULL)

    def started() -> bool:
        assert process.poll() is None
        return any(list(folder.glob("*/*/started.txt")) for folder in set(place.iterdir()) - before)

    try:
        waited(started, "no tool ran")
    except BaseException:
        process.kill()
        raise
    return process, set(place.iterdir()) - before


def waited(true: Any, otherwise: str) -> None:
    for _ in range(3000):  # however slow the machine is
        if true():
            return
        time.sleep(0.05)
    raise AssertionError(otherwise)
