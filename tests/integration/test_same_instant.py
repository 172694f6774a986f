"""A file that is changed in the very instant it was committed."""

import os
from pathlib import Path

from skillopt_ci.forge.git import Git
from tests.forge.repo import Repo


def test_a_change_of_the_same_size_in_the_instant_of_the_commit_is_seen(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    repo("config", "core.trustctime", "false")  # the one time that a test cannot set
    instant = (1_700_000_000_000_000_000, 1_700_000_000_000_000_000)
    file = repo.write("a.md", "one")
    os.utime(file, ns=instant)
    repo("add", "a.md")
    repo("commit", "-q", "-m", "a commit")
    file.write_bytes(b"two")
    os.utime(file, ns=instant)
    os.utime(tmp_path / ".git/index", ns=instant)
    git = Git(tmp_path)
    assert git.working_tree().read("a.md") == b"two"
    assert git.tree(git.resolve("HEAD")).read("a.md") == b"one"
