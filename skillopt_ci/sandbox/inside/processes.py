"""Processes as /proc shows them. Where there is no /proc (macOS) none is seen."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def content(path: str) -> bytes:
    """A file of /proc; empty when its process is gone."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def all_pids() -> list[int]:
    """Every process that can be seen."""
    if not os.path.isdir("/proc"):
        return []
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def parent_of(pid: int) -> int:
    """The parent of a process; 0 when it is gone."""
    after_name = content(f"/proc/{pid}/stat").rpartition(b")")[2].split()  # a name may hold anything
    return int(after_name[1]) if after_name else 0


def descendants_of(pid: int) -> list[int]:
    """Children, their children, and so on; not the process itself."""
    parents = {one: parent_of(one) for one in all_pids()}
    family = {pid}
    while more := {one for one, parent in parents.items() if parent in family} - family:
        family |= more
    return sorted(family - {pid})


def tasks_of(user: int) -> int:
    """Processes and threads of a user."""
    total = 0
    for pid in all_pids():
        try:
            if os.stat(f"/proc/{pid}").st_uid == user:
                total += len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            continue
    return total


def tell(send: "Any", *words: object) -> None:
    """Say something to a process, to a group or on a socket; nothing when nobody is there any more."""
    try:
        send(*words)
    except OSError:
        return
