"""`--viewer DIR`: what the viewer of skill-creator reads, from eval, ablate, gate and train."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import GOOD, PATH, SKILL, call, repository

SHOWN = {"report": {"show_heldout": True}}


def benchmark(folder: Path, number: int = 1) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / f"invoices/iteration-{number}/benchmark.json").read_text())
    return value


def test_eval_writes_one_configuration_and_the_next_iteration_each_time(tmp_path: Path) -> None:
    root, view = tmp_path / "p", tmp_path / "view"
    repository(root, skill=GOOD, **SHOWN)
    done = call(root, "eval", "--runs", "2", "--viewer", str(view))
    assert done.code == 0
    assert f"invoices: runs for skill-creator's viewer are in {view / 'invoices/iteration-1'}" in done.err
    found = benchmark(view)
    assert list(found["run_summary"]) == ["with_skill"]
    assert (len(found["runs"]), found["metadata"]["runs_per_configuration"]) == (20, 2)
    run = view / "invoices/iteration-1/eval-1/with_skill/run-2"
    answer = (run / "outputs/answer.md").read_text()
    grading = json.loads((run / "grading.json").read_text())
    assert grading["expectations"][0]["text"] == "exact"
    assert answer in grading["expectations"][0]["evidence"]
    assert "What is the due date?" in json.loads((run / "eval_metadata.json").read_text())["prompt"]
    assert call(root, "eval", "--viewer", str(view), "--replay-only").code == 0
    assert len(benchmark(view, 2)["runs"]) == 10


def test_ablate_writes_with_and_without(tmp_path: Path) -> None:
    root, view = tmp_path / "p", tmp_path / "view"
    repository(root, skill=GOOD, **SHOWN)
    assert call(root, "ablate", "--viewer", str(view)).code == 0
    summary = benchmark(view)["run_summary"]
    assert [k for k in summary if k != "delta"] == ["with_skill", "without_skill"]
    assert summary["with_skill"]["pass_rate"]["mean"] > summary["without_skill"]["pass_rate"]["mean"]
    assert float(summary["delta"]["pass_rate"]) > 0


@pytest.mark.parametrize("shown", [True, False])
def test_gate_writes_head_and_base(tmp_path: Path, shown: bool) -> None:
    root, view = tmp_path / "p", tmp_path / "view"
    repo = repository(root, skill=GOOD, **(SHOWN if shown else {}))
    repo("checkout", "-q", "-b", "change")
    repo.commit({PATH: SKILL})
    done = call(root, "gate", "--viewer", str(view))
    assert done.code == 1
    summary = benchmark(view)["run_summary"]
    assert [k for k in summary if k != "delta"] == ["new_skill", "old_skill"]
    assert float(summary["delta"]["pass_rate"]) < 0
    texts = "".join(p.read_text() for p in view.rglob("*") if p.is_file())
    assert ("What is the due date?" in texts) == shown


def test_train_writes_the_closing_comparison(tmp_path: Path) -> None:
    root, view = tmp_path / "p", tmp_path / "view"
    repository(root)
    assert call(root, "train", "--viewer", str(view)).code == 0
    found = benchmark(view)
    assert [k for k in found["run_summary"] if k != "delta"] == ["new_skill", "old_skill"]
    assert len(found["runs"]) == 2 * 2 * 12
    report = next((root / ".skillopt/runs").glob("*/report.json")).read_text()
    assert "INV-0" not in report  # what the viewer was given does not get into the reports
    texts = "".join(p.read_text() for p in view.rglob("*") if p.is_file())
    assert "INV-0" not in texts


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    root = tmp_path / "p"
    repository(root, skill=GOOD)
    (tmp_path / "file").write_text("x")
    done = call(root, "eval", "--viewer", str(tmp_path / "file/below"))
    assert (done.code, "cannot be written" in done.err) == (2, True)
