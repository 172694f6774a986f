"""A training run ends at what `plan` said, and a little more, unless it was told otherwise."""

import json
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import CONFIG, GOOD, bytes_of, call, call_json, config, files, write
from tests.integration.process import finish, purchases, start

TRAIN = {k: v for k, v in json.loads(config())["train"].items() if k != "over_plan"} | {"seed": 1, "epochs": 4}
ENDED = "calls of target and optimizer that were planned are left"
SPEND = {"report.json", "report.md", "report.html", "pull_request.md", "config.json"}


def project(root: Path, **changes: Any) -> Path:
    write(root, files(**{"train": TRAIN, **changes}))
    return root


def planned(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = call_json(root, "plan")[1]["skills"][0]["expected_calls"]
    return found


def train(root: Path, *args: str) -> dict[str, Any]:
    done, value = call_json(root, "train", *args)
    assert done.code in (0, 4), done.err
    (entry,) = value["skills"]
    return dict(entry)


def paid(entry: dict[str, Any]) -> int:
    count: int = entry["spend"]["paid"]["calls"]
    return count


def found(root: Path, entry: dict[str, Any]) -> dict[str, bytes]:
    return {name: data for name, data in bytes_of(root / entry["run_dir"]).items() if name not in SPEND}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return project(tmp_path / "p")


def test_it_ends_there_is_finished_and_the_next_one_begins(root: Path) -> None:
    said = planned(root)
    end = f"it ends at {said['ends_at']} calls of target and optimizer at the latest (train.over_plan)"
    assert end in call(root, "plan").out
    assert said["likely"] < said["high"] <= said["ends_at"] < 1.2 * said["likely"]
    done, value = call_json(root, "train")
    (entry,) = value["skills"]
    assert (done.code, entry["exit_code"], entry.get("message")) == (0, 0, None)
    assert entry["stopped"].startswith(f"too few of the {said['ends_at']} {ENDED}; the next `train`")
    assert said["likely"] / 1.15 <= paid(entry) <= said["ends_at"]
    assert entry["test"]["n_tasks"] == 12  # the closing comparison was kept back
    again = train(root)
    assert (again["generation"], again["exit_code"]) == (2, 0)


def test_it_may_take_what_its_epochs_take(root: Path, tmp_path: Path) -> None:
    usual, cut = planned(root)["ends_at"], train(root)
    for name, changes, args in (
        ("null", {"train": {**TRAIN, "over_plan": None}}, []),
        ("large", {"train": {**TRAIN, "over_plan": 1e6}}, []),
        ("calls", {"budget": {"calls": 9000}}, []),
        ("line", {}, ["--max-calls", "9000"]),
    ):
        free = project(tmp_path / name, **changes)
        entry = train(free, *args)
        assert (entry["stopped"], entry["exit_code"]) == ("all epochs done", 0)
        assert paid(entry) > paid(cut)
        assert entry["run_id"] == cut["run_id"]  # it is no other run for that
        bound = call_json(project(tmp_path / f"{name}2", **changes), "plan")[1]["skills"][0]
        ends = {"large": bound["train_total"]["calls"], "line": usual}
        assert bound["expected_calls"]["ends_at"] == ends.get(name)


def test_a_budget_of_calls_governs_alone(root: Path) -> None:
    stopped = train(root, "--max-calls", "75")
    assert (stopped["exit_code"], "budget.calls" in stopped["message"]) == (4, True)
    assert paid(stopped) <= 75


@pytest.mark.parametrize("concurrency", [1, 8])
def test_interrupted_and_continued_it_ends_at_the_same_call(tmp_path: Path, root: Path, concurrency: int) -> None:
    """The figure is that of its start, though the ledger now knows how many tasks pass."""
    before, whole = planned(root), train(root)
    parts = project(tmp_path / "parts", concurrency=concurrency)
    for limit in ("75", "95"):
        assert train(parts, "--max-calls", limit)["exit_code"] == 4
    assert planned(parts)["ends_at"] != before["ends_at"]
    last = train(parts)
    assert (last["run_id"], last["stopped"]) == (whole["run_id"], whole["stopped"])
    assert found(parts, last) == found(root, whole)
    shown = train(parts, "--generation", "1", "--replay-only")
    assert (paid(shown), found(parts, shown)) == (0, found(root, whole))


def test_killed_and_continued_it_ends_at_the_same_call(tmp_path: Path, root: Path) -> None:
    whole = train(root)
    slow = {"models": {"type": "simulated", "noise": 0.1, "latency_ms": 3}}
    killed = project(tmp_path / "killed", providers=slow)
    process = start(killed, "train", "--quiet")
    while process.poll() is None and purchases(killed) < 70:
        time.sleep(0.001)
    process.kill()
    assert finish(process)[0] == -signal.SIGKILL
    last = train(killed)
    assert (last["run_id"], last["stopped"]) == (whole["run_id"], whole["stopped"])
    assert found(killed, last) == found(root, whole)


def details(root: Path, change: str) -> None:
    """Change what the ledger noted of runs."""
    with closing(sqlite3.connect(root / ".skillopt/ledger.sqlite")) as ledger:
        ledger.execute(f"update runs set detail = {change}")
        ledger.commit()


def test_a_replay_ends_where_the_run_ended_whatever_holds_today(root: Path, tmp_path: Path) -> None:
    """Of a run that its plan ended, of one that it did not, and of one of a version that had no such end."""
    cut = train(root)
    free = project(tmp_path / "free")
    whole = train(free, "--max-calls", "9000")
    assert whole["stopped"] == "all epochs done"
    write(root, {CONFIG: config(train={**TRAIN, "over_plan": None})})
    for place, first in ((root, cut), (free, whole)):
        shown = train(place, "--generation", "1", "--replay-only")
        assert (shown["run_id"], paid(shown), shown["stopped"]) == (first["run_id"], 0, first["stopped"])
        assert found(place, shown) == found(place, first)
    details(free, "json_remove(detail, '$.planned', '$.ends_at')")
    assert train(free, "--generation", "1")["stopped"] == "all epochs done"
    details(root, "json_set(detail, '$.ends_at', 'many', '$.planned', 'many')")  # no number: as if nothing were noted
    write(root, {CONFIG: config(train=TRAIN)})
    assert call(root, "train", "--generation", "1", "--replay-only").code == 2


def test_an_unfinished_run_of_a_version_without_such_an_end_goes_on_without(root: Path) -> None:
    assert train(root, "--max-calls", "75")["exit_code"] == 4
    details(root, "json_remove(detail, '$.planned')")
    assert train(root)["stopped"] == "all epochs done"


def test_what_another_run_bought_makes_it_no_longer(root: Path) -> None:
    first = train(root)
    write(root, {CONFIG: config(train={**TRAIN, "policy": {"max_edit_chars": 1199}})})
    ends, other = planned(root)["ends_at"], train(root)
    assert other["run_id"] != first["run_id"]
    assert other["stopped"].startswith(f"too few of the {ends} {ENDED}")
    assert paid(other) < paid(first)
    assert ends / 1.3 <= paid(other) + other["spend"]["replayed"]["calls"] <= ends


def test_calls_of_a_judge_are_not_among_them_and_other_targets_are(root: Path) -> None:
    judge = {"provider": "models", "model": "j"}
    skill = {**json.loads(config())["skills"][0], "graders": [{"type": "judge", "rubric": "It is the value."}]}
    write(root, {CONFIG: config(train=TRAIN, judge=judge, skills=[skill])})
    ends, entry = planned(root)["ends_at"], train(root)
    assert sum(row["calls"] for row in entry["costs"] if row["stage"] != "judge") <= ends
    targets = [{"provider": "models", "model": name} for name in ("small", "large")]
    write(root, {CONFIG: config(train=TRAIN, target=None, targets=targets)})
    more, several = planned(root)["ends_at"], train(root)
    assert more > ends
    assert paid(several) <= more


def test_a_skill_that_passes_everything_is_still_only_validated(root: Path) -> None:
    write(root, {**files(GOOD, train=TRAIN, providers={"models": {"type": "simulated", "noise": 0}})})
    assert call(root, "eval", "--split", "val").code == 0
    said, entry = planned(root), train(root)
    assert (said["likely"], paid(entry), entry["exit_code"]) == (10, 10, 0)
    assert said["ends_at"] > 60  # what the ledger has may be luck: a first epoch fits in all the same


def test_methods_that_are_compared_know_nothing_of_it(tmp_path: Path) -> None:
    told = []
    for number, over in enumerate((0, None)):
        place = project(tmp_path / str(number), train={**TRAIN, "over_plan": over})
        done, value = call_json(place, "compare", "--methods", "skillopt,one-shot")
        assert done.code == 0
        told.append(value)
    assert told[0] == told[1]
    write(place, {CONFIG: config(train={**TRAIN, "method": "one-shot"})})
    assert planned(place) is None
    assert call(place, "train").code == 0


@pytest.mark.parametrize("value", [-0.1, "much", True])
def test_it_is_a_number_that_is_not_negative(root: Path, value: object) -> None:
    write(root, {CONFIG: config(train={**TRAIN, "over_plan": value})})
    done = call(root, "plan")
    assert done.code == 2
    assert "over_plan" in done.err


def test_two_skills_of_one_command_end_where_plan_said_and_replays_are_no_measure(tmp_path: Path) -> None:
    """They are alike: what the first one buys serves the second, and says nothing of what a run takes."""
    made = files(train=TRAIN)
    (skill,) = json.loads(config())["skills"]
    folder = Path(skill["path"]).parent.as_posix()
    name = f"name: {skill.get('name') or 'invoices'}"
    other = {k.replace(folder, f"{folder}2", 1): v for k, v in made.items() if k.startswith(folder)}
    other = {k: v.replace(name, f"{name}2") if isinstance(v, str) else v for k, v in other.items()}
    both = {**json.loads(config(train=TRAIN)), "skills": [skill, {**skill, "path": f"{folder}2/SKILL.md"}]}
    write(tmp_path, {**made, **other, CONFIG: json.dumps(both)})
    said = [s["expected_calls"]["ends_at"] for s in call_json(tmp_path, "plan")[1]["skills"]]
    done, value = call_json(tmp_path, "train")
    assert (done.code, said[0]) == (0, said[1])
    taken = [s["spend"]["paid"]["calls"] + s["spend"]["replayed"]["calls"] for s in value["skills"]]
    assert max(taken) <= said[0]
    assert value["skills"][1]["spend"]["replayed"]["calls"] > 0
    with closing(sqlite3.connect(tmp_path / ".skillopt/ledger.sqlite")) as ledger:
        rows = [json.loads(d) for (d,) in ledger.execute("select detail from runs where event = 'finished'")]
    assert [row["ends_at"] for row in rows] == said
    after = [s["expected_calls"] for s in call_json(tmp_path, "plan")[1]["skills"]]
    assert all(min(s["earlier_runs"], default=taken[0]) >= taken[0] / 2 for s in after)
    assert len(after[0]["earlier_runs"]) == 1
