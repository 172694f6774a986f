"""A sandbox of each kind, and what tests ask about processes."""

import os
import secrets
import threading
import time
from pathlib import Path

import pytest

from skillopt_ci.sandbox.base import Command, Finished, Limits, Sandbox, make_root
from skillopt_ci.sandbox.bubblewrap import Bubblewrap, preflight
from skillopt_ci.sandbox.unconfined import Unconfined

PATH = "/usr/local/bin:/usr/bin:/bin"


def bubblewrap(stop: threading.Event | None = None) -> Bubblewrap:
    """The real one; the test is skipped where this machine has none."""
    why = preflight()
    if why:
        pytest.skip(why)
    return Bubblewrap(stop or threading.Event())


def of_kind(kind: str, stop: threading.Event | None = None) -> Sandbox:
    """`bubblewrap` or `unconfined`."""
    return bubblewrap(stop) if kind == "bubblewrap" else Unconfined(stop or threading.Event())


def run(sandbox: Sandbox, root: Path, script: str, limits: Limits = Limits(seconds=60), **more: object) -> Finished:  # noqa: B008
    """A shell script in a root (made when it is not there)."""
    if not (root / "work").exists():
        make_root(root)
    env = {"PATH": PATH, **more.pop("env", {})}  # type: ignore[dict-item]
    return sandbox.run(Command(argv=("bash", "-c", script), root=root, env=env, limits=limits, **more))  # type: ignore[arg-type]


def mark() -> str:
    """A number of seconds to sleep for that no other process has."""
    return f"1{secrets.randbelow(10**8):08}"


def alive(word: str) -> list[str]:
    """Command lines of processes that have this word in them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if word in words:
                found.append(words)
    return found


def gone(word: str, patience: float = 20.0) -> bool:
    """Whether no process has this word in its command line, at the latest after some seconds."""
    end = time.monotonic() + patience
    while alive(word) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(word)
