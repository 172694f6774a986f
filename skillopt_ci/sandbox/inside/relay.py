"""The way out of a sandbox: every connection to a port inside is joined with one to the gateway's unix socket."""

import _socket as socket  # what `socket` makes its enums of
import _thread

from skillopt_ci.sandbox.inside.processes import tell

CONNECTIONS = 48
"""Of one command at once; those beyond are closed. The gateway has room for many commands."""
_CHUNK = 65536


class Seats:
    """So many connections at once. A list's `pop` and `append` need no lock between threads."""

    def __init__(self, count: int) -> None:
        self._free = [None] * count

    def take(self) -> bool:
        """Whether there was one left."""
        try:
            self._free.pop()
        except IndexError:
            return False
        return True

    def give_back(self) -> None:
        """The one that was taken."""
        self._free.append(None)


class Connection:
    """Two sockets and the two ways between them. `near`: the command's; `far`: the gateway's."""

    def __init__(self, near: socket.socket, seats: Seats) -> None:
        self.near = near
        self.far = socket.socket(socket.AF_UNIX)
        self.seats = seats
        self.one_way_ended = _thread.allocate_lock()

    def join(self, path: str) -> None:
        """Copy both ways until both have ended."""
        try:
            self.far.connect(path)
            _thread.start_new_thread(self.copy, (self.far, self.near))
        except (OSError, RuntimeError):  # no gateway any more, or no more threads
            self.one_way_ended.acquire()
            tell(self.near.shutdown, socket.SHUT_RDWR)
        self.copy(self.near, self.far)

    def copy(self, source: socket.socket, sink: socket.socket) -> None:
        """Copy until the source ends, then say so to the sink; close both, unless this way is the first to end."""
        try:
            while data := source.recv(_CHUNK):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):
                tell(end.shutdown, socket.SHUT_RDWR)
        if not self.one_way_ended.acquire(blocking=False):
            source.close()
            sink.close()
            self.seats.give_back()


def listen(port: int) -> socket.socket:
    """A socket that listens on a port of 127.0.0.1."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener


def relay(listener: socket.socket, path: str) -> None:
    """Join every connection to the listener with one to a unix socket, until the listener is closed."""
    seats = Seats(CONNECTIONS)
    while True:
        try:
            number, _ = listener._accept()  # type: ignore[attr-defined]  # what `accept` calls
            near = socket.socket(fileno=number)
        except OSError:
            return
        if not seats.take():
            near.close()
            continue
        try:
            _thread.start_new_thread(Connection(near, seats).join, (path,))
        except (OSError, RuntimeError):  # no more files, or threads: they count as processes of the command
            near.close()
            seats.give_back()
