"""Whether agents choose a skill: measured, trained and gated with the real command lines."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.agents.example import each, environment, project
from tests.agents.models import Turn, answered, fails, reply, says, texts
from tests.agents.world import need_sandbox, opens, shell
from tests.cli.world import call, call_json
from tests.forge.repo import Repo
from tests.loopback import Call, Loopback, Reply, chat_reply, messages_reply

OTHER = "---\nname: songs\ndescription: Finds songs. Use when music is asked for.\n---\n\n# Songs\n"
GOOD = "Adds up orders. Use when their total, or the sum of a list of amounts, is asked for."


def choosing(name: str, troubled: Mapping[str, Turn] | None = None) -> Any:
    """An agent that knows descriptions only: it opens the skill whose description has the request's last word.

    `troubled`: what it does instead, where a text is in its request.
    """
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
        for text, turn in (troubled or {}).items():
            if text in told:
                return reply(asked, turn)  # again and again: Codex does not wait long for a command
        word = next(w for w in ("orders", "amounts", "music", "weather") if f"about {w} here" in told)
        which = words.get(word, "")
        shown = {"order-totals": "list of amounts" if word == "amounts" else "Adds up", "songs": "Finds songs"}
        if answered(asked) or shown.get(which, "\0") not in told:
            return reply(asked, says("done"))
        return reply(asked, opens(name, which))

    return handler


REQUESTS = {"orders": True, "amounts": True, "music": False, "weather": False}


def request(split: str, n: int, word: str) -> dict[str, object]:
    prompt = f"Case {split} {n}: I ask about {word} here."
    return {
        "id": f"{split}-{n}-{word}",
        "prompt": prompt,
        "should_trigger": REQUESTS[word],
        "graders": [],
        "split": split,
    }


def asking(repo: Repo, name: str, rows: Sequence[Mapping[str, object]], **changes: Any) -> None:
    """The project with requests instead of tasks, and a second skill beside the first."""
    (repo.root / "evals/order-totals/tasks.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (repo.root / "skills/songs").mkdir()
    (repo.root / "skills/songs/SKILL.md").write_text(OTHER)
    path = repo.root / "skillopt.yml"
    harness = {"type": name, "max_turns": 4, "seconds": 60, "distractors": ["skills/*/SKILL.md"]}
    config = yaml.safe_load(path.read_text())
    for key, value in {"harness": harness, **changes}.items():
        config[key] = config.get(key, {}) | value
    path.write_text(json.dumps(config))
    repo("add", "-A")
    repo("commit", "-q", "-m", "requests")


@each
def test_triggering_is_measured(name: str, tmp_path: Path) -> None:
    need_sandbox()
    with Loopback(choosing(name)) as server:
        repo = project(tmp_path, name)
        asking(repo, name, [request("test", 0, word) for word in REQUESTS])
        done, value = call_json(repo.root, "eval", "--split", "test", env=environment(name, server, tmp_path))
        assert done.code == 0, done.err
        found = value["skills"][0]["triggers"]
        assert (found["chosen"], found["missed"], found["false_alarms"], found["left"]) == (1, 1, 0, 2)
        assert (found["precision"]["value"], found["recall"]["value"]) == (1.0, 0.5)
        assert 0 < found["recall"]["low"] < 0.5 < found["recall"]["high"] < 1
        assert "precision 100.0 [" in done.out.replace("\\", "")
        listed = next(texts(c) for c in server.calls)
        assert "Finds songs" in listed
        assert "Adds up" in listed


@each
def test_the_description_is_trained(name: str, tmp_path: Path) -> None:
    need_sandbox()
    with Loopback(choosing(name)) as server:
        repo = project(tmp_path, name)
        rows = [request(split, 0, word) for split in ("train", "val", "test") for word in REQUESTS]
        asking(repo, name, rows, train={"what": "description"})
        env = environment(name, server, tmp_path)
        done, value = call_json(repo.root, "train", env=env)
        assert done.code == 0, done.err
        (skill,) = value["skills"]
        assert skill["selection"] == {"start": 0.75, "best": 1.0}
        best = (repo.root / skill["run_dir"] / "best_skill.md").read_text()
        start = (repo.root / "skills/order-totals/SKILL.md").read_text()
        assert best == start.replace(START, GOOD)
        triggers = skill["test"]["triggers"]
        assert (triggers["start"]["recall"]["value"], triggers["best"]["recall"]["value"]) == (0.5, 1.0)


START = "Adds up the amounts of an order list. Use when the total of orders in a CSV file is asked for."


def described(repo: Repo, before: str, after: str) -> None:
    """The skill's description is another one."""
    path = repo.root / "skills/order-totals/SKILL.md"
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))


def test_a_description_that_ruins_triggering_blocks_the_merge(tmp_path: Path) -> None:
    """With one of the agents: every run of the other takes seconds of a core, and the gate knows none of them."""
    need_sandbox()
    name = "codex"
    rows = [request("test", n, w) for w, count in (("orders", 4), ("music", 1)) for n in range(count)]
    with Loopback(choosing(name)) as server:
        repo = project(tmp_path, name)
        asking(repo, name, rows, gate={"base_runs": 1, "max_rounds": 2})
        env = environment(name, server, tmp_path)
        described(repo, START, "Does sums.")
        page, summary, junit = (tmp_path / n for n in ("page.html", "summary.md", "junit.xml"))
        reports = ("--html", str(page), "--summary", str(summary), "--junit", str(junit))
        done, value = call_json(repo.root, "gate", *reports, env=env)
        assert (done.code, value["verdict"], value["reason"]) == (1, "regression", "loss-shown"), done.err
        (skill,) = value["skills"]
        found, runs = skill["triggers"], skill["rounds"]
        assert (skill["base"]["mean"], skill["head"]["mean"]) == (1.0, 0.2)
        base, head = found["base"], found["head"]
        counts = ("chosen", "missed", "false_alarms", "left", "missing", "n_tasks")
        assert [base[k] for k in counts] == [4 * runs, 0, 0, runs, 0, 5]
        assert [head[k] for k in counts] == [0, 4 * runs, 0, runs, 0, 5]
        assert (base["precision"]["value"], base["recall"]["value"]) == (1.0, 1.0)
        assert 0.5 < base["recall"]["low"] < base["recall"]["high"] == 1.0
        assert head["precision"] is None  # nothing was opened: not measured, and no 0
        assert head["recall"]["value"] == head["recall"]["low"] == 0.0
        assert 0 < head["recall"]["high"] < 0.5
        high = 100 * head["recall"]["high"]
        for text in (summary.read_text().replace("\\", ""), page.read_text()):
            assert "Base, triggering: precision 100.0 [" in text
            assert f"Head, triggering: precision not measured, recall 0.0 [0.0, {high:.1f}]" in text
            assert f"opened 0 of {4 * runs} times when it should, 0 of {runs} when it should not" in text
        assert "<failure" in junit.read_text()

        described(repo, "Does sums.", GOOD)
        done, value = call_json(repo.root, "gate", env=env)
        assert value["skills"][0]["triggers"]["head"]["recall"]["value"] == 1.0
        assert (done.code, value["verdict"]) == (0, "pass"), done.err


SECONDS = 30  # what nothing takes that is not to be ended, on a busy machine either


@each
def test_an_error_and_a_time_out_are_never_not_triggered(name: str, tmp_path: Path) -> None:
    need_sandbox()
    rows = [request("test", n, w) for w, count in (("orders", 4), ("music", 1)) for n in range(count)]
    trouble = {
        "Case test 0: I ask about orders": shell(name, "python3 -c 'import time; time.sleep(300)'"),
        "Case test 1: I ask about orders": fails(400),
    }
    with Loopback(choosing(name, trouble)) as server:
        repo = project(tmp_path, name)
        asking(repo, name, rows, harness={"type": name, "seconds": SECONDS}, gate={"base_runs": 1, "max_rounds": 1})
        env = environment(name, server, tmp_path)
        described(repo, START, GOOD)
        page = tmp_path / "page.html"
        done, value = call_json(repo.root, "gate", "--html", str(page), env=env)
        assert (done.code, value["verdict"], value["reason"]) == (3, "inconclusive", "infrastructure"), done.err
        (skill,) = value["skills"]
        for side in skill["triggers"].values():
            assert (side["chosen"], side["missed"], side["missing"], side["n_tasks"]) == (2, 0, 2, 3)
            assert side["recall"]["value"] == 1.0
        troubled = {t["id"]: (t["base"], t["head"], t["outcome"]) for t in skill["tasks"][:2]}
        assert set(troubled.values()) == {(None, None, "not-measured")}
        assert "2 runs ended before it was known" in page.read_text()
        assert "2 runs ended before it was known" in done.out
        told = call(repo.root, "ledger", "failures").out.splitlines()
        assert sum("test-0-orders" in t and ": timeout: the run ended (timeout)" in t for t in told) == 2, told
        assert any("test-1-orders" in t and ": request: " in t for t in told)
        again = call(repo.root, "gate", env=env)
        assert again.code == 3
        told = call(repo.root, "ledger", "failures").out.splitlines()
        assert sum(": timeout: " in t for t in told) == 2  # a replay is no further failure
