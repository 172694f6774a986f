"""Bringing the head of a pull request into the clone, as objects: nothing of it is checked out."""

import base64
import os

from skillopt_ci.errors import GitError
from skillopt_ci.forge.command import Refused, run_git
from skillopt_ci.forge.git import Git


def fetch_pull_head(git: Git, number: int, *, server_url: str, token: str) -> str:
    """Fetch `refs/pull/NUMBER/head` from origin and return its commit.

    The token, if any, goes to `server_url` only and is written nowhere.

    Raises:
        GitError: there is no such pull request, or origin does not answer.
    """
    ref = f"refs/pull/{number}/head"
    mine = f"refs/skillopt-ci/pull/{number}"
    try:
        run_git(
            git.root,
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "origin",
            f"+{ref}:{mine}",
            env=_with_token(server_url, token),
        )
    except Refused as refused:
        raise GitError(
            f"the head of pull request {number} ({ref}) cannot be fetched from origin: {refused}; is the number right, "
            "and may the input 'github-token' read the repository?"
        ) from refused
    return git.resolve(mine)


def _with_token(server_url: str, token: str) -> dict[str, str]:
    """Git's settings with one more, as variables: an HTTP header for one server, as actions/checkout does it."""
    if not token:
        return {}
    count = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode("ascii")
    return {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": f"http.{server_url}/.extraheader",
        f"GIT_CONFIG_VALUE_{count}": f"AUTHORIZATION: basic {basic}",
    }
