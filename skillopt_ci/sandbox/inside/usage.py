"""What a command's processes use of memory and disk, and which limit that passes."""

import os
import stat
import time

from skillopt_ci.sandbox.inside.processes import content

SELDOM = 0.2
OFTEN = 0.05
"""Seconds between two looks; often when half of a limit is used."""
_DISK_PAUSE = 0.3
_DISK_SHARE = 20  # counting the disk takes at most a twentieth of the time
_NAME_BYTES = 1024  # what a name takes on a disk, at the most
_BLOCK_BYTES = 512  # the unit of `st_blocks`, whatever the file system's own


class Usage:
    """What is used, against what may be. `pause`: seconds until the next look.

    `limits`: `processes`, and `memory` and `disk` in bytes. `alone`: nobody else is in this sandbox's IPC namespace.
    """

    def __init__(self, limits: dict[str, int], root: str, *, alone: bool) -> None:
        self.limits = limits
        self.root = root
        self.alone = alone
        self.disk = 0
        self.disk_due = 0.0
        self.pause = SELDOM

    def passed(self, pids: list[int]) -> str:
        """The limit that these processes have passed; empty when there is none."""
        self._count_disk(pids)
        memory = private_memory(pids)
        if self.alone:
            memory += unmapped_memory()
        used = {"processes": len(pids), "memory": memory, "disk": self.disk}
        near = any(2 * used[name] > self.limits[name] for name in used)
        self.pause = OFTEN if near else SELDOM
        return next((name for name in used if used[name] > self.limits[name]), "")

    def recount_disk(self) -> None:
        """Have the disk counted at the next look, however soon that is."""
        self.disk_due = 0.0

    def _count_disk(self, pids: list[int]) -> None:
        began = time.monotonic()
        if began >= self.disk_due:
            self.disk = folder_size(self.root, self.limits["disk"]) + deleted_size(pids)
            self.disk_due = began + max(_DISK_PAUSE, _DISK_SHARE * (time.monotonic() - began))


def private_memory(pids: list[int]) -> int:
    """Bytes of memory without what is only mapped from files; shared memory counts in each."""
    total = 0
    for pid in pids:
        for line in content(f"/proc/{pid}/status").split(b"\n"):  # no `splitlines`: a name may hold a \r
            if line.startswith((b"RssAnon:", b"RssShmem:")):
                total += 1024 * int(line.split()[1])
    return total


def unmapped_memory() -> int:
    """Bytes of shared memory (System V) that no process has mapped; all of it is of this sandbox."""
    total = 0
    for line in content("/proc/sysvipc/shm").splitlines()[1:]:
        row = line.split()
        attached, resident = row[6], row[14]
        if attached == b"0":
            total += int(resident)
    return total


def deleted_size(pids: list[int]) -> int:
    """Bytes of open files that have no name any more: they fill a disk, or memory, unseen."""
    sizes = {}
    for pid in pids:
        try:
            numbers = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for number in numbers:
            try:
                found = os.stat(f"/proc/{pid}/fd/{number}")
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode) and not found.st_nlink:
                sizes[found.st_dev, found.st_ino] = found.st_blocks * _BLOCK_BYTES
    return sum(sizes.values())


def folder_size(folder: str, enough: int) -> int:
    """Bytes on disk below a folder, 1 KiB for a name; stops when it is more than enough. Links are not followed."""
    total = 0
    waiting = [folder]
    while waiting and total <= enough:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    total += _NAME_BYTES + entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            continue
    return total
