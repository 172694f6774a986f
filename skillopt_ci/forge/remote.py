"""What GitHub's JSON says, as plain values: pull requests, comments, files of a commit."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from skillopt_ci.forge.marker import read_marker


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A pull request. `same_repository`: its branch is in the repository itself, not in a fork.

    `labels` are names with their descriptions, `closed_at` is Unix time in seconds, `base_sha` was the tip of the
    branch that it is for (`base_ref`) when it was last pushed to.
    """

    number: int
    url: str
    open: bool
    merged: bool
    author: str
    same_repository: bool
    branch: str
    head_sha: str
    labels: Mapping[str, str]
    closed_at: float | None
    title: str
    body: str
    base_sha: str = ""
    base_ref: str = ""

    @property
    def marker(self) -> Mapping[str, str]:
        """The facts at the end of its body; believe them only when the author is one's own login."""
        return read_marker(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment on a pull request or issue."""

    id: int
    author: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteEntry:
    """A file of a commit: mode and blob."""

    mode: str
    sha: str


def pull(item: Mapping[str, Any]) -> Pull:
    """A pull request from GitHub's JSON."""
    head, base = item["head"], item["base"]
    home = (head.get("repo") or {}).get("full_name")
    closed = item.get("closed_at")
    return Pull(
        number=int(item["number"]),
        url=str(item["html_url"]),
        open=item["state"] == "open",
        merged=bool(item.get("merged_at")),
        author=login_of(item.get("user")),
        same_repository=home is not None and home == (base.get("repo") or {}).get("full_name"),
        branch=str(head["ref"]),
        head_sha=str(head["sha"]),
        labels={str(label["name"]): str(label.get("description") or "") for label in item.get("labels") or ()},
        closed_at=datetime.fromisoformat(closed).timestamp() if closed else None,
        title=str(item.get("title") or ""),
        body=str(item.get("body") or ""),
        base_sha=str(base.get("sha") or ""),
        base_ref=str(base.get("ref") or ""),
    )


def blob_sha(data: bytes) -> str:
    """The name git gives a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def login_of(user: Any) -> str:
    """An account's login; deleted accounts have none."""
    return str(user["login"]) if isinstance(user, dict) and "login" in user else "ghost"


def entry_of(item: Mapping[str, Any]) -> RemoteEntry:
    """A file of a commit from GitHub's JSON."""
    return RemoteEntry(mode=str(item["mode"]), sha=str(item["sha"]))
