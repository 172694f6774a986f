"""`gate` where there is more than one configuration: the one that would be read after the merge counts."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import CONFIG, GOOD, PATH, SKILL, call_json, config, files
from tests.forge.repo import Repo

QUIET = {"models": {"type": "simulated", "noise": 0}}
HIDDEN = ".github/skillopt.yml"
OTHER = "skills/other/SKILL.md"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A good skill that `.github/skillopt.yml` configures, and a branch."""
    made = Repo(tmp_path / "repo")
    made.commit({**files(GOOD, sizes=(1, 1, 12), providers=QUIET), HIDDEN: config(providers=QUIET)})
    (made.root / CONFIG).unlink()
    made.commit({})
    made("switch", "-q", "-c", "change")
    return made


def test_a_configuration_that_would_be_read_before_the_bases_does_not_hide_its_skills(repo: Repo) -> None:
    """Merged, `.github/skillopt.yml` is still there and nobody reads it any more."""
    value: dict[str, Any] = json.loads(config(providers=QUIET))
    value["skills"][0]["path"] = OTHER
    repo.commit({CONFIG: json.dumps(value), OTHER: GOOD.replace("invoices", "other")})
    value = call_json(repo.root, "gate")[1]
    assert (value["exit_code"], value["reason"], value["policy_changed"]) == (1, "policy-changed", [CONFIG])
    assert value["message"] == "the configuration names the skill no more: a maintainer must agree"
    assert len(value["policy_edits"]["diffs"]) == 1


def test_other_rules_in_a_configuration_that_would_be_read_first_are_told(repo: Repo) -> None:
    repo.commit({CONFIG: config(providers=QUIET, gate={"margin": 0.99})})
    value = call_json(repo.root, "gate")[1]
    assert (value["exit_code"], value["reason"], value["policy_changed"]) == (0, "unchanged", [CONFIG])
    assert "0.99" in value["policy_edits"]["diffs"][0]["diff"]


def test_a_configuration_that_moves_is_no_deletion(repo: Repo) -> None:
    (repo.root / HIDDEN).rename(repo.root / CONFIG)
    repo.commit({})
    value = call_json(repo.root, "gate")[1]
    assert (value["exit_code"], value["reason"], value["policy_changed"]) == (0, "unchanged", [HIDDEN, CONFIG])


def test_a_configuration_that_is_named_is_the_only_one(repo: Repo) -> None:
    repo.commit({CONFIG: config(providers=QUIET, skills=[]), PATH: SKILL})
    value = call_json(repo.root, "gate", "--config", HIDDEN)[1]
    assert (value["exit_code"], value["reason"], value["policy_changed"]) == (1, "loss-shown", [])
