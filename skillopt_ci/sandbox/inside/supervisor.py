"""The first process of a sandbox: starts the command, relays to the gateway, watches the limits, ends everything.

It is the init process of its PID namespace: when it exits the kernel kills all the others. Unconfined, it adopts every
orphan (Linux) and kills them itself. Its control socket brings letters (I, T, K: interrupt, terminate, kill) and takes
one line at the end: how it ended, the exit code, and why it did not start. When the other side goes away, it kills.
"""

import _signal as signal  # type: ignore[import-not-found]  # what `signal` makes its enums of
import _socket as socket  # what `socket` makes its enums of
import _thread
import os
import resource
import select
import time

from skillopt_ci.sandbox.inside.kernel import adopt_orphans, close_memory, lower
from skillopt_ci.sandbox.inside.processes import all_pids, descendants_of, tasks_of, tell
from skillopt_ci.sandbox.inside.relay import listen, relay
from skillopt_ci.sandbox.inside.usage import Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LETTERS = {b"I": signal.SIGINT, b"T": signal.SIGTERM}
_MINE = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # wake this process, and do nothing else
_PYTHONS = (signal.SIGPIPE, signal.SIGXFSZ)  # ignored by every Python, and so by what it executes
_KILL_ROUNDS = 200
_KILL_PAUSE = 0.01  # seconds
_LONGEST_REASON = 4096  # bytes
_NOT_EXECUTED = 126  # as shells end then


class Supervisor:
    """One command and all its processes."""

    def __init__(self, control: socket.socket, plan: "dict[str, Any]") -> None:
        """`plan`: see `running.Plan.message`."""
        os.set_inheritable(control.fileno(), False)  # who has it can say that all went well, or that no time is over
        self.control = control
        self.plan = plan
        self.alone = bool(plan["alone"])  # in a PID namespace of its own
        self.usage = Usage(plan["limits"], plan["root"], alone=self.alone)
        self.child = 0
        self.failed = ""

    def run(self) -> None:
        """Start, wait, end; never returns."""
        door = self.plan["relay"]
        if door:
            os.set_inheritable(door["door"], False)  # the command has no way to it but the relay
            listener = listen(door["port"])
        self.prepare()
        wake = awakened()
        self.child = self.start()
        if door:  # only now: a process that forks should have one thread
            _thread.start_new_thread(relay, (listener, f"/proc/self/fd/{door['door']}"))
        ended, status = self.watch(wake)
        if not self.alone:
            self.kill_all()
        code = os.waitstatus_to_exitcode(status) if status is not None else -signal.SIGKILL
        tell(self.control.sendall, f"{ended} {code} {self.failed}".encode("utf-8", "replace"))
        os._exit(0)

    def prepare(self) -> None:
        """Be out of the command's reach, and have all its processes within one's own."""
        if self.alone:
            close_memory()
        else:
            adopt_orphans()
            # Here the kernel counts all tasks of the user; for root it does not count at all.
            self.plan["rlimits"]["RLIMIT_NPROC"] = tasks_of(os.getuid()) + self.plan["limits"]["processes"]

    def start(self) -> int:
        """Fork and execute the command in a session of its own; its pid."""
        came, went = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                self.execute()
            except (OSError, ValueError) as error:  # no argument holds a NUL, or half of a surrogate pair
                os.write(went, f"{error.args[-1]}: {self.plan['argv'][0]}".encode("utf-8", "replace"))
            os._exit(_NOT_EXECUTED)
        os.close(went)
        reason = os.read(came, _LONGEST_REASON)  # empty: the pipe closed as it was executed
        self.failed = reason.decode("utf-8", "replace")
        os.close(came)
        os.closerange(0, 3)  # or the other side would never see its streams end
        return child

    def execute(self) -> None:
        """Become the command. Raises `OSError` when that cannot be."""
        os.setsid()
        for number in (*_MINE, *_PYTHONS):
            signal.signal(number, signal.SIG_DFL)
        for name, value in self.plan["rlimits"].items():
            lower(getattr(resource, name), value)
        os.chdir(self.plan["cwd"])
        os.execvpe(self.plan["argv"][0], self.plan["argv"], self.plan["env"])

    def watch(self, wake: int) -> tuple[str, int | None]:
        """Until the command has ended, or is to be killed: how, and its status."""
        status = None
        while True:
            ready, _, _ = select.select([wake, self.control.fileno()], [], [], self.usage.pause)
            if wake in ready:
                os.read(wake, 65536)
            if self.control.fileno() in ready:
                letter = self.control.recv(1)
                if letter not in _LETTERS:
                    return "killed", None
                tell(os.killpg, self.child, _LETTERS[letter])
            status = self.bury(status)
            if status is not None:
                self.usage.recount_disk()  # what was written last has not been looked at
                over = self.usage.passed(self.processes())
                return "disk" if over == "disk" else "exit", status
            over = self.usage.passed(self.processes())
            if over:
                return over, None

    def bury(self, status: int | None) -> int | None:
        """Wait for what has ended; the command's status once that is known."""
        while True:
            try:
                pid, found = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return status
            if not pid:
                return status
            if pid == self.child:
                status = found

    def processes(self) -> list[int]:
        """Every process of the command."""
        if self.alone:
            return [pid for pid in all_pids() if pid != os.getpid()]
        return descendants_of(os.getpid())

    def kill_all(self) -> None:
        """Kill every process that can be found, until none is left."""
        tell(os.killpg, self.child, signal.SIGKILL)
        for _ in range(_KILL_ROUNDS):
            pids = self.processes()
            for number in (signal.SIGSTOP, signal.SIGKILL):  # what has stopped makes no more of its kind meanwhile
                for pid in pids:
                    tell(os.kill, pid, number)
            if self.bury(None) is None and not pids:
                return
            time.sleep(_KILL_PAUSE)


def awakened() -> int:
    """A pipe that can be read when a signal came: so no signal is missed between looking and waiting."""
    wake, bell = os.pipe()
    os.set_blocking(bell, False)
    signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    for number in _MINE:
        signal.signal(number, lambda *_: None)
    return wake
