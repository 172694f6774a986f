"""Several skills of one command: interrupted between two of them it goes on, and a budget holds for all of them."""

import contextlib
import json
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import PATH, SKILL, TASKS, bytes_of, config, files, write
from tests.integration.process import LEDGER, SimulatedServer, finish, purchases, start, undisturbed
from tests.loopback import Call, Loopback, Reply, error_reply

RESULT = ("best_skill.md", "history.json")
OTHER = "skills/receipts/SKILL.md"
SHORT = {**json.loads(config())["train"], "epochs": 1, "meta_notes": False}


def project(root: Path, server: Loopback, **changes: Any) -> Path:
    """Two skills with the same tasks."""
    skills = [{"path": path, "tasks": [TASKS], "graders": [{"type": "exact"}]} for path in (PATH, OTHER)]
    providers = {"models": {"type": "openai", "base_url": server.openai_url, "api_key_env": "LOCAL_KEY"}}
    made = files(skills=skills, providers=providers, train=SHORT, **changes)
    write(root, {**made, OTHER: SKILL.replace("name: invoices", "name: receipts") + "- Be polite.\n"})
    return root


def trained(root: Path) -> list[dict[str, Any]]:
    code, _, err = undisturbed(root, "train", "--json", "out.json")
    assert code in (0, 4), err
    found: list[dict[str, Any]] = json.loads((root / "out.json").read_bytes())["skills"]
    return found


def results(root: Path, entries: list[dict[str, Any]]) -> list[dict[str, bytes]]:
    return [bytes_of(root / e["run_dir"], RESULT) for e in entries]


def test_interrupted_in_the_second_skill_the_first_one_is_not_trained_anew(tmp_path: Path) -> None:
    handler = SimulatedServer(0.0)
    with Loopback(handler, record=False) as server:
        whole = project(tmp_path / "whole", server)
        unbroken = trained(whole)
        calls, first = handler.count, unbroken[0]["spend"]["paid"]["calls"]
        for sign in (signal.SIGKILL, signal.SIGINT):
            root = project(tmp_path / sign.name, server)
            process = start(root, "train", "--quiet")
            handler.aim(process, first + 10, sign)
            assert finish(process)[0] in (-sign, 130)
            before = handler.count
            entries = trained(root)
            assert [e["generation"] for e in entries] == [1, 1]
            assert entries[0]["spend"]["paid"]["calls"] == 0
            assert purchases(root) == calls
            assert handler.count - before < calls - first
            assert results(root, entries) == results(whole, unbroken)
        again = trained(root)  # all of them are finished now
        assert [e["generation"] for e in again] == [2, 2]


def test_interrupted_in_the_first_skill_the_second_one_is_trained_after_it(tmp_path: Path) -> None:
    handler = SimulatedServer(0.0)
    with Loopback(handler, record=False) as server:
        root = project(tmp_path / "p", server)
        process = start(root, "train", "--quiet")
        handler.aim(process, 10, signal.SIGKILL)
        assert finish(process)[0] == -signal.SIGKILL
        assert [(e["generation"], e["exit_code"]) for e in trained(root)] == [(1, 0), (1, 0)]


def test_a_finished_run_that_is_no_longer_in_the_ledger_is_told_with_what_to_do(tmp_path: Path) -> None:
    with Loopback(SimulatedServer(0.0), record=False) as server:
        first = trained(project(tmp_path / "whole", server))[0]["spend"]["paid"]["calls"]
        root = project(tmp_path / "tight", server, budget={"calls": first + 40})
        trained(root)
        with contextlib.closing(sqlite3.connect(root / LEDGER)) as ledger, ledger:
            ledger.execute("delete from purchases where run = (select run from runs where event = 'finished' limit 1)")
        code, _, err = undisturbed(root, "train")
        assert (code, "invoices is finished: name the other skills with --skill to go on" in err) == (2, True)
        assert undisturbed(root, "train", "--skill", "receipts", "--max-calls", "1000")[0] == 0


def test_a_raised_budget_goes_to_the_skill_that_it_stopped(tmp_path: Path) -> None:
    with Loopback(SimulatedServer(0.0), record=False) as server:
        first = trained(project(tmp_path / "whole", server))[0]["spend"]["paid"]["calls"]
        root = project(tmp_path / "tight", server, budget={"calls": first + 40})
        assert [e["exit_code"] for e in trained(root)] == [0, 4]
        stopped = purchases(root)
        same = trained(root)
        assert [(e["generation"], e["exit_code"]) for e in same] == [(1, 0), (1, 4)]
        assert purchases(root) == stopped  # with the same limit the same command buys nothing more
        write(root, {"skillopt.yml": (root / "skillopt.yml").read_text().replace(str(first + 40), "1000")})
        assert [(e["generation"], e["exit_code"]) for e in trained(root)] == [(1, 0), (1, 0)]


def turns(root: Path) -> list[str]:
    """The skills in the order in which a `train --next` carries them out; its JSON has that of the configuration."""
    code, _, err = undisturbed(root, "train", "--next", "--json", "out.json")
    assert code in (0, 4), err
    assert [s["name"] for s in json.loads((root / "out.json").read_bytes())["skills"]] == ["invoices", "receipts"]
    return [line.partition(":")[0] for line in err.splitlines() if ": run " in line]


def test_of_skills_that_share_a_budget_another_one_is_trained_first_every_time(tmp_path: Path) -> None:
    with Loopback(SimulatedServer(0.0), record=False) as server:
        whole = trained(project(tmp_path / "whole", server))[0]["spend"]["paid"]["calls"]
        root = project(tmp_path / "p", server, budget={"calls": whole + 30})
        paid = []
        for first, second in [("invoices", "receipts"), ("receipts", "invoices")] * 2:
            assert turns(root) == [first, second]
            skills = json.loads((root / "out.json").read_bytes())["skills"]
            paid.append({s["name"]: s["spend"]["paid"]["calls"] for s in skills}[first])
    assert min(paid) >= whole - 10  # the other one has what is left


def test_an_interruption_leaves_the_order_of_skills_as_it_is(tmp_path: Path) -> None:
    handler = SimulatedServer(0.0)
    with Loopback(handler, record=False) as server:
        root = project(tmp_path / "p", server)
        assert turns(root) == ["invoices", "receipts"]
        process = start(root, "train", "--next", "--quiet")
        handler.aim(process, 10, signal.SIGKILL)
        assert finish(process)[0] == -signal.SIGKILL
        assert turns(root) == ["receipts", "invoices"]
        assert turns(root) == ["invoices", "receipts"]


@pytest.mark.parametrize(
    ("command", "limit"),
    [
        (["eval"], 12),
        (["eval", "--matrix"], 25),
        (["ablate"], 45),
        (["baseline"], 100),
        (["calibrate", "--repeats", "0", "--gates", "100"], 150),
    ],
)
def test_what_one_skill_lacks_is_not_bought_for_what_another_has_spent(
    tmp_path: Path, command: list[str], limit: int
) -> None:
    handler = SimulatedServer(0.0)

    def once(call: Call) -> Reply:
        reply = handler(call)
        return error_reply(400, "not this one") if handler.count == 2 else reply

    with Loopback(once, record=False) as server:
        root = project(tmp_path / "p", server, budget={"calls": limit}, concurrency=1)
        for _ in range(2):  # the second time the call that failed could be bought
            assert undisturbed(root, *command, "--json", "out.json")[0] == 4
            assert purchases(root) == limit
