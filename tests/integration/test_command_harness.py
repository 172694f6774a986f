"""Commands of the tool with an agent: rollouts through the gateway, a script grader, the gate on bundled files."""

import json
from pathlib import Path
from typing import Any

import pytest

from skillopt_ci.core.trajectory import Usage
from tests.cli.world import CONFIG, PATH, TASKS, answers, call, call_json, write
from tests.forge.repo import Repo
from tests.harnesses.agent_world import ASK
from tests.loopback import Call, Loopback, Reply, messages_reply
from tests.sandbox.places import bubblewrap

KEY = "sk-the-real-key-0123456789"
SKILL = "---\nname: invoices\ndescription: Totals.\n---\n\n# Totals\n\nRun scripts/total.sh and write total.txt.\n"
GOOD, BAD = "#!/bin/sh\necho 3\n", "#!/bin/sh\necho 4\n"
AGENT = """
import subprocess
ask(sys.stdin.read())
total = subprocess.run([sys.argv[1] + "/scripts/total.sh"], capture_output=True, text=True).stdout
open("total.txt", "w").write(total)
print("done")
"""
CHECK = "import sys\nsys.exit(0 if open('total.txt').read() == '3\\n' else 1)\n"

TASK_COUNT = 8  # each takes several processes; as few as show a regression
PROVIDER = {"type": "anthropic", "api_key_env": "MY_KEY", "price": {"input": 1, "output": 2}}


def config(url: str, **changes: Any) -> str:
    value: dict[str, Any] = {
        "version": 1,
        "providers": {"claude": {**PROVIDER, "base_url": url}},
        "target": {"provider": "claude", "model": "m"},
        "harness": {
            "type": "command",
            "run": ["python3", "{home}/agent.py", "{skill_dir}"],
            "files": {"home/agent.py": ASK + AGENT},
            "env": {"URL": "{url}", "TOKEN": "{token}", "MODEL": "{model}"},
            "version": "1",
        },
        "skills": [
            {"path": PATH, "tasks": [TASKS], "graders": [
                {"type": "script", "run": 'python3 "$GRADER_DIR/check.py"', "files": ["evals/check.py"]},
                {"type": "files", "exists": "total.txt"},
            ]},
        ],
        "gate": {"max_rounds": 2},
        **changes,
    }  # fmt: skip
    return json.dumps(value)


def project(folder: Path, url: str, **changes: Any) -> Repo:
    tasks = [{"id": f"t{n}", "prompt": f"Total of {n}?", "split": "test", "setup": ["true"]} for n in range(TASK_COUNT)]
    repo = Repo(folder)
    repo("config", "user.name", "A Person")
    repo("config", "user.email", "person@example.org")
    repo.commit(
        {
            CONFIG: config(url, **changes),
            PATH: SKILL,
            "skills/invoices/scripts/total.sh": GOOD,
            "evals/check.py": CHECK,
            TASKS: "".join(json.dumps(t) + "\n" for t in tasks),
            ".gitignore": ".skillopt/\n",
        }
    )
    return repo


def test_a_bundled_script_that_breaks_the_skill_is_a_regression(tmp_path: Path) -> None:
    bubblewrap()
    with Loopback(lambda _: messages_reply("ok", tokens=(100, 0, 5))) as server:
        repo = project(tmp_path / "p", server.url)
        repo("checkout", "-q", "-b", "change")
        env = {"MY_KEY": KEY}
        done, value = call_json(repo.root, "gate", env=env)
        assert (done.code, value["verdict"]) == (0, "not-applicable")
        assert server.calls == []
        write(repo.root, {"skills/invoices/scripts/total.sh": BAD})
        done, value = call_json(repo.root, "gate", env=env)
        assert (done.code, value["verdict"]) == (1, "regression"), done.err
        (skill,) = value["skills"]
        assert (skill["harness"], skill["base"]["mean"], skill["head"]["mean"]) == ("command", 1.0, 0.0)
        assert value["spend"]["paid"]["calls"] == len(server.calls) > 0
        asked = len(server.calls)
        again, value = call_json(repo.root, "gate", env=env)
        assert (again.code, len(server.calls), value["spend"]["paid"]["calls"]) == (1, asked, 0)
        assert value["spend"]["replayed"]["calls"] == asked
        again, replayed = call_json(repo.root, "gate", "--replay-only")  # without the key
        assert (again.code, replayed["skills"], replayed["spend"]) == (1, value["skills"], value["spend"])
        missed = call(repo.root, "eval", "--replay-only", "--split", "test", "--runs", "9")
        assert missed.code == 2
        assert "replay only, and this call was never bought: task t" in missed.err
        assert len(server.calls) == asked
        assert {c.headers["x-api-key"] for c in server.calls} == {KEY}
        kept = b"".join(p.read_bytes() for p in (repo.root / ".skillopt").rglob("*") if p.is_file())
        assert KEY.encode() not in kept
        assert KEY not in done.out + done.err


DICE = "import json, random; print(json.dumps({'score': random.random()}))"


def test_a_script_that_rolls_dice_rolls_them_once(tmp_path: Path) -> None:
    bubblewrap()
    with Loopback(lambda _: messages_reply("ok", tokens=(100, 0, 5))) as server:
        graders = [{"type": "script", "run": ["python3", "-c", DICE]}]
        repo = project(tmp_path / "p", server.url, skills=[{"path": PATH, "tasks": [TASKS], "graders": graders}])
        env = {"MY_KEY": KEY}
        done, first = call_json(repo.root, "eval", "--split", "test", env=env)
        assert done.code == 0, done.err
        assert 0 < first["skills"][0]["mean"] < 1
        for more, key in (([], env), (["--replay-only"], env), (["--replay-only"], {})):
            _, again = call_json(repo.root, "eval", "--split", "test", *more, env=key)
            assert again["skills"] == first["skills"]
        told = call(repo.root, "ledger", "stats").out
        assert "grade" not in told  # a script is no call
        assert len(server.calls) == TASK_COUNT


def test_eval_counts_rollouts_and_budget_stops_them(tmp_path: Path) -> None:
    bubblewrap()
    with Loopback(lambda _: messages_reply("ok", tokens=(100, 0, 5))) as server:
        repo = project(tmp_path / "p", server.url)
        done = call(repo.root, "eval", "--split", "test", "--max-calls", "5", env={"MY_KEY": KEY})
        assert done.code == 4
        assert len(server.calls) == 5
        done = call(repo.root, "eval", "--split", "test", "--max-calls", "100", env={"MY_KEY": KEY})
        assert done.code == 0, done.err
        assert len(server.calls) <= TASK_COUNT + 5


def test_without_a_sandbox_nothing_runs_and_off_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(_: Call) -> Reply:
        return messages_reply("ok")

    with Loopback(answer) as server:
        repo = project(tmp_path / "p", server.url)
        tools = tmp_path / "bin"
        tools.mkdir()
        (tools / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions' >&2; exit 1\n")
        (tools / "bwrap").chmod(0o755)
        env = {"MY_KEY": KEY, "PATH": f"{tools}:/usr/bin:/bin"}
        done = call(repo.root, "eval", "--split", "test", env=env)
        assert done.code == 2
        assert "bubblewrap is refused (bwrap: No permissions)" in done.err
        assert server.calls == []
        write(repo.root, {CONFIG: config(server.url, sandbox="off")})
        page, xml = tmp_path / "p.html", tmp_path / "j.xml"
        files = ("--html", str(page), "--junit", str(xml))
        done, value = call_json(repo.root, "eval", "--split", "test", *files, env=env)
        assert done.code == 0, done.err
        assert value["sandbox"] == "off"
        assert "sandbox: off: agents" in page.read_text(encoding="utf-8")
        assert '<property name="sandbox" value="off" />' in xml.read_text(encoding="utf-8")
        assert "ran unconfined" in done.out


def test_a_simulated_target_is_refused_for_agents(tmp_path: Path) -> None:
    bubblewrap()
    repo = project(tmp_path / "p", "http://127.0.0.1:9", target={"provider": "simulated", "model": "m"})
    done = call(repo.root, "eval", "--split", "test")
    assert done.code == 2
    assert "agents cannot use providers of type 'simulated'" in done.err


def test_plan_says_that_agents_are_an_estimate(tmp_path: Path) -> None:
    repo = project(tmp_path / "p", "http://127.0.0.1:9")
    splits = ["train"] * 4 + ["val"] * 4 + ["test"] * 4
    tasks = [{"id": f"t{n}", "prompt": f"Total of {n}?", "split": s} for n, s in enumerate(splits)]
    write(repo.root, {TASKS: "".join(json.dumps(t) + "\n" for t in tasks)})
    done, value = call_json(repo.root, "plan")
    assert done.code == 0, done.err
    assert "Agents are an estimate, no upper bound: 8 model calls a rollout" in done.out
    target = value["skills"][0]["train"]["target"]
    assert target["calls"] % 8 == 0
    assert target["input_tokens"] > 12_000 * target["calls"]
    likely, usual = value["skills"][0]["train_likely"], value["skills"][0]["expected_calls"]["likely"]
    assert f"training probably takes about {usual} rollouts and calls of the optimizer, about " in done.out
    assert 7 * usual < likely["calls"] <= value["skills"][0]["train_total"]["calls"]
    used = Usage(input_tokens=70_000, cached_tokens=60_000, output_tokens=1_000)
    answers(repo.root, "m", 10, used, calls=3)
    (row,) = call_json(repo.root, "plan")[1]["skills"]
    # Whole rollouts, however many calls each took.
    assert row["train"]["target"]["output_tokens"] == 1_000 * target["calls"] // 8
