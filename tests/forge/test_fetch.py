import base64
from pathlib import Path

import pytest

from skillopt_ci.errors import GitError
from skillopt_ci.forge.fetch import fetch_pull_head
from skillopt_ci.forge.git import Git
from tests.forge.repo import Repo


def host(folder: Path) -> tuple[Repo, Git, str]:
    """A host with pull request 7 of a fork, and a clone that has not heard of it."""
    repo = Repo(folder / "origin")
    repo.commit({"a": "1"})
    repo("clone", "-q", str(repo.root), str(folder / "clone"))
    head = repo.commit({"a": "2"}, "a stranger's")
    repo("update-ref", "refs/pull/7/head", head)
    repo("reset", "-q", "--hard", "HEAD~1")
    return repo, Git(folder / "clone"), head


def test_the_head_of_a_pull_request_comes_as_objects_only(tmp_path: Path) -> None:
    repo, git, head = host(tmp_path)
    with pytest.raises(GitError):
        git.resolve(head)
    assert fetch_pull_head(git, 7, server_url="https://github.example", token="") == head
    assert git.tree(head).read("a") == b"2"
    assert (git.root / "a").read_text(encoding="utf-8") == "1"
    assert not git.is_dirty()
    again = repo.commit({"a": "3"}, "rebased")
    repo("update-ref", "refs/pull/7/head", again)
    assert fetch_pull_head(git, 7, server_url="https://github.example", token="t") == again


def test_a_pull_request_that_is_not_there(tmp_path: Path) -> None:
    _, git, _ = host(tmp_path)
    with pytest.raises(GitError, match=r"pull request 8 \(refs/pull/8/head\) cannot be fetched from origin: .*number"):
        fetch_pull_head(git, 8, server_url="https://github.example", token="")


def test_the_token_goes_to_one_server_and_into_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, git, _ = host(tmp_path)
    # A transport of its own that shows the settings git was given.
    tool = tmp_path / "bin" / "git-remote-shown"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\nenv | grep ^GIT_CONFIG_ | sort >'" + str(tmp_path / "seen") + "'\nexit 1\n")
    tool.chmod(0o755)
    Repo(git.root, create=False)("remote", "set-url", "origin", "shown::x")
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/local/bin:/usr/bin:/bin")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "*")
    with pytest.raises(GitError) as caught:
        fetch_pull_head(git, 7, server_url="https://github.example", token="ghs_secret")
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines())
    basic = base64.b64encode(b"x-access-token:ghs_secret").decode()
    assert seen["GIT_CONFIG_COUNT"] == "2"
    assert seen["GIT_CONFIG_KEY_0"] == "safe.directory"
    assert seen["GIT_CONFIG_KEY_1"] == "http.https://github.example/.extraheader"
    assert seen["GIT_CONFIG_VALUE_1"] == f"AUTHORIZATION: basic {basic}"
    assert "secret" not in str(caught.value)
    files = [p for p in git.root.rglob("*") if p.is_file()]
    assert all(basic.encode() not in p.read_bytes() for p in files)
