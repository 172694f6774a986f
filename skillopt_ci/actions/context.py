"""What a workflow run is about: GITHUB_* variables and the event's payload as one frozen value.

Everything in a payload can be written by a stranger (branch names, titles, inputs): a field is taken only when it has
the form it must have, and nothing else of the payload is kept.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from skillopt_ci.errors import UsageError

MAX_PAYLOAD_BYTES = 32 * 1024 * 1024
Kind = Literal["pull-request", "merge-group", "dispatch", "schedule", "push", "other"]
_KINDS: Mapping[str, Kind] = {
    "pull_request": "pull-request",
    "pull_request_target": "pull-request",
    "merge_group": "merge-group",
    "workflow_dispatch": "dispatch",
    "schedule": "schedule",
    "push": "push",
}
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_LOGIN = re.compile(r"[A-Za-z0-9_-]{1,100}(?:\[bot\])?")
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?")
# https://git-scm.com/docs/git-check-ref-format, for the short name of a branch
_NO_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/.]|/\.|[/.]$|\.lock(?:/|$)|^@$")
_MAX_BRANCH = 255
# Its pull requests get a read-only token and no secrets, like those of a fork.
_DEPENDABOT = "dependabot[bot]"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventContext:
    """The event of a workflow run. A field that the event does not have is None (or empty).

    Attributes:
        event: the event's own name; `kind` is what it means here.
        repository: `owner/name` of the repository that the workflow runs in.
        api_url: where its API is, without a slash at the end; `server_url` the same for its pages and git.
        default_branch: short name.
        actor: login of who started it.
        base_ref: short name of the branch that a change is for; `base_sha` its commit when the event was made.
        head_sha: the commit to judge: a pull request's, a merge group's, or the one that a dispatch names.
        pr_number: the pull request that is judged.
        restricted: no secrets and a read-only token: Dependabot's pull request, or one whose head is in another
            repository (or in one that was deleted).
        run_url: the page of this run.
    """

    event: str = ""
    kind: Kind = "other"
    repository: str = ""
    api_url: str = "https://api.github.com"
    server_url: str = "https://github.com"
    default_branch: str = ""
    actor: str = ""
    base_ref: str = ""
    base_sha: str | None = None
    head_sha: str | None = None
    pr_number: int | None = None
    restricted: bool = False
    run_url: str = ""


def read_context(env: Mapping[str, str]) -> EventContext:
    """The context of this run.

    Raises:
        UsageError: the payload cannot be read, or the event lacks what every event of its kind has.
    """
    event = env.get("GITHUB_EVENT_NAME", "")
    payload = _payload(env.get("GITHUB_EVENT_PATH", ""))
    repository = _match(_REPOSITORY, env.get("GITHUB_REPOSITORY")) or ""
    server = (_match(_URL, env.get("GITHUB_SERVER_URL")) or "https://github.com").rstrip("/")
    run = env.get("GITHUB_RUN_ID", "")
    # A schedule runs on the default branch only, and its payload may say no more than the schedule.
    scheduled = env.get("GITHUB_REF_NAME") if event == "schedule" else None
    common = EventContext(
        event=event if re.fullmatch(r"[a-z_]{1,64}", event) else "",
        kind=_KINDS.get(event, "other"),
        repository=repository,
        api_url=(_match(_URL, env.get("GITHUB_API_URL")) or "https://api.github.com").rstrip("/"),
        server_url=server,
        default_branch=_branch(_at(payload, "repository", "default_branch") or scheduled),
        actor=_match(_LOGIN, env.get("GITHUB_ACTOR")) or "",
        run_url=f"{server}/{repository}/actions/runs/{run}" if repository and re.fullmatch("[0-9]{1,20}", run) else "",
    )
    if common.kind == "pull-request":
        return _pull_request(common, payload)
    if common.kind == "merge-group":
        return _merge_group(common, payload)
    if common.kind == "dispatch":
        started_on = _branch(env.get("GITHUB_REF_NAME")) if env.get("GITHUB_REF", "").startswith("refs/heads/") else ""
        return _dispatch(common, payload, started_on or common.default_branch)
    return common


def _pull_request(common: EventContext, payload: object) -> EventContext:
    head = _at(payload, "pull_request", "head", "repo", "full_name")
    number, head_sha = _number(_at(payload, "number")), _sha(_at(payload, "pull_request", "head", "sha"))
    base_ref = _branch(_at(payload, "pull_request", "base", "ref"))
    if number is None or head_sha is None or not base_ref:
        raise UsageError(_lacks(common, "number, pull_request.head.sha or pull_request.base.ref"))
    # A head repository that was deleted is null: nothing is known about it, so it is a stranger's.
    fork = not isinstance(head, str) or not common.repository or head.lower() != common.repository.lower()
    author = _at(payload, "pull_request", "user", "login")
    return replace(
        common,
        base_ref=base_ref,
        base_sha=_sha(_at(payload, "pull_request", "base", "sha")),
        head_sha=head_sha,
        pr_number=number,
        restricted=fork or _DEPENDABOT in (author, common.actor),
    )


def _merge_group(common: EventContext, payload: object) -> EventContext:
    base_sha, head_sha = (_sha(_at(payload, "merge_group", key)) for key in ("base_sha", "head_sha"))
    if base_sha is None or head_sha is None:
        raise UsageError(_lacks(common, "merge_group.base_sha or merge_group.head_sha"))
    ref = _at(payload, "merge_group", "base_ref")
    base_ref = _branch(ref.removeprefix("refs/heads/") if isinstance(ref, str) else None)
    return replace(common, base_ref=base_ref, base_sha=base_sha, head_sha=head_sha)


def _dispatch(common: EventContext, payload: object, started_on: str) -> EventContext:
    """A maintainer may name a pull request and the head commit that was reviewed; one without the other is refused.

    The rules are those of the branch that the workflow was started on, which must be the one that the change is for.
    """
    pr, sha = (_at(payload, "inputs", key) for key in ("pr", "head_sha"))
    if pr in (None, "") and sha in (None, ""):
        return common
    number = int(pr) if isinstance(pr, str) and re.fullmatch("[1-9][0-9]{0,8}", pr) else _number(pr)
    head_sha = _sha(sha)
    if number is None or head_sha is None:
        raise UsageError(
            "the dispatch needs both: input 'pr' (the number of the pull request) and input 'head_sha' (the whole "
            "40-digit name of its head commit, as it was reviewed)"
        )
    return replace(common, base_ref=started_on, head_sha=head_sha, pr_number=number)


def _payload(path: str) -> object:
    """The payload; nothing when the runner names none. Raises `UsageError`."""
    if not path:
        return {}
    place = Path(path)
    try:
        if place.stat().st_size > MAX_PAYLOAD_BYTES:
            raise UsageError(f"the event's payload has more than {MAX_PAYLOAD_BYTES} bytes")
        value: object = json.loads(place.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"the event's payload (GITHUB_EVENT_PATH) cannot be read: {type(error).__name__}") from error
    if not isinstance(value, dict):
        raise UsageError("the event's payload (GITHUB_EVENT_PATH) is no JSON object")
    return value


def _at(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _match(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _sha(value: object) -> str | None:
    return _match(_SHA, value)


def _number(value: object) -> int | None:
    return value if type(value) is int and 0 < value < 10**9 else None


def _branch(value: object) -> str:
    """The short name of a branch, empty when it is none that git allows."""
    if not isinstance(value, str) or not 0 < len(value.encode("utf-8", "replace")) <= _MAX_BRANCH:
        return ""
    return "" if _NO_BRANCH.search(value) or not value.isprintable() else value


def _lacks(common: EventContext, what: str) -> str:
    return f"the payload of the event '{common.event}' lacks {what}"
