"""What is to be done about the pull request of a skill: a pure function from what is there to one activity.

A branch may be replaced only when every commit on it is ours; a person's commit is never overwritten. A pull request's
marker is believed only when its author is our own login and its branch is in the repository itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skillopt_ci.forge.remote import Pull

REBASE_LABEL = "skillopt:rebase"
REJECTED_LABEL = "skillopt:rejected"
STALE_LABEL = "skillopt:stale"
ON_BASE_LABEL = "skillopt:on-base"  # closed by us, as nothing was left to do: no reviewer rejected it
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a run would publish. `base_sha` is the tip of the base branch now, `base_ref` its name.

    Attributes:
        fingerprint: digest of path and new text.
        base_is_start: the skill on the base is the one that training started from.
        base_is_best: the base has the new text already.
    """

    fingerprint: str
    run_id: str
    base_sha: str
    base_is_start: bool
    base_is_best: bool
    base_ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is on GitHub.

    Attributes:
        login: our own account.
        pulls: every pull request from the skill's branch, the newest first.
        branch_head: tip of the branch; None when it does not exist.
        commits_ours: every commit on the branch is one of ours.
        branch_is_wish: the branch holds exactly what would be pushed, on the base as it is now.
        others_open: our open pull requests for other skills.
        now: Unix time in seconds.
    """

    login: str
    pulls: tuple[Pull, ...]
    branch_head: str | None
    commits_ours: bool = False
    branch_is_wish: bool = False
    others_open: int = 0
    now: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`pr.max_open` and `pr.cooldown_days`."""

    max_open: int = 1
    cooldown_days: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Nothing is to be done. `reason` is a stable word."""

    reason: str
    message: str
    pull: Pull | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Open a pull request; `push`: write the branch first, replacing `replaces` when it exists."""

    push: bool
    replaces: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Renew:
    """Bring an open pull request up to date; `push`: its branch, too."""

    pull: Pull
    push: bool
    replaces: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """Somebody else's commits are on the branch: say so and touch nothing."""

    pull: Pull | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """The skill changed on the base: the run's scores are void."""

    pull: Pull | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The base has the text already: close what is open, delete the branch."""

    pull: Pull | None


Activity = Leave | Open | Renew | Blocked | Stale | Finish


def decide(wish: Wish, there: Situation, limits: Limits) -> Activity:
    """The one thing to do."""
    current = next((p for p in there.pulls if p.open), None)
    own = current if current is not None and is_own(current, there.login) else None
    if own is not None and own.base_ref != wish.base_ref:
        message = (
            f"#{own.number} is for the branch '{own.base_ref}', not for '{wish.base_ref}', and is left alone: point it "
            "back or close it"
        )
        return Leave(reason="other-base", message=message, pull=own)
    if wish.base_is_best:
        if (own is None and current is not None) or not branch_is_ours(there):
            return Leave(reason="on-base", message="the base branch has this text already", pull=current)
        return Finish(pull=own)
    if not wish.base_is_start:
        return Stale(pull=own)
    refused = next((p for p in there.pulls if _rejects(p, wish, there.login)), None)
    if refused is not None:
        what = f"previously rejected in #{refused.number}: it was closed without merging and is not opened again"
        return Leave(reason="rejected", message=what, pull=refused)
    if current is not None:
        return _about_open(wish, there, current)
    return _about_none(there, limits)


def is_own(pull: Pull, login: str) -> bool:
    """It is ours: our account opened it, from a branch of the repository itself."""
    return pull.author.lower() == login.lower() and pull.same_repository


def branch_is_ours(there: Situation) -> bool:
    """Nothing on the branch is lost when it is replaced: it is what we left, or was merged."""
    if there.branch_head is None:
        return False
    own = [p for p in there.pulls if is_own(p, there.login)]
    left = {p.marker.get("head_sha") for p in own} | {p.head_sha for p in own if p.merged}
    return there.commits_ours or there.branch_head in left


def commits_are_ours(commits: Sequence[Mapping[str, Any]], login: str) -> bool:
    """Every commit has our account as author, GitHub or us as committer, and a message of our making."""
    for commit in commits:
        author, committer = commit.get("author") or {}, commit.get("committer") or {}
        message = str((commit.get("commit") or {}).get("message", ""))
        if str(author.get("login", "")).lower() != login.lower():
            return False
        if str(committer.get("login", "")).lower() not in (login.lower(), "web-flow"):
            return False
        if not message.startswith("skillopt: ") or "\nRun: " not in message:
            return False
    return bool(commits)


def was_rejected(pull: Pull, login: str) -> bool:
    """One of ours that somebody closed without merging."""
    return not pull.open and not pull.merged and is_own(pull, login) and ON_BASE_LABEL not in pull.labels


def _rejects(pull: Pull, wish: Wish, login: str) -> bool:
    """It was this very text, or it has the label that wants no more of the skill."""
    if not was_rejected(pull, login):
        return False
    return REJECTED_LABEL in pull.labels or pull.marker.get("fingerprint") == wish.fingerprint


def _about_open(wish: Wish, there: Situation, current: Pull) -> Activity:
    if not is_own(current, there.login):
        message = (
            f"#{current.number} is open from the branch of this skill and was not opened by {there.login}; it is left "
            "alone (if it is the same bot with another token, name its account with --login)"
        )
        return Leave(reason="not-ours", message=message, pull=current)
    marker = current.marker
    same = marker.get("fingerprint") == wish.fingerprint and marker.get("base_sha") == wish.base_sha
    if there.branch_head is not None and not branch_is_ours(there) and REBASE_LABEL not in current.labels:
        if same:
            message = f"#{current.number} has this text, and commits of somebody else on top of it"
            return Leave(reason="up-to-date", message=message, pull=current)
        return Blocked(pull=current)
    if same and marker.get("head_sha") == there.branch_head:
        if marker.get("run_id") == wish.run_id:
            return Leave(reason="up-to-date", message=f"#{current.number} is up to date", pull=current)
        return Renew(pull=current, push=False, replaces=there.branch_head)
    return Renew(pull=current, push=not there.branch_is_wish, replaces=there.branch_head)


def _about_none(there: Situation, limits: Limits) -> Activity:
    closed = [p.closed_at for p in there.pulls if p.closed_at is not None and was_rejected(p, there.login)]
    left = max(closed, default=0.0) + limits.cooldown_days * _DAY_SECONDS - there.now
    if limits.cooldown_days and left > 0:
        message = f"the last one was closed; pr.cooldown_days has {left / _DAY_SECONDS:.1f} days left"
        return Leave(reason="cooldown", message=message)
    if there.others_open >= limits.max_open:
        message = f"{there.others_open} pull requests of ours are open; pr.max_open is {limits.max_open}"
        return Leave(reason="max-open", message=message)
    if there.branch_head is not None and not branch_is_ours(there):
        return Blocked(pull=None)
    return Open(push=not there.branch_is_wish, replaces=there.branch_head)
