"""An agent's command line, or the sandbox, is not on this machine: said in one line, before anything is bought."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import CONFIG, PATH, SKILL, TASKS, call, call_json, config, files, task, write
from tests.forge.repo import Repo
from tests.loopback import Loopback, chat_reply

SAID = "claude is not installed; `npm install -g @anthropic-ai/claude-code@2.1.329`, or name the program in 'path'"
SECOND = "skills/other/SKILL.md"
BARE = {"PATH": "/usr/bin:/bin"}
SHELL = {"type": "command", "run": "sh", "version": "1"}


def project(root: Path, url: str, harness: object = "claude-code", **changes: Any) -> Repo:
    """A skill for chat, and one for an agent after it; what is bought of either reaches the server."""
    other = {"path": SECOND, "tasks": ["evals/other/tasks.jsonl"], "harness": harness}
    graders = {"graders": [{"type": "exact"}]}
    models = {"provider": "openai", "model": "m"}
    chosen = config(
        **{
            "providers": {
                "openai": {"base_url": url, "price": {"input": 1, "output": 1}},
                "anthropic": {
                    "base_url": url.removesuffix("/v1"), "price": {"input": 1, "output": 1},
                    "api_key_env": "SECOND_KEY",
                },
            },
            "target": models, "optimizer": models, "sandbox": "off",
            "skills": [
                {"path": PATH, "tasks": [TASKS], **graders},
                {**other, "target": {"provider": "anthropic", "model": "m"}, **graders},
            ],
            **changes,
        }
    )  # fmt: skip
    rows = [{**task(n, s), "id": f"o{n}", "prompt": f"No. {n}?"} for n, s in enumerate(["train", "val", "test"] * 6)]
    repo = Repo(root)
    repo("config", "user.name", "A Person")
    repo("config", "user.email", "person@example.org")
    more = {SECOND: SKILL.replace("invoices", "other"), CONFIG: chosen}
    repo.commit({**files(), **more, "evals/other/tasks.jsonl": "".join(json.dumps(r) + "\n" for r in rows)})
    return repo


every_buying_command = pytest.mark.parametrize(
    "command",
    [
        ["eval"], ["eval", "--matrix"], ["train"], ["baseline"], ["calibrate"], ["ablate"],
        ["compare", "--methods", "one-shot"], ["gate"],
    ],
    ids=" ".join,
)  # fmt: skip


@every_buying_command
def test_nothing_is_bought(tmp_path: Path, command: list[str]) -> None:
    with Loopback(lambda _: chat_reply("x")) as server:
        repo = project(tmp_path / "p", server.openai_url)
        env = {**BARE, "OPENAI_API_KEY": "k", "SECOND_KEY": "k"}
        for path in (PATH, SECOND):
            write(repo.root, {path: (repo.root / path).read_text() + "- More.\n"})
        done = call(repo.root, *command, "--quiet", env=env)
        assert done.code == 2
        assert [line for line in done.lines if SAID in line] == done.lines
        assert done.lines[0].startswith("error: harness 'claude-code': ")
        assert server.calls == []
        assert call(repo.root, *command, "--skill", "invoices", "--quiet", env=env).code in (0, 1, 3)  # it needs none
        assert server.calls


def test_a_training_that_lacks_a_key_for_its_second_skill_buys_nothing_for_the_first(tmp_path: Path) -> None:
    with Loopback(lambda _: chat_reply("x")) as server:
        repo = project(tmp_path / "p", server.openai_url, harness="chat")
        done = call(repo.root, "train", "--quiet", env={"OPENAI_API_KEY": "k"})
        assert (done.code, server.calls) == (2, [])
        assert "SECOND_KEY" in done.err


def test_a_script_without_a_sandbox_is_refused_before_chat_is_asked(tmp_path: Path) -> None:
    with Loopback(lambda _: chat_reply("x")) as server:
        skills = [{"path": PATH, "tasks": [TASKS], "graders": [{"type": "script", "run": "true"}]}]
        repo = project(tmp_path / "p", server.openai_url, sandbox="auto", skills=skills)
        env = {"OPENAI_API_KEY": "k", "PATH": str(tmp_path / "nothing")}
        done = call(repo.root, "eval", "--quiet", env=env)
        assert (done.code, server.calls) == (2, [])
        assert "bubblewrap (bwrap) is not installed" in done.err


@pytest.mark.parametrize(
    "command", [["eval"], ["train"], ["baseline"], ["calibrate"], ["ablate"], ["gate"]], ids=" ".join
)
def test_so_is_one_of_a_single_task_and_check_and_doctor_know_it(tmp_path: Path, command: list[str]) -> None:
    with Loopback(lambda _: chat_reply("x")) as server:
        skills = [{"path": PATH, "tasks": [TASKS], "graders": [{"type": "exact"}]}]
        repo = project(tmp_path / "p", server.openai_url, sandbox="auto", skills=skills)
        rows = [json.loads(line) for line in (repo.root / TASKS).read_text().splitlines()]
        own = [{"type": "all", "graders": [{"type": "script", "run": "true"}]}]
        last = {row["split"]: number for number, row in enumerate(rows)}
        rows = [{**row, "graders": own} if last[row["split"]] == n else row for n, row in enumerate(rows)]
        repo.commit({TASKS: "".join(json.dumps(row) + "\n" for row in rows)})
        write(repo.root, {PATH: (repo.root / PATH).read_text() + "- More.\n"})
        env = {"OPENAI_API_KEY": "k", "PATH": str(tmp_path / "nothing")}
        (tmp_path / "nothing").mkdir()
        (tmp_path / "nothing" / "git").symlink_to(str(shutil.which("git")))
        done = call(repo.root, *command, "--quiet", env=env)
        assert (done.code, server.calls) == (2, [])
        assert "bubblewrap (bwrap) is not installed" in done.err
        assert "bubblewrap (bwrap) is not installed" in call(repo.root, "check", env=env).err
        assert "bubblewrap (bwrap) is not installed" in call(repo.root, "doctor", "--offline", env=env).out


@every_buying_command
@pytest.mark.parametrize("where", ["skill", "task"])
def test_nothing_is_bought_for_a_sibling_of_a_script_without_a_sandbox(
    tmp_path: Path, command: list[str], where: str
) -> None:
    script, exact = [{"type": "script", "run": "true"}], [{"type": "exact"}]
    with Loopback(lambda _: chat_reply("x")) as server:
        skills = [
            {"path": PATH, "tasks": [TASKS], "graders": exact},
            {"path": SECOND, "tasks": ["evals/other/tasks.jsonl"], "graders": script if where == "skill" else exact},
        ]
        repo = project(tmp_path / "p", server.openai_url, sandbox="auto", skills=skills)
        if where == "task":
            tasks = repo.root / "evals/other/tasks.jsonl"
            rows = [json.loads(line) for line in tasks.read_text().splitlines()]
            rows = [{**row, "graders": script} for row in rows]
            repo.commit({"evals/other/tasks.jsonl": "".join(json.dumps(row) + "\n" for row in rows)})
        for path in (PATH, SECOND):
            write(repo.root, {path: (repo.root / path).read_text() + "- More.\n"})
        (tmp_path / "nothing").mkdir()
        (tmp_path / "nothing" / "git").symlink_to(str(shutil.which("git")))
        env = {"OPENAI_API_KEY": "k", "PATH": str(tmp_path / "nothing")}
        done = call(repo.root, *command, "--quiet", env=env)
        assert (done.code, server.calls) == (2, [])
        assert "bubblewrap (bwrap) is not installed" in done.err
        assert call(repo.root, *command, "--skill", "invoices", "--quiet", env=env).code in (0, 1, 3)  # it needs none
        assert server.calls


@pytest.mark.parametrize("command", ["eval", "train", "baseline", "calibrate", "ablate"])
@pytest.mark.parametrize(("broken", "why"), [(SECOND, "frontmatter"), ("evals/other/tasks.jsonl", "tasks.jsonl:1")])
def test_nothing_is_bought_for_a_sibling_of_what_cannot_be_read(
    tmp_path: Path, command: str, broken: str, why: str
) -> None:
    with Loopback(lambda _: chat_reply("x")) as server:
        repo = project(tmp_path / "p", server.openai_url, harness="chat")
        write(repo.root, {broken: "---\nname: [\n"})
        done = call(repo.root, command, "--quiet", env={"OPENAI_API_KEY": "k", "SECOND_KEY": "k"})
        assert (done.code, server.calls) == (2, [])
        assert why in done.err


def test_check_warns_and_succeeds(tmp_path: Path) -> None:
    repo = project(tmp_path / "p", "http://127.0.0.1:1/v1")
    done, value = call_json(repo.root, "check", env=BARE)
    assert done.code == 0
    (found,) = [p for p in value["problems"] if "claude" in p["message"]]
    assert found["warning"] is True
    assert found["message"].startswith(f"harness 'claude-code' cannot run on this machine: {SAID}")
    line = (repo.root / CONFIG).read_text().splitlines()[found["line"] - 1]
    assert line[found["column"] - 1 :].startswith('"claude-code"')
    assert "claude" not in call(repo.root, "check", "--skill", "invoices", env=BARE).err
    assert "claude" not in call(repo.root, "check", "--elsewhere", env=BARE).err


@pytest.mark.parametrize(
    ("harness", "provider", "why"),
    [
        ("codex", "anthropic", "the agent speaks the 'responses' protocol and the target's provider 'anthropic'"),
        ("claude-code", "openai", "does not: give it a provider of type 'anthropic'"),
        ("claude-code", "local", "agents cannot use providers of type 'simulated'; give the target one"),
        (SHELL, "azure-openai", "cannot use providers of type 'azure-openai'"),
        (SHELL, "openai", ""),
        ("codex", "openai", ""),
    ],
)  # fmt: skip
def test_an_agent_that_cannot_ask_its_target_is_an_error_everywhere(
    tmp_path: Path, harness: object, provider: str, why: str
) -> None:
    target = {"provider": provider, "model": "m"}
    skills = [{"path": PATH, "tasks": [TASKS], "graders": [{"type": "exact"}], "harness": harness, "target": target}]
    local = {"local": {"type": "simulated"}}
    repo = project(tmp_path / "p", "http://127.0.0.1:1/v1", skills=skills, providers=local)
    done, value = call_json(repo.root, "check", "--elsewhere", env=BARE)
    found = [p["message"] for p in value["problems"] if not p["warning"]]
    assert done.code == (2 if why else 0)
    assert len(found) == bool(why)
    assert all(m.startswith("invoices: harness '") and why in m for m in found)


def test_check_runs_nothing_that_the_configuration_names(tmp_path: Path) -> None:
    """It reads the one of a pull request, so a program there must not run."""
    program = tmp_path / "claude"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\necho 2.1.329\n")
    program.chmod(0o755)
    for harness in (
        {"type": "claude-code", "path": str(program)},
        {"type": "command", "run": [str(program)], "version": [str(program), "--version"]},
    ):
        repo = project(tmp_path / str(harness["type"]), "http://127.0.0.1:1/v1", harness=harness)
        assert call(repo.root, "check", env=BARE).code == 0
        assert not (tmp_path / "ran").exists()
    call(repo.root, "doctor", "--offline", env=BARE)  # a person asks, on a machine of theirs
    assert (tmp_path / "ran").exists()


def test_check_says_that_there_is_no_sandbox(tmp_path: Path) -> None:
    repo = project(tmp_path / "p", "http://127.0.0.1:1/v1", sandbox="auto")
    bare = {"PATH": str(tmp_path / "nothing")}
    done = call(repo.root, "check", env=bare)
    assert done.code == 0
    (line,) = [line for line in done.lines if "bubblewrap (bwrap) is not installed" in line]
    assert "warning: agents, set-up commands and script graders run in a sandbox, and there is none here" in line
    assert "sudo apt-get install -y bubblewrap" in line
    assert "bubblewrap" not in call(repo.root, "check", "--skill", "invoices", env=bare).err
    assert "bubblewrap" not in call(repo.root, "check", "--elsewhere", env=bare).err


def test_doctor_looks_whether_a_workflow_installs_it(tmp_path: Path) -> None:
    repo = project(tmp_path / "p", "http://127.0.0.1:1/v1")
    uses = f"skillopt-ci/skillopt-ci@{'a' * 40}"
    step = "- run: npm install -g @anthropic-ai/claude-code@2.1.329\n"
    text = f"on: push\npermissions: {{}}\njobs:\n  m:\n    steps:\n    - uses: {uses}\n      with: {{command: eval}}\n"
    for added, told in (("", 1), (step.replace("2.1.329", "2.1.0") + "    ", 1), (step + "    ", 0)):
        write(repo.root, {".github/workflows/own.yml": text.replace("- uses", f"{added}- uses")})
        said = [line for line in call(repo.root, "doctor", "--offline", env=BARE).out.splitlines() if "own.yml" in line]
        found = [line for line in said if "npm install -g @anthropic-ai/claude-code@2.1.329" in line]
        assert len(found) == told, said
