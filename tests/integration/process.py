"""The real command in a process of its own, and a server that answers as the simulated models do."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skillopt_ci.core.trajectory import Message
from skillopt_ci.providers.base import Completion, Request, Schema
from skillopt_ci.providers.simulated import Simulated
from tests.cli.world import call
from tests.loopback import Call, Reply, chat_reply

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-test-0123456789-very-secret"
LEDGER = ".skillopt/ledger.sqlite"


def environment(**more: str) -> dict[str, str]:
    """Of a command under test: nothing of the machine but where programs are."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(ROOT), **more}


def start(root: Path, *args: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """Start a command in a folder."""
    # A test run in the background may have been told to ignore Ctrl-C; the command was not.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "skillopt_ci", *args],
            cwd=root,
            env=environment(LOCAL_KEY=KEY, **(env or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Wait for a command: (code, stdout, stderr)."""
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return process.returncode, out, err


def run(root: Path, *args: str, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run a command to its end."""
    return finish(start(root, *args, env=env))


def undisturbed(root: Path, *args: str) -> tuple[int, str, str]:
    """As `run`, in this process: what nobody kills needs none of its own, whose imports take a second."""
    done = call(root, *args, env={"LOCAL_KEY": KEY})
    return done.code, done.out, done.err


def purchases(root: Path) -> int:
    """How many calls the ledger of a project holds, also while somebody writes it."""
    place = root / LEDGER
    if not place.is_file():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True, timeout=5)) as ledger:
        try:
            (count,) = ledger.execute("select count(*) from purchases").fetchone()
        except sqlite3.OperationalError:  # no table yet
            return 0
    return int(count)


class SimulatedServer:
    """A handler for `Loopback`: answers chat completions by the simulated provider, and kills when told to.

    `aim(process, at, sign)` sends a signal to the process when it makes its next `at`-th request.
    """

    def __init__(self, noise: float, delay: float = 0.0) -> None:
        self._models = Simulated(noise)
        self._delay = delay
        self._lock = threading.Lock()
        self._aimed: tuple[subprocess.Popen[str], int, int] | None = None
        self.count = 0
        self.headers: list[Mapping[str, str]] = []

    def aim(self, process: "subprocess.Popen[str]", at: int, sign: int) -> None:
        """Shoot at the request that is `at` from now."""
        with self._lock:
            self._aimed = (process, self.count + at, sign)

    def __call__(self, call: Call) -> Reply:
        with self._lock:
            self.count += 1
            self.headers.append(call.headers)
            shot = self._aimed if self._aimed and self.count >= self._aimed[1] else None
            if shot:
                self._aimed = None
        if shot:
            shot[0].send_signal(shot[2])
        done = self._complete(call.body)
        tokens = (done.usage.input_tokens, 0, done.usage.output_tokens)
        reply = chat_reply(done.text, finish=done.stop_reason, tokens=tokens)
        return Reply(body=reply.body, delay=self._delay)

    def _complete(self, body: Mapping[str, Any]) -> Completion:
        described = body.get("response_format", {}).get("json_schema")
        return self._models.complete(
            Request(
                model=body["model"],
                messages=tuple(Message(role=m["role"], content=m["content"]) for m in body["messages"]),
                max_output_tokens=body["max_tokens"],
                temperature=body.get("temperature"),
                place="",
                stream="",
                label="",
                schema=Schema(name=described["name"], schema=described["schema"]) if described else None,
            )
        )
