"""A repository: refs, commits, and the files in them."""

import re
from pathlib import Path

from skillopt_ci.errors import GitError
from skillopt_ci.forge.command import Refused, available, run_git
from skillopt_ci.forge.tree import GitTree, StoredTree

_DEEPEN = "; this is a shallow clone: fetch the whole history (in a workflow: actions/checkout with `fetch-depth: 0`)"
# What git itself takes for nothing else: a commit's whole name, where the work stands, a ref's whole name.
_PLAIN = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?$|HEAD\b|@|refs/")
_NO_WORK = ("not a git repository", "must be run in a work tree", "cannot use bare repository")
_DEFAULTS = ("refs/remotes/origin/main", "refs/remotes/origin/master", "refs/heads/main", "refs/heads/master")


class Git:
    """One repository with a working tree; `root` is its top folder. Every method but `discover` raises `GitError`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def discover(cls, path: Path) -> "Git | None":
        """The repository that holds a folder; None when there is none.

        Raises:
            GitError: there is one, and git refuses to work in it (or git is not installed).
        """
        if not available():
            if any((folder / ".git").exists() for folder in (path.resolve(), *path.resolve().parents)):
                raise GitError("this is a git repository, and git is not installed (or not on the PATH)")
            return None
        try:
            top = run_git(path, "rev-parse", "--show-toplevel")
        except Refused as refused:
            if any(words in refused.stderr for words in _NO_WORK):
                return None
            raise
        return cls(Path(top.decode("utf-8", "surrogateescape").rstrip("\n")))

    def resolve(self, ref: str) -> str:
        """The commit a ref stands for, as its full object name; of a branch and a tag of one name the branch's.

        Whoever may push a tag could else call it `origin/main`, and decide by it what holds.

        Raises:
            GitError: there is no such commit.
        """
        shown = "".join(c if c.isprintable() else "?" for c in ref)[:200]
        if not ref or ref.startswith("-") or any(c.isspace() or c == "\0" for c in ref):
            raise GitError(f"'{shown}' is not a name of a commit")
        named = () if _PLAIN.match(ref) else (f"refs/heads/{ref}", f"refs/remotes/{ref}")
        exact = next((name for name in named if self._exists(name)), ref)
        try:
            found = run_git(self.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{exact}^{{commit}}")
        except Refused as refused:
            if ref == "HEAD":
                raise GitError("the repository has no commit yet; commit something first") from refused
            raise GitError(f"no commit '{shown}' in this repository{self._hint(ref)}") from refused
        return found.decode("ascii").strip()

    def merge_base(self, one: str, other: str) -> str:
        """The commit where `other` left `one`; the tip of `one` where several commits are as near to both.

        Two merges of the same commits have them all in common: what one merge left out, and the other has, would be no
        change seen from one of them, and yet be taken back when both are merged.

        Raises:
            GitError: they share none.
        """
        first, second = self.resolve(one), self.resolve(other)
        try:
            found = run_git(self.root, "merge-base", "--all", "--end-of-options", first, second)
        except Refused as refused:
            where = f"'{one}' and '{other}' have no common commit"
            raise GitError(where + (_DEEPEN if self.is_shallow() else "")) from refused
        bases = found.decode("ascii").split()
        return bases[0] if len(bases) == 1 else first

    def merged(self, one: str, other: str) -> tuple[GitTree, frozenset[str]] | None:
        """The files of two commits merged, and which of them conflict; nothing is checked out.

        None where git is older than 2.38, which cannot say.
        """
        first, second = self.resolve(one), self.resolve(other)
        options = ("--write-tree", "--name-only", "--no-messages", "-z")
        try:
            found = run_git(self.root, "merge-tree", *options, first, second)
        except Refused as refused:
            if refused.code != 1:
                return None
            found = refused.stdout
        tree, *conflicts = found.decode("utf-8", "surrogateescape").split("\0")
        return GitTree(self.root, tree.strip()), frozenset(filter(None, conflicts))  # a zero byte is at the end, too

    def default_branch(self) -> str:
        """The default branch as a ref to resolve: origin's own word, else origin/main, origin/master, main, master."""
        candidates = list(_DEFAULTS)
        try:
            head = run_git(self.root, "symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
            candidates.insert(0, head.decode("utf-8", "surrogateescape").strip())
        except Refused:
            pass  # a clone by actions/checkout has no origin/HEAD
        for ref in candidates:
            if self._exists(ref):
                return ref.removeprefix("refs/remotes/").removeprefix("refs/heads/")
        cut = _DEEPEN if self.is_shallow() else ""
        raise GitError(f"no default branch found (origin/HEAD, main, master); name the base with --base{cut}")

    def head_branch(self) -> str:
        """The branch that is checked out, also one without a commit; empty when none is."""
        try:
            return run_git(self.root, "symbolic-ref", "--quiet", "--short", "HEAD").decode("utf-8", "replace").strip()
        except Refused:
            return ""

    def branch(self, name: str) -> str:
        """A branch by its short name as a ref to resolve, as origin has it where it was fetched from there."""
        remote = f"refs/remotes/origin/{name}"
        if self._exists(remote):
            return remote.removeprefix("refs/remotes/")
        self.resolve(f"refs/heads/{name}")
        return f"refs/heads/{name}"

    def origin(self) -> str:
        """The address of `origin` as it is configured. Raises `GitError` when there is none."""
        return run_git(self.root, "config", "--get", "remote.origin.url").decode("utf-8", "replace").strip()

    def is_dirty(self) -> bool:
        """Something differs from HEAD, or is untracked and not ignored."""
        return bool(run_git(self.root, "status", "--porcelain=v1", "-z", "--untracked-files=all"))

    def is_shallow(self) -> bool:
        """History was cut off when it was fetched."""
        return run_git(self.root, "rev-parse", "--is-shallow-repository").strip() == b"true"

    def tree(self, sha: str) -> GitTree:
        """The files of a commit."""
        return GitTree(self.root, self.resolve(sha))

    def working_tree(self) -> StoredTree:
        """The files as they are now, as git would store them."""
        return StoredTree(self.root)

    def _exists(self, ref: str) -> bool:
        try:
            run_git(self.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        except Refused:
            return False
        return True

    def _hint(self, ref: str) -> str:
        if self.is_shallow():
            return _DEEPEN
        if self._exists(f"refs/remotes/origin/{ref}"):
            return f"; perhaps 'origin/{ref}'?"
        return "; `git fetch` brings what the remote has, `git branch --all` lists branches"
