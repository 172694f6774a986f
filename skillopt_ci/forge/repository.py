"""What is read and written in a repository on GitHub, as plain values: one method, one request (or one a page)."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import quote

from skillopt_ci.errors import ForgeError
from skillopt_ci.forge.github import ApiError, GitHub
from skillopt_ci.forge.remote import Comment, Pull, RemoteEntry, blob_sha, entry_of, login_of, pull

ACTIONS_LOGIN = "github-actions[bot]"


class Repository:
    """One repository. `login` names the account of the token; empty finds it out."""

    def __init__(self, api: GitHub, login: str = "") -> None:
        self.api = api
        self._login = login

    @cached_property
    def login(self) -> str:
        """The account that the token acts as; an installation token may not ask and is taken for the job's own."""
        if self._login:
            return self._login
        if self.api.connection.token.startswith("ghs_"):
            return ACTIONS_LOGIN
        try:
            return str(self.api.get("/user")["login"])
        except ApiError as error:
            if error.status == 403:
                return ACTIONS_LOGIN
            raise

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """The repository as GitHub describes it."""
        found: Mapping[str, Any] = self.api.get("{repo}")
        return found

    @property
    def default_branch(self) -> str:
        """The default branch."""
        return str(self.facts["default_branch"])

    # Git data

    def head(self, branch: str) -> str | None:
        """The commit at the tip of a branch; None when there is no such branch."""
        found = self.api.find(f"{{repo}}/git/ref/heads/{_part(branch)}")
        return None if found is None else str(found["object"]["sha"])

    def tree_of(self, commit: str) -> str:
        """The tree of a commit."""
        return str(self.api.get(f"{{repo}}/git/commits/{quote(commit, safe='')}")["tree"]["sha"])

    def entries(self, tree: str, paths: Sequence[str]) -> Mapping[str, RemoteEntry]:
        """Those of `paths` that are in a tree. One request, or in a huge repository one a folder on the way."""
        found = self.api.get(f"{{repo}}/git/trees/{tree}", recursive=1)
        if not found.get("truncated"):
            wanted = set(paths)
            return {e["path"]: entry_of(e) for e in found["tree"] if e["path"] in wanted and e["type"] == "blob"}
        walked = {path: self._walk(tree, path.split("/")) for path in paths}
        return {path: entry for path, entry in walked.items() if entry is not None}

    def blob(self, sha: str) -> bytes:
        """The content of a file."""
        found = self.api.get(f"{{repo}}/git/blobs/{quote(sha, safe='')}")
        return base64.b64decode(found["content"])

    def file(self, path: str, commit: str) -> bytes | None:
        """A file of at most a megabyte in a commit of our own (of a symbolic link it would be the target)."""
        found = self.api.find(f"{{repo}}/contents/{_part(path)}", ref=commit)
        if not isinstance(found, dict) or found.get("encoding") != "base64":
            return None
        return base64.b64decode(found["content"])

    def create_blob(self, data: bytes) -> str:
        """Store a file's content. Raises `ForgeError` when something else was stored."""
        sent = {"content": base64.b64encode(data).decode("ascii"), "encoding": "base64"}
        sha = str(self.api.send("POST", "{repo}/git/blobs", sent)["sha"])
        if sha != blob_sha(data):
            raise ForgeError("what GitHub stored is not the file that was sent; is there a secret in the skill?")
        return sha

    def create_tree(self, base: str, files: Mapping[str, RemoteEntry]) -> str:
        """Store a tree: `base` with some files replaced."""
        tree = [{"path": path, "mode": e.mode, "type": "blob", "sha": e.sha} for path, e in sorted(files.items())]
        return str(self.api.send("POST", "{repo}/git/trees", {"base_tree": base, "tree": tree})["sha"])

    def create_commit(self, message: str, tree: str, parent: str) -> str:
        """Store a commit. Without author and committer GitHub signs it for a bot's token."""
        sent = {"message": message, "tree": tree, "parents": [parent]}
        return str(self.api.send("POST", "{repo}/git/commits", sent)["sha"])

    def create_branch(self, branch: str, sha: str) -> None:
        """Make a branch."""
        try:
            self.api.send("POST", "{repo}/git/refs", {"ref": f"refs/heads/{branch}", "sha": sha})
        except ApiError as error:
            if error.status == 422 and "already exists" not in error.said and self.head(branch) is None:
                top = branch.partition("/")[0]
                raise ForgeError(f"{error}; is there a branch named '{top}'? git cannot have it beside it") from error
            if self.head(branch) != sha:
                raise

    def move_branch(self, branch: str, sha: str) -> None:
        """Let a branch point to a commit that need not descend from its tip."""
        self.api.send("PATCH", f"{{repo}}/git/refs/heads/{_part(branch)}", {"sha": sha, "force": True})

    def delete_branch(self, branch: str) -> None:
        """Delete a branch."""
        self.api.send("DELETE", f"{{repo}}/git/refs/heads/{_part(branch)}")

    def commits_between(self, base: str, head: str) -> tuple[str, list[Mapping[str, Any]]]:
        """Where two histories part, and the (at most 250) commits that `head` has more; nothing when they never met."""
        found = self.api.find(f"{{repo}}/compare/{_part(base)}...{_part(head)}")
        if found is None:
            return "", []
        return str(found["merge_base_commit"]["sha"]), list(found["commits"])

    def paths_between(self, base: str, head: str) -> frozenset[str]:
        """The (at most 300) files that `head` changed since it left `base`."""
        found = self.api.find(f"{{repo}}/compare/{_part(base)}...{_part(head)}") or {}
        return frozenset(str(file["filename"]) for file in found.get("files") or ())

    # Pull requests

    def pulls_of(self, branch: str) -> list[Pull]:
        """Every pull request from a branch of this repository, the newest first."""
        owner = self.api.connection.owner
        found = self.api.pages("{repo}/pulls", state="all", head=f"{owner}:{branch}")
        return [pull(item) for item in found]

    def open_pulls(self) -> Iterator[Pull]:
        """Open pull requests, the newest first."""
        return (pull(item) for item in self.api.pages("{repo}/pulls", state="open"))

    def closed_pulls(self, base: str) -> list[Pull]:
        """The hundred pull requests for a branch that were closed and changed last."""
        asked: dict[str, str | int] = {
            "state": "closed",
            "base": base,
            "sort": "updated",
            "direction": "desc",
            "per_page": 100,
        }
        return [pull(item) for item in self.api.get("{repo}/pulls", **asked)]

    def pull(self, number: int) -> Pull:
        """One pull request."""
        return pull(self.api.get(f"{{repo}}/pulls/{number}"))

    def create_pull(self, fields: Mapping[str, str | bool]) -> Pull:
        """Open a pull request: title, body, head, base, draft."""
        return pull(self.api.send("POST", "{repo}/pulls", fields))

    def edit_pull(self, number: int, **fields: str) -> None:
        """Change title, body or state."""
        self.api.send("PATCH", f"{{repo}}/pulls/{number}", fields)

    def add_labels(self, number: int, labels: Sequence[str]) -> None:
        """Add labels; missing ones are made."""
        self.api.send("POST", f"{{repo}}/issues/{number}/labels", {"labels": list(labels)})

    def remove_label(self, number: int, label: str) -> None:
        """Take a label away."""
        self.api.send("DELETE", f"{{repo}}/issues/{number}/labels/{quote(label, safe='')}")

    def request_reviewers(self, number: int, people: Sequence[str], teams: Sequence[str]) -> None:
        """Ask people and teams (slugs) for a review."""
        sent = {"reviewers": list(people), "team_reviewers": list(teams)}
        place = f"{{repo}}/pulls/{number}/requested_reviewers"
        # Of a team that the token may not see GitHub says what it says of things that are not there yet.
        self.api.send("POST", place, {k: v for k, v in sent.items() if v}, again=not teams)

    def permission(self, login: str) -> str:
        """What an account may do here: admin, write, read or none."""
        return str(self.api.get(f"{{repo}}/collaborators/{quote(login, safe='')}/permission")["permission"])

    # Comments

    def comments(self, number: int) -> Iterator[Comment]:
        """Comments of a pull request, the oldest first."""
        for item in self.api.pages(f"{{repo}}/issues/{number}/comments"):
            yield Comment(id=int(item["id"]), author=login_of(item.get("user")), body=str(item.get("body") or ""))

    def create_comment(self, number: int, body: str) -> None:
        """Add a comment; not sent twice when nobody knows whether it arrived."""
        self.api.send("POST", f"{{repo}}/issues/{number}/comments", {"body": body}, again=False)

    def edit_comment(self, comment: int, body: str) -> None:
        """Replace a comment's text."""
        self.api.send("PATCH", f"{{repo}}/issues/comments/{comment}", {"body": body})

    def _walk(self, tree: str, parts: Sequence[str]) -> RemoteEntry | None:
        for at, part in enumerate(parts):
            found = next((e for e in self.api.get(f"{{repo}}/git/trees/{tree}")["tree"] if e["path"] == part), None)
            last = at == len(parts) - 1
            if found is None or found["type"] != ("blob" if last else "tree"):
                return None
            tree = str(found["sha"])
        return entry_of(found) if found else None


def _part(text: str) -> str:
    """A part of a path in an address: slashes stay, as branches have them; nothing can leave its place."""
    return quote(text, safe="/")
