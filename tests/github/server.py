"""A stateful fake of GitHub on 127.0.0.1: REST API, git over HTTP, limits and faults; every request is judged.

    with FakeGitHub(tmp_path) as hub:
        hub.store.put("main", {"README.md": "hello"})
        ... GITHUB_API_URL=hub.url, GITHUB_TOKEN=hub.token ...
    # on leaving: no request and no answer may have offended GitHub's OpenAPI description

The API stands below `/api/v3`, as on GitHub Enterprise; git below `/git/OWNER/NAME.git`.
"""

import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.github.oracle import the_oracle
from tests.github.routes import ROUTES, Ask, Listed, RefusedError, needed
from tests.github.store import Account, Bare, Store

PREFIX = "/api/v3"
ALL = {"contents": "write", "pull_requests": "write", "statuses": "write"}
WRITES = ("POST", "PATCH", "PUT", "DELETE")
PRIMARY = {"message": "API rate limit exceeded for installation ID 1.", "documentation_url": "https://docs.github.com"}
SECONDARY = {
    "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    "documentation_url": "https://docs.github.com/rest",
}


@dataclass(frozen=True)
class Sent:
    """A request that arrived."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    body: Any
    operation: str
    status: int


@dataclass
class Fault:
    """What goes wrong instead of an answer, `times` times. `after`: the request is carried out, its answer is lost."""

    operation: str
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    after: bool = False
    drop: bool = False
    prepare: Callable[[], None] | None = None


class FakeGitHub:
    """The server; a context manager that leaves no socket and no thread behind."""

    def __init__(
        self, folder: Path, *, permissions: Mapping[str, str] | None = None, like: "FakeGitHub | None" = None
    ) -> None:
        """`like`: begin with what another one remembers, instead of making all of that again."""
        place = folder / "remote.git"
        self.store = like.store.copied(place) if like else Store(git=Bare(place))
        self.token = "ghs_" + "t0ken" * 7
        self.bot = Account("github-actions[bot]", permissions=dict(ALL if permissions is None else permissions))
        self.store.accounts[self.token] = self.bot
        self.sent: list[Sent] = []
        self.offences: list[str] = []
        self.faults: list[Fault] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def root(self) -> str:
        """The server's address without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """What GITHUB_API_URL is."""
        return self.root + PREFIX

    @property
    def clone_url(self) -> str:
        """The repository for git; pushing needs the token as password."""
        return f"{self.root}/git/{self.store.full_name}.git"

    @property
    def writes(self) -> list[Sent]:
        """Requests that write."""
        return [s for s in self.sent if s.method in WRITES]

    def account(self, token: str, login: str, *, role: str = "write") -> Account:
        """A person with a token of their own."""
        self.store.accounts[token] = Account(login, installation=False, role=role)
        self.store.roles[login] = role
        return self.store.accounts[token]

    def forget(self) -> None:
        """Start counting requests anew."""
        self.sent.clear()

    def __enter__(self) -> "FakeGitHub":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if kind is None:
            assert self.offences == []

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: Any
    ) -> tuple[int, dict[str, str], Any] | None:
        """The answer to a request; None drops the connection."""
        with self._lock:
            self.store.clock += 1
            split = urlsplit(target)
            query = parse_qs(split.query, keep_blank_values=True)
            path = split.path.removeprefix(PREFIX)
            operation = the_oracle().operation(method, path)
            name = operation.name if operation else ""
            fault = next((f for f in self.faults if f.operation == name and f.times), None)
            if fault is not None:
                fault.times -= 1
                if fault.prepare:
                    fault.prepare()
            if fault is None or fault.after:
                status, told, value = self._judged(method, path, query, headers, body)
            if fault is not None:
                status, told, value = fault.status, dict(fault.headers), fault.body
            self.sent.append(Sent(method, path, query, body, name, status))
            if fault is not None and fault.drop:
                return None
            return status, told, value

    def _judged(
        self, method: str, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str], body: Any
    ) -> tuple[int, dict[str, str], Any]:
        oracle = the_oracle()
        operation = oracle.operation(method, path)
        if operation is None:
            self.offences.append(f"{method} {path}: GitHub has no such operation")
            return 404, {}, {"message": "Not Found"}
        self.offences += oracle.request(operation, query, body)
        who = self.store.accounts.get(headers.get("authorization", "").removeprefix("token ").removeprefix("Bearer "))
        if who is None:
            return 401, {}, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"}
        if (
            "owner" in operation.parts
            and f"{operation.parts['owner']}/{operation.parts['repo']}" != self.store.full_name
        ):
            return 404, {}, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}
        lacks = needed(operation.name, who)
        if lacks:
            told = {"x-accepted-github-permissions": lacks}
            return 403, told, {"message": "Resource not accessible by integration"}
        ask = Ask(self.store, who, operation.parts, {k: v[-1] for k, v in query.items()}, body)
        try:
            status, value = ROUTES[operation.name](ask)
        except RefusedError as refused:
            return refused.status, {}, refused.body
        told = {"x-ratelimit-limit": "1000", "x-ratelimit-remaining": "900", "x-ratelimit-reset": "1800003600"}
        if isinstance(value, Listed):
            value, link = self._paged(path, query, value.items)
            told |= {"link": link} if link else {}
        self.offences += [f"our fake: {x}" for x in oracle.answer(operation, status, value)]
        if method == "GET":
            told["etag"] = f'W/"{hashlib.sha256(json.dumps(value).encode()).hexdigest()}"'
            if headers.get("if-none-match") == told["etag"]:
                return 304, told, None
        return status, told, value

    def _paged(self, path: str, query: Mapping[str, list[str]], items: list[Any]) -> tuple[list[Any], str]:
        """One page, and the header `Link`, with the repository by its number as GitHub writes it there."""
        size, page = int(query.get("per_page", ["30"])[0]), int(query.get("page", ["1"])[0])
        rest = {k: v for k, v in query.items() if k != "page"}
        place = f"{self.url}{path.replace(f'/repos/{self.store.full_name}', '/repositories/1', 1)}"
        links = []
        if page * size < len(items):
            last = -(-len(items) // size)
            for name, number in (("next", page + 1), ("last", last)):
                links.append(f'<{place}?{urlencode({**rest, "page": [number]}, doseq=True)}>; rel="{name}"')
        return items[(page - 1) * size : page * size], ", ".join(links)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: FakeGitHub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def _any(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.path.startswith("/git/"):
            self._git(raw)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.hub.answer(self.command, self.path, headers, json.loads(raw) if raw else None)
        if answer is None:
            self.close_connection = True
            return
        status, told, value = answer
        body = b"" if value is None else value if isinstance(value, bytes) else json.dumps(value).encode()
        self._reply(status, {"content-type": "application/json; charset=utf-8", **told}, body)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _any  # noqa: N815 - the names are http.server's

    def _git(self, raw: bytes) -> None:
        """Clone, fetch and push by git's own CGI program; pushing needs a name and a password."""
        split = urlsplit(self.path)
        hub = self.server.hub
        pushes = "git-receive-pack" in self.path
        if pushes and not self.headers.get("authorization", "").lower().startswith("basic "):
            self._reply(401, {"www-authenticate": 'Basic realm="GitHub"'}, b"")
            return
        env = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(hub.store.git.place), "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": split.path.removeprefix(f"/git/{hub.store.full_name}.git"), "QUERY_STRING": split.query,
            "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(raw)), "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""), "REMOTE_USER": "person" if pushes else "",
        }  # fmt: skip
        done = subprocess.run(["git", "http-backend"], input=raw, env=env, capture_output=True, check=True)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        told = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(told.pop("Status", "200").split()[0])
        self._reply(status, told, body)

    def _reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status not in (204, 304):
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if status not in (204, 304) else b"")
            self.wfile.flush()
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Silent."""
