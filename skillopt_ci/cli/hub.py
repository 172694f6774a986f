"""The connection to GitHub that `pr`, `publish` and `doctor` share."""

import os
import re
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import click

from skillopt_ci.actions.context import EventContext, read_context
from skillopt_ci.cli.console import Console
from skillopt_ci.config.access import secret_values
from skillopt_ci.config.schema import Config
from skillopt_ci.errors import GitError, UsageError
from skillopt_ci.forge.git import Git
from skillopt_ci.forge.github import Connection, GitHub, Waiter
from skillopt_ci.forge.repository import Repository
from skillopt_ci.report.escape import mask_tokens, scrubber

TOKEN_VARIABLES = ("GITHUB_TOKEN", "GH_TOKEN")
_REMOTE = re.compile(
    r"(?:(?:https?|ssh)://(?:[^\s/@]*@)?|git@)(?P<host>[^\s/:@]+)[^\s]*?[/:](?P<owner>[A-Za-z0-9_.-]+)"
    r"/(?P<name>[A-Za-z0-9_.-]+?)(?:\.git)?/?"
)
_GITHUB = ("github.com", "www.github.com", "ssh.github.com")

login_option = click.option(
    "--login",
    metavar="NAME",
    default="",
    envvar="SKILLOPT_CI_LOGIN",
    help="The account of the token (an App's is NAME[bot]); else SKILLOPT_CI_LOGIN, else found out.",
)


@contextmanager
def connected(console: Console, login: str, config: Config | None = None) -> Generator[Repository]:
    """The repository on GitHub, by GITHUB_TOKEN (or GH_TOKEN), GITHUB_REPOSITORY (or origin) and GITHUB_API_URL.

    From here on secrets are taken out of everything that is said or sent.

    Raises:
        UsageError: no token, or no repository.
    """
    scrub = clean_words(config)
    console.scrub = scrub
    token = next((os.environ[v].strip() for v in TOKEN_VARIABLES if os.environ.get(v, "").strip()), "")
    if not token:
        raise UsageError(
            "GITHUB_TOKEN is not set: `gh auth token` prints yours; "
            "in a workflow: env: {GITHUB_TOKEN: ${{ github.token }}}"
        )
    context = read_context(os.environ)
    connection = Connection(repository=repository_name(context), token=token, api_url=context.api_url)
    api = GitHub(connection, Waiter(now=time.time, sleep=time.sleep), scrub)
    try:
        yield Repository(api, login)
    finally:
        console.detail(f"{api.requests} requests to {connection.api_url}")
        api.close()


def clean_words(config: Config | None = None) -> Callable[[str], str]:
    """Takes out every secret of the environment, and whatever has the form of a key."""
    known = scrubber(secret_values(config, os.environ))
    return lambda text: mask_tokens(known(text))


def repository_name(context: EventContext) -> str:
    """`owner/name`: of the workflow run, else of the remote `origin`.

    Raises:
        UsageError: neither says, or origin is at another host, whose token github.com must not get.
    """
    if context.repository:
        return context.repository
    git = Git.discover(Path.cwd())
    try:
        found = _REMOTE.fullmatch(git.origin()) if git else None
    except GitError:
        found = None
    if not found:
        raise UsageError("which repository? Set GITHUB_REPOSITORY to OWNER/NAME")
    if found["host"].lower() not in _GITHUB and not os.environ.get("GITHUB_API_URL"):
        raise UsageError(
            f"origin is at '{found['host']}', and not at github.com: set GITHUB_REPOSITORY to OWNER/NAME, and of a "
            "GitHub Enterprise Server GITHUB_API_URL, too"
        )
    return f"{found['owner']}/{found['name']}"
