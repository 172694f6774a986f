"""`gate` of a branch that the default branch has left behind: what that did meanwhile is not the head's doing."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import CONFIG, GOOD, PATH, SKILL, call, call_json, config, files, repository, tasks, write
from tests.cli.world import TASKS as TASK_FILE
from tests.forge.repo import Repo

QUIET = {"models": {"type": "simulated", "noise": 0}}
EVERY = [{"path": "skills/*/SKILL.md", "tasks": [TASK_FILE], "graders": [{"type": "exact"}]}]
OTHER = "skills/other/SKILL.md"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A good skill with 12 held-out tasks, on models without noise."""
    return repository(tmp_path / "repo", skill=GOOD, sizes=(1, 1, 12), providers=QUIET)


def meanwhile(repo: Repo, changes: dict[str, bytes | str], own: dict[str, bytes | str] | None = None) -> None:
    """A branch `change` with a commit of its own, and one on `main` that it does not have."""
    repo("switch", "-q", "-c", "change")
    repo.commit({"own.md": "mine\n", **(own or {})})
    repo("switch", "-q", "main")
    repo.commit(changes)
    repo("switch", "-q", "change")


def outcome(repo: Repo) -> tuple[int, str | None, str]:
    _, value = call_json(repo.root, "gate")
    return value["exit_code"], value["verdict"], value["reason"]


@pytest.mark.parametrize("dirty", [False, True], ids=["a commit", "a working tree"])
def test_a_pull_request_that_was_open_when_the_gate_was_adopted_has_deleted_nothing(
    tmp_path: Path, dirty: bool
) -> None:
    made = Repo(tmp_path / "repo")
    made.commit({PATH: GOOD})
    meanwhile(made, files(GOOD, sizes=(1, 1, 12), providers=QUIET))
    if dirty:
        write(made.root, {"notes.md": "more\n"})
    value = call_json(made.root, "gate")[1]
    assert (value["exit_code"], value["reason"], value["policy_changed"]) == (0, "unchanged", [])
    assert "policy_edits" not in value
    write(made.root, {PATH: SKILL})
    value = call_json(made.root, "gate")[1]
    assert (value["exit_code"], value["verdict"], "policy_edits" in value) == (1, "regression", False)


@pytest.mark.parametrize("dirty", [False, True], ids=["a commit", "a working tree"])
def test_a_skill_that_was_configured_meanwhile_was_not_taken_out(repo: Repo, dirty: bool) -> None:
    value: dict[str, Any] = json.loads(config(providers=QUIET))
    repo.commit({OTHER: GOOD})
    value["skills"].append({**value["skills"][0], "path": OTHER})
    meanwhile(repo, {CONFIG: json.dumps(value)})
    if dirty:
        write(repo.root, {"notes.md": "more\n"})
    assert outcome(repo) == (0, "not-applicable", "unchanged")


def test_a_skill_that_the_branch_has_taken_out_meanwhile_is_not_new(repo: Repo) -> None:
    value: dict[str, Any] = json.loads(config(providers=QUIET))
    value["skills"].append({**value["skills"][0], "path": OTHER})
    repo.commit({OTHER: GOOD, CONFIG: json.dumps(value)})
    meanwhile(repo, {CONFIG: config(providers=QUIET)})
    value = call_json(repo.root, "gate")[1]
    assert (value["exit_code"], value["reason"], value["skills"]) == (0, "unchanged", [])


def test_tasks_and_rules_that_the_branch_changed_meanwhile_are_not_told_as_edits(repo: Repo) -> None:
    meanwhile(repo, {TASK_FILE: tasks(1, 1, 14), CONFIG: config(providers=QUIET, gate={"margin": 0.1})})
    value = call_json(repo.root, "gate")[1]
    assert (value["reason"], value["policy_changed"], "policy_edits" in value) == ("unchanged", [], False)
    repo.commit({CONFIG: config(providers=QUIET, gate={"margin": 0.99})})
    value = call_json(repo.root, "gate")[1]
    assert value["policy_changed"] == [CONFIG]
    assert '+  "margin": 0.99' in value["policy_edits"]["diffs"][0]["diff"].splitlines()
    assert value["policy_edits"]["tasks"] == []


def test_a_pattern_that_would_leave_out_a_skill_of_the_branch_needs_a_maintainer(tmp_path: Path) -> None:
    """The head does not have that skill: only the merge shows that nobody would judge it any more."""
    made = repository(tmp_path / "repo", skill=GOOD, sizes=(1, 1, 12), providers=QUIET, skills=EVERY)
    meanwhile(made, {OTHER: GOOD.replace("invoices", "other")}, {CONFIG: config(providers=QUIET)})
    value = call_json(made.root, "gate")[1]
    assert (value["exit_code"], value["reason"]) == (1, "policy-changed")
    assert [(s["name"], s["reason"]) for s in value["skills"]] == [("other", "policy-changed")]
    assert value["message"] == "the configuration names the skill no more: a maintainer must agree"


def test_a_merge_that_would_break_the_configuration_is_told(repo: Repo) -> None:
    """Each side can be read by itself, and both say the same key, which git merges without a conflict."""
    value: dict[str, Any] = json.loads(config(providers=QUIET))
    first = json.dumps({"gate": {"margin": 0.1}, **value}, indent=1)
    last = json.dumps({**value, "gate": {"margin": 0.1}}, indent=1)
    meanwhile(repo, {CONFIG: first}, {CONFIG: last})
    done, value = call_json(repo.root, "gate")
    assert (done.code, value["reason"]) == (0, "unchanged")
    assert "merging it breaks later gates: skillopt.yml:" in done.lines[0]
    assert value["message"].endswith("(merged with main)")


def test_a_configuration_that_was_mended_meanwhile_is_not_called_broken(repo: Repo) -> None:
    repo.commit({CONFIG: config(providers=QUIET).replace('"concurrency"', '"concurency"')})
    meanwhile(repo, {CONFIG: config(providers=QUIET)})
    done, value = call_json(repo.root, "gate")
    assert (done.code, value["reason"], value["message"]) == (0, "unchanged", "no configured skill changed")
    assert done.lines == []


def test_a_conflict_in_the_configuration_leaves_the_heads_own_word(repo: Repo) -> None:
    value: dict[str, Any] = json.loads(config(providers=QUIET))
    repo.commit({OTHER: GOOD})
    entry = value["skills"][0]
    added = json.dumps({**value, "skills": [entry, {**entry, "path": OTHER}]}, indent=1)
    removed = json.dumps({**value, "skills": [{**entry, "path": OTHER}]}, indent=1)
    meanwhile(repo, {CONFIG: added}, {CONFIG: removed})
    value = call_json(repo.root, "gate")[1]
    assert [(s["name"], s["reason"]) for s in value["skills"]] == [("invoices", "policy-changed")]


def test_a_configuration_that_the_head_deletes_and_the_branch_changes_is_deleted(repo: Repo) -> None:
    """git leaves the branch's version beside the conflict: that is not what the head wants."""
    repo("switch", "-q", "-c", "change")
    (repo.root / CONFIG).unlink()
    repo.commit({})
    repo("switch", "-q", "main")
    repo.commit({CONFIG: config(providers=QUIET, gate={"margin": 0.1})})
    repo("switch", "-q", "change")
    assert outcome(repo) == (1, None, "policy-changed")


def test_what_was_taken_away_is_named(repo: Repo) -> None:
    repo("switch", "-q", "-c", "change")
    (repo.root / CONFIG).rename(repo.root / "skillopt.yaml")
    repo.commit({})
    said = (
        "the configuration was deleted: a maintainer must agree; skillopt.yaml is not read: rename it to skillopt.yml"
    )
    done, value = call_json(repo.root, "gate")
    assert (done.code, value["message"].startswith(said), said in done.out) == (1, True, True)
    (repo.root / "skillopt.yaml").rename(repo.root / CONFIG)
    (repo.root / PATH).unlink()
    said = "the skill was deleted, or renamed beyond recognition: a maintainer must agree"
    assert call_json(repo.root, "gate")[1]["skills"][0]["message"] == said


def test_a_script_that_grades_is_one_of_the_rules(tmp_path: Path) -> None:
    grader = {"type": "script", "run": ["python", "g.py"], "files": ["evals/../evals/g.py"]}
    held = {"type": "all", "graders": [{"type": "exact"}, grader]}
    skills = [{"path": PATH, "tasks": [TASK_FILE], "graders": [held]}]
    made = Repo(tmp_path / "repo")
    made.commit({**files(GOOD, sizes=(1, 1, 4), providers=QUIET, skills=skills), "evals/g.py": "print(1)\n"})
    made("switch", "-q", "-c", "change")
    made.commit({"evals/g.py": "print(2)\n"})
    value = call_json(made.root, "gate")[1]
    assert (value["reason"], value["policy_changed"]) == ("unchanged", ["evals/g.py"])


@pytest.mark.parametrize("listed", [[1], ["../x", None]])
def test_a_script_whose_files_are_badly_written_stops_no_other_change(tmp_path: Path, listed: list[Any]) -> None:
    grader = {"type": "script", "run": ["python", "g.py"], "files": listed}
    skills = [{"path": PATH, "tasks": [TASK_FILE], "graders": [grader]}]
    made = repository(tmp_path / "repo", skill=GOOD, sizes=(1, 1, 4), providers=QUIET, skills=skills)
    meanwhile(made, {"README.md": "hello\n"})
    assert outcome(made) == (0, "not-applicable", "unchanged")


def test_on_a_terminal_the_way_to_try_new_rules_out_is_told(repo: Repo) -> None:
    write(repo.root, {TASK_FILE: tasks(1, 1, 13)})
    said = "changed rules and tasks are not in force here; `gate --with-head-policy` tries them out"
    assert call(repo.root, "gate").lines == [said]
    assert call(repo.root, "gate", env={"CI": "true"}).lines == []
    done, value = call_json(repo.root, "gate", "--with-head-policy")
    assert (done.lines, value["head_policy"]) == ([], True)


def test_a_git_that_cannot_merge_without_a_checkout_is_told(repo: Repo, tmp_path: Path) -> None:
    meanwhile(repo, {"README.md": "hello\n"})
    old, real = tmp_path / "bin/git", shutil.which("git")
    write(tmp_path, {"bin/git": f'#!/bin/sh\ncase "$*" in *merge-tree*) exit 129;; esac\nexec {real} "$@"\n'})
    old.chmod(0o755)
    env = {"PATH": f"{old.parent}:{os.environ['PATH']}"}
    said = "git is older than 2.38: an edit of a skill that main has moved since is not seen"
    assert call(repo.root, "gate", env=env).lines == [said]
    assert call(repo.root, "gate").lines == []
    assert call(repo.root, "gate", "--base", "main", env=env).lines == []
    write(repo.root, {"notes.md": "more\n"})
    assert call(repo.root, "gate", env=env).lines == []  # a working tree is never merged
