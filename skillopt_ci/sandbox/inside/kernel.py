"""What a process asks of the kernel for itself, and for what it becomes."""

import os
import resource
import sys

_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36


def close_memory() -> None:
    """Let no process of the same user write to this one's memory, or open its files (Linux only)."""
    _prctl(_PR_SET_DUMPABLE, 0)


def adopt_orphans() -> None:
    """Become the parent of every orphan among the descendants, so that none can hide (Linux only)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def lower(kind: int, value: int) -> None:
    """Set a resource limit, never above the one there is."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import _ctypes  # what `ctypes` is made of; loads in a tenth of the time

        own = _ctypes.dlopen(None, os.RTLD_NOW)  # type: ignore[arg-type]
        _ctypes.call_function(_ctypes.dlsym(own, "prctl"), (option, value, 0, 0, 0))
