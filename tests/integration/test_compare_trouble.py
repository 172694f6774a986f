"""`compare` when providers fail and money ends: rows that say so, never a zero."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.world import Done, call, call_json, files, write
from tests.loopback import Call, Loopback, Reply, chat_reply

TRAIN = {"epochs": 1, "batch_size": 6, "minibatch_size": 3, "gate": "strict", "edit_budget": {"start": 2, "end": 2}}
GOOD = "Answer with only the value."


def number(call: Call) -> int:
    found = re.search(r"INV-0*(\d+)", call.user_text)
    return int(found[1]) if found else 0


def works(call: Call) -> Reply:
    """A target that obeys one line, for dates; an optimizer that rewrites with it."""
    if call.body["model"] == "optimizer":
        return chat_reply(json.dumps({"reasoning": "r", "body": f"# Invoices\n\n- {GOOD}"}))
    said = re.search(r"Due date: (\d+) (\w+) 2026", call.user_text)
    assert said
    months = ("January", "February", "March", "April", "May", "June")
    good = GOOD in str(call.body["messages"])
    return chat_reply(f"2026-{months.index(said[2]) + 1:02}-{int(said[1]):02}" if good else "Some day.")


def compared(
    tmp_path: Path, handler: Callable[[Call], Reply], *args: str, **changes: Any
) -> tuple[Done, dict[str, Any]]:
    with Loopback(handler) as server:
        provider = {
            "type": "openai",
            "base_url": server.openai_url,
            "api_key_env": "LOCAL_KEY",
            "price": {"input": 1, "output": 1},
        }
        models = {
            "providers": {"local": provider},
            "target": {"provider": "local", "model": "target"},
            "optimizer": {"provider": "local", "model": "optimizer"},
        }
        root = tmp_path / "project"
        write(root, files(sizes=(9, 12, 20), train=TRAIN, **models))
        return call_json(root, "compare", "--methods", "one-shot", *args, env={"LOCAL_KEY": "k"})


def rows(value: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {r["method"]: r for r in value["skills"][0]["methods"]}


def test_when_all_is_well(tmp_path: Path) -> None:
    done, value = compared(tmp_path, works)
    assert (done.code, rows(value)["one-shot"]["changed"]) == (0, True)
    assert value["skills"][0]["pairs"][0]["better"] == "one-shot"
    told = {
        name: call(tmp_path / "project", "report", row["run_dir"], "--format", "markdown").out
        for name, row in rows(value).items()
    }
    assert "Test split (opened 2 times for this suite): 0.0 -> 50.0, +50.0 pt, " in told["one-shot"]
    assert "20 tasks x 2 runs per arm" in told["one-shot"]
    assert "Nothing was trained; the skill as it is scores 0.0 on the test split." in told["human"]


def test_a_start_that_cannot_be_measured_ends_its_methods_and_not_the_reference(tmp_path: Path) -> None:
    def handler(call: Call) -> Reply:
        return Reply(status=400, body={"error": {"message": "no"}}) if 15 <= number(call) < 18 else works(call)

    done, value = compared(tmp_path, handler)
    found = rows(value)
    assert done.code == 3
    assert (found["one-shot"]["exit_code"], found["one-shot"]["test"], found["one-shot"]["changed"]) == (3, None, None)
    assert "gave no result" in found["one-shot"]["message"]
    assert (found["human"]["exit_code"], found["human"]["test"]["mean"]) == (0, 0.0)
    assert value["skills"][0]["pairs"] == []
    assert "| one-shot | not measured | not measured |" in done.out


def test_a_final_skill_that_cannot_be_measured_is_no_loser(tmp_path: Path) -> None:
    def handler(call: Call) -> Reply:
        fails = number(call) >= 38 and GOOD in str(call.body["messages"])
        return Reply(status=400, body={"error": {"message": "no"}}) if fails else works(call)

    done, value = compared(tmp_path, handler)
    found = rows(value)
    assert done.code == 3
    assert found["one-shot"]["exit_code"] == 3
    assert "too much of the closing measurement is missing" in found["one-shot"]["message"]
    assert value["skills"][0]["pairs"][0]["better"] is None


def test_money_that_ends_in_the_closing_measurement(tmp_path: Path) -> None:
    def handler(call: Call) -> Reply:
        reply = works(call)
        if number(call) < 21:
            return reply
        return chat_reply("Some day.", tokens=(90_000, 0, 5))  # dearer than anything before

    done, value = compared(tmp_path, handler, "--max-usd", "0.5")
    assert done.code == 4
    found = rows(value)
    assert {r["exit_code"] for r in found.values()} == {4}
    assert [r["test"]["mean"] for r in found.values()] == [None, None]
    assert "budget.usd" in found["human"]["message"]
    assert value["skills"][0]["test_opened"] is None
    assert "kept back" not in found["human"]["message"]


def test_a_dead_provider_is_no_row(tmp_path: Path) -> None:
    done, value = compared(tmp_path, lambda call: Reply(status=401, body={"error": {"message": "bad key"}}))
    assert (done.code, value["schema"], value["reason"]) == (5, "skillopt-ci/compare/1", "provider")


def test_a_ration_that_is_too_small(tmp_path: Path) -> None:
    done, value = compared(tmp_path, works, "--rollouts", "12")
    assert done.code == 2
    assert "--rollouts 12: the validation of the start skill alone takes 12" in value["message"]
