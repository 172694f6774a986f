"""Every method of training from the command line: the same folder, the same replay, the same rules."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import SKILL, bytes_of, call, call_json, files, write

TRAIN = {"epochs": 2, "batch_size": 4, "minibatch_size": 2, "gate": "strict", "edit_budget": {"start": 1, "end": 1}}


def project(tmp_path: Path, method: str, **changes: Any) -> Path:
    root = tmp_path / "project"
    write(root, files(sizes=(12, 20, 20), train={"method": method, **TRAIN}, **changes))
    return root


@pytest.mark.parametrize("method", ["one-shot", "gepa"])
def test_a_method_trains_confirms_and_replays(tmp_path: Path, method: str) -> None:
    root = project(tmp_path, method)
    done, value = call_json(root, "train")
    [entry] = value["skills"]
    assert (done.code, entry["accepted"]) == (0, 1)
    assert entry["test"]["effect"]["mean"] > 0
    folder = root / entry["run_dir"]
    first = bytes_of(folder)
    [step] = json.loads(first["history.json"])
    assert (step["kind"], step["action"]) == ("rewrite", "accept")
    assert first["best_skill.md"].decode().startswith(SKILL.partition("# Invoices")[0])
    assert first["steps/step_0001/candidate_skill.md"] == first["best_skill.md"]
    assert "test/rollouts.jsonl" not in first  # held out
    _, again = call_json(root, "train", "--run-dir", str(folder), "--replay-only")
    assert again["skills"][0]["spend"]["paid"]["calls"] == 0
    assert bytes_of(folder, ["best_skill.md", "history.json"]) == {
        name: first[name] for name in ("best_skill.md", "history.json")
    }
    project(tmp_path, method, report={"show_heldout": True})
    call(root, "train", "--run-dir", str(folder), "--replay-only")
    shown = [json.loads(line) for line in bytes_of(folder)["test/rollouts.jsonl"].splitlines()]
    assert {line["task_id"] for line in shown} == {f"t{n:03}" for n in range(32, 52)}
    assert all(line["messages"] for line in shown)


@pytest.mark.parametrize("method", ["human", "one-shot", "gepa"])
def test_plan_is_an_upper_bound_of_what_a_method_buys(tmp_path: Path, method: str) -> None:
    root = project(tmp_path, method)
    _, planned = call_json(root, "plan")
    [row] = planned["skills"]
    _, value = call_json(root, "train")
    assert 0 < value["skills"][0]["spend"]["paid"]["calls"] <= row["train_total"]["calls"]
    if method == "human":
        assert value["skills"][0]["spend"]["paid"]["calls"] == row["train_total"]["calls"]


@pytest.mark.parametrize(("method", "limits"), [("one-shot", (85, 97, 105)), ("gepa", (90, 110, 130))])
def test_a_run_that_its_budget_stopped_goes_on_to_the_same_end(
    tmp_path: Path, method: str, limits: tuple[int, ...]
) -> None:
    root, whole = project(tmp_path / "a", method), project(tmp_path / "b", method)
    for limit in limits:
        done, value = call_json(root, "train", "--max-calls", str(limit))
        assert done.code == 4
        assert value["skills"][0]["spend"]["paid"]["calls"] <= limit
    done, value = call_json(root, "train", "--max-calls", "5000")
    assert done.code == 0
    [entry] = value["skills"]
    assert entry["generation"] == 1
    _, once = call_json(whole, "train", "--max-calls", "5000")
    found, wanted = (bytes_of(r / e["run_dir"]) for r, e in ((root, entry), (whole, once["skills"][0])))
    for name in ("best_skill.md", "history.json"):
        assert found[name] == wanted[name]
    sums = [e["spend"]["paid"]["calls"] + e["spend"]["replayed"]["calls"] for e in (entry, once["skills"][0])]
    assert sums[0] == sums[1]


def test_human_costs_the_closing_measurement_and_needs_no_optimizer(tmp_path: Path) -> None:
    root = project(tmp_path, "human", optimizer=None)
    done, value = call_json(root, "train", "--junit", "junit.xml")
    [entry] = value["skills"]
    assert (done.code, value["proposal"], entry["steps"]) == (0, False, 0)
    assert entry["spend"]["paid"]["calls"] == 2 * 20
    assert entry["selection"] == {"start": None, "best": None}
    assert entry["test"]["effect"] is None
    assert entry["test"]["start"] == entry["test"]["best"]
    assert 0 < entry["test"]["start"]["mean"] < 1
    assert entry["test"]["opened"] == 1
    assert "Nothing was trained; the skill as it is scores" in done.out
    junit = (root / "junit.xml").read_text()
    assert re.search(r'name="invoices.test.best" value="0\.\d+"', junit)
    assert 'name="invoices.selection.best" value="not measured"' in junit


def test_human_within_a_budget_that_is_too_small(tmp_path: Path) -> None:
    root = project(tmp_path, "human", optimizer=None)
    done, value = call_json(root, "train", "--max-calls", "39")
    assert (done.code, value["skills"][0]["test"]) == (4, None)
    done, value = call_json(root, "train", "--max-calls", "40")  # what `plan` says it takes
    assert (done.code, value["skills"][0]["spend"]["paid"]["calls"]) == (0, 40)


def test_a_method_that_asks_a_model_needs_one(tmp_path: Path) -> None:
    root = project(tmp_path, "one-shot", optimizer=None)
    done = call(root, "train")
    assert done.code == 2
    assert "training needs an 'optimizer' model" in done.err
