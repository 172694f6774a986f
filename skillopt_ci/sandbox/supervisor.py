"""The first process of a sandbox: starts the command, relays to the gateway, watches the limits, ends everything.

Runs in a Python of its own (`running.START`), needs nothing but the standard library, and is the init process of its
PID namespace: when it exits the kernel kills all the others. Unconfined, it adopts every orphan (Linux) and kills them
itself. Its control socket brings letters (I, T, K: interrupt, terminate, kill) and takes one line at the end: how it
ended, the exit code, and why it did not start. When the other side goes away, it kills.

It starts before every command, and `signal`, `socket`, `threading` and `json` take longer to load than all of Python.
"""

import _signal as signal  # type: ignore[import-not-found]  # what `signal` and `socket` make their enums of
import _socket as socket
import _thread
import os
import resource
import select
import stat
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SELDOM, _OFTEN = 0.2, 0.05  # seconds between two looks at the limits; often when half of one is used
_CHUNK, _CONNECTIONS = 65536, 48  # bytes; of a command to the gateway at once, which has room for many commands
_SIGNALS = {b"I": signal.SIGINT, b"T": signal.SIGTERM}


class Supervisor:
    """One command and all its processes."""

    def __init__(self, control: socket.socket, plan: "dict[str, Any]") -> None:
        self.control, self.plan = control, plan  # see `running.Plan.message`
        os.set_inheritable(control.fileno(), False)  # who has it can say that all went well, or that no time is over
        self.alone = bool(plan["alone"])  # in a PID namespace of its own
        self.disk, self.disk_due, self.pause, self.child, self.failed = 0, 0.0, _SELDOM, 0, ""

    def run(self) -> None:
        """Start, wait, end; never returns."""
        listener = None
        if self.plan["relay"]:
            os.set_inheritable(self.plan["relay"]["door"], False)  # the command has no way to it but the relay
            listener = socket.socket()
            listener.bind(("127.0.0.1", self.plan["relay"]["port"]))
            listener.listen()
        if self.alone:
            prctl(4, 0)  # PR_SET_DUMPABLE: the command has the same user, and may not write to this memory
        else:
            prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: become the parent of every orphan, so that none can hide
            # Here the kernel counts all tasks of the user; for root it does not count at all.
            self.plan["rlimits"]["RLIMIT_NPROC"] = tasks_of(os.getuid()) + self.plan["limits"]["processes"]
        wake, bell = os.pipe()
        os.set_blocking(bell, False)
        signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        self.child = self.start()
        if listener is not None:
            _thread.start_new_thread(relay, (listener, f"/proc/self/fd/{self.plan['relay']['door']}"))
        ended, status = self.watch(wake)
        if not self.alone:
            self.kill_all()
        code = os.waitstatus_to_exitcode(status) if status is not None else -signal.SIGKILL
        tell(self.control.sendall, f"{ended} {code} {self.failed}".encode("utf-8", "replace"))
        os._exit(0)

    def start(self) -> int:
        """Fork and execute the command in a session of its own; its pid."""
        came, went = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                self.execute()
            except (OSError, ValueError) as error:  # no argument holds a NUL, or half of a surrogate pair
                os.write(went, f"{error.args[-1]}: {self.plan['argv'][0]}".encode("utf-8", "replace"))
            os._exit(126)
        os.close(went)
        self.failed = os.read(came, 4096).decode("utf-8", "replace")  # empty: the pipe closed as it was executed
        os.close(came)
        os.closerange(0, 3)  # or the other side would never see its streams end
        return child

    def execute(self) -> None:
        """Become the command. Raises `OSError` when that cannot be."""
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        for name, value in self.plan["rlimits"].items():
            lower(getattr(resource, name), value)
        os.chdir(self.plan["cwd"])
        os.execvpe(self.plan["argv"][0], self.plan["argv"], self.plan["env"])

    def watch(self, wake: int) -> tuple[str, int | None]:
        """Until the command has ended, or is to be killed: how, and its status."""
        status = None
        while True:
            ready, _, _ = select.select([wake, self.control.fileno()], [], [], self.pause)
            if wake in ready:
                os.read(wake, _CHUNK)
            if self.control.fileno() in ready:
                letter = self.control.recv(1)
                if letter in _SIGNALS:
                    tell(os.killpg, self.child, _SIGNALS[letter])
                else:
                    return "killed", None
            status = self.reap(status)
            if status is not None:
                self.disk_due = 0.0  # what was written last has not been looked at
                return "disk" if self.over() == "disk" else "exit", status
            if over := self.over():
                return over, None

    def reap(self, status: int | None) -> int | None:
        """Bury what has ended; the command's status once that is known."""
        while True:
            try:
                pid, got = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return status
            if not pid:
                return status
            status = got if pid == self.child else status

    def over(self) -> str:
        """The limit that is passed, if any."""
        limits, pids = self.plan["limits"], self.processes()
        began = time.monotonic()
        if began >= self.disk_due:
            self.disk = folder_size(self.plan["root"], limits["disk"]) + deleted_size(pids)
            self.disk_due = began + max(0.3, 20 * (time.monotonic() - began))  # seldom where counting takes long
        memory = private_memory(pids) + self.alone * unmapped_memory()
        used = {"processes": len(pids), "memory": memory, "disk": self.disk}
        self.pause = _OFTEN if any(2 * used[name] > limits[name] for name in used) else _SELDOM
        return next((name for name in used if used[name] > limits[name]), "")

    def processes(self) -> list[int]:
        """Every process of the command."""
        pids = all_pids()
        if self.alone:
            return [pid for pid in pids if pid != os.getpid()]
        parents = {pid: parent_of(pid) for pid in pids}
        mine = {os.getpid()}
        while more := {pid for pid, parent in parents.items() if parent in mine} - mine:
            mine |= more
        return sorted(mine - {os.getpid()})

    def kill_all(self) -> None:
        """Kill every process that can be found, until none is left."""
        tell(os.killpg, self.child, signal.SIGKILL)
        for _ in range(200):
            pids = self.processes()
            for number in (signal.SIGSTOP, signal.SIGKILL):  # what has stopped makes no more of its kind meanwhile
                for pid in pids:
                    tell(os.kill, pid, number)
            if self.reap(None) is None and not pids:
                return
            time.sleep(0.01)


def tell(send: "Any", *words: object) -> None:
    """Say something to a process, to a group or on a socket; nothing when nobody is there any more."""
    try:
        send(*words)
    except OSError:
        return


def prctl(option: int, value: int) -> None:
    """Set a property of this process (Linux only)."""
    if sys.platform == "linux":
        import _ctypes

        own = _ctypes.dlopen(None, os.RTLD_NOW)  # type: ignore[arg-type]
        _ctypes.call_function(_ctypes.dlsym(own, "prctl"), (option, value, 0, 0, 0))


def lower(kind: int, value: int) -> None:
    """Set a resource limit, never above the one there is."""
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def content(path: str) -> bytes:
    """A file of /proc; empty when its process is gone."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def parent_of(pid: int) -> int:
    """The parent of a process; 0 when it is gone."""
    return int((content(f"/proc/{pid}/stat").rpartition(b")")[2].split() or (0, 0))[1])


def all_pids() -> list[int]:
    """Every process that can be seen; none where there is no /proc (macOS)."""
    return [int(name) for name in (os.listdir("/proc") if os.path.isdir("/proc") else ()) if name.isdigit()]


def tasks_of(user: int) -> int:
    """Processes and threads of a user."""
    total = 0
    for pid in all_pids():
        try:
            total += len(os.listdir(f"/proc/{pid}/task")) if os.stat(f"/proc/{pid}").st_uid == user else 0
        except OSError:
            continue
    return total


def private_memory(pids: list[int]) -> int:
    """Bytes of memory without what is only mapped from files; shared memory counts in each. Names may hold a \\r."""
    lines = [line for pid in pids for line in content(f"/proc/{pid}/status").split(b"\n")]
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith((b"RssAnon:", b"RssShmem:")))


def unmapped_memory() -> int:
    """Bytes of shared memory (System V) that no process has mapped; all of it is of this sandbox."""
    rows = [line.split() for line in content("/proc/sysvipc/shm").splitlines()[1:]]
    return sum(int(row[14]) for row in rows if row[6] == b"0")


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
                sizes[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(sizes.values())


def folder_size(folder: str, enough: int) -> int:
    """Bytes on disk below a folder, 1 KiB for a name; stops when it is more than enough. Links are not followed."""
    total, waiting = 0, [folder]
    while waiting and total <= enough:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    total += 1024 + entry.stat(follow_symlinks=False).st_blocks * 512
                    waiting += [entry.path] * entry.is_dir(follow_symlinks=False)
        except OSError:
            continue
    return total


def relay(listener: socket.socket, path: str) -> None:
    """Join every connection to the listener with one to a unix socket; so many at once, and those beyond are closed."""
    room = [0] * _CONNECTIONS
    while True:
        try:
            near = socket.socket(fileno=listener._accept()[0])  # type: ignore[attr-defined]  # what `accept` calls
        except OSError:
            return
        try:
            room.pop()
            _thread.start_new_thread(join, (near, path, room))
        except (IndexError, RuntimeError) as error:  # no more threads: they count as processes of the command
            near.close()
            room += [0] * isinstance(error, RuntimeError)


def join(near: socket.socket, path: str, room: list[int]) -> None:
    """Copy both ways until both have ended."""
    far, first = socket.socket(socket.AF_UNIX), _thread.allocate_lock()
    try:
        far.connect(path)
        _thread.start_new_thread(pump, (far, near, first, room))
    except (OSError, RuntimeError):
        first.acquire()
        tell(near.shutdown, socket.SHUT_RDWR)
    pump(near, far, first, room)


def pump(source: socket.socket, sink: socket.socket, first: _thread.LockType, room: list[int]) -> None:
    """Copy until the source ends, then say so to the sink; close both, unless this way is the first to end."""
    try:
        while data := source.recv(_CHUNK):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            tell(end.shutdown, socket.SHUT_RDWR)
    if not first.acquire(blocking=False):
        source.close()
        sink.close()
        room.append(0)
