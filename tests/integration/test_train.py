"""Runs, generations, budgets: what `train` buys, what it replays, what it leaves."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import GOOD, TASKS, bytes_of, call, call_json, files, write
from tests.loopback import Call, Loopback, Reply, chat_reply

RESULT = ("best_skill.md", "history.json")
# How much was paid and replayed differs by nature; everything else of a run folder is the same bytes.
SPEND = {"report.json", "report.md", "report.html", "pull_request.md"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "project", files())
    return tmp_path / "project"


def train(root: Path, *args: str) -> dict[str, Any]:
    """Train and return the one skill's entry."""
    done, value = call_json(root, "train", *args)
    (entry,) = value["skills"]
    assert entry["exit_code"] == done.code
    found: dict[str, Any] = entry
    return found


def paid(entry: dict[str, Any]) -> int:
    count: int = entry["spend"]["paid"]["calls"]
    return count


def derived(root: Path, entry: dict[str, Any]) -> dict[str, bytes]:
    found = bytes_of(root / entry["run_dir"])
    return {name: data for name, data in found.items() if name not in SPEND}


def test_a_run_leaves_everything_that_contracts_name(root: Path) -> None:
    done, value = call_json(root, "train", "--junit", "out/junit.xml", "--summary", "summary.md")
    assert set(value) == {"schema", "exit_code", "proposal", "skills", "simulated"}
    assert (value["schema"], value["proposal"], done.code) == ("skillopt-ci/train/1", True, 0)
    (entry,) = value["skills"]
    assert set(entry) >= {
        "name", "run_id", "run_dir", "generation", "start", "best", "steps", "accepted", "rejected", "selection",
        "test", "tokens", "spend",
    }  # fmt: skip
    assert set(entry["test"]) >= {"n_tasks", "start", "best", "effect", "opened"}
    assert entry["run_dir"] == f".skillopt/runs/{entry['run_id']}"
    assert entry["selection"]["best"] > entry["selection"]["start"]
    assert entry["test"]["best"]["mean"] > entry["test"]["start"]["mean"]
    found = bytes_of(root / entry["run_dir"])
    steps = json.loads(found["history.json"])
    gated = f"steps/step_{next(s['step'] for s in steps if s['candidate']):04}"  # what did well alone may wait first
    assert set(found) >= {
        "config.json", "history.json", "best_skill.md", "skills/skill_v0001.md", "rejected.json", "report.json",
        "report.md", "report.html", "junit.xml", "pull_request.md",
        *(f"{gated}/{n}" for n in ("rollouts.jsonl", "edits.json", "candidate_skill.md", "verdict.json")),
    }  # fmt: skip
    assert set(steps[0]) >= {
        "step", "epoch", "kind", "action", "reason", "candidate", "val_mean", "val_upper_bound",
        "incumbent_val_mean", "effect", "edits", "edit_budget", "cost",
    }  # fmt: skip
    assert found["junit.xml"] == (root / "out/junit.xml").read_bytes()
    drawn = re.compile(r"```mermaid\n.*?```\n\n", re.DOTALL)
    summary, count = drawn.subn("", (root / "summary.md").read_text(encoding="utf-8"))
    assert (summary.strip(), count) == (done.out.strip(), 1)
    assert "Simulated models" in done.out
    assert (root / "skills/invoices/SKILL.md").read_bytes() == files()["skills/invoices/SKILL.md"].encode()  # type: ignore[union-attr]


def test_a_finished_run_is_followed_by_the_next_generation_with_new_evidence(root: Path) -> None:
    first, second = train(root), train(root)
    assert (first["generation"], second["generation"]) == (1, 2)
    assert first["run_id"] != second["run_id"]
    assert paid(second) > 0
    assert second["spend"]["replayed"]["calls"] == 0
    assert (first["test"]["opened"], second["test"]["opened"]) == (1, 2)


def test_a_named_run_is_replayed_and_buys_nothing(root: Path) -> None:
    first = train(root)
    expected = derived(root, first)
    for again in (
        ["--generation", "1"],
        ["--run-dir", first["run_dir"]],
        ["--generation", "1", "--replay-only"],
        ["--generation", "1", "--max-calls", "1"],  # limits of today do not end it earlier than it ended then
    ):
        entry = train(root, *again)
        assert (entry["run_id"], paid(entry), entry["exit_code"]) == (first["run_id"], 0, 0)
        assert entry["spend"]["replayed"]["calls"] == paid(first)
        assert entry["test"] == first["test"]
        assert derived(root, entry) == expected
    shutil.rmtree(root / first["run_dir"])
    entry = train(root, "--generation", "1")
    assert paid(entry) == 0
    assert derived(root, entry) == expected


def test_a_run_in_a_folder_of_its_own_is_found_by_the_folder(root: Path) -> None:
    first = train(root, "--run-dir", "mine")
    again = train(root, "--run-dir", "mine")
    assert (first["run_dir"], again["run_id"], paid(again)) == ("mine", first["run_id"], 0)
    named = shutil.copytree(root / "mine", root / ".skillopt/runs" / first["run_id"])
    shutil.rmtree(named)
    by_name = train(root, "--run-dir", f".skillopt/runs/{first['run_id']}")  # deleted, and named again
    assert (by_name["run_id"], paid(by_name)) == (first["run_id"], 0)


def test_a_folder_of_another_run_is_refused(root: Path) -> None:
    train(root, "--run-dir", "mine")
    other = call(root, "train", "--run-dir", "mine", "--seed", "7")
    assert other.code == 2
    assert other.lines[-1].startswith("error: --run-dir mine: it holds run ")
    (root / "mine/config.json").write_text("[]", encoding="utf-8")
    damaged = call(root, "train", "--run-dir", "mine")
    assert damaged.code == 2
    assert "not the configuration of a run" in damaged.lines[-1]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--generation", "3"], "--generation 3: the last one is 0, so 1 would be the next"),
        (["--replay-only"], "replay only, and this call was never bought"),
        (["--skill", "invoces"], "--skill invoces: no such skill; perhaps you meant 'invoices'?"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_line(root: Path, args: list[str], words: str) -> None:
    done, value = call_json(root, "train", *args)
    assert done.code == 2
    assert [line for line in done.lines if line.startswith("error: ")] == [done.lines[-1]]
    assert words in done.lines[-1]
    assert words in value["message"]
    assert value["skills"] == []


def test_replay_only_of_a_run_that_was_never_bought_does_not_start_it(root: Path) -> None:
    refused = call(root, "train", "--replay-only")  # there is no run before the first
    assert (refused.code, "was never bought" in refused.lines[-1], "--generation" in refused.lines[-1]) == (
        2,
        True,
        False,
    )
    first = train(root)
    refused = call(root, "train", "--replay-only", "--generation", "2")
    assert (refused.code, refused.lines[-1].endswith("; --generation 1 replays the last run")) == (2, True)
    shutil.rmtree(root / ".skillopt/runs")
    again = train(root, "--replay-only")
    assert (again["run_id"], again["test"], paid(again)) == (first["run_id"], first["test"], 0)
    assert [place.name for place in (root / ".skillopt/runs").iterdir()] == [first["run_id"]]
    assert call(root, "train", "--replay-only", "--generation", "1").code == 0
    assert first["generation"] + 1 == train(root)["generation"]


def test_concurrency_changes_nothing(tmp_path: Path) -> None:
    found = []
    for concurrency in (1, 8):
        root = tmp_path / f"c{concurrency}"
        write(root, files(concurrency=concurrency))
        entry = train(root)
        found.append((entry["run_id"], derived(root, entry)))
    assert found[0] == found[1]


def test_a_seed_of_the_command_line_is_the_configurations(tmp_path: Path) -> None:
    write(tmp_path / "a", files())
    write(tmp_path / "b", files(train={**json.loads(str(files()["skillopt.yml"]))["train"], "seed": 7}))
    told, configured = train(tmp_path / "a", "--seed", "7"), train(tmp_path / "b")
    assert told["run_id"] == configured["run_id"]
    assert derived(tmp_path / "a", told) == derived(tmp_path / "b", configured)
    assert train(tmp_path / "a")["run_id"] != told["run_id"]


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_budget_of_calls_is_kept_and_raising_it_continues_the_same_run(tmp_path: Path, concurrency: int) -> None:
    write(tmp_path / "free", files(concurrency=concurrency))
    write(tmp_path / "tight", files(concurrency=concurrency))
    free = train(tmp_path / "free")
    tight = tmp_path / "tight"
    stopped = train(tight, "--max-calls", "75")
    assert stopped["exit_code"] == 4
    assert paid(stopped) <= 75
    assert "budget.calls" in stopped["message"]
    assert stopped["test"] is None or stopped["test"]["n_tasks"]  # the confirmation was reserved
    more = train(tight, "--max-calls", "85")
    assert (more["run_id"], more["exit_code"]) == (free["run_id"], 4)
    assert paid(stopped) + paid(more) <= 85
    done = train(tight, "--max-calls", "200")
    assert (done["run_id"], done["exit_code"]) == (free["run_id"], 0)
    assert paid(stopped) + paid(more) + paid(done) <= paid(free) + 48  # two confirmations of an earlier best skill
    assert derived(tight, done) == derived(tmp_path / "free", free)


def test_a_run_that_confirmed_another_skill_at_a_budgets_end_says_that_the_test_split_was_opened_twice(
    tmp_path: Path,
) -> None:
    write(tmp_path, files(concurrency=8))
    stopped = train(tmp_path, "--seed", "4", "--max-calls", "125")
    again = train(tmp_path, "--seed", "4", "--max-calls", "125")
    done = train(tmp_path, "--seed", "4", "--max-calls", "300")
    assert done["best"] != stopped["best"]
    assert [entry["test"]["opened"] for entry in (stopped, again, done)] == [1, 1, 2]
    report = (tmp_path / done["run_dir"] / "report.md").read_text(encoding="utf-8")
    assert "Test split (opened 2 times for this suite)" in report


def test_a_budget_that_cannot_cover_the_confirmation_is_refused_before_anything_is_bought(root: Path) -> None:
    entry = train(root, "--max-calls", "48")  # 12 test tasks, two skills, two runs
    assert (entry["exit_code"], paid(entry), entry["test"]) == (4, 0, None)
    assert "cannot cover the closing comparison on the test split, which takes 48" in entry["message"]
    assert call(root, "ledger", "stats").out.splitlines()[-1].startswith('total\t{"calls": 0')


def test_a_stopped_run_still_has_its_confirmation_and_report(root: Path) -> None:
    stopped = train(root, "--max-calls", "130")
    assert stopped["exit_code"] == 4
    assert stopped["accepted"] == 1
    assert stopped["test"]["n_tasks"] == 12
    assert "budget.calls" in json.loads((root / stopped["run_dir"] / "report.json").read_text())["message"]


@pytest.mark.parametrize("unit", ["calls", "usd"])
def test_a_budget_that_is_raised_above_what_the_end_says_buys_something(root: Path, unit: str) -> None:
    """What the closing comparison took is spent by then, and is kept back again."""
    prices = {"models": {"type": "simulated", "price": {"input": 100, "output": 100}}}
    write(root, files(providers=prices))
    stopped = train(root, f"--max-{unit}", {"calls": "75", "usd": "0.5"}[unit])
    for _ in range(3):
        assert stopped["exit_code"] == 4
        above = re.search(r"kept back for the end of the run; raise it above ([0-9.]+) and run", stopped["message"])
        assert above is not None
        more = train(root, f"--max-{unit}", str(int(above[1]) + 1 if unit == "calls" else float(above[1]) + 0.0001))
        assert paid(more) > 0
        if more["exit_code"] == 0:
            break
        stopped = more


def test_a_budget_in_usd_is_kept_to_within_a_call(tmp_path: Path) -> None:
    providers = {"models": {"type": "simulated", "price": {"input": 100, "output": 100}}}
    write(tmp_path / "free", files(providers=providers))
    write(tmp_path / "tight", files(providers=providers))
    free = train(tmp_path / "free")
    full = float(free["spend"]["paid"]["usd"])
    assert full > 0
    stopped = train(tmp_path / "tight", "--max-usd", f"{full / 2:.4f}")
    assert stopped["exit_code"] == 4
    assert "budget.usd" in stopped["message"]
    assert float(stopped["spend"]["paid"]["usd"]) <= full / 2 + full / 20
    done = train(tmp_path / "tight", "--max-usd", f"{full * 3:.4f}")
    assert (done["run_id"], done["exit_code"]) == (free["run_id"], 0)
    assert bytes_of(tmp_path / "tight" / done["run_dir"], RESULT) == bytes_of(
        tmp_path / "free" / free["run_dir"], RESULT
    )


@pytest.mark.parametrize("share", [0.55, 0.6, 0.8])
@pytest.mark.parametrize("own", [False, True])
def test_a_replay_ends_where_the_budget_ended_the_run(tmp_path: Path, share: float, own: bool) -> None:
    """Whatever the limits of today are: also where USD ended it between two steps, whose calls are all there."""
    providers = {"models": {"type": "simulated", "price": {"input": 100, "output": 100}}}
    write(tmp_path / "free", files(providers=providers))
    full = train(tmp_path / "free")["spend"]["paid"]
    for number, limit in enumerate(({"usd": share * float(full["usd"])}, {"calls": int(share * full["calls"])})):
        root = tmp_path / str(number)
        made = files(providers=providers)
        skills = json.loads(str(made["skillopt.yml"]))["skills"]
        for each in (limit, {}):  # the limit of then is no longer there
            told = {"skills": [{**skills[0], "budget": each}]} if own else {"budget": each}
            write(root, files(providers=providers, **told))
            entry = train(root, *([] if each else ["--replay-only"]))
            if each:
                first, expected = entry, derived(root, entry)
        assert (first["exit_code"], paid(entry)) == (4, 0)
        assert {k: v for k, v in entry.items() if k != "spend"} == {k: v for k, v in first.items() if k != "spend"}
        assert derived(root, entry) == expected
        assert entry["spend"]["replayed"]["calls"] <= paid(first)


def test_a_replay_without_a_call_of_the_run_is_no_end_by_its_budget(root: Path) -> None:
    first = train(root, "--max-calls", "130")
    assert (first["exit_code"], first["accepted"]) == (4, 1)
    with closing(sqlite3.connect(root / ".skillopt/ledger.sqlite")) as ledger:
        ledger.execute("delete from purchases where stream = 'optimizer'")
        ledger.commit()
    done, value = call_json(root, "train", "--replay-only")
    assert (done.code, value["reason"]) == (2, "replay-miss")
    assert "calls of the stored run are not in the ledger" in done.lines[-1]


def test_a_replay_of_a_run_of_an_older_version_says_that_its_budget_ended_it(root: Path) -> None:
    assert train(root, "--max-calls", "130")["exit_code"] == 4
    with closing(sqlite3.connect(root / ".skillopt/ledger.sqlite")) as ledger:
        old = json.dumps({"stopped_by": "calls", "limit": "120"})
        ledger.execute("update runs set detail = ? where event = 'finished'", (old,))
        ledger.commit()
    refused = call(root, "train", "--replay-only")
    assert refused.code == 2
    assert refused.lines[-1].endswith("(call); budget.calls ended the stored run")


def test_a_replay_of_a_run_that_was_not_even_measured_says_so(root: Path) -> None:
    assert train(root, "--max-calls", "55")["exit_code"] == 4  # 48 of them are kept back for the test split
    refused = call(root, "train", "--replay-only")
    assert refused.code == 2
    assert refused.lines[-1].endswith("the run has not come to its end: without --replay-only it goes on")


def test_what_the_month_has_cost_counts_for_the_monthly_limit(tmp_path: Path) -> None:
    providers = {"models": {"type": "simulated", "price": {"input": 100, "output": 100}}}
    write(tmp_path / "p", files(providers=providers))
    assert call(tmp_path / "p", "eval", "--runs", "3").code == 0
    write(tmp_path / "p", files(providers=providers, budget={"month_usd": 0.01}))
    entry = train(tmp_path / "p")
    assert (entry["exit_code"], paid(entry)) == (4, 0)
    assert "budget.month_usd" in entry["message"]


def test_prices_may_be_those_of_another_model(tmp_path: Path) -> None:
    providers = {"models": {"type": "simulated", "price_as": "gpt-4o-mini"}}
    write(tmp_path / "p", files(providers=providers, budget={"usd": 5}))
    entry = train(tmp_path / "p")
    assert entry["exit_code"] == 0
    assert float(entry["spend"]["paid"]["usd"]) > 0


@pytest.mark.parametrize("command", ["train", "eval"])
@pytest.mark.parametrize("where", ["top", "skill", "option"])
def test_an_unknown_price_under_a_usd_budget_is_an_error_before_any_call(
    tmp_path: Path, command: str, where: str
) -> None:
    changes: dict[str, Any] = {"providers": {"local": {"type": "openai", "base_url": "http://127.0.0.1:9/v1"}}}
    changes |= {role: {"provider": "local", "model": "my-model"} for role in ("target", "optimizer")}
    if where == "top":
        changes["budget"] = {"usd": 1}
    if where == "skill":
        skill = json.loads(str(files()["skillopt.yml"]))["skills"][0]
        changes["skills"] = [{**skill, "budget": {"usd": 1}}]
    write(tmp_path / "p", files(**changes))
    done = call(tmp_path / "p", command, *(["--max-usd", "1"] if where == "option" else []))
    assert done.code == 2
    assert "local/my-model' is not known, so a budget in USD cannot be kept: set 'price'" in done.lines[-1]


def test_a_budget_of_a_skill_stops_that_skill_alone(tmp_path: Path) -> None:
    skill = json.loads(str(files()["skillopt.yml"]))["skills"][0]
    other = {**skill, "path": "skills/other/SKILL.md", "budget": {"calls": 60}}
    write(tmp_path / "p", {**files(skills=[other, skill]), "skills/other/SKILL.md": "# Other\n\n- Be friendly.\n"})
    done, value = call_json(tmp_path / "p", "train")
    assert done.code == 4
    assert [(s["name"], s["exit_code"]) for s in value["skills"]] == [("other", 4), ("invoices", 0)]
    assert value["skills"][0]["spend"]["paid"]["calls"] <= 60
    raised, value = call_json(tmp_path / "p", "train", "--skill", "other", "--max-calls", "500")
    assert (raised.code, value["skills"][0]["generation"]) == (0, 1)  # the command line wins over the skill's budget


def test_one_run_folder_holds_one_run(tmp_path: Path) -> None:
    skill = json.loads(str(files()["skillopt.yml"]))["skills"][0]
    write(tmp_path / "p", {**files(skills=[{**skill, "path": "skills/*/SKILL.md"}]), "skills/b/SKILL.md": "# B\n"})
    done = call(tmp_path / "p", "train", "--run-dir", "x")
    assert done.code == 2
    assert done.lines == ["error: --run-dir names one run: choose one skill with --skill"]


def test_a_run_that_changes_nothing_proposes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "p", files(GOOD, providers={"models": {"type": "simulated", "noise": 0}}))
    done, value = call_json(tmp_path / "p", "train")
    assert (done.code, value["proposal"]) == (0, False)
    (entry,) = value["skills"]
    assert (entry["start"], entry["test"]) == (entry["best"], None)
    assert not (tmp_path / "p" / entry["run_dir"] / "pull_request.md").exists()


def test_training_without_an_optimizer_says_so(tmp_path: Path) -> None:
    write(tmp_path / "p", files(optimizer=None))
    done = call(tmp_path / "p", "train")
    assert done.code == 2
    assert "training needs an 'optimizer' model" in done.lines[-1]


def test_an_edit_that_carries_a_held_out_answer_never_reaches_a_target(tmp_path: Path) -> None:
    answer = json.loads(files()[TASKS].splitlines()[-1])["expected"]  # of a test task

    def reply(call: Call) -> Reply:
        if "messages" in call.body and "skill_edits" in json.dumps(call.body):
            edit = {"op": "add", "target": "", "rationale": "It is right.", "evidence": []}
            good, bad = ({**edit, "content": text} for text in ("- Give the value.", f"- The answer is {answer}."))
            return chat_reply(json.dumps({"reasoning": "", "edits": [bad, good]}))
        return chat_reply("no idea")

    with Loopback(reply) as server:
        providers = {"models": {"type": "openai", "base_url": server.openai_url}}
        settings = {"epochs": 1, "batch_size": 8, "minibatch_size": 8, "gate": "strict"}
        write(tmp_path / "p", files(providers=providers, train=settings))
        entry = train(tmp_path / "p")
        sent = [m["content"] for call in server.calls for m in call.body["messages"] if m["role"] == "system"]
    history = json.loads((tmp_path / "p" / entry["run_dir"] / "history.json").read_bytes())
    told = {e["content"]: (e["status"], e["reason"]) for e in history[0]["edits"]}
    assert told[f"- The answer is {answer}."][0] == "refused"
    assert told[f"- The answer is {answer}."][1].startswith("leakage: ")
    assert told["- Give the value."][0] == "rejected-alone"
    assert any("- Give the value." in text for text in sent)
    assert not any(answer in text for text in sent)


@pytest.mark.parametrize("bad", ['{"effect": NaN}', '{"effect": 1e999}', '{"run": -Infinity, "status": "run"}'])
def test_a_memory_with_numbers_that_json_does_not_have_stops_nothing(tmp_path: Path, bad: str) -> None:
    good = json.dumps({"status": "rejected", "op": "add", "content": "c", "run": "r"})
    write(tmp_path / "p", {**files(sizes=(4, 4, 4)), ".skillopt/history/invoices.jsonl": f"{bad}\n{good}\n"})
    entry = train(tmp_path / "p")
    assert (tmp_path / "p" / entry["run_dir"] / "skill_history.jsonl").read_text() == json.dumps(
        json.loads(good), sort_keys=True
    ) + "\n"


def test_a_memory_too_large_to_be_read_is_told_and_stops_nothing(tmp_path: Path) -> None:
    line = json.dumps({"status": "rejected", "op": "add", "content": "c" * 5000, "run": "r"}) + "\n"
    memory = line * (17 * 1024 * 1024 // len(line))
    write(tmp_path / "p", {**files(sizes=(4, 4, 4)), ".skillopt/history/invoices.jsonl": memory})
    done, value = call_json(tmp_path / "p", "train")
    assert done.code == 0
    assert ".skillopt/history/invoices.jsonl is larger than" in done.err
    assert not (tmp_path / "p" / value["skills"][0]["run_dir"] / "skill_history.jsonl").exists()
