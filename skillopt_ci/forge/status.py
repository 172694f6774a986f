"""The commit status that a merge waits for, and a maintainer's label that accepts what the gate blocks."""

from dataclasses import dataclass
from typing import Literal

from skillopt_ci.forge.github import ApiError
from skillopt_ci.forge.remote import Pull
from skillopt_ci.forge.repository import Repository

State = Literal["pending", "success", "failure", "error"]
CONTEXT = "skillopt/gate"
DESCRIPTION_LIMIT = 140
ACCEPT_PREFIX = "skillopt:accept-"
# A label has at most 50 characters; of 12 digits somebody could compute a second commit that begins with them.
ACCEPT_DIGITS = 32
_MAY_WRITE = ("admin", "write")  # GitHub counts the role `maintain` as write here, and `triage` as read


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A writer's word on one commit; `reason` is a stranger's text."""

    by: str
    reason: str


def post_status(repository: Repository, sha: str, state: State, description: str, target_url: str = "") -> bool:
    """Set the status of a commit; whether anything was sent: the same status is not sent twice.

    Args:
        sha: the commit that was judged; a status holds for no other.
        description: plain text, already free of strangers' control characters; cut at 140 characters.
        target_url: the page of the workflow run.
    """
    if len(description) > DESCRIPTION_LIMIT:
        description = description[: DESCRIPTION_LIMIT - 1].rstrip() + "…"
    sent = {"state": state, "description": description, "context": CONTEXT}
    if target_url:
        sent["target_url"] = target_url
    last = _last_status(repository, sha)
    if last is not None and all(last.get(key) == value for key, value in sent.items()):
        return False
    repository.api.send("POST", f"{{repo}}/statuses/{sha}", sent)
    return True


def _last_status(repository: Repository, sha: str) -> dict[str, object] | None:
    """The newest status of our context; None when it is not ours, or there is none."""
    for item in repository.api.pages(f"{{repo}}/commits/{sha}/statuses"):
        if str(item.get("context", "")).lower() == CONTEXT:
            ours = str((item.get("creator") or {}).get("login", "")).lower() == repository.login.lower()
            return dict(item) if ours else None
    return None


def accept_label(sha: str) -> str:
    """The label that accepts one commit; its description is the reason."""
    return ACCEPT_PREFIX + sha[:ACCEPT_DIGITS]


def find_acceptance(repository: Repository, pull: Pull, sha: str) -> tuple[Acceptance | None, str]:
    """A writer's label for exactly this commit, with a reason in its description; else why there is none, in words."""
    label = accept_label(sha)
    if label not in pull.labels:
        return None, ""
    reason = " ".join(pull.labels[label].split())
    if not reason:
        return None, f"the label {label} has no description: it must say why"
    actor = ""
    for event in repository.api.pages(f"{{repo}}/issues/{pull.number}/events"):
        if (event.get("label") or {}).get("name") != label:
            continue
        if event.get("event") == "labeled":
            actor = str((event.get("actor") or {}).get("login", ""))
        elif event.get("event") == "unlabeled":
            actor = ""  # a word that was taken back; who added it again may be beyond what can be listed
    if not actor:
        return None, f"who added the label {label} cannot be found out"
    try:
        found = repository.permission(actor)
    except ApiError as error:
        return None, f"what {actor} may do here cannot be found out: {error}"
    if found not in _MAY_WRITE:
        return None, f"{actor} added the label {label} and has no write access"
    return Acceptance(by=actor, reason=reason), ""
