"""The gateway: a small HTTP server on a unix socket (and, for `sandbox: off`, a port of 127.0.0.1).

It knows rollouts by their tokens and says nothing to anybody else. Bodies and keys are never logged or kept.
"""

import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any

from skillopt_ci.gateway.exchange import Answer, Exchange, Failures
from skillopt_ci.gateway.passes import Pass, Terms
from skillopt_ci.gateway.protocols import error_body
from skillopt_ci.gateway.upstream import Asked
from skillopt_ci.sandbox.base import Door
from skillopt_ci.sandbox.scratch import Scratch

_LONGEST_BODY = 32 * 1024 * 1024
_MOST_CONNECTIONS = 400  # over all rollouts; each is a thread, and a file of this process
_LONGEST_PATH = 100  # of a unix socket: 108 bytes on Linux, 104 on macOS


class Gateway:
    """One for a command; a context manager."""

    def __init__(self, *, port: bool, connections: int = _MOST_CONNECTIONS) -> None:
        """Start to listen.

        Args:
            port: on a port of 127.0.0.1 too.
            connections: at once, at most; those beyond are closed.
        """
        self.room = threading.BoundedSemaphore(connections)
        self._folder = Scratch()
        if len(str(self._folder.path)) > _LONGEST_PATH - 10:
            self._folder.close()
            self._folder = Scratch("/tmp")  # noqa: S108
        socket = self._folder.path / "gw.sock"
        self._passes: dict[str, Pass] = {}
        self._lock = threading.Lock()
        self._failures = Failures()
        self._servers: list[socketserver.BaseServer] = [_Unix(str(socket), self)]
        number = 0
        if port:
            tcp = _Tcp(("127.0.0.1", 0), self)
            number = tcp.server_address[1]
            self._servers.append(tcp)
        self.door = Door(socket=socket, port=number)
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self) -> "Gateway":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def open(self, terms: Terms) -> Pass:
        """Let a rollout in. It is out again after `shut`."""
        entry = Pass(terms)
        with self._lock:
            self._passes[entry.token] = entry
        return entry

    def shut(self, entry: Pass) -> None:
        """The rollout is over: `entry.metered` is final."""
        with self._lock:
            self._passes.pop(entry.token, None)
        entry.close()

    def find(self, token: str) -> Pass | None:
        """The rollout that a token belongs to."""
        with self._lock:
            return self._passes.get(token)

    def exchange(self, entry: Pass) -> Exchange:
        """What a request of a rollout goes through."""
        return Exchange(entry, self._failures)

    def close(self) -> None:
        """Stop to listen."""
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self._folder.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 600
    server: "_Unix | _Tcp"

    def do_POST(self) -> None:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        entry = self.server.gateway.find(_token(headers))
        length = headers.get("content-length", "")
        if entry is None:
            self._refuse(401, path, "unknown rollout")
        elif not length.isdigit() or int(length) > _LONGEST_BODY or "content-encoding" in headers:
            self._refuse(413, path, "a request needs a content-length of at most 32 MiB, and no content-encoding")
        else:
            with entry.holding(int(length)) as fits:
                if not fits:
                    self._refuse(429, path, "this rollout asks for too much at once")
                    return
                asked = Asked(path=path, query=query, headers=headers, body=self.rfile.read(int(length)))
                self._answer(self.server.gateway.exchange(entry).answer(asked))

    def do_GET(self) -> None:
        self._refuse(404, self.path.partition("?")[0], "the gateway knows model calls only")

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def _refuse(self, status: int, path: str, message: str) -> None:
        self.close_connection = True  # a body may still be on its way
        self._answer(Answer(status=status, headers={}, body=error_body(path, message)))

    def _answer(self, answer: Answer) -> None:
        try:
            self.send_response(answer.status)
            headers = {"content-type": "application/json", **answer.headers}
            if answer.stream is None:
                headers["content-length"] = str(len(answer.body))
            else:
                headers["transfer-encoding"] = "chunked"
            for name, value in headers.items():
                self.send_header(name, value)
            if self.close_connection:
                self.send_header("connection", "close")
            self.end_headers()
            if answer.stream is None:
                self.wfile.write(answer.body)
            else:
                for chunk in answer.stream:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                    self.wfile.flush()
                if answer.stream.whole:
                    self.wfile.write(b"0\r\n\r\n")
                else:  # the client must see that it broke off
                    self.close_connection = True
        except OSError:
            self.close_connection = True  # the client is gone
        finally:
            if answer.stream is not None:
                answer.stream.close()

    def address_string(self) -> str:
        return "rollout"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing: requests hold prompts."""


def _token(headers: dict[str, str]) -> str:
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    # A client of Google's is known, too, and told which protocols are spoken here: its own is none of them.
    return (
        headers.get("x-api-key")
        or headers.get("x-goog-api-key")
        or (bearer.strip() if scheme.lower() == "bearer" else "")
    )


class _Threading(socketserver.ThreadingMixIn):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    gateway: Gateway

    def verify_request(self, *_: Any) -> bool:
        """Whether there is room for one more connection; else it is closed at once."""
        return self.gateway.room.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.gateway.room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is no news: what it cost is counted, and the client says the rest."""


class _Unix(_Threading, socketserver.UnixStreamServer):
    def __init__(self, path: str, gateway: Gateway) -> None:
        self.gateway = gateway
        super().__init__(path, _Handler)


class _Tcp(_Threading, socketserver.TCPServer):
    allow_reuse_address = False

    def __init__(self, address: tuple[str, int], gateway: Gateway) -> None:
        self.gateway = gateway
        super().__init__(address, _Handler)
