"""The port `Sandbox`: a command in, what it did out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol

from skillopt_ci.sandbox.disk import failed_to_write

Ended = Literal["exit", "timeout", "stopped", "output", "memory", "disk", "processes"]
_NOTHING: Mapping[str, str] = MappingProxyType({})

WORK, HOME, TMP = "work", "home", "tmp"
"""Folders that every root has: the workspace, the agent's home, and what is /tmp for it."""
ROOT = "root"
"""A root in a `Scratch`: commands may lock it, and never the folder around it, so that it can be swept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one command may use, all its processes together.

    Attributes:
        seconds: of wall-clock time; then it is asked to end, and killed some seconds later.
        processes: at once, threads included where the kernel counts them.
        memory_mb: private memory, in MiB.
        disk_mb: what lies below the root, in MiB, and the largest file.
        output_bytes: of standard output and of standard error, each.
    """

    seconds: float = 600.0
    processes: int = 512
    memory_mb: int = 4096
    disk_mb: int = 1024
    output_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How a sandbox reaches the gateway to the model: a unix socket, and a port of 127.0.0.1."""

    socket: Path
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command to run.

    Attributes:
        argv: program and arguments; no shell.
        root: the one folder (of the host) that it may write to. Inside it is at `Sandbox.view(root)`; the command
            begins in `WORK` below it.
        env: the whole environment.
        stdin: what it reads; closed after that.
        readable: more files and folders of the host that it may read, at their own paths.
        door: the only way out, if any.
        limits: what it may use.
    """

    argv: tuple[str, ...]
    root: Path
    env: Mapping[str, str] = field(default_factory=lambda: _NOTHING, repr=False)
    stdin: bytes = field(default=b"", repr=False)
    readable: tuple[Path, ...] = ()
    door: Door | None = None
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a command did. `returncode` is negative for a signal, as in `subprocess`, whatever ended it.

    `ended`: by itself, or by which limit; `stopped` when the whole run is being stopped.
    """

    returncode: int
    stdout: bytes
    stderr: bytes
    seconds: float
    ended: Ended


class Stop(Protocol):
    """Whether the whole run is being stopped (`threading.Event`)."""

    def is_set(self) -> bool:
        """True once it is."""
        ...


class Sandbox(Protocol):
    """Runs commands. When `run` returns, no process of the command is left."""

    @property
    def confined(self) -> bool:
        """Whether anything holds the commands back."""
        ...

    def view(self, root: Path, /) -> Path:
        """Where a command sees its root."""
        ...

    def gateway_url(self, door: Door, /) -> str:
        """Where a command reaches the gateway: `http://127.0.0.1:PORT`, no slash at the end."""
        ...

    def run(self, command: Command, /) -> Finished:
        """Run a command to its end.

        Raises:
            CallFailedError: kind `sandbox`: the sandbox itself failed, there is no such program, or the host's disk was
                full at the end.
        """
        ...


def make_root(folder: Path) -> Path:
    """Make the folders of a root; the folder itself when it is not there. Raises `CallFailedError` when it cannot."""
    try:
        for name in (WORK, HOME, TMP):
            (folder / name).mkdir(parents=True)
    except OSError as error:
        raise failed_to_write(error, "no folder can be made for a sandbox") from error
    return folder
