"""Killed at any moment and started again, `train` ends as if nothing had happened, and pays almost nothing twice."""

import json
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import SKILL, bytes_of, files, write
from tests.integration.process import KEY, SimulatedServer, finish, purchases, start, undisturbed
from tests.loopback import Loopback

RESULT = ("best_skill.md", "history.json")
# A date wants two lines, and this start has one: what is screened alone can help alone.
START = SKILL + "- Answer with only the value, nothing else.\n"
SIZES = (12, 16, 14)
STEPS = {"epochs": 3, "batch_size": 4, "minibatch_size": 2, "edit_budget": {"start": 1, "end": 1}}
TRAIN = {**STEPS, "gate": "strict", "seed": 129, "over_plan": None}  # a run that accepts, rejects and lets edits wait
SIMULATED = {"models": {"type": "simulated", "noise": 0.15, "latency_ms": 3}}


def project(root: Path, concurrency: int, providers: dict[str, Any], **changes: Any) -> Path:
    write(root, files(START, sizes=SIZES, concurrency=concurrency, providers=providers, train={**TRAIN, **changes}))
    return root


def over_http(root: Path, concurrency: int, providers: dict[str, Any]) -> Path:
    """Shorter, as every request takes its way through a socket."""
    return project(root, concurrency, providers, epochs=1)


def folder(root: Path) -> Path:
    (found,) = (root / ".skillopt/runs").iterdir()
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], int]:
    """What an uninterrupted run leaves, and how much it buys."""
    root = project(tmp_path_factory.mktemp("whole"), 4, {"models": {**SIMULATED["models"], "latency_ms": 0}})
    code, _, err = undisturbed(root, "train", "--quiet")
    assert (code, err) == (0, "")
    steps = json.loads((folder(root) / "history.json").read_bytes())
    assert len(steps) > 8
    assert {"accept", "reject"} <= {s["action"] for s in steps}
    assert "waiting" in {e["status"] for s in steps for e in s["edits"]}
    return bytes_of(folder(root), RESULT), purchases(root)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_killed_at_many_points_the_result_is_byte_identical_and_nothing_is_bought_twice(
    tmp_path: Path, whole: tuple[dict[str, bytes], int], concurrency: int
) -> None:
    expected, calls = whole
    root = project(tmp_path / "killed", concurrency, SIMULATED)
    dice = random.Random(concurrency)
    points = sorted(dice.sample(range(1, calls - 20), 6))
    kills = 0
    for wanted in points:
        process = start(root, "train", "--quiet")
        while process.poll() is None and purchases(root) < wanted:
            time.sleep(0.003)
        process.kill()
        kills += finish(process)[0] == -signal.SIGKILL
    code, _, err = undisturbed(root, "train", "--quiet")
    assert (code, err) == (0, "")
    assert kills == len(points)
    assert bytes_of(folder(root), RESULT) == expected
    assert purchases(root) == calls


def test_killed_while_it_starts_or_writes_its_files_it_ends_well(
    tmp_path: Path, whole: tuple[dict[str, bytes], int]
) -> None:
    expected, calls = whole
    root = project(tmp_path / "killed", 8, SIMULATED)
    dice = random.Random(5)
    for _ in range(3):  # anywhere in the imports, the opening of the ledger, the first calls
        process = start(root, "train", "--quiet")
        time.sleep(dice.uniform(0.05, 0.6))
        process.kill()
        finish(process)
    for name in ("history.json", "report.json"):
        process = start(root, "train", "--quiet")
        while process.poll() is None and not list((root / ".skillopt/runs").glob(f"*/{name}")):
            time.sleep(0.0005)
        process.kill()
        finish(process)
    code, _, err = undisturbed(root, "train", "--quiet", "--generation", "1")
    assert (code, err) == (0, "")
    first = next(p for p in (root / ".skillopt/runs").iterdir() if _generation(p) == 1)
    assert bytes_of(first, RESULT) == expected
    assert purchases(root) >= calls


def _generation(place: Path) -> int:
    number: int = json.loads((place / "config.json").read_bytes())["generation"]
    return number


@dataclass(frozen=True)
class Remote:
    """Models behind HTTP, the providers of a configuration that reaches them, and an uninterrupted run with them."""

    handler: SimulatedServer
    providers: dict[str, Any]
    result: dict[str, bytes]
    calls: int


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    handler = SimulatedServer(0.15, delay=0.002)
    with Loopback(handler, record=False) as server:
        providers = {"models": {"type": "openai", "base_url": server.openai_url, "api_key_env": "LOCAL_KEY"}}
        root = over_http(tmp_path_factory.mktemp("unbroken"), 4, providers)
        code, out, err = undisturbed(root, "train", "--json", "out.json", "--junit", "out.xml", "--summary", "out.md")
        assert code == 0
        assert purchases(root) == handler.count
        assert KEY not in out + err
        assert {h["authorization"] for h in handler.headers} == {f"Bearer {KEY}"}
        assert [name for name, data in bytes_of(root).items() if KEY.encode() in data] == []
        yield Remote(handler, providers, bytes_of(folder(root), RESULT), handler.count)


def test_over_http_at_most_what_was_in_flight_is_bought_again(tmp_path: Path, remote: Remote) -> None:
    concurrency = 8
    handler, calls = remote.handler, remote.calls
    root = over_http(tmp_path / "killed", concurrency, remote.providers)
    dice = random.Random(concurrency)
    before, kills = handler.count, 0
    while True:
        process = start(root, "train", "--quiet")
        handler.aim(process, dice.randint(calls // 8, calls // 7), signal.SIGKILL)
        code, _, err = finish(process)
        if code == 0:
            break
        assert (code, err) == (-signal.SIGKILL, "")
        kills += 1
    assert kills >= 6
    assert bytes_of(folder(root), RESULT) == remote.result
    assert purchases(root) == calls
    # The request at which it was killed is always lost: the count does count.
    assert calls + kills <= handler.count - before <= calls + kills * concurrency


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_records_what_is_in_flight_and_the_same_command_continues(
    tmp_path: Path, remote: Remote, sign: signal.Signals
) -> None:
    handler = remote.handler
    root = over_http(tmp_path / "interrupted", 4, remote.providers)
    before = handler.count
    process = start(root, "train", "--json", "out.json")
    handler.aim(process, 40, sign)
    code, out, err = finish(process)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1].startswith("error: interrupted; what was bought is in the ledger")
    assert sum("interrupted" in line for line in err.splitlines()) == 1
    assert json.loads((root / "out.json").read_bytes())["reason"] == "interrupted"
    assert handler.count - before <= 40 + 2 * 4
    assert purchases(root) == handler.count - before  # nothing that was answered is lost
    assert undisturbed(root, "train", "--quiet")[0] == 0
    assert handler.count - before == remote.calls
    assert bytes_of(folder(root), RESULT) == remote.result
