"""Where files are read from: a working tree or a git commit, behind one interface."""

from collections.abc import Sequence
from typing import Protocol


class Tree(Protocol):
    """Files below one root; every path is relative to it, with forward slashes."""

    def read(self, path: str, /) -> bytes:
        """Return the file's bytes. Raises `ConfigError` when it is missing, a symbolic link or outside the root."""
        ...

    def glob(self, pattern: str, /) -> Sequence[str]:
        """Return the paths that match (`*`, `?`, `**`), sorted; an exact path matches itself when it exists."""
        ...


class Below:
    """The part of a tree below a folder: a project that is not at the root of its repository."""

    def __init__(self, tree: Tree, folder: str) -> None:
        """Look at `tree` from `folder` (no slash at its ends); an empty one is the tree itself."""
        self._tree = tree
        self._prefix = f"{folder}/" if folder else ""

    def read(self, path: str, /) -> bytes:
        """As `Tree.read`."""
        return self._tree.read(self._prefix + path)

    def glob(self, pattern: str, /) -> Sequence[str]:
        """As `Tree.glob`, relative to the folder."""
        return [p.removeprefix(self._prefix) for p in self._tree.glob(self._prefix + pattern)]
