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
