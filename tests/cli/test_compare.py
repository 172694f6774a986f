"""`compare` as a user runs it, with the simulated models."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import PATH, SKILL, TASKS, bytes_of, call, call_json, config, files, repository, write

TRAIN = {"epochs": 2, "batch_size": 6, "minibatch_size": 3, "gate": "strict", "edit_budget": {"start": 2, "end": 2}}
METHODS = ("--methods", "skillopt,one-shot,gepa")


def project(root: Path, **changes: Any) -> Path:
    write(root / "project", files(sizes=(12, 20, 30), train=TRAIN, **changes))
    return root / "project"


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    root = repository(tmp_path_factory.mktemp("compare") / "project", sizes=(12, 20, 30), train=TRAIN).root
    done, value = call_json(root, "compare", *METHODS, "--summary", "summary.md", "--junit", "junit.xml")
    assert done.code == 0
    return root, value, done.out


def without_paid(value: dict[str, Any]) -> str:
    skills = json.loads(json.dumps(value["skills"]))
    for skill in skills:
        for row in skill["methods"]:
            del row["paid"]
    return json.dumps(skills)


def test_every_method_has_a_row_and_every_two_an_interval(compared: tuple[Path, dict[str, Any], str]) -> None:
    _, value, _ = compared
    assert value["schema"] == "skillopt-ci/compare/1"
    assert "same number of target rollouts" in value["equal"]
    [skill] = value["skills"]
    rows = {r["method"]: r for r in skill["methods"]}
    assert list(rows) == ["human", "skillopt", "one-shot", "gepa"]
    assert all(0 < r["rollouts"] <= skill["rollouts"] for name, r in rows.items() if name != "human")
    human = rows["human"]
    assert (human["rollouts"], human["recorded"]["calls"], human["changed"], human["effect"]) == (0, 0, False, None)
    assert human["selection"] == {"start": None, "best": None}
    for name in ("skillopt", "gepa"):
        row = rows[name]
        assert row["changed"]
        assert (
            row["effect"]["low"]
            < row["effect"]["mean"]
            == pytest.approx(row["test"]["mean"] - human["test"]["mean"], abs=1e-5)
        )
        assert row["recorded"]["calls"] >= row["rollouts"]
    pairs = [(p["a"], p["b"]) for p in skill["pairs"]]
    assert pairs == [
        ("human", "skillopt"), ("human", "one-shot"), ("human", "gepa"),
        ("skillopt", "one-shot"), ("skillopt", "gepa"), ("one-shot", "gepa"),
    ]  # fmt: skip
    first = skill["pairs"][0]
    assert (first["better"], first["tasks_better"]["b"] > first["tasks_better"]["a"]) == ("skillopt", True)
    assert first["effect"]["mean"] == rows["skillopt"]["effect"]["mean"]
    finals = len({r["test"]["digest"] for r in rows.values()})
    assert skill["closing"]["calls"] == finals * 30 * skill["runs"]
    assert skill["test_opened"] == finals > 1  # every final skill is a look of its own


def test_what_a_person_reads(compared: tuple[Path, dict[str, Any], str]) -> None:
    root, value, out = compared
    summary = (root / "summary.md").read_text(encoding="utf-8")
    assert summary.strip() == out.strip()
    rollouts = value["skills"][0]["rollouts"]
    assert f"Equal budget: at most {rollouts} target rollouts for each search" in out
    assert "| human | " in out
    assert "unchanged" in out
    assert "not adjusted for the number of comparisons" in out
    assert "Simulated models" in out
    junit = (root / "junit.xml").read_text(encoding="utf-8")
    assert junit.count("<testcase") == 4
    assert 'name="gepa"' in junit


def test_it_replays_and_writes_the_same_folders(compared: tuple[Path, dict[str, Any], str]) -> None:
    root, value, _ = compared
    folders = [root / r["run_dir"] for r in value["skills"][0]["methods"]]
    before = [bytes_of(f, ["best_skill.md", "history.json", "config.json"]) for f in folders]
    done, again = call_json(root, "compare", *METHODS, "--replay-only")
    assert (done.code, again["spend"]["paid"]["calls"]) == (0, 0)
    assert without_paid(again) == without_paid(value)
    assert [bytes_of(f, ["best_skill.md", "history.json", "config.json"]) for f in folders] == before
    assert call(root, "report", str(folders[1])).code == 0
    refused = call(root, "pr", str(folders[1]), "--dry-run")
    assert refused.code == 2
    assert "a run of `compare`; `train` with its method" in refused.err


@pytest.mark.parametrize("method", ["one-shot", "gepa"])
def test_to_train_with_the_method_afterwards_buys_nothing(
    compared: tuple[Path, dict[str, Any], str], method: str
) -> None:
    root, value, _ = compared
    row = next(r for r in value["skills"][0]["methods"] if r["method"] == method)
    assert not (root / row["run_dir"] / "pull_request.md").exists()
    write(root, {"skillopt.yml": config(train={**TRAIN, "method": method})})
    _, trained = call_json(root, "train", "--replay-only")
    assert trained["skills"][0]["best"] == row["test"]["digest"]
    write(root, {"skillopt.yml": config(train=TRAIN)})


def test_the_order_of_methods_changes_no_row(compared: tuple[Path, dict[str, Any], str], tmp_path: Path) -> None:
    _, value, _ = compared
    root = project(tmp_path)
    _, other = call_json(root, "compare", "--methods", "gepa,one-shot,skillopt")
    rows = [
        {r["method"]: {k: v for k, v in r.items() if k not in ("paid", "run_dir")} for r in x["skills"][0]["methods"]}
        for x in (value, other)
    ]
    assert rows[0] == rows[1]


def test_the_ration_is_held_and_another_generation_is_new_evidence(tmp_path: Path) -> None:
    root = project(tmp_path)
    _, value = call_json(root, "compare", "--methods", "skillopt,gepa", "--rollouts", "70")
    rows = value["skills"][0]["methods"]
    assert value["skills"][0]["rollouts"] == 70
    assert all(r["rollouts"] <= 70 for r in rows)
    _, second = call_json(root, "compare", "--methods", "skillopt,gepa", "--rollouts", "70", "--generation", "2")
    assert second["spend"]["paid"]["calls"] > 100
    assert second["skills"][0]["methods"][0]["test"] != rows[0]["test"]


def test_an_interrupted_comparison_goes_on(tmp_path: Path) -> None:
    """A limit of calls ends it; with a higher one it continues and ends as if it had never stopped."""
    root, whole = project(tmp_path / "a"), project(tmp_path / "b")
    done, value = call_json(root, "compare", "--methods", "one-shot,skillopt", "--max-calls", "215")
    assert done.code == 4
    assert "not every method could be trained and measured" in value["message"]
    rows = {r["method"]: r for r in value["skills"][0]["methods"]}
    assert rows["skillopt"]["exit_code"] == 4
    assert "budget.calls" in rows["skillopt"]["message"]
    assert rows["human"]["test"]["mean"] is not None  # what is kept back for the closing measurement is there for it
    assert value["spend"]["paid"]["calls"] <= 215
    done, value = call_json(root, "compare", "--methods", "one-shot,skillopt")
    _, once = call_json(whole, "compare", "--methods", "one-shot,skillopt")
    assert done.code == 0
    assert without_paid(value) == without_paid(once)


def test_a_limit_that_cannot_cover_the_end_is_told_before_anything_is_bought(tmp_path: Path) -> None:
    root = project(tmp_path)
    done, value = call_json(root, "compare", "--max-calls", "180")
    assert (done.code, value["schema"]) == (4, "skillopt-ci/compare/1")
    assert "cannot cover the closing comparison on the test split, which takes 180" in done.err
    done, _ = call_json(root, "compare", "--replay-only")
    assert done.code == 2  # nothing is in the ledger
    grader = {"type": "judge", "rubric": "Says a date."}  # which is asked for each answer
    skills = [{"path": PATH, "tasks": [TASKS], "graders": [grader]}]
    judged = project(tmp_path / "judged", skills=skills, judge={"provider": "models", "model": "judge"})
    done, _ = call_json(judged, "compare", "--max-calls", "300")
    assert "cannot cover the closing comparison on the test split, which takes 360" in done.err


@pytest.mark.parametrize(
    ("methods", "says"),
    [
        ("skilopt", "--methods: unknown method 'skilopt'; perhaps you meant 'skillopt'?"),
        ("xyzzy", "known: skillopt, one-shot, human, gepa"),
        ("human", "name at least one method beside human"),
        (" , ", "name at least one method beside human"),
    ],
)
def test_bad_methods_are_told(tmp_path: Path, methods: str, says: str) -> None:
    done = call(project(tmp_path), "compare", "--methods", methods)
    assert done.code == 2
    assert says in done.err


def test_methods_that_lack_something_are_told_before_anything_is_bought(tmp_path: Path) -> None:
    root = project(tmp_path, optimizer=None)
    done, value = call_json(root, "compare")
    assert done.code == 2
    assert "training needs an 'optimizer' model" in value["message"]
    assert not (root / ".skillopt/runs").exists()


def test_a_refused_rewrite_is_named(tmp_path: Path) -> None:
    """The policy allows no growth at all, so that every rewrite is refused, and the rows say so."""
    train = {**TRAIN, "policy": {"max_growth_chars": 1}, "gate": "careful"}
    root = tmp_path / "project"
    write(root, files(sizes=(12, 20, 30), train=train))
    _, value = call_json(root, "compare", "--methods", "one-shot,gepa")
    assert value["skills"][0]["rollouts"] == 20 + 2 * (12 + 2 * 20) + (4 + 3) * 20
    rows = {r["method"]: r for r in value["skills"][0]["methods"]}
    for name in ("one-shot", "gepa"):
        assert not rows[name]["changed"]
        assert any("the skill would have grown by" in reason for reason in rows[name]["refused"])
    assert (root / rows["gepa"]["run_dir"] / "best_skill.md").read_text(encoding="utf-8") == SKILL
