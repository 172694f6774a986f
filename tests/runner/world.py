"""A repository on a host, its clone as actions/checkout makes it, and the events of workflow runs."""

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skillopt_ci.actions.install import DONE, place_of
from tests.cli.world import GOOD, PATH, SKILL, files
from tests.forge.repo import Repo
from tests.runner.composite import Done, Runner

ROOT = Path(__file__).parents[2]
REPOSITORY = "octo/skills"
FORK = "stranger/skills"


class Host:
    """The repository's host (`origin`), with a person's clone to make commits in; `main` has a good skill."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = folder
        self.repo = Repo(folder / "person")
        self.repo("config", "user.name", "A Person")
        self.repo("config", "user.email", "person@example.org")
        self.base = self.repo.commit(files(GOOD, **changes))
        self.origin = Repo(folder / "origin", create=False)
        self.repo("clone", "-q", "--bare", str(self.repo.root), str(self.origin.root))
        self.repo("remote", "add", "origin", str(self.origin.root))

    def change(self, branch: str, changes: Mapping[str, str | bytes], *, pull: int, fork: bool = False) -> str:
        """A commit on main with changes, as a branch (not for a fork) and as a pull request's head."""
        self.repo("checkout", "-q", "--detach", self.base)
        sha = self.repo.commit(dict(changes), "a change")
        self.repo("push", "-q", "origin", f"{sha}:refs/pull/{pull}/head")
        if not fork:
            self.repo("push", "-q", "origin", f"{sha}:refs/heads/{branch}")
        self.repo("checkout", "-q", "main")
        return sha

    def checkout(self, commit: str, name: str = "workspace") -> Path:
        """A clone as actions/checkout with fetch-depth 0 leaves it: origin's branches, a detached HEAD."""
        place = Repo(self.folder / name)
        place("remote", "add", "origin", str(self.origin.root))
        place("fetch", "-q", "--no-tags", "origin", "+refs/heads/*:refs/remotes/origin/*", commit)
        place("checkout", "-q", "--detach", commit)
        return place.root


def pull_request(
    number: int, head: str, base: str, *, branch: str = "change", repository: str | None = REPOSITORY
) -> Any:
    """The payload of `pull_request`."""
    return {
        "action": "synchronize",
        "number": number,
        "pull_request": {
            "number": number,
            "title": "::error::a title",
            "user": {"login": "somebody"},
            "head": {"ref": branch, "sha": head, "repo": repository and {"full_name": repository}},
            "base": {"ref": "main", "sha": base, "repo": {"full_name": REPOSITORY}},
        },
        **repository_of(),
    }


def merge_group(head: str, base: str) -> Any:
    """The payload of `merge_group`."""
    group = {"head_sha": head, "base_sha": base, "base_ref": "refs/heads/main", "head_ref": "refs/heads/gh-readonly"}
    return {"action": "checks_requested", "merge_group": group, **repository_of()}


def dispatch(**inputs: str) -> Any:
    """The payload of `workflow_dispatch`."""
    return {"inputs": inputs, "ref": "refs/heads/main", **repository_of()}


def repository_of() -> dict[str, Any]:
    """The part that every payload has."""
    return {"repository": {"full_name": REPOSITORY, "default_branch": "main"}}


def job(
    folder: Path,
    workspace: Path,
    event: str,
    payload: Any,
    *,
    action: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> Runner:
    """A job with an event, whose action finds its environment made already: the one that the tests run in."""
    temp = folder / "temp"
    temp.mkdir(exist_ok=True)
    place = folder / f"{event}.json"
    place.write_text(json.dumps(payload), encoding="utf-8")
    runner = Runner(
        action,
        workspace,
        temp,
        {
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(place),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_ACTOR": "somebody",
            "GITHUB_SHA": "0" * 40,
            "GITHUB_RUN_ID": "17",
            **(env or {}),
        },
    )
    if action == ROOT:
        borrow(temp)
    return runner


def borrow(temp: Path) -> None:
    """Let the installation step find an environment: the real one takes long, and one test makes it."""
    python = place_of(ROOT, temp) / "bin" / "python"
    if not python.exists():
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        (python.parents[1] / DONE).touch()


def gate(runner: Runner, **inputs: str) -> Done:
    """Use the action with `command: gate`."""
    return runner.use({"command": "gate", **inputs})


__all__ = [
    "FORK", "GOOD", "PATH", "REPOSITORY", "ROOT", "SKILL", "Done", "Host", "Runner", "dispatch", "gate", "job",
    "merge_group", "pull_request", "repository_of",
]  # fmt: skip
