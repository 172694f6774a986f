"""What a change does to the rules it is judged by: told, diffed, never in force; and the trial of the head's rules."""

import json
from pathlib import Path
from typing import Any

import pytest

from skillopt_ci.cli.policy_edits import MOST_BYTES, MOST_FILES, MOST_LINES
from tests.cli.world import CONFIG, GOOD, PATH, SKILL, TASKS, call, call_json, config, repository, task, write
from tests.forge.repo import Repo

QUIET = {"models": {"type": "simulated", "noise": 0}}
TERMINAL = {"CI": "", "GITHUB_ACTIONS": ""}
REWORDED = GOOD.replace("only the value", "just the value")


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A good skill with 12 held-out tasks, on models without noise."""
    return repository(tmp_path / "repo", skill=GOOD, sizes=(0, 0, 12), providers=QUIET)


def rows(count: int = 12, **changes: dict[str, Any]) -> str:
    """The task file with changes by task id; a task that is not there comes at the end."""
    made = {row["id"]: row for row in (task(n, "test") for n in range(count))}
    for name, change in changes.items():
        made[name] = {**made.get(name, {**task(90, "test"), "id": name}), **change}
    return "".join(json.dumps(row) + "\n" for row in made.values())


def gate(repo: Repo, *args: str) -> dict[str, Any]:
    return call_json(repo.root, "gate", *args, env=TERMINAL)[1]


# --- edits


def test_nothing_is_said_when_no_rule_changes(repo: Repo) -> None:
    write(repo.root, {PATH: SKILL})
    value = gate(repo)
    assert value["policy_changed"] == []
    assert "policy_edits" not in value


def test_edits_of_configuration_and_tasks_are_listed_diffed_and_not_in_force(repo: Repo) -> None:
    easier = rows(11, t003={"graders": [{"type": "contains"}], "golden": True}, extra={"prompt": "Who is it now?"})
    loose = config(providers=QUIET, gate={"margin": 1.0})
    write(repo.root, {PATH: SKILL, TASKS: easier, CONFIG: loose})
    value = gate(repo)
    assert (value["verdict"], value["skills"][0]["n_tasks"]) == ("regression", 12)
    assert value["policy_changed"] == [TASKS, CONFIG]
    (diff,) = value["policy_edits"]["diffs"]  # held-out words of tasks are not shown
    assert diff["path"] == CONFIG
    assert '+  "margin": 1.0' in diff["diff"].splitlines()
    assert value["policy_edits"]["tasks"] == [
        {
            "skill": "invoices",
            "added": ["extra"],
            "removed": ["t011"],
            "changed": [{"id": "t003", "fields": ["graders", "golden"]}],
            "unreadable": None,
        }
    ]
    text = call(repo.root, "gate").out
    assert f"Changed here and not yet in force, the base's hold: {TASKS}, {CONFIG}." in text
    assert "### Policy changed: not in force, and not run" in text
    assert ("- tasks of invoices: added (1): extra; removed (1): t011; changed (1): t003 (graders, golden)") in text
    assert '+  "margin": 1.0' in text


def test_an_unchanged_skill_with_changed_tasks_tells_them_too(repo: Repo) -> None:
    write(repo.root, {TASKS: rows(t001={"expected": "nobody"})})
    value = gate(repo)
    assert (value["verdict"], value["reason"], value["skills"]) == ("not-applicable", "unchanged", [])
    assert value["policy_edits"]["tasks"][0]["changed"] == [{"id": "t001", "fields": ["expected"]}]


def test_task_files_are_diffed_where_held_out_words_may_be_shown(tmp_path: Path) -> None:
    made = repository(tmp_path / "repo", skill=GOOD, sizes=(0, 0, 4), providers=QUIET, report={"show_heldout": True})
    write(made.root, {TASKS: rows(4, t001={"expected": "nobody"})})
    (diff,) = gate(made)["policy_edits"]["diffs"]
    assert diff["path"] == TASKS
    assert "nobody" in diff["diff"]


def test_tasks_that_cannot_be_read_as_they_would_be_are_said_and_change_nothing(repo: Repo) -> None:
    write(repo.root, {PATH: REWORDED, TASKS: '{"id": "t000"'})
    value = gate(repo)
    assert value["verdict"] == "pass"
    (found,) = value["policy_edits"]["tasks"]
    assert found["unreadable"].startswith(f"{TASKS}:1")
    assert found["added"] == found["removed"] == []


@pytest.mark.parametrize(
    "text", ["version: 1\nskils: []\n", "\x00", "version: 1\nskills: [{path: ../x, tasks: [y]}]\n"]
)
def test_a_configuration_that_cannot_be_read_is_diffed(repo: Repo, text: str) -> None:
    write(repo.root, {CONFIG: text})
    value = gate(repo)
    assert [d["path"] for d in value["policy_edits"]["diffs"]] == [CONFIG]


def test_an_unknown_grader_at_the_head_is_told_as_unreadable(repo: Repo) -> None:
    write(repo.root, {PATH: REWORDED, TASKS: rows(t001={"graders": [{"type": "exakt"}]})})
    value = gate(repo)
    assert value["verdict"] == "pass"
    assert "exakt" in value["policy_edits"]["tasks"][0]["unreadable"]


def test_an_attached_file_that_changes_is_a_changed_task(tmp_path: Path) -> None:
    made = repository(tmp_path / "repo", skill=GOOD, sizes=(0, 0, 6), providers=QUIET)
    made.commit({TASKS: rows(6, t001={"files": {"a.txt": "a.txt"}}), "evals/invoices/a.txt": "one"})
    write(made.root, {PATH: REWORDED, "evals/invoices/a.txt": "two"})
    value = gate(made)
    assert value["policy_changed"] == []
    assert value["policy_edits"]["tasks"][0]["changed"] == [{"id": "t001", "fields": ["files"]}]


def test_a_task_file_that_the_head_adds_or_takes_away_is_listed(repo: Repo) -> None:
    value = json.loads(config(providers=QUIET))
    value["skills"][0]["tasks"] = ["evals/invoices/*.jsonl"]
    repo.commit({CONFIG: json.dumps(value)})
    write(repo.root, {"evals/invoices/more.jsonl": json.dumps({**task(50, "test"), "id": "more"}) + "\n"})
    (repo.root / TASKS).unlink()
    found = gate(repo)
    assert found["policy_changed"] == ["evals/invoices/more.jsonl", TASKS]
    (edits,) = found["policy_edits"]["tasks"]
    assert (edits["added"], len(edits["removed"])) == (["more"], 12)


def test_a_link_in_the_place_of_the_tasks_is_a_change(repo: Repo) -> None:
    (repo.root / TASKS).unlink()
    (repo.root / TASKS).symlink_to("/etc/hostname")
    found = gate(repo)
    assert found["policy_changed"] == [TASKS]
    assert found["policy_edits"]["tasks"][0]["unreadable"]


def test_hostile_and_large_edits_are_data_and_capped(tmp_path: Path) -> None:
    made = repository(tmp_path / "repo", skill=GOOD, sizes=(0, 0, 3), providers=QUIET)
    lines = "".join(f"# {n} @team <script>```\n" for n in range(400))
    write(made.root, {CONFIG: lines + config(providers=QUIET)})
    (diff,) = gate(made)["policy_edits"]["diffs"]
    shown = diff["diff"].splitlines()
    assert len(shown) == MOST_LINES + 1
    assert shown[-1].startswith("and ")
    text = call(made.root, "gate").out
    assert "````diff\n" in text
    write(made.root, {CONFIG: "# " + "x" * MOST_BYTES + "\n" + config(providers=QUIET)})
    (diff,) = gate(made)["policy_edits"]["diffs"]
    assert diff["diff"] == f"more than {MOST_BYTES} bytes: not shown here"


def test_only_so_many_files_are_diffed(tmp_path: Path) -> None:
    value = json.loads(config(providers=QUIET, report={"show_heldout": True}))
    value["skills"][0]["tasks"] = ["evals/many/*.jsonl"]
    made = repository(tmp_path / "repo", skill=GOOD, providers=QUIET)
    names = [f"evals/many/{n:02}.jsonl" for n in range(MOST_FILES + 3)]
    made.commit({CONFIG: json.dumps(value), **{p: json.dumps(task(n, "test")) + "\n" for n, p in enumerate(names)}})
    write(made.root, dict.fromkeys(names, ""))
    found = gate(made)
    assert len(found["policy_changed"]) == MOST_FILES + 3
    assert len(found["policy_edits"]["diffs"]) == MOST_FILES


# --- the head's own rules


def test_the_heads_rules_can_be_tried_out_on_a_terminal(repo: Repo) -> None:
    easier = rows(6, t001={"expected": "nobody"})
    write(repo.root, {PATH: REWORDED, TASKS: easier})
    value = gate(repo, "--with-head-policy")
    assert value["head_policy"] is True
    assert value["base"]["policy_sha"] is None  # a working tree
    assert value["skills"][0]["n_tasks"] == 6
    assert "policy_edits" not in value
    sha = repo.commit({})
    found = gate(repo, "--with-head-policy", "--base", "HEAD~1")
    assert (found["base"]["policy_sha"], found["skills"][0]["n_tasks"]) == (sha, 6)
    text = call(repo.root, "gate", "--with-head-policy", "--base", "HEAD~1", env=TERMINAL).out
    assert "a trial, not a gate" in text
    assert "head_policy" not in gate(repo, "--base", "HEAD~1")


@pytest.mark.parametrize("env", [{"CI": "true"}, {"GITHUB_ACTIONS": "true"}])
def test_in_ci_a_change_must_not_set_its_own_rules(repo: Repo, env: dict[str, str]) -> None:
    write(repo.root, {PATH: SKILL})
    done = call(repo.root, "gate", "--with-head-policy", env={**TERMINAL, **env})
    assert (done.code, len(done.lines)) == (2, 1)
    assert "--with-head-policy is for a terminal" in done.lines[0]


def test_rules_that_the_head_does_not_have_cannot_be_tried(repo: Repo) -> None:
    (repo.root / CONFIG).unlink()
    done = call(repo.root, "gate", "--with-head-policy", env=TERMINAL)
    assert (done.code, done.lines) == (
        2,
        ["error: --with-head-policy: the head has no configuration to take rules from"],
    )


def test_a_broken_configuration_of_the_head_is_named_as_the_working_trees(repo: Repo) -> None:
    write(repo.root, {CONFIG: "version: 1\nskils: []\n"})
    done = call(repo.root, "gate", "--with-head-policy", env=TERMINAL)
    assert done.code == 2
    assert "(in the working tree)" in done.err
