"""`publish`: what a gate found, as commit status and comment. Measures nothing and executes nothing."""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from skillopt_ci.actions.context import EventContext, read_context
from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import run, write_json
from skillopt_ci.cli.hub import connected, login_option
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options, common
from skillopt_ci.errors import ForgeError, UsageError
from skillopt_ci.forge.remote import Pull
from skillopt_ci.forge.repository import Repository
from skillopt_ci.forge.status import accept_label, find_acceptance, post_status
from skillopt_ci.forge.sticky import put_comment
from skillopt_ci.report.gate_result import (
    Accepted,
    GateResult,
    accept_hint,
    comment_text,
    read_gate_result,
    status_words,
)

TOPIC = "gate"
_READ_ONLY = "the token of a fork's pull request may not write: nothing is posted, and a maintainer runs the gate"
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is published about. `sha` empty: the result says which commit, or the pull request's head is meant.

    `read_only`: the token may not write (a fork's pull request): nothing is posted. `rules`: the branch whose rules
    the gate took, which the pull request must still be for; empty when it is not known.
    """

    sha: str
    number: int | None
    run_url: str
    read_only: bool
    rules: str = ""


@click.command(help=COMMANDS["publish"])
@common
@click.argument("result", required=False, type=click.Path(path_type=Path))
@click.option("--pending", is_flag=True, help="Only say that the gate is running.")
@click.option("--sha", metavar="SHA", help="The commit that gets the status (default: the event's head).")
@click.option(
    "--pr",
    "numbers",
    metavar="NUMBER",
    help="Its pull request (default: the event's); with --pending also several: 1,2.",
)
@login_option
def command(
    result: Path | None, pending: bool, sha: str | None, numbers: str | None, login: str, **shared: Any
) -> None:
    """See the help text above."""
    options = Options(**shared)

    def body(console: Console) -> int:
        if pending == (result is not None):
            raise UsageError("name the file that `gate --json` wrote, or say --pending")
        places = [_place(read_context(os.environ), sha, number) for number in _numbers(numbers, sha, several=pending)]
        with connected(console, login) as repository:
            for place in places:
                value = (
                    _pending(console, repository, place)
                    if result is None
                    else _final(console, repository, place, result)
                )
            value["requests"] = repository.api.requests
        if options.json is not None:
            write_json(options.json, {"schema": "skillopt-ci/publish/1", **value}, console.scrub)
        return int(str(value["exit_code"]))

    run("publish", options, body)


def _numbers(text: str | None, sha: str | None, *, several: bool) -> list[int | None]:
    """The pull requests of --pr; None stands for that of the event."""
    if text is None:
        return [None]
    found = text.split(",")
    if not all(_NUMBER.fullmatch(n) for n in found) or (len(found) > 1 and (sha is not None or not several)):
        raise UsageError("--pr takes the number of a pull request; several (1,2) only with --pending, without --sha")
    return [int(n) for n in found]


def _place(context: EventContext, sha: str | None, number: int | None) -> Place:
    # What was named is not the event's, and the event's is about something else then.
    named = sha is not None or number is not None
    found = (sha or "" if named else context.head_sha or "").lower()
    if found and not _SHA.fullmatch(found):
        raise UsageError("--sha takes the whole 40-digit name of a commit")
    if not found and not number:
        raise UsageError("which commit? This event brings none: name it with --sha, or its pull request with --pr")
    return Place(
        sha=found,
        number=number if named else context.pr_number,
        run_url=context.run_url,
        read_only=context.restricted and not named,
        rules=context.base_ref if context.pr_number is not None and not named else "",
    )


def _pending(console: Console, repository: Repository, place: Place) -> dict[str, object]:
    if place.read_only:
        console.say(_READ_ONLY)
        return {"exit_code": 0, "state": None, "description": "", "sha": place.sha}
    sha = place.sha or repository.pull(place.number or 0).head_sha
    post_status(repository, sha, "pending", "The skill gate is running", place.run_url)
    console.result(f"pending: {sha}")
    return {"exit_code": 0, "state": "pending", "description": "", "sha": sha}


def _final(console: Console, repository: Repository, place: Place, path: Path) -> dict[str, object]:
    """Post status and comment; returns what was posted.

    Raises:
        UsageError: the result is of another commit, or cannot be read: then the status is an error.
    """
    pull = repository.pull(place.number) if place.number and not place.read_only else None
    _require_same_branch(repository, pull, place)
    try:
        result = _read(path, place.sha)
    except UsageError as error:
        sha = place.sha or (pull.head_sha if pull else "")
        if not sha or place.read_only:
            raise
        post_status(repository, sha, "error", "The gate left no usable result; see its log", place.run_url)
        raise UsageError(f"{error}; the status of {sha[:12]} is `error`") from error
    place = replace(place, sha=place.sha or result.head_sha or (pull.head_sha if pull else ""))
    if place.read_only:
        console.result(f"no status: {status_words(result)}")
        console.say(_READ_ONLY)
        return {"exit_code": result.exit_code, "state": None, "description": "", "sha": place.sha}
    moved = pull is not None and pull.head_sha != place.sha
    accepted, why = _accepted(repository, pull, result, place) if pull and not moved else (None, "")
    if why:
        console.warn(f"not accepted: {why}")
    state = "success" if accepted else result.state
    words = status_words(result, accepted)
    if state is not None:
        post_status(repository, place.sha, state, console.scrub(words), place.run_url)
    console.result(f"{state or 'no status'}: {words}")
    if moved and pull is not None:
        console.warn(f"#{pull.number} is at {pull.head_sha[:12]} now: no comment about {place.sha[:12]}")
    elif pull is not None:
        hint = accept_hint(accept_label(place.sha)) if result.state == "failure" and accepted is None else ""
        text = comment_text(result, place.run_url, accepted, hint)
        _comment(console, repository, pull, text, new=not result.about_nothing)
    code = 0 if accepted else result.exit_code
    return {
        "exit_code": code,
        "state": state,
        "description": words,
        "sha": place.sha,
        "accepted_by": accepted.by if accepted else None,
    }


def _require_same_branch(repository: Repository, pull: Pull | None, place: Place) -> None:
    """A gate judges by the rules of one branch, which the pull request must be for: its author can name another one.

    Raises:
        UsageError: it is for another one; then the status is an error.
    """
    if pull is None or not place.rules or place.rules == pull.base_ref:
        return
    said = f"The pull request is for {pull.base_ref}: start the gate on that branch"
    post_status(repository, place.sha, "error", said, place.run_url)
    raise UsageError(
        f"#{pull.number} is for the branch '{pull.base_ref}', and this gate took the rules of '{place.rules}': "
        f"start it with --ref {pull.base_ref}"
    )


def _read(path: Path, sha: str) -> GateResult:
    """Raises `UsageError`: unreadable, or not about this commit."""
    try:
        if path.is_symlink():
            raise UsageError(f"{path}: is a symbolic link")
        result = read_gate_result(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; name what `gate --json` wrote") from error
    judged = result.head_sha
    if sha and judged != sha and (judged is not None or result.state != "error"):
        raise UsageError(f"{path}: judges {judged or 'a working tree'}, not {sha}")
    return result


def _accepted(repository: Repository, pull: Pull, result: GateResult, place: Place) -> tuple[Accepted | None, str]:
    """A maintainer's word on what the gate blocks; what never was measured cannot be accepted."""
    if result.state != "failure":
        return None, ""
    found, why = find_acceptance(repository, pull, place.sha)
    return (Accepted(by=found.by, reason=found.reason) if found else None), why


def _comment(console: Console, repository: Repository, pull: Pull, text: str, *, new: bool) -> None:
    """The comment is nice to have: the status is what counts."""
    try:
        put_comment(repository, pull.number, TOPIC, text, new=new)
    except ForgeError as error:
        console.warn(f"no comment on #{pull.number}: {error}")
