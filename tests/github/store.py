"""The state behind the fake GitHub: a real bare git repository, and pull requests, comments, statuses, labels.

What GitHub computes from git (heads, comparisons, merges) is computed from git here, too.
"""

import copy
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WEB_FLOW = ("GitHub", "noreply@github.com")


class GitSaysNoError(Exception):
    """git ended with an error."""


class Bare:
    """The repository, by plumbing."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir(parents=True)
        self("init", "-q", "--bare", "-b", "main")
        self("config", "http.receivepack", "true")
        self("config", "uploadpack.allowAnySHA1InWant", "true")

    def __call__(self, *args: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> str:
        return self.raw(*args, stdin=stdin, env=env).decode("utf-8", "surrogateescape").strip()

    def raw(self, *args: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> bytes:
        """Run git; its output as it is."""
        whole = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.place),
            "GIT_CONFIG_NOSYSTEM": "1",
            **(env or {}),
        }
        done = subprocess.run(["git", *args], cwd=self.place, input=stdin, env=whole, capture_output=True, check=False)
        if done.returncode:
            raise GitSaysNoError(done.stderr.decode())
        return done.stdout

    def tip(self, branch: str) -> str | None:
        """Where a branch is."""
        try:
            return self("rev-parse", "--verify", "-q", f"refs/heads/{branch}")
        except GitSaysNoError:
            return None

    def kind(self, sha: str) -> str | None:
        """commit, tree, blob; None when there is no such object."""
        try:
            return self("cat-file", "-t", sha)
        except GitSaysNoError:
            return None

    def is_ancestor(self, old: str, new: str) -> bool:
        """A ref can move from `old` to `new` without force."""
        try:
            self("merge-base", "--is-ancestor", old, new)
        except GitSaysNoError:
            return False
        return True

    def commit(
        self, tree: str, parents: Sequence[str], message: str, people: Sequence[tuple[str, str]], when: float
    ) -> str:
        """A commit by an author and a committer."""
        env: dict[str, str] = {}
        for who, (name, email) in zip(("AUTHOR", "COMMITTER"), people, strict=True):
            env |= {f"GIT_{who}_NAME": name, f"GIT_{who}_EMAIL": email, f"GIT_{who}_DATE": f"{int(when)} +0000"}
        named = [x for parent in parents for x in ("-p", parent)]
        return self("commit-tree", tree, *named, stdin=message.encode(), env=env)

    def tree_with(self, base: str | None, entries: Sequence[tuple[str, str, str | None]]) -> str:
        """A tree: `base` with entries (mode, path, blob; None deletes) put in."""
        index = self.place / "work-index"
        index.unlink(missing_ok=True)
        env = {"GIT_INDEX_FILE": str(index)}
        if base:
            self("read-tree", base, env=env)
        for mode, path, sha in entries:
            if sha is None:
                self("update-index", "--force-remove", path, env=env)
            else:
                self("update-index", "--add", "--cacheinfo", f"{mode},{sha},{path}", env=env)
        return self("write-tree", env=env)


@dataclass
class Account:
    """Whose token it is. `permissions` of an installation token (the job's own, or an App's); users may everything."""

    login: str
    installation: bool = True
    permissions: dict[str, str] = field(default_factory=dict)
    role: str = "write"

    @property
    def email(self) -> str:
        """The address in commits, from which GitHub finds the account."""
        return f"{self.login}@users.noreply.github.com"

    def user(self) -> dict[str, Any]:
        """The account as GitHub shows it."""
        kind = "Bot" if self.login.endswith("[bot]") else "User"
        return {"login": self.login, "id": abs(hash(self.login)) % 10**8, "type": kind, "site_admin": False}


@dataclass
class PullRecord:
    """A pull request. `head_owner` differs from the repository's owner for a fork."""

    number: int
    title: str
    body: str | None
    head: str
    head_owner: str
    base: str
    author: Account
    head_sha: str
    base_sha: str
    draft: bool = False
    state: str = "open"
    merged_at: str | None = None
    closed_at: str | None = None
    created_at: str = ""
    labels: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)


@dataclass
class Rules:
    """Settings of the repository."""

    may_open_pulls: bool = True
    has_drafts: bool = True
    default_permissions: str = "read"
    required_contexts: list[str] = field(default_factory=list)
    private: bool = False
    truncated_trees: bool = False


@dataclass
class Store:
    """Everything the fake remembers. `clock` is Unix time in seconds and moves a second at every request."""

    git: Bare
    owner: str = "acme"
    name: str = "skills"
    accounts: dict[str, Account] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, PullRecord] = field(default_factory=dict)
    comments: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    check_runs: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=lambda: {"bug": "Something is wrong"})
    rules: Rules = field(default_factory=Rules)
    clock: float = 1_800_000_000.0
    last_id: int = 100

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"

    def copied(self, place: Path) -> "Store":
        """Another one that remembers the same, with a copy of the repository."""
        shutil.copytree(self.git.place, place)
        made = copy.deepcopy(self)
        made.git.place = place
        return made

    def new_id(self) -> int:
        """A number nothing else has."""
        self.last_id += 1
        return self.last_id

    def by_email(self, email: str) -> dict[str, Any] | None:
        """The account GitHub finds for an address in a commit."""
        if email == WEB_FLOW[1]:
            return {"login": "web-flow", "id": 19864447, "type": "User", "site_admin": False}
        found = next((a for a in self.accounts.values() if a.email == email), None)
        return found.user() if found else None

    def refresh(self) -> None:
        """Open pull requests follow their branches; one whose branch is gone is closed."""
        for pull in self.pulls.values():
            if pull.state == "open" and pull.head_owner == self.owner:
                tip = self.git.tip(pull.head)
                if tip is None:
                    pull.state, pull.closed_at = "closed", self.stamp()
                else:
                    pull.head_sha = tip
                    self.git("update-ref", f"refs/pull/{pull.number}/head", tip)

    def stamp(self) -> str:
        """The time as GitHub writes it."""
        from datetime import UTC, datetime

        return datetime.fromtimestamp(self.clock, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    # What people do by hand

    def merge(self, number: int) -> str:
        """Somebody presses the button: a merge commit on the base."""
        self.refresh()
        pull = self.pulls[number]
        base = self.git.tip(pull.base)
        assert base
        made = self.git("merge-tree", "--write-tree", base, pull.head_sha)
        people = (("A Person", "person@example.org"), WEB_FLOW)
        sha = self.git.commit(made.split()[0], [base, pull.head_sha], f"Merge #{number}", people, self.clock)
        self.git("update-ref", f"refs/heads/{pull.base}", sha)
        pull.state, pull.merged_at, pull.closed_at = "closed", self.stamp(), self.stamp()
        return sha

    def close(self, number: int) -> None:
        """Somebody closes it without merging."""
        self.refresh()
        self.pulls[number].state, self.pulls[number].closed_at = "closed", self.stamp()

    def put(
        self, branch: str, files: dict[str, bytes | str | None], who: str = "A Person", message: str = "a commit"
    ) -> str:
        """Somebody commits files to a branch; None deletes one."""
        tip = self.git.tip(branch)
        entries: list[tuple[str, str, str | None]] = []
        for path, data in files.items():
            raw = data.encode() if isinstance(data, str) else data
            entries.append(
                ("100644", path, None if raw is None else self.git("hash-object", "-w", "--stdin", stdin=raw))
            )
        tree = self.git.tree_with(tip, entries)
        email = next((a.email for a in self.accounts.values() if a.login == who), "person@example.org")
        sha = self.git.commit(tree, [tip] if tip else [], message, ((who, email), (who, email)), self.clock)
        self.git("update-ref", f"refs/heads/{branch}", sha)
        self.refresh()
        return sha

    def read(self, ref: str, path: str) -> bytes:
        """A file of a commit or branch."""
        return self.git.raw("show", f"{ref}:{path}")

    def label(self, number: int, name: str, who: str, description: str = "") -> None:
        """Somebody adds a label."""
        self.labels.setdefault(name, description)
        self.pulls[number].labels.append(name)
        self.events.append(
            {"id": self.new_id(), "event": "labeled", "issue": number, "actor": who, "label": name, "at": self.stamp()}
        )
