"""Taking away what strangers have made: trees of any depth and any mode."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path


def remove(folder: Path) -> None:
    """Remove a folder and everything in it. Links are not followed; what cannot be removed is left.

    Inner folders are moved to the top first: no path gets longer than the system takes, and nothing is recursive.
    """
    with suppress(OSError):
        folder.chmod(stat.S_IRWXU)
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
                    path.chmod(stat.S_IRWXU)  # its owner may have locked it, and must be able to move it
                    moved = folder / secrets.token_hex(16)
                    path.rename(moved)
                    waiting.append(moved)
        if current != folder:
            with suppress(OSError):
                current.rmdir()
    with suppress(OSError):
        folder.rmdir()


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as listed:
        return list(listed)
