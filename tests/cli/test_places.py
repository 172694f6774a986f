"""`gate` asks the base where the configuration is: what is checked out may be the head."""

from pathlib import Path

import pytest

from tests.cli.world import CONFIG, GOOD, PATH, SKILL, TASKS, call_json, config, files, repository, tasks
from tests.forge.repo import Repo

QUIET = {"models": {"type": "simulated", "noise": 0}}
NAMED = ("--config", "pkg/skillopt.yml")


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A good skill in a project below the repository's root, and a branch."""
    made = Repo(tmp_path / "repo")
    made.commit({f"pkg/{name}": data for name, data in files(GOOD, sizes=(1, 1, 12), providers=QUIET).items()})
    made("switch", "-q", "-c", "change")
    return made


def ended(root: Path, *args: str) -> tuple[int, str]:
    value = call_json(root, "gate", *args)[1]
    return value["exit_code"], value["reason"]


def test_a_link_in_place_of_the_named_configuration_is_no_first_adoption(repo: Repo) -> None:
    (repo.root / "pkg" / CONFIG).unlink()
    repo.write(f"x/{CONFIG}", config(providers=QUIET))
    (repo.root / "pkg" / CONFIG).symlink_to(f"../x/{CONFIG}")
    repo.commit({f"pkg/{PATH}": SKILL})
    assert ended(repo.root, *NAMED, "--head", "HEAD") == (1, "loss-shown")


def test_a_link_in_place_of_the_folder_is_no_first_adoption(repo: Repo) -> None:
    (repo.root / "pkg").rename(repo.root / "other")
    (repo.root / "pkg").symlink_to("other")
    repo.commit({f"other/{PATH}": SKILL})
    assert ended(repo.root, *NAMED, "--head", "HEAD") == (2, "config")


def test_a_deleted_configuration_needs_a_maintainer_wherever_it_was(repo: Repo) -> None:
    (repo.root / "pkg" / CONFIG).unlink()
    repo.commit({f"pkg/{PATH}": SKILL})
    assert ended(repo.root / "pkg") == (1, "policy-changed")
    assert ended(repo.root, *NAMED) == (1, "policy-changed")


def test_a_configuration_in_a_nearer_folder_does_not_hide_the_bases(tmp_path: Path) -> None:
    made = repository(tmp_path / "repo", skill=GOOD, sizes=(1, 1, 12), providers=QUIET)
    made("switch", "-q", "-c", "change")
    near = {CONFIG: config(providers=QUIET), PATH: GOOD, TASKS: tasks(1, 1, 3)}
    made.commit({PATH: SKILL, **{f"pkg/{name}": data for name, data in near.items()}})
    assert ended(made.root / "pkg") == (1, "loss-shown")


def test_a_configuration_that_is_a_link_on_the_base_is_still_followed(repo: Repo) -> None:
    repo("switch", "-q", "main")
    (repo.root / "link.yml").symlink_to(f"pkg/{CONFIG}")
    repo.commit({})
    repo("switch", "-q", "-c", "second")
    repo.commit({f"pkg/{PATH}": SKILL})
    assert ended(repo.root, "--config", "link.yml") == (1, "loss-shown")
