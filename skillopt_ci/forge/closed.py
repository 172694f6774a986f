"""What reviewers rejected: the edits of our own pull requests that were closed without merging."""

import json
from collections.abc import Iterator, Sequence

from skillopt_ci.core.json_values import parsed_objects
from skillopt_ci.forge.proposal import HISTORY_LIMIT, branch_name, history_path, newest_lines
from skillopt_ci.forge.remote import Pull
from skillopt_ci.forge.repository import Repository
from skillopt_ci.forge.upsert import was_rejected

NEWEST = 5


def rejected_by_reviewers(repository: Repository, name: str, path: str, folder: str = "") -> list[bytes]:
    """Lines for a skill's memory, from the history files in the heads of its newest five closed pull requests.

    Only heads that are as we left them count: author, marker and the head's commit must be ours, so that nobody else's
    words steer training. What reviewers said stands last, after what those runs rejected themselves: an optimizer is
    shown the newest lines of a memory.
    """
    pulls = repository.pulls_of(branch_name(name, path))
    closed = [p for p in pulls if was_rejected(p, repository.login) and _as_left(p, path)]
    found: list[tuple[bool, bytes]] = []
    for pull in reversed(closed[:NEWEST]):
        data = repository.file(folder + history_path(name), pull.head_sha)
        if data is not None and len(data) <= HISTORY_LIMIT:
            found += _of_run(data, pull)
    return [line for _, line in sorted(found, key=lambda told: told[0])]


def merge_lines(*parts: Sequence[bytes]) -> bytes:
    """Lines of a memory without repeats, the oldest left out at the size limit; what comes later in it is newer."""
    return newest_lines(list(dict.fromkeys(line for part in parts for line in part if line.strip())))


def _as_left(pull: Pull, path: str) -> bool:
    return pull.marker.get("skill") == path and pull.marker.get("head_sha") == pull.head_sha


def _of_run(data: bytes, pull: Pull) -> Iterator[tuple[bool, bytes]]:
    """The lines of the run that was proposed, and of each whether a reviewer rejected it: what the run had accepted."""
    for value in parsed_objects(data.splitlines()):
        if value.get("run") != pull.marker["run_id"]:
            continue
        reviewed = value.get("status") == "accepted"
        if reviewed:
            # Of an edit that was accepted the reviewer's word is about the skill as it was before the run.
            reason = f"a reviewer closed pull request {pull.number} without merging"
            value |= {"status": "rejected", "reason": reason, "base": value.get("start", "")}
        elif value.get("status") == "run":
            value["closed"] = pull.number  # its scores are no release
        yield reviewed, json.dumps(value, sort_keys=True, ensure_ascii=True).encode()
