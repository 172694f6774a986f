"""gepa and the comparison, killed and interrupted: what was bought is not bought again, and the end is the same."""

import json
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import bytes_of, files, write
from tests.integration.process import finish, purchases, start, undisturbed

TRAIN = {"epochs": 2, "batch_size": 6, "minibatch_size": 3, "gate": "strict", "edit_budget": {"start": 2, "end": 2}}
COMPARE = ("compare", "--methods", "gepa,one-shot", "--quiet")


def project(root: Path, concurrency: int, latency: int) -> Path:
    providers = {"models": {"type": "simulated", "noise": 0.15, "latency_ms": latency}}
    train = {**TRAIN, "method": "gepa"}
    write(root, files(sizes=(12, 16, 14), concurrency=concurrency, providers=providers, train=train))
    return root


def left(root: Path) -> dict[str, bytes]:
    """Every run folder's skill and history."""
    found = bytes_of(root / ".skillopt/runs")
    return {name: data for name, data in found.items() if name.endswith(("best_skill.md", "history.json"))}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], int, list[Any]]:
    root = project(tmp_path_factory.mktemp("whole"), 4, 0)
    code, _, err = undisturbed(root, *COMPARE, "--json", "out.json")
    assert (code, err) == (0, "")
    value = json.loads((root / "out.json").read_bytes())
    return left(root), purchases(root), value["skills"][0]["pairs"]


def test_killed_at_many_points_a_comparison_ends_the_same(
    tmp_path: Path, whole: tuple[dict[str, bytes], int, list[Any]]
) -> None:
    expected, calls, pairs = whole
    root = project(tmp_path / "killed", 8, 3)
    for wanted in sorted(random.Random(7).sample(range(1, calls - 20), 4)):
        process = start(root, *COMPARE)
        while process.poll() is None and purchases(root) < wanted:
            time.sleep(0.001)
        process.kill()
        assert finish(process)[0] == -signal.SIGKILL
    code, _, err = undisturbed(root, *COMPARE, "--json", "out.json")
    assert (code, err) == (0, "")
    assert left(root) == expected
    assert purchases(root) == calls
    assert json.loads((root / "out.json").read_bytes())["skills"][0]["pairs"] == pairs


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_in_the_middle_of_gepa_is_one(tmp_path: Path, sign: signal.Signals) -> None:
    root = project(tmp_path / "interrupted", 4, 5)
    process = start(root, "train", "--json", "out.json")
    while process.poll() is None and purchases(root) < 60:
        time.sleep(0.001)
    process.send_signal(sign)
    code, _, err = finish(process)
    assert code == 130, err
    assert "the same command continues" in err
    bought = purchases(root)
    code, _, _ = undisturbed(root, "train", "--quiet", "--json", "out.json")
    assert code == 0
    [entry] = json.loads((root / "out.json").read_bytes())["skills"]
    assert entry["generation"] == 1
    assert entry["spend"]["replayed"]["calls"] >= min(bought, 60)
