"""A skill that must hold on several targets: trained on the first, claimed and proposed for each of them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import SKILL, call_json, files, write
from tests.loopback import Call, Loopback, Reply, chat_reply, error_reply

MONTHS = ("January", "February", "March", "April", "May", "June")
TEST = 12


def expected(call: Call) -> str:
    """The right answer to a question of the world."""
    text = call.user_text
    if "customer" in text:
        return re.search(r"Customer: (.*)", text)[1]  # type: ignore[index]
    day, month = re.search(r"Due date: (\d+) (\w+) 2026", text).groups()  # type: ignore[union-attr]
    return f"2026-{MONTHS.index(month) + 1:02}-{int(day):02}"


def system(call: Call) -> str:
    return str(next(m["content"] for m in call.body["messages"] if m["role"] != "user"))


def trained(call: Call) -> bool:
    """Whether the skill in force is not the one that training started from."""
    return system(call).strip() != SKILL.partition("---\n\n")[2].strip()


def likes_it(call: Call) -> Reply:
    return chat_reply(expected(call) if trained(call) else "no idea")


def dislikes_it(call: Call) -> Reply:
    return chat_reply("no idea" if trained(call) else expected(call))


def does_not_care(call: Call) -> Reply:
    return chat_reply(expected(call))


Answers = Callable[[Call], Reply]


def train(
    root: Path, answers: Answers | Loopback, *args: str, others: tuple[str, ...] = ("big",), **changes: Any
) -> tuple[int, dict[str, Any], int]:
    """Train on the simulated model, with other targets beside it; exit code, the entry, calls of the others."""
    if not isinstance(answers, Loopback):
        with Loopback(answers) as server:
            return train(root, server, *args, others=others, **changes)
    before = len(answers.calls)
    providers = {
        "models": {"type": "simulated", "noise": 0.1},
        "other": {"type": "openai", "base_url": answers.openai_url, "price": {"input": 1, "output": 1}},
    }
    targets = [{"provider": "models", "model": "small"}, *({"provider": "other", "model": o} for o in others)]
    write(root, files(providers=providers, target=None, targets=targets, **changes))
    done, value = call_json(root, "train", *args)
    (entry,) = value["skills"]
    return done.code, entry, len(answers.calls) - before


def body(root: Path, entry: dict[str, Any]) -> str:
    return (root / entry["run_dir"] / "pull_request.md").read_text(encoding="utf-8")


def test_every_target_has_its_claim(tmp_path: Path) -> None:
    code, entry, calls = train(tmp_path, likes_it)
    assert (code, entry["proposal"], calls) == (0, True, 2 * TEST * 2)
    assert [(t["target"], t["trained"]) for t in entry["targets"]] == [("models/small", True), ("other/big", False)]
    assert entry["targets"][0]["test"] == entry["test"]
    other = entry["targets"][1]["test"]
    assert (other["start"]["mean"], other["best"]["mean"], other["effect"]["mean"]) == (
        0,
        1,
        pytest.approx(6 / 7, abs=0.2),
    )
    text = body(tmp_path, entry)
    assert "**Improvement shown on the test split" in text
    assert "That is models/small, which it was trained on. Other targets: other/big: +" in text
    rows = [line for line in text.splitlines() if line.startswith(("| models/small", "| other/big"))]
    assert rows[0].startswith("| models/small (trained on) | ")
    assert rows[1].startswith("| other/big | 0.0 | 100.0 | +")


def test_of_several_others_each_has_its_own_claim(tmp_path: Path) -> None:
    def answer(call: Call) -> Reply:
        return (likes_it if call.body["model"] == "first" else dislikes_it)(call)

    _, entry, _ = train(tmp_path, answer, others=("first", "second"))
    effects = {t["target"]: t["test"]["effect"]["mean"] for t in entry["targets"]}
    assert effects["other/first"] > 0 > effects["other/second"]
    assert entry["objections"] == ["other/second is shown to be worse"]


def test_money_that_ends_in_the_comparison_on_another_target(tmp_path: Path) -> None:
    def dear(call: Call) -> Reply:
        return chat_reply(expected(call), tokens=(90_000, 0, 5))

    code, entry, calls = train(tmp_path, dear, budget={"usd": 0.5}, concurrency=1)
    assert (code, entry["proposal"], calls) == (4, False, 6)
    assert "budget.usd: 0.54003 of 0.5 USD are spent" in entry["message"]
    assert entry["test"]["effect"]["mean"] > 0
    assert entry["targets"][1]["test"] is None


def test_a_loss_on_another_target_is_never_proposed_silently(tmp_path: Path) -> None:
    code, entry, _ = train(tmp_path, dislikes_it)
    assert (code, entry["proposal"]) == (0, False)
    assert entry["test"]["effect"]["mean"] > 0
    assert entry["objections"] == ["other/big is shown to be worse"]
    text = body(tmp_path, entry)
    assert "trained on, and not proposed: other/big is shown to be worse." in text
    page = (tmp_path / entry["run_dir"] / "report.html").read_text(encoding="utf-8")
    assert "other/big is shown to be worse" in page


def test_a_target_that_stays_as_it_is_does_not_object(tmp_path: Path) -> None:
    code, entry, _ = train(tmp_path, does_not_care)
    assert (code, entry["proposal"]) == (0, True)
    assert entry["targets"][1]["test"]["effect"]["mean"] == 0


def test_a_target_that_cannot_be_measured_keeps_it_from_proposing(tmp_path: Path) -> None:
    def sometimes(call: Call) -> Reply:
        return likes_it(call) if "due date" in call.user_text else error_reply(400, "not today")

    code, entry, _ = train(tmp_path, sometimes)
    assert (code, entry["proposal"]) == (3, False)
    assert entry["message"] == (
        "too much of the closing comparison on another target is missing. `skillopt-ci ledger failures` lists what "
        "failed; the same command asks for that again, and goes on"
    )
    assert entry["objections"] == ["other/big could not be measured: too much is missing"]


def test_what_a_closing_comparison_lacks_is_asked_for_again_and_nothing_else(tmp_path: Path) -> None:
    lost = [True]

    def sometimes(call: Call) -> Reply:
        return error_reply(400, "not today") if lost[0] and "due date" not in call.user_text else likes_it(call)

    with Loopback(sometimes) as server:
        code, first, _ = train(tmp_path, server)
        assert (code, first["proposal"]) == (3, False)
        lost[0] = False
        code, entry, _ = train(tmp_path, server)
    assert (code, entry["run_id"], entry["proposal"]) == (0, first["run_id"], True)
    assert entry["spend"]["paid"]["calls"] == 2 * TEST  # half of the tasks, two runs of either side


def test_a_scheduled_job_trains_on_though_some_tasks_always_fail(tmp_path: Path) -> None:
    def sometimes(call: Call) -> Reply:
        return likes_it(call) if "due date" in call.user_text else error_reply(400, "not today")

    with Loopback(sometimes) as server:
        found = [train(tmp_path, server, "--next") for _ in range(3)]
    assert [(code, entry["generation"]) for code, entry, _ in found] == [(3, 1), (5, 1), (3, 2)]


def test_a_dead_target_is_no_result_and_is_asked_again_later(tmp_path: Path) -> None:
    dead = [True]
    with Loopback(lambda call: error_reply(401, "no") if dead[0] else likes_it(call)) as server:
        code, first, _ = train(tmp_path, server)
        assert (code, first["proposal"], first["test"]) == (5, False, None)
        dead[0] = False
        code, entry, calls = train(tmp_path, server)
    assert (code, entry["run_id"], entry["proposal"]) == (0, first["run_id"], True)
    assert calls == entry["spend"]["paid"]["calls"] == 2 * TEST * 2  # and of the first target nothing


def test_a_finished_run_is_replayed_with_every_target(tmp_path: Path) -> None:
    with Loopback(likes_it) as server:
        _, entry, _ = train(tmp_path, server)
        code, again, calls = train(tmp_path, server, "--generation", "1")
    assert (code, calls, again["spend"]["paid"]["calls"]) == (0, 0, 0)
    assert again["targets"] == entry["targets"]


def test_the_calls_for_every_target_are_kept_back(tmp_path: Path) -> None:
    seed = ("--seed", "3")  # its run ends with little that waits, and what that needs is kept back, too
    _, whole, _ = train(tmp_path / "whole", likes_it, *seed)
    needed = whole["spend"]["paid"]["calls"]
    code, entry, calls = train(tmp_path / "few", likes_it, *seed, "--max-calls", str(2 * 2 * TEST * 2))
    assert (code, calls, entry["test"]) == (4, 0, None)
    assert "which takes 96" in entry["message"]
    # What is just enough for everything is enough: nothing of the training takes what the end needs.
    code, entry, calls = train(tmp_path / "all", likes_it, *seed, "--max-calls", str(needed))
    assert (code, calls, entry["proposal"]) == (0, 48, True)


def test_nothing_is_bought_from_others_when_nothing_was_shown(tmp_path: Path) -> None:
    code, entry, calls = train(tmp_path, likes_it, pr={"min_confidence": 0.999999999999})
    assert (code, entry["proposal"], calls) == (0, False, 0)
    assert entry["targets"][1] == {"target": "other/big", "trained": False, "test": None}
    assert "objections" not in entry


def test_plan_knows_the_price_of_every_target(tmp_path: Path) -> None:
    train(tmp_path, does_not_care)
    _, value = call_json(tmp_path, "plan")
    (row,) = value["skills"]
    assert row["train"]["target other/big"]["calls"] == 48


def test_a_key_that_is_missing_for_another_target_is_told_before_anything_is_bought(tmp_path: Path) -> None:
    targets = [{"provider": "models", "model": "small"}, {"provider": "openai", "model": "gpt-5.4-mini"}]
    write(tmp_path, files(target=None, targets=targets))
    done, value = call_json(tmp_path, "train")
    assert (done.code, value["skills"]) == (2, [])
    assert "OPENAI_API_KEY" in json.dumps(value)
