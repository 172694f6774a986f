"""Files of a commit and of a working tree, both as git stores them, behind `core.tree.Tree`.

`worktree.WorkTree` reads a folder as it is on disk, with or without git; paths and patterns mean the same in all three.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError
from skillopt_ci.forge.command import Refused, run_git
from skillopt_ci.forge.globs import is_pattern, matches, split_path
from skillopt_ci.forge.worktree import WorkTree, is_lfs
from skillopt_ci.sandbox.scratch import Scratch

_MODES = {"120000": "is a symbolic link; put the file itself here", "160000": "is a submodule; its files are not read"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a commit: its mode as git writes it (`100644`, `120000`, ...) and its object's name."""

    mode: str
    oid: str


@dataclass(frozen=True)
class GitTree(Tree):
    """The files of one commit, read from git objects; the working tree is never looked at."""

    root: Path
    sha: str

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """Every entry by path, symbolic links and submodules included."""
        raw = run_git(self.root, "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", self.sha)
        found = {}
        for record in raw.split(b"\0"):
            if record:
                meta, _, path = record.partition(b"\t")
                mode, _, oid = meta.decode("ascii").split(" ")
                found[path.decode("utf-8", "surrogateescape")] = Entry(mode, oid)
        return found

    @cached_property
    def _blobs(self) -> dict[str, bytes]:
        return {}  # what was read

    def read(self, path: str, /) -> bytes:
        """The file's bytes in this commit.

        Raises:
            ConfigError: missing, outside the root, a symbolic link or behind one, a submodule, or a Git LFS pointer.
        """
        name = "/".join(split_path(path))
        special = self._special(name)
        if special:
            said = "" if special == name else f"'{special}' "
            raise ConfigError.about(path, said + _MODES[self.entries[special].mode])
        entry = self.entries.get(name)
        if entry is None:
            raise ConfigError.about(path, f"no such file in commit {self.sha[:12]}")
        if name not in self._blobs:
            self._blobs[name] = _not_lfs(path, run_git(self.root, "cat-file", "blob", entry.oid))
        return self._blobs[name]

    def glob(self, pattern: str, /) -> Sequence[str]:
        """As `WorkTree.glob`: regular files that match, sorted; an exact path that `read` refuses is returned.

        Raises:
            ConfigError: the pattern leads outside the root.
        """
        parts = split_path(pattern)
        name = "/".join(parts)
        if not is_pattern(name):
            return [name] if name in self.entries or self._special(name) else []
        fixed = next(i for i, part in enumerate(parts) if is_pattern(part))
        prefix = "".join(f"{part}/" for part in parts[:fixed])
        files = (p for p, e in self.entries.items() if p.startswith(prefix) and e.mode not in _MODES)
        return sorted(p for p in files if matches(parts, p.split("/")))

    def _special(self, path: str) -> str | None:
        """The symbolic link or submodule that a path is or goes through."""
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            name = "/".join(parts[:end])
            if name in self.entries and self.entries[name].mode in _MODES:
                return name
        return None


class StoredTree(Tree):
    """The files of a working tree with the content that `git add` would store: clean filters and line ends apply.

    Reading writes the blob into the object store, as `git add` does, and touches neither index nor files. A file that
    was read stays what it was then: that takes four processes. Patterns skip what git ignores.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._disk = WorkTree(root)
        self._blobs: dict[str, bytes] = {}

    @cached_property
    def _files(self) -> frozenset[str]:
        """Paths that are tracked, or untracked and not ignored."""
        raw = run_git(self.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        return frozenset(p.decode("utf-8", "surrogateescape") for p in raw.split(b"\0") if p)

    def keeps(self, path: str) -> bool:
        """Whether a commit can have a file: git does not ignore it, and it is in no submodule."""
        return path in self._files

    def read(self, path: str, /) -> bytes:
        """The file's bytes as git would store them.

        Raises:
            ConfigError: as `WorkTree.read`; also a path inside `.git`, a failing filter, or a Git LFS pointer.
        """
        name = "/".join(split_path(path))
        if name not in self._blobs:
            self._blobs[name] = self._stored(path, name)
        return self._blobs[name]

    def _stored(self, path: str, name: str) -> bytes:
        self._disk.read(path)  # refuses what is no regular file inside the root
        with Scratch() as folder:
            index = folder / "index"
            # The real index decides how line ends of a tracked file are kept, so that an untouched file is unchanged.
            real = os.fsdecode(run_git(self.root, "rev-parse", "--git-path", "index").rstrip(b"\n"))
            if (self.root / real).is_file():
                # With its time: by it git knows which files may have changed in the instant the index was written.
                shutil.copy2(self.root / real, index)
            env = {"GIT_INDEX_FILE": str(index)}
            try:
                run_git(self.root, "update-index", "--add", "--replace", "--", name, env=env)
            except Refused as error:
                raise ConfigError.about(path, f"git cannot store it: {error}") from error
            staged = run_git(self.root, "ls-files", "-s", "-z", "--", name, env=env)
        if not staged:
            raise ConfigError.about(path, "git cannot store it: not a path of the repository's files")
        oid = staged.split(b" ")[1].decode("ascii")
        return _not_lfs(path, run_git(self.root, "cat-file", "blob", oid))

    def glob(self, pattern: str, /) -> Sequence[str]:
        """As `WorkTree.glob`, without what git ignores; an exact path is found also when it is ignored."""
        found = self._disk.glob(pattern)
        return [p for p in found if p in self._files] if is_pattern(pattern) else found


def bundled(tree: Tree, skill_path: str) -> dict[str, bytes]:
    """Every file bundled with a skill, by path relative to the skill's folder, the skill file left out.

    A skill file at the root of a repository bundles only the folders that skills have: references, scripts, assets.
    """
    folder, _, _ = skill_path.rpartition("/")
    prefix = f"{folder}/" if folder else ""
    patterns = [f"{folder}/**"] if folder else ["references/**", "scripts/**", "assets/**"]
    found = sorted({p for pattern in patterns for p in tree.glob(pattern)} - {skill_path})
    return {p.removeprefix(prefix): tree.read(p) for p in found}


def _not_lfs(path: str, data: bytes) -> bytes:
    if is_lfs(data):
        raise ConfigError.about(
            path, "is stored with Git LFS; skills, tasks and configuration must be plain files in git"
        )
    return data
