"""What runs inside, part by part; as a whole it is tested through the sandboxes that it runs in."""

import marshal
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from skillopt_ci.sandbox import running
from skillopt_ci.sandbox.inside.kernel import lower
from skillopt_ci.sandbox.inside.processes import parent_of, tasks_of, tell
from skillopt_ci.sandbox.inside.relay import CONNECTIONS, relay
from skillopt_ci.sandbox.inside.supervisor import Supervisor
from skillopt_ci.sandbox.inside.usage import deleted_size, folder_size, private_memory
from tests.sandbox.places import alive, gone, mark

MIB = 1024 * 1024


@contextmanager
def made(root: Path, *, alone: bool = False, **limits: int) -> Iterator[tuple[Supervisor, socket.socket]]:
    """A supervisor with a plan, and the other end of its control socket."""
    ours, theirs = socket.socketpair()
    plan = {
        "argv": ["true"], "env": {}, "cwd": str(root), "root": str(root), "alone": alone, "relay": None, "rlimits": {},
        "limits": {"processes": 10**6, "memory": 10**15, "disk": 10**12, **limits},
    }  # fmt: skip
    with ours, theirs:
        yield Supervisor(theirs, plan), ours


_ALONE = """
import marshal, sys
for name, code in marshal.loads(sys.stdin.buffer.read()):
    module = sys.modules[name] = type(sys)(name)
    exec(code, module.__dict__)
print(*sys.modules)
"""


def test_they_need_no_package_and_nothing_that_loads_slowly() -> None:
    modules = running.inside()
    folder = Path(running.__file__).with_name("inside")
    assert {f"{name}.py" for name in running.MODULES} == {p.name for p in folder.glob("*.py")} - {"__init__.py"}
    python = [sys.executable, "-I", "-S", "-B", "-c", _ALONE]
    done = subprocess.run(python, input=marshal.dumps(modules), capture_output=True, check=True, cwd="/")
    loaded = set(done.stdout.decode().split())
    assert {name for name in loaded if name.startswith("skillopt_ci")} == {name for name, _ in modules}
    assert not loaded & {"signal", "socket", "threading", "json", "typing", "enum", "subprocess", "ctypes"}


def child(word: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", word], start_new_session=True)


@contextmanager
def sleeping() -> Iterator[subprocess.Popen[bytes]]:
    """A child that has all the memory it will have, and that a failure does not wait for."""
    with child(mark()) as process:
        try:
            while Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").split()[2] != "S":
                time.sleep(0.001)
            yield process
        finally:
            process.kill()


def test_its_processes_are_those_it_has_started(tmp_path: Path) -> None:
    with made(tmp_path) as (one, _), sleeping() as process:
        assert process.pid in one.processes()
        assert os.getpid() not in one.processes()
        assert os.getppid() not in one.processes()
    with made(tmp_path, alone=True) as (one, _):
        assert os.getppid() in one.processes()  # in a namespace of its own everything is its command's


def test_which_limit_is_passed(tmp_path: Path) -> None:
    with sleeping():
        for limits, over in (
            ({}, ""),
            ({"processes": 0}, "processes"),
            ({"memory": 1}, "memory"),
        ):
            with made(tmp_path, **limits) as (one, _):
                assert one.usage.passed(one.processes()) == over
    (tmp_path / "big").write_bytes(b"x" * MIB)
    with made(tmp_path, disk=MIB // 2) as (one, _):
        assert one.usage.passed(one.processes()) == "disk"
    with made(tmp_path, disk=2 * MIB) as (one, _):
        assert one.usage.passed(one.processes()) == ""
        assert one.usage.disk_due > 0.0


@pytest.mark.parametrize("which", ["processes", "memory", "disk"])
def test_it_looks_more_often_when_half_of_a_limit_is_used(which: str, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * MIB)
    with sleeping():
        with made(tmp_path) as (one, _):
            assert one.usage.passed(one.processes()) == ""
            used = {
                "processes": len(one.processes()),
                "memory": private_memory(one.processes()),
                "disk": one.usage.disk,
            }[which]
            seldom = one.usage.pause
        assert used > 0
        for limit, sooner in ((used + used // 2, True), (4 * used, False)):
            with made(tmp_path, **{which: limit}) as (one, _):
                assert one.usage.passed(one.processes()) == ""
                assert (one.usage.pause < seldom) == sooner


def test_every_process_is_killed(tmp_path: Path) -> None:
    word = mark()
    with made(tmp_path) as (one, _):
        started = [
            child(word),
            child(word),
            subprocess.Popen(["bash", "-c", f"trap '' TERM; sleep {word} & wait"], start_new_session=True),
        ]
        one.child = started[0].pid
        while len(alive(word)) < 4:  # nobody adopts here what is forked while its parent is killed
            time.sleep(0.01)
        one.kill_all()
        assert gone(word)
        for process in started:
            process.returncode = -signal.SIGKILL  # buried already
        one.kill_all()  # nothing is left to kill


def test_letters_are_signals_and_the_end_of_the_socket_kills(tmp_path: Path) -> None:
    wake, bell = os.pipe()
    with made(tmp_path) as (one, ours):
        process = subprocess.Popen(
            ["bash", "-c", "trap 'exit 7' INT; while :; do sleep 0.02; done"], start_new_session=True
        )
        one.child = process.pid
        while b"bash" not in Path(f"/proc/{process.pid}/cmdline").read_bytes():
            continue
        ours.sendall(b"I")
        os.write(bell, b"x")
        ended, status = one.watch(wake)
        assert ended == "exit"
        assert status is not None
        assert os.waitstatus_to_exitcode(status) in (7, -signal.SIGINT)
        process.returncode = 0
        ours.sendall(b"K")
        assert one.watch(wake) == ("killed", None)
    with made(tmp_path) as (one, ours):
        ours.close()
        assert one.watch(wake) == ("killed", None)
    with made(tmp_path, processes=0) as (one, _), sleeping():
        assert one.watch(wake) == ("processes", None)
    os.close(wake)
    os.close(bell)


def test_sizes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f").write_bytes(b"x" * MIB)
    (tmp_path / "link").symlink_to("/usr")
    size = folder_size(str(tmp_path), 10**12)
    assert MIB + 3 * 1024 <= size < 2 * MIB  # a name is something, too
    assert folder_size(str(tmp_path / "missing"), 10) == 0
    own = [os.getpid()]
    before = deleted_size(own)
    with (tmp_path / "gone").open("wb") as file:
        file.write(b"x" * MIB)
        file.flush()
        (tmp_path / "gone").unlink()
        assert deleted_size(own) - before >= MIB
    assert private_memory(own) > MIB
    for nobody in ([], [2**22 - 1]):
        assert private_memory(nobody) == deleted_size(nobody) == 0
    assert parent_of(os.getpid()) == os.getppid()
    assert parent_of(2**22 - 1) == 0
    assert tasks_of(os.getuid()) >= 1
    assert tasks_of(2**31) == 0


def test_a_limit_is_never_raised() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    lower(resource.RLIMIT_CORE, soft)
    assert resource.getrlimit(resource.RLIMIT_CORE)[0] <= soft
    assert resource.getrlimit(resource.RLIMIT_CORE)[1] <= (hard if hard >= 0 else 2**63)


def test_signals_to_nobody_are_nothing() -> None:
    tell(os.killpg, 2**22 - 1, signal.SIGTERM)
    with pytest.raises(ProcessLookupError):
        os.killpg(2**22 - 1, signal.SIGTERM)


def retried(listener: socket.socket) -> socket.socket:
    """A connection that stays: those before it end in threads of their own."""
    while True:
        near = socket.create_connection(listener.getsockname())
        if not select.select([near], [], [], 0.2)[0]:
            return near
        near.close()


def test_the_relay(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.create_server(("127.0.0.1", 0)) as listener:
        server.bind(path)
        server.listen()
        thread = threading.Thread(target=relay, args=(listener, path), daemon=True)
        thread.start()
        several = [socket.create_connection(listener.getsockname()) for _ in range(CONNECTIONS + 2)]
        refused: set[socket.socket] = set()
        while len(refused) < 2:  # both, as one that is still to be looked at would find room once the others are closed
            closed, _, _ = select.select([near for near in several if near not in refused], [], [], 20)
            assert [near.recv(1) for near in closed] == [b""] * len(closed) != []
            refused.update(closed)
        for near in several:
            near.close()
        for _ in range(CONNECTIONS):
            server.accept()[0].close()
        with retried(listener) as near:
            far, _ = server.accept()
            with far:
                near.sendall(b"ask")
                assert far.recv(10) == b"ask"
                far.sendall(b"answer")
                far.shutdown(socket.SHUT_WR)
                assert near.recv(10) == b"answer"
                assert near.recv(10) == b""
        server.close()
        Path(path).unlink()
        with socket.create_connection(listener.getsockname()) as near:
            assert near.recv(10) == b""  # nobody is there any more
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert not thread.is_alive()
