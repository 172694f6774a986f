"""The stored base is taken from a run of the baseline workflow on the default branch, and from nothing else."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skillopt_ci.errors import ForgeError
from skillopt_ci.forge.artifacts import TRAINING, unpack
from tests.forge.artifact_host import TIP, damaged, otherwise_damaged, run_of, zipped
from tests.forge.artifact_host import ArtifactHost as Host


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host()
    yield made
    made.close()


def test_the_newest_runs_ledger_is_brought_with_few_requests(host: Host, tmp_path: Path) -> None:
    place = tmp_path / "deep" / "ledger.sqlite"
    assert host.fetch(place.parent) == run_of(1)["html_url"]
    assert place.read_bytes() == b"a ledger"
    asked = [path.rpartition("/")[2] for path, _ in host.seen]
    assert asked == ["runs"] * 3 + ["main", f"{TIP}...{1:040x}", "artifacts", "zip", "9"]
    assert host.seen[6][1] == "token ghs_secret"
    assert host.seen[7][1] == ""  # whoever stores the bytes gets no token


@pytest.mark.parametrize(
    "change",
    [
        {"event": "pull_request"},
        {"event": "pull_request_target"},
        {"event": "workflow_run"},
        {"head_branch": "change"},
        {"head_sha": None},
        {"path": ".github/workflows/other.yml"},
        {"path": None},
        {"head_repository": {"full_name": "stranger/skills"}},
        {"head_repository": None},
    ],
)
def test_a_run_that_a_stranger_could_have_made_is_passed_over(
    host: Host, tmp_path: Path, change: dict[str, Any]
) -> None:
    place = tmp_path / "ledger.sqlite"
    host.runs = [run_of(1, **change)]
    assert host.fetch(tmp_path) == ""
    assert not place.exists()
    host.runs = [run_of(1, **change), run_of(2, path=".github/workflows/skillopt-baseline.yml@refs/heads/main")]
    assert host.fetch(tmp_path).endswith("/2")


@pytest.mark.parametrize("status", ["ahead", "diverged"])
def test_a_run_of_a_tag_with_the_branchs_name_is_passed_over(host: Host, tmp_path: Path, status: str) -> None:
    host.status_of[f"{1:040x}"] = status
    host.runs = [run_of(1)]
    assert host.fetch(tmp_path) == ""
    host.runs = [run_of(1), run_of(2)]
    assert host.fetch(tmp_path).endswith("/2")


def test_an_older_run_stands_in_for_one_whose_artifact_is_gone(host: Host, tmp_path: Path) -> None:
    host.runs = [run_of(n) for n in range(1, 9)]
    host.artifacts = {
        1: [],
        2: [{"id": 5, "name": "skillopt-baseline", "expired": True}, {"id": 6, "name": "other", "expired": False}],
    }
    assert host.fetch(tmp_path).endswith("/3")
    host.artifacts = {n: [] for n in range(1, 9)}
    host.seen.clear()
    assert host.fetch(tmp_path) == ""
    assert len(host.seen) == 10


def test_a_forks_runs_under_the_branchs_name_hide_no_run(host: Host, tmp_path: Path) -> None:
    forks = {"event": "pull_request", "head_repository": {"full_name": "stranger/skills"}}
    host.runs = [*(run_of(n, **forks) for n in range(1, 51)), run_of(51)]
    assert host.fetch(tmp_path).endswith("/51")


def test_the_newest_run_is_taken_whatever_event_it_had(host: Host, tmp_path: Path) -> None:
    events = ("workflow_dispatch", "schedule", "push")
    host.runs = [run_of(n, event=event) for n, event in enumerate(events, 1)]
    for number in (1, 2, 3):
        assert host.fetch(tmp_path).endswith(f"/{number}")
        host.runs.pop(0)


def test_there_is_no_baseline_workflow(host: Host, tmp_path: Path) -> None:
    host.runs = None
    assert host.fetch(tmp_path) == ""


@pytest.mark.parametrize(
    "data",
    [
        b"no archive",
        zipped({"other.txt": b"x"}),
        zipped({"ledger.sqlite": b"x" * 5000})[:-80],
        damaged("ledger.sqlite"),
        *otherwise_damaged("ledger.sqlite"),
        zipped({"../ledger.sqlite": b"x", "memory/../../x.jsonl": b"x", "/ledger.sqlite": b"x", "memory/.jsonl": b"x"}),
    ],
)
def test_an_archive_that_is_none_of_ours(host: Host, tmp_path: Path, data: bytes) -> None:
    host.data = data
    with pytest.raises(
        ForgeError, match=r"holds no ledger\.sqlite|is broken: (?:BadZipFile|error|UnicodeDecodeError|OSError)"
    ):
        host.fetch(tmp_path / "inner")
    with pytest.raises(ForgeError):
        unpack(io.BytesIO(data), tmp_path / "inner")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(("which", "status"), [("zip", 410), ("zip", 200), ("store", 403)])
def test_a_download_that_fails(host: Host, tmp_path: Path, which: str, status: int) -> None:
    host.status[which] = status
    with pytest.raises(ForgeError, match=f"cannot be downloaded: .* {status}"):
        host.fetch(tmp_path)


@pytest.mark.parametrize(("which", "trouble"), [("zip", [502, 503]), ("store", [503, 500]), ("store", [0, 0, 0])])
def test_a_download_is_tried_again(host: Host, tmp_path: Path, which: str, trouble: list[int]) -> None:
    host.trouble[which] = list(trouble)
    assert host.fetch(tmp_path)
    assert (tmp_path / "ledger.sqlite").read_bytes() == b"a ledger"


def test_a_download_is_not_tried_for_ever(host: Host, tmp_path: Path) -> None:
    host.status["store"] = 503
    with pytest.raises(ForgeError, match="its store answers 503"):
        host.fetch(tmp_path)
    assert len([path for path, _ in host.seen if path.startswith("/store")]) == 4


def test_sizes_are_limited(tmp_path: Path) -> None:
    data = zipped({"ledger.sqlite": b"12", "memory/a.jsonl": b"34"})
    with pytest.raises(ForgeError, match="larger than any that we make"):
        unpack(io.BytesIO(data), tmp_path, limit=3)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_what_training_left_are_purchases_and_memories(host: Host, tmp_path: Path) -> None:
    files = {"ledger.sqlite": b"l", "ledger.sqlite-wal": b"w", "memory/invoices-1.jsonl": b"m"}
    host.data = zipped({**files, "ledger.sqlite-shm": b"no", "memory/sub/x.jsonl": b"no", "x.py": b"no"})
    host.runs = [run_of(1), run_of(2, path=".github/workflows/skillopt-train.yml")]
    host.artifacts = {2: [{"id": 9, "name": "skillopt-state", "expired": False}]}
    assert host.fetch(tmp_path, TRAINING).endswith("/2")
    found = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert found == files
