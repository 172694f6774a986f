"""A host that lists workflow runs and their artifacts, and hands out one artifact."""

import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from skillopt_ci.forge.artifacts import BASELINE, Source, fetch_artifact
from skillopt_ci.forge.github import Connection, GitHub, Waiter
from tests.github.oracle import Oracle

REPOSITORY = "octo/skills"


def zipped(files: dict[str, bytes]) -> bytes:
    """An archive."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def run_of(number: int, **changes: Any) -> dict[str, Any]:
    """A run of the baseline workflow."""
    return {
        "id": number,
        "event": "push",
        "head_branch": "main",
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
        self.status = {"zip": 302, "store": 200}
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
        if split.path == "/store":
            self._send(request, self.status["store"], self.data)
            return
        operation = self.oracle.operation("GET", split.path)
        self.wrong += (
            [f"no operation {split.path}"]
            if operation is None
            else self.oracle.request(operation, parse_qs(split.query), None)
        )
        parts = split.path.split("/")
        if parts[-1] == "zip":
            self._send(request, self.status["zip"], b"", location=f"{self.url}/store")
        elif parts[-1] == "runs":
            found = self.runs
            text = json.dumps({"total_count": 1, "workflow_runs": found}).encode()
            self._send(request, 404 if found is None else 200, b'{"message": "Not Found"}' if found is None else text)
        else:
            listed = self.artifacts.get(int(parts[-2]), [{"id": 9, "name": "skillopt-baseline", "expired": False}])
            self._send(request, 200, json.dumps({"total_count": 1, "artifacts": listed}).encode())

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, body: bytes, location: str = "") -> None:
        request.send_response(status)
        if location:
            request.send_header("Location", location)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def fetch(self, folder: Path, source: Source = BASELINE) -> str:
        """Fetch as the action does."""
        api = GitHub(
            Connection(repository=REPOSITORY, token="ghs_secret", api_url=self.url),
            Waiter(now=lambda: 0.0, sleep=lambda _: None),
            lambda text: text,
        )
        try:
            return fetch_artifact(api, source, "main", folder)
        finally:
            api.close()

    def close(self) -> None:
        """Stop, and insist that every request was one that GitHub has."""
        self.server.shutdown()
        self.server.server_close()
        assert self.wrong == []
