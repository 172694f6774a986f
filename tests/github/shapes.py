"""Records of the fake in the JSON that GitHub gives them: fewer fields, and no others."""

from typing import Any

from tests.github.store import Account, PullRecord, Store


def repository(store: Store, who: Account | None = None) -> dict[str, Any]:
    """The repository."""
    home = f"https://github.com/{store.full_name}"
    made: dict[str, Any] = {
        "id": 1, "name": store.name, "full_name": store.full_name, "private": store.rules.private, "html_url": home,
        "default_branch": "main", "archived": False, "owner": {"login": store.owner, "type": "Organization"},
    }  # fmt: skip
    if who is not None and not who.installation:
        made["permissions"] = {"admin": who.role == "admin", "push": who.role in ("admin", "write"), "pull": True}
    return made


def ref(store: Store, name: str, sha: str) -> dict[str, Any]:
    """A ref."""
    url = f"https://api.github.com/repos/{store.full_name}/git/refs/{name}"
    return {"ref": f"refs/{name}", "url": url, "object": {"type": "commit", "sha": sha}}


def git_commit(store: Store, sha: str, *, verified: bool = False) -> dict[str, Any]:
    """A commit of the git-data API."""
    lines = store.git("show", "-s", "--format=%T%n%P%n%an%n%ae%n%cn%n%ce", sha).split("\n")
    tree, parents, *people = lines
    author, committer = ({"name": people[i], "email": people[i + 1], "date": store.stamp()} for i in (0, 2))
    return {
        "sha": sha, "message": store.git("show", "-s", "--format=%B", sha), "tree": {"sha": tree},
        "parents": [{"sha": p} for p in parents.split()], "author": author, "committer": committer,
        "verification": {"verified": verified, "reason": "valid" if verified else "unsigned"},
    }  # fmt: skip


def commit(store: Store, sha: str) -> dict[str, Any]:
    """A commit with the accounts that GitHub finds for its people."""
    made = git_commit(store, sha)
    return {
        "sha": sha,
        "commit": {
            "message": made["message"],
            "tree": made["tree"],
            "author": made["author"],
            "committer": made["committer"],
        },
        "author": store.by_email(made["author"]["email"]),
        "committer": store.by_email(made["committer"]["email"]),
        "parents": made["parents"],
    }


def label(store: Store, name: str) -> dict[str, Any]:
    """A label."""
    return {"id": abs(hash(name)) % 10**8, "name": name, "color": "ededed", "description": store.labels.get(name, "")}


def pull(store: Store, record: PullRecord) -> dict[str, Any]:
    """A pull request."""
    fork = record.head_owner != store.owner
    home = {**repository(store), "full_name": f"{record.head_owner}/{store.name}"} if fork else repository(store)
    url = f"https://github.com/{store.full_name}/pull/{record.number}"
    head = {"ref": record.head, "sha": record.head_sha, "label": f"{record.head_owner}:{record.head}"}
    base = {"ref": record.base, "sha": record.base_sha, "label": f"{store.owner}:{record.base}"}
    return {
        "id": record.number + 5000, "number": record.number, "html_url": url, "state": record.state,
        "title": record.title, "body": record.body, "draft": record.draft, "user": record.author.user(),
        "created_at": record.created_at or store.stamp(), "closed_at": record.closed_at, "merged_at": record.merged_at,
        "labels": [label(store, name) for name in record.labels],
        "head": {**head, "repo": home},
        "base": {**base, "repo": repository(store)},
        "requested_reviewers": [{"login": name} for name in record.reviewers],
    }  # fmt: skip


def event(store: Store, record: dict[str, Any]) -> dict[str, Any]:
    """An event of a pull request."""
    made = {"id": record["id"], "event": record["event"], "created_at": record["at"], "commit_id": None}
    return {**made, "actor": {"login": record["actor"]}, "label": {"name": record["label"], "color": "ededed"}}


def check_run(record: dict[str, Any]) -> dict[str, Any]:
    """A check run."""
    return {k: record.get(k) for k in ("id", "name", "head_sha", "status", "conclusion") if k in record}
