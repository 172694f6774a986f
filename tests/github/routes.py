"""What the fake GitHub answers: one function an operation, with the API's own texts when it refuses."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.github import shapes
from tests.github.store import WEB_FLOW, Account, GitSaysNoError, PullRecord, Store


class RefusedError(Exception):
    """An answer of 4xx."""

    def __init__(self, status: int, message: str, errors: list[Any] | None = None) -> None:
        self.status = status
        self.body: dict[str, Any] = {"message": message, "documentation_url": "https://docs.github.com/rest"}
        if errors is not None:
            self.body["errors"] = errors


@dataclass(frozen=True)
class Ask:
    """A request that was understood."""

    store: Store
    who: Account
    parts: Mapping[str, str]
    query: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Listed:
    """A list that is answered in pages."""

    items: list[Any]


Handler = Callable[[Ask], tuple[int, Any]]
ROUTES: dict[str, Handler] = {}
# operation -> what an installation token needs; reading needs nothing in a public repository.
NEEDS = {
    "git/create-blob": "contents=write", "git/create-tree": "contents=write", "git/create-commit": "contents=write",
    "git/create-ref": "contents=write", "git/update-ref": "contents=write", "git/delete-ref": "contents=write",
    "pulls/create": "pull_requests=write", "pulls/update": "pull_requests=write",
    "pulls/request-reviewers": "pull_requests=write", "issues/add-labels": "pull_requests=write",
    "issues/remove-label": "pull_requests=write", "issues/create-comment": "pull_requests=write",
    "issues/update-comment": "pull_requests=write", "repos/create-commit-status": "statuses=write",
    "checks/create": "checks=write", "checks/update": "checks=write",
    "actions/get-github-actions-default-workflow-permissions-repository": "administration=read",
}  # fmt: skip


def route(name: str) -> Callable[[Handler], Handler]:
    """Register the handler of an operation."""

    def add(handler: Handler) -> Handler:
        ROUTES[name] = handler
        return handler

    return add


def _no(status: int, message: str, *errors: Any) -> RefusedError:
    return RefusedError(status, message, list(errors) or None)


def _pull(ask: Ask, key: str) -> PullRecord:
    ask.store.refresh()
    found = ask.store.pulls.get(int(ask.parts[key]))
    if found is None:
        raise _no(404, "Not Found")
    return found


@route("users/get-authenticated")
def _user(ask: Ask) -> tuple[int, Any]:
    if ask.who.installation:
        raise _no(403, "Resource not accessible by integration")
    return 200, ask.who.user()


@route("repos/get")
def _repo(ask: Ask) -> tuple[int, Any]:
    return 200, shapes.repository(ask.store, ask.who)


@route("actions/get-github-actions-default-workflow-permissions-repository")
def _workflow(ask: Ask) -> tuple[int, Any]:
    rules = ask.store.rules
    return 200, {
        "default_workflow_permissions": rules.default_permissions,
        "can_approve_pull_request_reviews": rules.may_open_pulls,
    }


@route("actions/list-artifacts-for-repo")
def _artifacts(ask: Ask) -> tuple[int, Any]:
    """No workflow has left anything yet."""
    return 200, {"total_count": 0, "artifacts": []}


@route("actions/list-workflow-runs")
def _runs(ask: Ask) -> tuple[int, Any]:
    """No workflow has run yet; tests/forge/artifact_host.py is a host with runs and artifacts."""
    return 200, {"total_count": 0, "workflow_runs": []}


@route("repos/get-branch-rules")
def _rules(ask: Ask) -> tuple[int, Any]:
    contexts = ask.store.rules.required_contexts
    if not contexts:
        return 200, Listed([])
    checks = {
        "required_status_checks": [{"context": c} for c in contexts],
        "strict_required_status_checks_policy": False,
    }
    return 200, Listed([{"type": "required_status_checks", "parameters": checks}])


@route("repos/get-branch")
def _branch(ask: Ask) -> tuple[int, Any]:
    tip = ask.store.git.tip(ask.parts["branch"])
    if tip is None:
        raise _no(404, "Branch not found")
    return 200, {"name": ask.parts["branch"], "protected": bool(ask.store.rules.required_contexts)}


@route("repos/get-collaborator-permission-level")
def _permission(ask: Ask) -> tuple[int, Any]:
    role = ask.store.roles.get(ask.parts["username"], "read")
    return 200, {"permission": {"triage": "read", "maintain": "write"}.get(role, role), "role_name": role}


# Git data


@route("git/get-ref")
def _ref(ask: Ask) -> tuple[int, Any]:
    name = ask.parts["ref"]
    tip = ask.store.git.tip(name.removeprefix("heads/"))
    if tip is None:
        raise _no(404, "Not Found")
    return 200, shapes.ref(ask.store, name, tip)


@route("git/create-ref")
def _create_ref(ask: Ask) -> tuple[int, Any]:
    git, ref, sha = ask.store.git, ask.body["ref"], ask.body["sha"]
    if git.kind(sha) != "commit":
        raise _no(422, "Object does not exist")
    if git.tip(ref.removeprefix("refs/heads/")):
        raise _no(422, "Reference already exists")
    try:
        git("update-ref", ref, sha, "0" * 40)
    except GitSaysNoError as error:
        raise _no(422, "Reference update failed") from error
    return 201, shapes.ref(ask.store, ref.removeprefix("refs/"), sha)


@route("git/update-ref")
def _update_ref(ask: Ask) -> tuple[int, Any]:
    git, name, sha = ask.store.git, ask.parts["ref"], ask.body["sha"]
    tip = git.tip(name.removeprefix("heads/"))
    if tip is None:
        raise _no(422, "Reference does not exist")
    if git.kind(sha) != "commit":
        raise _no(422, "Object does not exist")
    if not ask.body.get("force") and not git.is_ancestor(tip, sha):
        raise _no(422, "Update is not a fast forward")
    git("update-ref", f"refs/{name}", sha)
    ask.store.refresh()
    return 200, shapes.ref(ask.store, name, sha)


@route("git/delete-ref")
def _delete_ref(ask: Ask) -> tuple[int, Any]:
    if ask.store.git.tip(ask.parts["ref"].removeprefix("heads/")) is None:
        raise _no(422, "Reference does not exist")
    ask.store.git("update-ref", "-d", f"refs/{ask.parts['ref']}")
    ask.store.refresh()
    return 204, None


@route("git/get-commit")
def _commit(ask: Ask) -> tuple[int, Any]:
    sha = ask.parts["commit_sha"]
    if ask.store.git.kind(sha) != "commit":
        raise _no(404, "Not Found")
    return 200, shapes.git_commit(ask.store, sha)


@route("git/create-commit")
def _create_commit(ask: Ask) -> tuple[int, Any]:
    git, body = ask.store.git, ask.body
    if git.kind(body["tree"]) != "tree" or any(git.kind(p) != "commit" for p in body.get("parents", [])):
        raise _no(422, "Tree SHA is not a tree object")
    own = (ask.who.login, ask.who.email)
    # Without an author it is the token's account; GitHub commits and signs for bots.
    author = (body["author"]["name"], body["author"]["email"]) if "author" in body else own
    committer = WEB_FLOW if ask.who.installation and "author" not in body else own
    sha = git.commit(body["tree"], body.get("parents", []), body["message"], (author, committer), ask.store.clock)
    return 201, shapes.git_commit(ask.store, sha, verified=committer == WEB_FLOW)


@route("git/get-tree")
def _tree(ask: Ask) -> tuple[int, Any]:
    git, sha = ask.store.git, ask.parts["tree_sha"]
    if git.kind(sha) != "tree":
        raise _no(404, "Not Found")
    whole = bool(ask.query.get("recursive"))
    lines = git.raw("ls-tree", "-z", *(["-r", "-t"] if whole else []), sha).decode().split("\0")
    items = []
    for line in filter(None, lines):
        meta, _, path = line.partition("\t")
        mode, kind, name = meta.split(" ")
        items.append({"path": path, "mode": mode, "type": kind, "sha": name})
    cut = whole and ask.store.rules.truncated_trees
    return 200, {"sha": sha, "tree": [] if cut else items, "truncated": cut}


@route("git/create-tree")
def _create_tree(ask: Ask) -> tuple[int, Any]:
    git, base = ask.store.git, ask.body.get("base_tree")
    if base is not None and git.kind(base) != "tree":
        raise _no(422, "base_tree is not a tree")
    try:
        sha = git.tree_with(base, [(e["mode"], e["path"], e["sha"]) for e in ask.body["tree"]])
    except GitSaysNoError as error:
        raise _no(422, "tree.path contains a malformed path component") from error
    return 201, {"sha": sha, "tree": [], "truncated": False}


@route("git/get-blob")
def _blob(ask: Ask) -> tuple[int, Any]:
    sha = ask.parts["file_sha"]
    if ask.store.git.kind(sha) != "blob":
        raise _no(404, "Not Found")
    data = ask.store.git.raw("cat-file", "blob", sha)
    # With line ends every 60 characters, as GitHub sends it.
    return 200, {"sha": sha, "size": len(data), "encoding": "base64", "content": base64.encodebytes(data).decode()}


@route("git/create-blob")
def _create_blob(ask: Ask) -> tuple[int, Any]:
    content = ask.body["content"]
    data = base64.b64decode(content) if ask.body.get("encoding") == "base64" else content.encode()
    return 201, {"sha": ask.store.git("hash-object", "-w", "--stdin", stdin=data), "url": "https://example.org/blob"}


@route("repos/compare-commits-with-basehead")
def _compare(ask: Ask) -> tuple[int, Any]:
    git = ask.store.git
    base, _, head = ask.parts["basehead"].partition("...")
    try:
        fork = git("merge-base", base, head)
        shas = git("rev-list", "--reverse", f"{base}..{head}").split()
    except GitSaysNoError as error:
        raise _no(404, "Not Found") from error
    commits = [shapes.commit(ask.store, sha) for sha in shas]
    return 200, {
        "merge_base_commit": shapes.commit(ask.store, fork),
        "base_commit": shapes.commit(ask.store, git("rev-parse", base)),
        "status": "ahead",
        "ahead_by": len(commits),
        "behind_by": len(git("rev-list", f"{head}..{base}").split()),
        "total_commits": len(commits),
        "commits": commits[:250],
        "files": [{"filename": name} for name in git("diff", "--name-only", f"{fork}..{head}").splitlines()],
    }


@route("repos/get-content")
def _content(ask: Ask) -> tuple[int, Any]:
    git, path, ref = ask.store.git, ask.parts["path"], ask.query.get("ref", "main")
    try:
        line = git("ls-tree", ref, "--", path)
    except GitSaysNoError as error:
        raise _no(404, f"No commit found for the ref {ref}") from error
    if not line:
        raise _no(404, "Not Found")
    sha = line.split()[2]
    data = git.raw("cat-file", "blob", sha)
    told = {"type": "file", "name": path.rpartition("/")[2], "path": path, "sha": sha, "size": len(data)}
    return 200, {**told, "encoding": "base64", "content": base64.encodebytes(data).decode()}


# Statuses and checks


@route("repos/create-commit-status")
def _create_status(ask: Ask) -> tuple[int, Any]:
    sha = ask.parts["sha"]
    if ask.store.git.kind(sha) != "commit":
        raise _no(422, f"No commit found for SHA: {sha}")
    known = {k: ask.body.get(k) for k in ("state", "description", "target_url")}
    made = {"id": ask.store.new_id(), "context": ask.body.get("context", "default"), **known}
    made |= {"created_at": ask.store.stamp(), "updated_at": ask.store.stamp(), "creator": ask.who.user()}
    ask.store.statuses.append({**made, "sha": sha})
    return 201, made


@route("repos/list-commit-statuses-for-ref")
def _statuses(ask: Ask) -> tuple[int, Any]:
    found = [s for s in reversed(ask.store.statuses) if s["sha"] == ask.parts["ref"]]
    return 200, Listed([{k: v for k, v in s.items() if k != "sha"} for s in found])


@route("checks/create")
def _create_check(ask: Ask) -> tuple[int, Any]:
    made = {"id": ask.store.new_id(), "status": "queued", **ask.body}
    ask.store.check_runs.append(made)
    return 201, shapes.check_run(made)


@route("checks/update")
def _update_check(ask: Ask) -> tuple[int, Any]:
    found = next((c for c in ask.store.check_runs if c["id"] == int(ask.parts["check_run_id"])), None)
    if found is None:
        raise _no(404, "Not Found")
    found |= ask.body
    return 200, shapes.check_run(found)


@route("checks/list-for-ref")
def _checks(ask: Ask) -> tuple[int, Any]:
    found = [shapes.check_run(c) for c in ask.store.check_runs if c["head_sha"] == ask.parts["ref"]]
    return 200, {"total_count": len(found), "check_runs": found}


# Pull requests


@route("pulls/list")
def _pulls(ask: Ask) -> tuple[int, Any]:
    ask.store.refresh()
    state = ask.query.get("state", "open")
    owner, _, head = ask.query.get("head", ":").partition(":")
    found = [
        p
        for p in sorted(ask.store.pulls.values(), key=lambda p: -p.number)
        if state in ("all", p.state)
        and ask.query.get("base", p.base) == p.base
        and (not head or (p.head == head and p.head_owner == owner))
    ]
    return 200, Listed([shapes.pull(ask.store, p) for p in found])


@route("pulls/get")
def _get_pull(ask: Ask) -> tuple[int, Any]:
    return 200, shapes.pull(ask.store, _pull(ask, "pull_number"))


@route("pulls/create")
def _create_pull(ask: Ask) -> tuple[int, Any]:
    store, body = ask.store, ask.body
    if ask.who.login == "github-actions[bot]" and not store.rules.may_open_pulls:
        raise _no(403, "GitHub Actions is not permitted to create or approve pull requests.")
    store.refresh()
    owner, _, head = body["head"].rpartition(":")
    owner = owner or store.owner
    tip, base = store.git.tip(head), store.git.tip(body["base"])
    for name, found in (("head", tip), ("base", base)):
        if found is None:
            raise _no(422, "Validation Failed", {"resource": "PullRequest", "field": name, "code": "invalid"})
    if any(
        p.state == "open" and (p.head, p.head_owner, p.base) == (head, owner, body["base"])
        for p in store.pulls.values()
    ):
        message = f"A pull request already exists for {owner}:{head}."
        raise _no(422, "Validation Failed", {"resource": "PullRequest", "code": "custom", "message": message})
    assert tip
    assert base
    if store.git.is_ancestor(tip, base):
        message = f"No commits between {body['base']} and {head}"
        raise _no(422, "Validation Failed", {"resource": "PullRequest", "code": "custom", "message": message})
    if body.get("draft") and not store.rules.has_drafts:
        raise _no(422, "Draft pull requests are not supported in this repository.")
    number = max(store.pulls, default=0) + 1
    store.pulls[number] = PullRecord(
        number=number, title=body.get("title", ""), body=body.get("body"), head=head, head_owner=owner,
        base=body["base"], author=ask.who, head_sha=tip, base_sha=base, draft=bool(body.get("draft")),
        created_at=store.stamp(),
    )  # fmt: skip
    store.refresh()
    return 201, shapes.pull(store, store.pulls[number])


@route("pulls/update")
def _update_pull(ask: Ask) -> tuple[int, Any]:
    pull = _pull(ask, "pull_number")
    pull.title = ask.body.get("title", pull.title)
    pull.body = ask.body.get("body", pull.body)
    if ask.body.get("state") == "closed" and pull.state == "open":
        pull.state, pull.closed_at = "closed", ask.store.stamp()
    return 200, shapes.pull(ask.store, pull)


@route("pulls/request-reviewers")
def _reviewers(ask: Ask) -> tuple[int, Any]:
    pull = _pull(ask, "pull_number")
    people, teams = ask.body.get("reviewers", []), ask.body.get("team_reviewers", [])
    if teams and ask.who.login == "github-actions[bot]":
        raise _no(422, "Could not resolve to a node with the global id of 'T_kwDO'.")
    if ask.who.login in people:
        raise _no(422, "Review cannot be requested from pull request author.")
    if any(ask.store.roles.get(p) is None for p in people):
        told = "Reviews may only be requested from collaborators. One or more of the users or teams you specified is"
        raise _no(422, f"{told} not a collaborator of the {ask.store.full_name} repository.")
    pull.reviewers += people
    pull.teams += teams
    return 201, shapes.pull(ask.store, pull)


# Labels, comments, events


@route("issues/add-labels")
def _labels(ask: Ask) -> tuple[int, Any]:
    pull = _pull(ask, "issue_number")
    names = [entry if isinstance(entry, str) else entry["name"] for entry in ask.body["labels"]]
    for name in names:
        if len(name) > 50:
            raise _no(422, "Validation Failed", {"resource": "Label", "field": "name", "code": "invalid"})
        if name not in pull.labels:
            ask.store.label(pull.number, name, ask.who.login)
    return 200, Listed([shapes.label(ask.store, name) for name in pull.labels])


@route("issues/remove-label")
def _remove_label(ask: Ask) -> tuple[int, Any]:
    pull = _pull(ask, "issue_number")
    if ask.parts["name"] not in pull.labels:
        raise _no(404, "Label does not exist")
    pull.labels.remove(ask.parts["name"])
    return 200, Listed([shapes.label(ask.store, name) for name in pull.labels])


@route("issues/list-comments")
def _comments(ask: Ask) -> tuple[int, Any]:
    number = int(ask.parts["issue_number"])
    return 200, Listed([{k: v for k, v in c.items() if k != "on"} for c in ask.store.comments if c["on"] == number])


@route("issues/create-comment")
def _create_comment(ask: Ask) -> tuple[int, Any]:
    made = {"id": ask.store.new_id(), "body": ask.body["body"], "user": ask.who.user(), "created_at": ask.store.stamp()}
    ask.store.comments.append({**made, "on": _pull(ask, "issue_number").number})
    return 201, made


@route("issues/update-comment")
def _update_comment(ask: Ask) -> tuple[int, Any]:
    found = next((c for c in ask.store.comments if c["id"] == int(ask.parts["comment_id"])), None)
    if found is None:
        raise _no(404, "Not Found")
    found["body"] = ask.body["body"]
    return 200, {k: v for k, v in found.items() if k != "on"}


@route("issues/list-events")
def _events(ask: Ask) -> tuple[int, Any]:
    number = int(ask.parts["issue_number"])
    found = [e for e in ask.store.events if e["issue"] == number]
    return 200, Listed([shapes.event(ask.store, e) for e in found])


def needed(name: str, who: Account) -> str | None:
    """The permission that a token lacks for an operation, as `contents=write`."""
    wanted = NEEDS.get(name)
    if wanted is None or not who.installation:
        return None
    area, _, level = wanted.partition("=")
    held = who.permissions.get(area)
    return None if held in ("write", level) else wanted
