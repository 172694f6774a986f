"""Reading folders that strangers wrote to. Links are never followed."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from skillopt_ci.errors import CallFailedError

MOST_FILES = 50_000
NEVER = frozenset({".git"})
"""Repositories hold hooks and settings that git runs."""


def walk(folder: Path, *, folders: bool = False, lost: list[Path] | None = None) -> Iterator[os.DirEntry[str]]:
    """Everything but folders (or with them, deepest last) in the order of names; `.git` is left out.

    Nothing when the folder itself is a link now: it would lead to the host's files. `lost` takes what cannot be read.
    """
    waiting = [] if folder.is_symlink() else [folder]
    while waiting:
        current = waiting.pop()
        entries = _listed(current)
        if entries is None:
            (lost if lost is not None else []).append(current)
            continue
        inner = [e for e in entries if e.is_dir(follow_symlinks=False)]
        yield from entries if folders else (e for e in entries if not e.is_dir(follow_symlinks=False))
        waiting += [Path(e.path) for e in reversed(inner) if e.name.lower() not in NEVER]


def _listed(folder: Path) -> list[os.DirEntry[str]] | None:
    """What is in a folder, in the order of names; None when it cannot be read, also not once it is unlocked."""
    try:
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            folder.chmod(stat.S_IRWXU)
        with os.scandir(folder) as listed:
            return sorted(listed, key=lambda e: e.name)
    except OSError:
        return None


def few(entries: Iterator[os.DirEntry[str]], most: int) -> Iterator[os.DirEntry[str]]:
    """The same entries. Raises `CallFailedError` when there are more than `most`."""
    for count, entry in enumerate(entries):
        if count >= most:
            raise CallFailedError("workspace", f"the workspace has more than {most} files")
        yield entry


def read_inside(folder: Path, name: str, limit: int) -> bytes | None:
    """A file below a folder that strangers wrote to: at most `limit` bytes of it.

    None when it is not there, when it is no regular file, or when a link is on the way to it.
    """
    path = folder
    for part in name.split("/"):
        try:
            if not stat.S_ISDIR(path.lstat().st_mode):
                return None
        except OSError:
            return None
        path = path / part
    return read(path, limit)


def read(path: Path, limit: int) -> bytes | None:
    """At most `limit` bytes of a regular file; None when it is none, or cannot be opened."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    parts = []
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            return None
        while limit > 0 and (part := os.read(number, min(limit, 1 << 20))):
            parts.append(part)
            limit -= len(part)
    finally:
        os.close(number)
    return b"".join(parts)
