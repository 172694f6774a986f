"""Starting the supervisor and staying with it: streams, the clock, and the end, whatever happens."""

import marshal
import os
import selectors
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import cast

from skillopt_ci.errors import CallFailedError
from skillopt_ci.sandbox.base import Command, Ended, Finished, Stop
from skillopt_ci.sandbox.disk import require_room

_INSIDE = Path(__file__).with_name("inside")
MODULES = ("processes", "kernel", "usage", "relay", "supervisor")
"""What runs inside, each after those that it imports."""
# What the Python inside is told to run. It cannot see this package, so the modules come with the plan, each under its
# own name; and compiled, as that takes longer than all they do for a short command.
START = """\
import _socket, marshal, sys
control = _socket.socket(fileno=int(sys.argv[1]))
size = int.from_bytes(control.recv(4, _socket.MSG_WAITALL), "big")
modules, plan = marshal.loads(control.recv(size, _socket.MSG_WAITALL))
for name, code in modules:
    module = sys.modules[name] = type(sys)(name)
    exec(code, module.__dict__)
module.Supervisor(control, plan).run()
"""
_TICK = 0.2
_CHUNK = 65536
_GRACE_SECONDS = 3.0
_LONGEST_REPORT = 64 * 1024
_MIB = 1024 * 1024
# Some Pythons do not find their own library without it; the command never sees it.
_LAUNCH = ("LD_LIBRARY_PATH",)
# Asked twice, told once; a supervisor that does not even die is left to `kill` of its own process.
_LETTERS = (b"I", b"T", b"K")


Modules = tuple[tuple[str, CodeType], ...]
"""Names with compiled code, in the order in which they are run."""


def inside() -> Modules:
    """The modules that run inside, compiled for this very Python."""
    return tuple((f"{__package__}.inside.{name}", _compiled(_INSIDE / f"{name}.py")) for name in MODULES)


def _compiled(file: Path) -> CodeType:
    return compile(file.read_text(encoding="utf-8"), file.name, "exec", dont_inherit=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the supervisor is told. `launch` is its Python, to which `START` and its control socket are appended.

    `port`: where commands reach their door, when that needs a relay.
    """

    launch: tuple[str, ...]
    modules: Modules = field(repr=False)
    root: str
    cwd: str
    alone: bool
    port: int | None

    def message(self, command: Command, door: int | None) -> bytes:
        """The modules and the plan for a command, as `START` reads them: a length in four bytes, then `marshal`.

        `door`: the gateway's socket as an open file of the supervisor; no name of it is in the sandbox.
        """
        limits = command.limits
        rlimits = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": (limits.disk_mb + 1) * _MIB}  # one more: the watch sees why
        if self.alone:  # elsewhere the kernel counts every process of the user
            rlimits["RLIMIT_NPROC"] = limits.processes
        plan = {
            "argv": list(command.argv),
            "env": dict(command.env),
            "cwd": self.cwd,
            "root": self.root,
            "alone": self.alone,
            "relay": {"door": door, "port": self.port} if door is not None else None,
            "rlimits": rlimits,
            "limits": {
                "processes": limits.processes,
                "memory": limits.memory_mb * _MIB,
                "disk": limits.disk_mb * _MIB,
            },
        }
        data = marshal.dumps((self.modules, plan))
        return len(data).to_bytes(4, "big") + data


def run(plan: Plan, command: Command, stop: Stop) -> Finished:
    """Run a command under the supervisor.

    Raises:
        CallFailedError: kind `sandbox`: it could not be run, or the host's disk was full at its end.
    """
    began = time.monotonic()
    ours, theirs = socket.socketpair()
    with ours:
        with theirs, _door(plan, command) as door:
            process = subprocess.Popen(  # noqa: S603 - that is what a sandbox is for
                [*plan.launch, "-c", START, str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(), *([door] if door is not None else [])),
                env={name: os.environ[name] for name in _LAUNCH if name in os.environ} | {"PATH": os.defpath},
                start_new_session=True,
            )
        watch = _Watch(process=process, control=ours, command=command, deadline=began + command.limits.seconds)
        try:
            watch.say(plan.message(command, door))
            watch.stay(stop)
        finally:
            watch.close()
    if not command.root.is_symlink():
        command.root.chmod(stat.S_IRWXU)  # the command may have locked it
    finished = watch.finished(time.monotonic() - began)
    if finished.ended == "exit":
        require_room(command.root.parent)
    return finished


@contextmanager
def _door(plan: Plan, command: Command) -> Iterator[int | None]:
    """The gateway's socket as an open file, where commands need one. Raises `CallFailedError`: it is not there."""
    if plan.port is None or command.door is None or sys.platform != "linux":
        yield None
        return
    try:
        number = os.open(command.door.socket, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        raise CallFailedError("sandbox", f"there is no gateway at {command.door.socket}: {error.strerror}") from error
    try:
        yield number
    finally:
        os.close(number)


@dataclass(slots=True, kw_only=True)
class _Watch:
    """One running command, seen from outside."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    command: Command
    deadline: float
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    report: bytearray = field(default_factory=bytearray)
    ended: Ended | None = None
    letters: int = 0

    def say(self, data: bytes) -> None:
        try:
            self.control.sendall(data)
        except OSError:  # it is gone: its streams and its report tell
            self.letters = len(_LETTERS)

    def stay(self, stop: Stop) -> None:
        """Until every stream is closed and the report is there."""
        waiting = memoryview(self.command.stdin)
        with selectors.DefaultSelector() as selector:
            for stream, sink in self._sinks():
                os.set_blocking(stream, False)
                selector.register(stream, selectors.EVENT_READ, sink)
            assert self.process.stdin is not None  # noqa: S101 - a pipe was asked for
            os.set_blocking(self.process.stdin.fileno(), False)
            selector.register(self.process.stdin, selectors.EVENT_WRITE)
            while any(key.data is not None for key in selector.get_map().values()):
                for key, _ in selector.select(_TICK):
                    if key.data is None:
                        waiting = self._feed(selector, waiting)
                    elif not self._take(key.fd, key.data):
                        selector.unregister(key.fileobj)
                self._press(stop)

    def _sinks(self) -> Sequence[tuple[int, bytearray]]:
        assert self.process.stdout is not None  # noqa: S101
        assert self.process.stderr is not None  # noqa: S101
        return (
            (self.process.stdout.fileno(), self.stdout),
            (self.process.stderr.fileno(), self.stderr),
            (self.control.fileno(), self.report),
        )

    def _feed(self, selector: selectors.BaseSelector, waiting: memoryview) -> memoryview:
        assert self.process.stdin is not None  # noqa: S101
        try:
            sent = os.write(self.process.stdin.fileno(), waiting[:_CHUNK]) if waiting else 0
        except BlockingIOError:
            return waiting
        except OSError:
            waiting, sent = memoryview(b""), 0
        waiting = waiting[sent:]
        if not waiting:
            selector.unregister(self.process.stdin)
            self.process.stdin.close()
        return waiting

    def _take(self, fd: int, sink: bytearray) -> bool:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        most = _LONGEST_REPORT if sink is self.report else self.command.limits.output_bytes
        room = most - len(sink)
        sink += data[: max(0, room)]
        if len(data) > room:
            self._end("output")
        return bool(data)

    def _press(self, stop: Stop) -> None:
        """Ask to end when it is time, and ask harder the longer that takes."""
        now = time.monotonic()
        if self.ended is None and stop.is_set():
            self._end("stopped")
        if now < self.deadline or self.report:
            return
        self.ended = self.ended or "timeout"
        if self.letters < len(_LETTERS):
            self.say(_LETTERS[self.letters])
        else:
            self.process.kill()
        self.letters += 1
        self.deadline = now + _GRACE_SECONDS

    def _end(self, why: Ended) -> None:
        if self.ended is None:
            self.ended = why
            self.deadline = 0.0
            if why == "output":  # nothing it says now would be heard
                self.letters = len(_LETTERS) - 1

    def close(self) -> None:
        """Nothing is left afterwards. The supervisor kills its processes when its control socket closes."""
        self.control.close()
        try:
            self.process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def finished(self, seconds: float) -> Finished:
        """What is known at the end. Raises `CallFailedError` when the supervisor never reported."""
        over, _, rest = self.report.decode("utf-8", "replace").partition(" ")
        code, _, failed = rest.partition(" ")
        if not over and self.ended is None:
            said = " ".join(self.stderr[-400:].decode("utf-8", "replace").split())
            raise CallFailedError("sandbox", f"the sandbox ended with code {self.process.returncode}: {said}")
        if failed:
            raise CallFailedError("sandbox", f"cannot run '{self.command.argv[0]}' in the sandbox: {failed}")
        ended = self.ended or ("exit" if over == "killed" else cast(Ended, over))
        return Finished(
            returncode=int(code or -signal.SIGKILL),
            stdout=bytes(self.stdout),
            stderr=bytes(self.stderr),
            seconds=seconds,
            ended=ended,
        )
