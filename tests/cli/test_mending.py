"""`gate` where the base cannot be read: who mends it needs a maintainer, and whose file is broken is told."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from skillopt_ci.report.gate_result import read_gate_result, status_words
from tests.cli.world import CONFIG, GOOD, PATH, SKILL, TASKS, call, call_json, config, repository, tasks
from tests.forge.repo import Repo

QUIET = {"models": {"type": "simulated", "noise": 0}}
FINE = config(providers=QUIET)
BROKEN = FINE.replace('"concurrency"', '"concurency"')
UNREADABLE = "---\nname: invoices\n"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A good skill with 12 held-out tasks, on models without noise."""
    return repository(tmp_path / "repo", skill=GOOD, sizes=(1, 1, 12), providers=QUIET)


def branch(repo: Repo, name: str = "change") -> None:
    repo("switch", "-q", "-c", name)


def ended(repo: Repo, *args: str) -> tuple[int, str | None, str]:
    _, value = call_json(repo.root, "gate", *args)
    return value["exit_code"], value["verdict"], value["reason"]


def test_a_change_that_mends_the_bases_configuration_waits_for_a_maintainer(repo: Repo) -> None:
    """It must not let itself through, whatever else it changes; and a maintainer must be able to let it through."""
    sha = repo.commit({CONFIG: BROKEN})
    branch(repo)
    repo.commit({CONFIG: FINE, PATH: SKILL})
    done, value = call_json(repo.root, "gate")
    assert (done.code, value["verdict"], value["reason"], value["skills"]) == (1, None, "policy-changed", [])
    assert re.match(
        r"the base's configuration cannot be used, so nothing was measured \(skillopt\.yml:17:2: unknown key "
        rf"'concurency'.*\(at {sha[:12]}\)\); this change mends it, or takes it away: a maintainer must agree$",
        value["message"],
    )
    assert value["policy_changed"] == [CONFIG]
    assert '+ "concurrency": 4,' in value["policy_edits"]["diffs"][0]["diff"]
    assert value["message"].partition(" (")[0] in done.out
    read = read_gate_result(json.dumps(value).encode(), "gate.json")
    assert read.state == "failure"  # what is an error no label accepts
    assert status_words(read).startswith("No verdict: the base's configuration cannot be used, so nothing was measured")


def test_who_takes_a_broken_configuration_away_needs_a_maintainer_too(repo: Repo) -> None:
    repo.commit({CONFIG: BROKEN})
    branch(repo)
    (repo.root / CONFIG).unlink()
    assert ended(repo) == (1, None, "policy-changed")


def test_a_configuration_is_mended_also_by_the_file_it_names(repo: Repo) -> None:
    value: dict[str, Any] = json.loads(FINE)
    value["skills"].append({**value["skills"][0], "path": "skills/bills/SKILL.md"})
    repo.commit({CONFIG: json.dumps(value)})
    branch(repo)
    repo.commit({"skills/bills/SKILL.md": SKILL})
    found = call_json(repo.root, "gate")[1]
    assert (found["exit_code"], found["reason"], found["policy_changed"]) == (1, "policy-changed", [])


@pytest.mark.parametrize("also", [{}, {CONFIG: BROKEN.replace("epochs", "epoch")}])
def test_a_change_that_leaves_the_configuration_broken_is_an_error_that_says_what_to_do(
    repo: Repo, also: dict[str, bytes | str]
) -> None:
    repo.commit({CONFIG: BROKEN})
    branch(repo)
    repo.commit({PATH: SKILL, **also})
    done, value = call_json(repo.root, "gate")
    assert (done.code, value["verdict"], value["reason"]) == (2, None, "config")
    assert done.lines[-1] == (
        f"{CONFIG}: no change is judged while the base has it so; one that mends it needs a maintainer's word"
    )


def test_a_stale_branch_does_not_mend_what_was_broken_after_it_began(repo: Repo) -> None:
    """Its own configuration is fine, and the merge would have the branch's broken one."""
    branch(repo)
    repo.commit({"README.md": "hello\n"})
    repo("switch", "-q", "main")
    repo.commit({CONFIG: BROKEN})
    repo("switch", "-q", "change")
    assert ended(repo) == (2, None, "config")


def test_a_skill_that_the_base_has_and_nobody_can_read_is_mended_with_a_maintainer(repo: Repo) -> None:
    sha = repo.commit({PATH: UNREADABLE})
    branch(repo)
    repo.commit({PATH: GOOD})
    done, value = call_json(repo.root, "gate")
    assert (done.code, value["verdict"], value["reason"]) == (1, None, "policy-changed")
    assert value["message"] == value["skills"][0]["message"]
    assert value["message"].startswith("the base's skill cannot be read, so nothing was measured (skills/invoices/")
    assert f"(at {sha[:12]})" in value["message"]
    assert done.out.count("nothing was measured") == 1  # beside the skill, and not above it again
    read = read_gate_result(json.dumps(value).encode(), "gate.json")
    assert status_words(read).startswith("No verdict: the base's skill cannot be read")


def test_a_skill_that_cannot_be_read_on_either_side_is_the_heads_to_mend(repo: Repo) -> None:
    repo.commit({PATH: UNREADABLE})
    branch(repo)
    repo.commit({PATH: "---\nname: [\n---\n"})
    done = call(repo.root, "gate")
    assert (done.code, len(done.lines)) == (2, 1)
    assert "not valid YAML" in done.lines[0]
    assert "(at " not in done.lines[0]


def test_tasks_of_the_base_that_cannot_be_read_are_told_with_their_commit(repo: Repo) -> None:
    sha = repo.commit({TASKS: tasks(1, 1, 12) + "{oops\n"})
    branch(repo)
    repo.commit({TASKS: tasks(1, 1, 12)})
    assert ended(repo) == (0, "not-applicable", "unchanged")
    repo.commit({PATH: SKILL})
    done = call(repo.root, "gate")
    assert done.code == 2
    assert re.match(rf"{TASKS}:15:2: not valid JSON: .* \(at {sha[:12]}\)$", done.lines[-1])


def test_a_skill_broken_on_the_branch_meanwhile_is_told_with_its_commit(repo: Repo) -> None:
    branch(repo)
    repo.commit({"README.md": "hello\n"})
    repo("switch", "-q", "main")
    sha = repo.commit({PATH: UNREADABLE})
    repo("switch", "-q", "change")
    done = call(repo.root, "gate")
    assert done.code == 2
    assert f"(at {sha[:12]})" in done.lines[0]


def test_a_skill_that_the_branch_has_mended_since_is_judged_against_what_it_is_now(repo: Repo) -> None:
    """The head, which left the branch when the skill was broken, has it broken still; the merge has not."""
    repo.commit({PATH: UNREADABLE})
    branch(repo)
    repo.commit({"README.md": "hello\n"})
    repo("switch", "-q", "main")
    repo.commit({PATH: GOOD})
    repo("switch", "-q", "change")
    assert ended(repo) == (0, "not-applicable", "unchanged")
    repo.commit({PATH: SKILL})  # a conflict: nothing of it can be merged, and nothing was measured
    assert ended(repo) == (1, None, "policy-changed")
    (repo.root / PATH).write_text(UNREADABLE)
    repo.commit({CONFIG: FINE.replace(PATH, "skills/other/SKILL.md"), "skills/other/SKILL.md": GOOD})
    assert call(repo.root, "gate").code != 0


def test_a_skill_that_moves_into_a_folder_of_agents_is_paired_and_judged(repo: Repo) -> None:
    """No pattern finds hidden folders: the head's configuration names the place."""
    branch(repo)
    place = ".claude/skills/invoices/SKILL.md"
    (repo.root / PATH).unlink()
    repo.commit({place: GOOD, CONFIG: FINE.replace(PATH, place)})
    assert ended(repo) == (0, "not-applicable", "unchanged")
    repo.commit({place: SKILL})
    assert ended(repo) == (1, "regression", "loss-shown")
    repo.commit({place: "# Something else\n"})
    assert ended(repo) == (1, None, "policy-changed")


def test_on_the_default_branch_itself_nothing_is_compared_and_that_is_told(repo: Repo) -> None:
    repo.commit({PATH: SKILL})
    done, value = call_json(repo.root, "gate")
    assert (done.code, value["reason"]) == (0, "unchanged")
    said = "no configured skill changed: base and head are the same commit (name an earlier one with --base)"
    assert (value["message"], said in done.out) == (said, True)
    assert ended(repo, "--base", "HEAD~1")[1] == "regression"
    branch(repo)
    repo.commit({"README.md": "hello\n"})
    assert call_json(repo.root, "gate")[1]["message"] == "no configured skill changed"
