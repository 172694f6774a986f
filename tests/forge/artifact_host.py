"""A host that lists workflow runs and their artifacts, and hands out one artifact."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from skillopt_ci.forge.artifacts import BASELINE, Source, fetch_artifact
from skillopt_ci.forge.github import Connection, GitHub, Waiter
from tests.github.oracle import Oracle

REPOSITORY = "octo/skills"
TIP = "f" * 40  # of the default branch


def zipped(files: dict[str, bytes]) -> bytes:
    """An archive."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def damaged(name: str) -> bytes:
    """An archive of one packed file whose bytes were changed."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, bytes(range(256)) * 4)
    whole, start = data.getvalue(), 30 + len(name)  # where a file's bytes begin
    return whole[:start] + b"\xff" * 8 + whole[start + 8 :]


def otherwise_damaged(name: str) -> Iterator[bytes]:
    """Archives of one file with bytes changed: a start before the file, a name that is no text, packed otherwise."""
    whole = zipped({name: b"x"})
    yield whole[:-6] + b"\xff\xff\xff\x0f" + whole[-2:]
    listed = whole.index(b"PK\x01\x02")  # the list of members: flags at 8, the name at 46
    yield whole[: listed + 9] + b"\x08" + whole[listed + 10 : listed + 46] + b"\xff" + whole[listed + 47 :]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(name, bytes(range(256)) * 4)
    packed, start = data.getvalue(), 30 + len(name) + 9  # behind LZMA's own settings
    yield packed[:start] + b"\xff" * 8 + packed[start + 8 :]


def run_of(number: int, **changes: Any) -> dict[str, Any]:
    """A run of the baseline workflow; the higher its number, the older it is."""
    return {
        "id": number,
        "created_at": f"2026-11-20T10:00:{59 - number % 60:02}Z",
        "event": "push",
        "head_branch": "main",
        "head_sha": f"{number:040x}",
        "path": ".github/workflows/skillopt-baseline.yml",
        "head_repository": {"full_name": REPOSITORY},
        "html_url": f"https://github.example/octo/skills/actions/runs/{number}",
        **changes,
    }


class ArtifactHost:
    """Lists runs and artifacts; the artifacts' bytes are at another address. Every request is held to the OpenAPI."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] | None = [run_of(1)]
        self.artifacts: dict[int, list[dict[str, Any]]] = {}
        self.data = zipped({"ledger.sqlite": b"a ledger"})
        self.records: list[dict[str, Any]] = []  # artifacts of the whole repository, the newest first
        self.run_of_record: dict[int, dict[str, Any]] = {}
        self.stored: dict[int, bytes] = {}  # archives of single artifacts
        self.status = {"zip": 302, "store": 200, "list": 200}
        self.trouble: dict[str, list[int]] = {"zip": [], "store": []}  # of the next answers; 0 breaks off
        self.status_of: dict[str, str] = {}  # how commits stand to the default branch, where it does not have them
        self.seen: list[tuple[str, str]] = []
        self.wrong: list[str] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.oracle = Oracle()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        split = urlsplit(request.path)
        self.seen.append((split.path, request.headers.get("Authorization", "")))
        if split.path.startswith("/store"):
            data = self.stored.get(int(split.path.split("/")[2]), self.data)
            status = self.trouble["store"].pop(0) if self.trouble["store"] else self.status["store"]
            self._send(request, status or 200, data, cut=not status)
            return
        operation = self.oracle.operation("GET", split.path)
        self.wrong += (
            [f"no operation {split.path}"]
            if operation is None
            else self.oracle.request(operation, parse_qs(split.query), None)
        )
        parts = split.path.split("/")
        if parts[-1] == "zip":
            status = self.trouble["zip"].pop(0) if self.trouble["zip"] else self.status["zip"]
            self._send(request, status, b"", location=f"{self.url}/store/{parts[-2]}")
        elif parts[-2:] == ["actions", "artifacts"]:
            page = int(parse_qs(split.query).get("page", ["1"])[0])
            listed = self.records[100 * (page - 1) : 100 * page]
            text = json.dumps({"total_count": len(self.records), "artifacts": listed}).encode()
            self._send(request, self.status["list"], text)
        elif parts[-4:] == ["git", "ref", "heads", "main"]:
            self._send(request, 200, json.dumps({"object": {"sha": TIP}}).encode())
        elif parts[-2] == "compare":
            base, _, head = parts[-1].partition("...")
            # By its short name the branch is mistaken for the tag, as it may be.
            status = self.status_of.get(head, "behind") if base == TIP else "identical"
            self._send(request, 200, json.dumps({"status": status}).encode())
        elif parts[-2] == "runs":
            run = self.run_of_record.get(int(parts[-1]))
            self._send(request, 200 if run else 404, json.dumps(run or {"message": "Not Found"}).encode())
        elif parts[-1] == "runs":
            self._send(request, *self._listed(parse_qs(split.query)))
        else:
            listed = self.artifacts.get(int(parts[-2]), [{"id": 9, "name": "skillopt-baseline", "expired": False}])
            self._send(request, 200, json.dumps({"total_count": 1, "artifacts": listed}).encode())

    def _listed(self, query: dict[str, list[str]]) -> tuple[int, bytes]:
        """Runs as GitHub lists them: those of an event if one is named, the newest first, a page of them."""
        if self.runs is None:
            return 404, b'{"message": "Not Found"}'
        event = query.get("event", [None])[0]
        found = [r for r in self.runs if event in (None, r["event"])][: int(query.get("per_page", ["30"])[0])]
        return 200, json.dumps({"total_count": len(self.runs), "workflow_runs": found}).encode()

    @staticmethod
    def _send(
        request: BaseHTTPRequestHandler, status: int, body: bytes, location: str = "", *, cut: bool = False
    ) -> None:
        request.send_response(status)
        if location:
            request.send_header("Location", location)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2] if cut else body)

    def fetch(self, folder: Path, source: Source = BASELINE) -> str:
        """Fetch as the action does."""
        with self.connected() as api:
            return fetch_artifact(api, source, "main", folder)

    @contextmanager
    def connected(self) -> Iterator[GitHub]:
        """A client of this host."""
        api = GitHub(
            Connection(repository=REPOSITORY, token="ghs_secret", api_url=self.url),
            Waiter(now=lambda: 0.0, sleep=lambda _: None),
            lambda text: text,
        )
        try:
            yield api
        finally:
            api.close()

    def spent(self, run: int, text: str, at: str, *, branch: str = "topic", home: int = 1, event: str = "push") -> int:
        """A run has left a record of what it spent, at a time like 2026-11-20T10:00:00Z; returns the artifact's id."""
        self.run_of_record[run] = run_of(run, head_branch=branch, event=event)
        number = 1000 + len(self.records)
        workflow_run = {"id": run, "head_branch": branch, "repository_id": 1, "head_repository_id": home}
        made = {"id": number, "name": "skillopt-spend", "expired": False, "created_at": at}
        self.records.insert(0, {**made, "workflow_run": workflow_run})
        self.stored[number] = zipped({"spend.json": text.encode()})
        return number

    def close(self) -> None:
        """Stop, and insist that every request was one that GitHub has."""
        self.server.shutdown()
        self.server.server_close()
        assert self.wrong == []
