"""Folders for a while. Each is gone when its user is done with it; `sweep` takes those whose process was killed.

A folder is locked for as long as its process lives: the kernel lets go of the lock however the process ends. No file
says so, and no number of a process, which another one may have by now, or in another container.
"""

import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from skillopt_ci.sandbox.disk import failed_to_write
from skillopt_ci.sandbox.removing import remove

if sys.platform != "win32":
    import fcntl

_PREFIX = "skillopt-scratch-"
_NAME = re.compile(_PREFIX + "[a-z0-9_]{8}")


class Scratch:
    """A new folder that only this user can open; a context manager. What strangers write belongs into one inside."""

    def __init__(self, place: str | None = None) -> None:
        """Make it, in the folder for temporary files or in another place. Raises `CallFailedError` when it cannot."""
        while True:
            try:
                self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
            except OSError as error:
                raise failed_to_write(error, "no folder for temporary files can be made") from error
            with suppress(BlockingIOError, FileNotFoundError):  # a sweep came between, and takes it
                self._lock = lock_folder(self.path)
                if self.path.is_dir():
                    return
                unlock_folder(self._lock)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove it with everything in it."""
        remove(self.path)
        unlock_folder(self._lock)
        self._lock = None


def sweep(places: Iterable[str] | None = None) -> None:
    """Remove the folders of this user that nobody holds. Where folders cannot be locked they stay.

    Args:
        places: the folders they lie in; by default all those that this tool makes them in.
    """
    for place in {tempfile.gettempdir(), "/tmp"} if places is None else places:  # noqa: S108 - where they are made
        folders: list[Path] = []
        with suppress(OSError):
            folders += (path for path in Path(place).iterdir() if _NAME.fullmatch(path.name))
        for folder in folders:
            with suppress(OSError):  # in use, somebody else's, or no folder
                lock = lock_folder(folder)
                if lock is not None and _is_ours(os.fstat(lock)):
                    remove(folder)
                unlock_folder(lock)


def lock_folder(folder: Path) -> int | None:
    """Open a folder and lock it: its number; None where the system has no locks for folders.

    Raises:
        BlockingIOError: somebody else has it.
        OSError: it cannot be opened: it is gone, or a link.
    """
    if sys.platform == "win32":
        return None
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        raise
    except OSError:
        os.close(number)
        return None
    return number


def unlock_folder(lock: int | None) -> None:
    """Let go of what `lock_folder` gave."""
    if lock is not None:
        os.close(lock)


def _is_ours(found: os.stat_result) -> bool:
    """Made by `Scratch` for this user: nobody else can make a folder of that owner."""
    return sys.platform != "win32" and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == stat.S_IRWXU
