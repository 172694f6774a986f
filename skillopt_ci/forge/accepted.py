"""What maintainers accepted against the gate's word, as lines of a skill's committed history."""

import json
from collections.abc import Iterator

from skillopt_ci.core.json_values import parsed_objects
from skillopt_ci.forge.repository import Repository
from skillopt_ci.forge.status import accept_label, find_acceptance

STATUS = "accepted-by-maintainer"
NEWEST = 3  # a pull request of ours may cost 40 requests, and each of these costs three


def accepted_lines(repository: Repository, branch: str, path: str, history: bytes) -> list[bytes]:
    """Lines that a history does not have yet, for merged pull requests that changed a skill and bore a writer's label.

    Args:
        repository: where to look; 100 closed pull requests are looked through, the last three that count are told.
        branch: the branch they were merged into.
        path: the skill's `SKILL.md`, from the repository's root.
        history: the history as it is committed.
    """
    known = set(_known(history))
    found: list[bytes] = []
    for pull in repository.closed_pulls(branch):
        if len(found) == NEWEST:
            break
        if not pull.merged or pull.number in known or accept_label(pull.head_sha) not in pull.labels:
            continue
        if path not in repository.paths_between(pull.base_sha, pull.head_sha):
            continue
        word, _ = find_acceptance(repository, pull, pull.head_sha)
        if word is None:
            continue
        value = {
            "v": 1,
            "status": STATUS,
            "pull": pull.number,
            "commit": pull.head_sha,
            "by": word.by,
            "reason": word.reason,
        }
        found.append(json.dumps(value, sort_keys=True, ensure_ascii=True).encode())
    return found[::-1]


def _known(history: bytes) -> Iterator[int]:
    for value in parsed_objects(history.splitlines()):
        if value.get("status") == STATUS and type(value.get("pull")) is int:
            yield value["pull"]
