"""Taking away what strangers have made: trees of any depth and any mode."""

import os
import secrets
import stat
import sys
from contextlib import suppress
from pathlib import Path


def remove(folder: Path) -> None:
    """Remove a folder and everything in it. Links are not followed; what cannot be removed is left.

    Inner folders are moved to the top first: no path gets longer than the system takes, and nothing is recursive.
    """
    with suppress(OSError):
        _open_up(folder)
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        with suppress(OSError):
            for entry in _entries(current):
                path = Path(entry.path)
                with suppress(OSError):
                    if not entry.is_dir(follow_symlinks=False):
                        path.unlink()
                        continue
                    _open_up(path)  # its owner may have locked it, and must be able to move it
                    moved = folder / secrets.token_hex(16)
                    path.rename(moved)
                    waiting.append(moved)
        if current != folder:
            with suppress(OSError):
                current.rmdir()
    with suppress(OSError):
        folder.rmdir()


def _open_up(folder: Path) -> None:
    """Let its owner in. On Linux never through a link, also when a process that is just dying puts one there."""
    if sys.platform != "linux":
        folder.chmod(stat.S_IRWXU)
        return
    number = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        Path(f"/proc/self/fd/{number}").chmod(stat.S_IRWXU)
    finally:
        os.close(number)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as listed:
        return list(listed)
