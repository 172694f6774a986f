"""A proposal becomes a pull request, is brought up to date, or is left alone: looks, decides, then writes."""

from collections.abc import Callable
from dataclasses import replace

from skillopt_ci.errors import ForgeError
from skillopt_ci.forge.publication import MayNotOpenError, Outcome, Publication, final_blobs, wish_of
from skillopt_ci.forge.refusal import MAY_NOT_OPEN, ApiError
from skillopt_ci.forge.remote import Pull, RemoteEntry
from skillopt_ci.forge.repository import Repository
from skillopt_ci.forge.sticky import put_comment, same_text
from skillopt_ci.forge.upsert import (
    ON_BASE_LABEL,
    REBASE_LABEL,
    STALE_LABEL,
    Activity,
    Blocked,
    Finish,
    Open,
    Renew,
    Situation,
    Stale,
    commits_are_ours,
    decide,
    is_own,
)

NOTE = "note"


def publish(repository: Repository, wanted: Publication, now: Callable[[], float]) -> Outcome:
    """Do the one thing that is to be done.

    Raises:
        MayNotOpenError: the branch is there and the pull request must be opened by hand, or the setting changed.
        ForgeError: GitHub refused something else.
    """
    there = _look(repository, wanted, now())
    activity = decide(wish_of(wanted), there, wanted.limits)
    return _carry_out(repository, wanted, activity)


def _look(repository: Repository, wanted: Publication, now: float) -> Situation:
    branch = wanted.proposal.branch
    login = repository.login
    there = Situation(
        login=login, pulls=tuple(repository.pulls_of(branch)), branch_head=repository.head(branch), now=now
    )
    own = [p for p in there.pulls if is_own(p, login)]
    tip = there.branch_head
    if tip is not None and all(p.marker.get("head_sha") != tip for p in own):
        fork, commits = repository.commits_between(wanted.base.sha, tip)
        there = replace(there, commits_ours=commits_are_ours(commits, login))
        if there.commits_ours and fork == wanted.base.sha and len(commits) == len(wanted.proposal.commits):
            blobs = final_blobs(wanted)
            held = repository.entries(repository.tree_of(tip), tuple(blobs))
            there = replace(there, branch_is_wish={p: e.sha for p, e in held.items()} == blobs)
    if not any(p.open for p in there.pulls):
        others = (p for p in repository.open_pulls() if p.branch.startswith("skillopt/"))  # none of this branch
        there = replace(there, others_open=sum(is_own(p, login) for p in others))
    return there


def _carry_out(repository: Repository, wanted: Publication, activity: Activity) -> Outcome:
    if isinstance(activity, Open):
        return _open(repository, wanted, activity)
    if isinstance(activity, Renew):
        return _renew(repository, wanted, activity)
    if isinstance(activity, Blocked):
        return _blocked(repository, wanted, activity)
    if isinstance(activity, Stale):
        return _stale(repository, wanted, activity)
    if isinstance(activity, Finish):
        return _finish(repository, wanted, activity)
    action = "unchanged" if activity.reason == "up-to-date" else activity.reason
    return Outcome(action=action, message=activity.message, pull=activity.pull)


def _open(repository: Repository, wanted: Publication, todo: Open) -> Outcome:
    branch, base = wanted.proposal.branch, wanted.base
    head = _push(repository, wanted, todo.replaces) if todo.push else todo.replaces
    assert head is not None  # noqa: S101 - what is not pushed is there
    fields: dict[str, str | bool] = {
        "title": wanted.proposal.title,
        "body": wanted.proposal.full_body(head),
        "head": branch,
        "base": base.branch,
        "draft": wanted.draft,
    }
    warnings: list[str] = []
    try:
        made = _create(repository, fields, warnings)
    except ApiError as error:
        if MAY_NOT_OPEN in error.said.lower():
            home = str(repository.facts["html_url"])
            compare = f"{home}/compare/{base.branch}...{branch}?expand=1"
            raise MayNotOpenError(branch, compare, f"{home}/settings/actions") from error
        if "already exists" not in error.said:
            raise
        # An answer was lost, or somebody was faster.
        current = next((p for p in repository.pulls_of(branch) if p.open and is_own(p, repository.login)), None)
        if current is None:
            raise
        made = current
    if wanted.labels:
        _try(warnings, lambda: repository.add_labels(made.number, wanted.labels))
    if wanted.reviewers:
        _try(warnings, lambda: repository.request_reviewers(made.number, wanted.reviewers, ()))
    if wanted.team_reviewers:
        _try(warnings, lambda: repository.request_reviewers(made.number, (), wanted.team_reviewers))
    return Outcome(
        action="opened", message=f"opened #{made.number}", pull=made, head_sha=head, warnings=tuple(warnings)
    )


def _create(repository: Repository, fields: dict[str, str | bool], warnings: list[str]) -> Pull:
    try:
        return repository.create_pull(fields)
    except ApiError as error:
        if not (fields["draft"] and error.status == 422 and "draft" in error.said.lower()):
            raise
        warnings.append("this repository has no draft pull requests; it was opened as an ordinary one")
        return repository.create_pull({**fields, "draft": False})


def _renew(repository: Repository, wanted: Publication, todo: Renew) -> Outcome:
    pull = todo.pull
    head = _push(repository, wanted, todo.replaces) if todo.push else todo.replaces
    assert head is not None  # noqa: S101 - what is not pushed is there
    title, body = wanted.proposal.title, wanted.proposal.full_body(head)
    changed = {k: v for k, v, old in (("title", title, pull.title), ("body", body, pull.body)) if not same_text(v, old)}
    if changed:
        repository.edit_pull(pull.number, **changed)
    warnings: list[str] = []
    for label in (REBASE_LABEL, STALE_LABEL):
        if label in pull.labels:
            _try(warnings, lambda label=label: repository.remove_label(pull.number, label))  # type: ignore[misc]
    done = bool(changed) or todo.push
    message = f"updated #{pull.number}" if done else f"#{pull.number} is up to date"
    return Outcome(
        action="updated" if done else "unchanged", message=message, pull=pull, head_sha=head, warnings=tuple(warnings)
    )


def _push(repository: Repository, wanted: Publication, expected: str | None) -> str:
    """Write the commits on top of the base and let the branch point to the last one.

    Raises:
        ForgeError: the branch is not where it was when it was looked at.
    """
    parent, tree = wanted.base.sha, wanted.base.tree
    blobs: dict[bytes, str] = {}
    for plan in wanted.proposal.commits:
        files = {}
        for path, data in plan.files.items():
            blobs[data] = blobs.get(data) or repository.create_blob(data)
            known = wanted.base.entries.get(path)
            files[path] = RemoteEntry(mode=known.mode if known else "100644", sha=blobs[data])
        tree = repository.create_tree(tree, files)
        parent = repository.create_commit(plan.message, tree, parent)
    branch = wanted.proposal.branch
    # REST has no compare-and-swap for a ref: the last look is as late as it can be.
    if repository.head(branch) != expected:
        raise ForgeError(f"the branch {branch} was changed meanwhile; nothing was overwritten, run this again")
    if expected is None:
        repository.create_branch(branch, parent)
    else:
        repository.move_branch(branch, parent)
    return parent


def _blocked(repository: Repository, wanted: Publication, todo: Blocked) -> Outcome:
    branch = wanted.proposal.branch
    message = f"the branch {branch} has commits of somebody else and was not touched"
    if todo.pull is None:
        return Outcome(action="blocked", message=f"{message}; delete or rename it, and run this again")
    place = wanted.patch_place or "the run's folder, under `pull_request/commits`"
    text = (
        f"This branch has commits that skillopt-ci did not make, so it stays as it is. A newer proposal is in {place}. "
        f"To let the next run replace the branch, add the label `{REBASE_LABEL}`; to keep your commits, merge or close "
        "this pull request."
    )
    put_comment(repository, todo.pull.number, NOTE, text)
    return Outcome(action="blocked", message=f"{message}; #{todo.pull.number} says so", pull=todo.pull)


def _stale(repository: Repository, wanted: Publication, todo: Stale) -> Outcome:
    message = f"{wanted.skill} changed on {wanted.base.branch} since training: its scores are void, train again"
    pull = todo.pull
    base = pull.marker.get("base_sha") if pull else None
    if pull is None or not base:
        return Outcome(action="stale", message=message)
    before = repository.entries(repository.tree_of(base), (wanted.skill,))
    if before.get(wanted.skill) == wanted.base.entries.get(wanted.skill):
        return Outcome(action="stale", message=message)  # the pull request is newer than this run, and good
    warnings: list[str] = []
    if STALE_LABEL not in pull.labels:
        _try(warnings, lambda: repository.add_labels(pull.number, (STALE_LABEL,)))
    text = (
        "The skill changed on the base branch since it was trained, so the scores of this pull request are void. The "
        "next training run starts from the new text."
    )
    put_comment(repository, pull.number, NOTE, text)
    return Outcome(action="stale", message=f"{message}; #{pull.number} says so", pull=pull, warnings=tuple(warnings))


def _finish(repository: Repository, wanted: Publication, todo: Finish) -> Outcome:
    message = "the base branch has this text already"
    if todo.pull is not None:
        # Before it is closed: a pull request that is closed without this label counts as rejected.
        repository.add_labels(todo.pull.number, (ON_BASE_LABEL,))
        put_comment(repository, todo.pull.number, NOTE, "The base branch has this text already; nothing is left to do.")
        repository.edit_pull(todo.pull.number, state="closed")
        message += f"; #{todo.pull.number} is closed"
    warnings: list[str] = []
    _try(warnings, lambda: repository.delete_branch(wanted.proposal.branch))
    return Outcome(action="closed", message=message, pull=todo.pull, warnings=tuple(warnings))


def _try(warnings: list[str], action: Callable[[], None]) -> None:
    """What is nice to have: a refusal is a warning."""
    try:
        action()
    except ForgeError as error:
        warnings.append(str(error))
