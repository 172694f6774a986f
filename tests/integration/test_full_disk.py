"""A machine whose disk is full: what a script could not do is no score of 0, and what cannot be printed no bug."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import GOOD, call, call_json, repository
from tests.integration.process import environment
from tests.sandbox.places import of_kind
from tests.sandbox.small_disk import on_small_disk

FILL = "head -c 30000000 /dev/zero > big"
WORDS = "the disk for temporary files is full on this machine"


def project(root: Path, run: str, sandbox: str, **options: Any) -> Path:
    graders = [{"type": "script", "run": run, **options}]
    entry = {"path": "skills/invoices/SKILL.md", "tasks": ["evals/invoices/tasks.jsonl"], "graders": graders}
    # One at a time: a script that ends while another one fills the disk finds it full, too.
    return repository(root, skill=GOOD, sizes=(1, 3, 1), skills=[entry], sandbox=sandbox, concurrency=1).root


@pytest.mark.parametrize("sandbox", ["auto", "off"])
@pytest.mark.parametrize(
    ("script", "counts"),
    [
        (f"{FILL} || exit 1", False),
        (f"{FILL}; echo '{{\"score\": 0}}'", False),
        (f"{FILL}; code=$?; rm big; exit $code", False),
        (f"{FILL}; rm big; echo '{{\"score\": 0.5}}'", False),
        ("exit 1", True),  # it needed little, and had that
        (f"{FILL} 2>/dev/null; rm big; exit 0", True),
    ],
)
def test_it_is_a_failure(tmp_path: Path, sandbox: str, script: str, counts: bool) -> None:
    of_kind("bubblewrap" if sandbox == "auto" else "unconfined")
    root = project(tmp_path / "p", script, sandbox)
    place, result = tmp_path / "small", tmp_path / "result.json"
    command = [*on_small_disk(place), sys.executable, "-m", "skillopt_ci", "eval", "--json", str(result)]
    env = environment(TMPDIR=str(place))
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    (skill,) = json.loads(result.read_text())["skills"]
    failures = call(root, "ledger", "failures").out
    if counts:
        assert done.returncode == 0, done.stderr
        assert skill["mean"] == (0 if script == "exit 1" else 1)
        assert WORDS not in failures
    else:
        assert done.returncode == 3, done.stderr
        assert skill["mean"] is None
        assert WORDS in failures


@pytest.mark.parametrize("sandbox", ["auto", "off"])
@pytest.mark.parametrize(
    ("script", "mean"), [(f"{FILL} || exit 1", 1), ("echo 'No space left on device' >&2; exit 1", 0)]
)
def test_where_there_is_room_a_script_is_not_believed(tmp_path: Path, sandbox: str, script: str, mean: int) -> None:
    """What it prints may be the words of an answer, which nobody may talk out of its 0."""
    of_kind("bubblewrap" if sandbox == "auto" else "unconfined")
    root = project(tmp_path / "p", script, sandbox, disk_mb=64)
    done, value = call_json(root, "eval")
    assert (done.code, value["skills"][0]["mean"]) == (0, mean), done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", [["check"], ["eval"], ["check", "--json", "-"], ["schema"]])
def test_a_result_that_finds_no_room_is_told_in_one_line(tmp_path: Path, command: list[str]) -> None:
    root = repository(tmp_path / "p", skill=GOOD, sizes=(1, 3, 1)).root
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "skillopt_ci", *command]
        done = subprocess.run(
            words, cwd=root, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "error: stdout: cannot be written: No space left on device"
    assert "bug" not in done.stderr
