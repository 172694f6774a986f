"""The benchmark examples on their self-made samples, with simulated models: no figure here is about a real one."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.test_examples import EXAMPLES, git, run

BENCHMARKS = EXAMPLES / "benchmarks"
# name -> tasks, sizes of the paper's splits
SIZES = {
    "searchqa": (30, "400 200 1400"),
    "docvqa": (36, "107 53 374"),
    "officeqa": (30, "50 24 172"),
    "livemathematicianbench": (24, "35 17 125"),
    "spreadsheetbench": (12, "80 40 280"),
}


@pytest.fixture
def copied(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    shutil.copytree(BENCHMARKS / request.param, folder, ignore=shutil.ignore_patterns(".skillopt"))
    git("init", "-q", "-b", "main", cwd=folder)
    git("add", "-A", cwd=folder)
    git("commit", "-q", "-m", "start", cwd=folder)
    return folder


def test_no_benchmark_is_forgotten() -> None:
    assert {p.name for p in BENCHMARKS.iterdir() if p.is_dir()} == set(SIZES)
    for name, (_, sizes) in SIZES.items():
        readme = (BENCHMARKS / name / "README.md").read_text(encoding="utf-8")
        assert "self-made" in readme
        assert f"--sizes {sizes}" in readme


def checked(folder: Path) -> dict[str, object]:
    place = folder.parent / "check.json"
    run("-m", "skillopt_ci", "check", "--json", str(place), cwd=folder)
    value: dict[str, object] = json.loads(place.read_text(encoding="utf-8"))
    assert value["losses"] == []
    (skill,) = value["skills"]  # type: ignore[misc]
    return skill  # type: ignore[no-any-return]


def trained(folder: Path) -> tuple[float, float]:
    """Mean of the start and of the best skill on the test tasks."""
    place = folder.parent / "train.json"
    run("-m", "skillopt_ci", "train", "--quiet", "--json", str(place), cwd=folder)
    (skill,) = json.loads(place.read_text(encoding="utf-8"))["skills"]
    return skill["test"]["start"]["mean"], skill["test"]["best"]["mean"]


@pytest.mark.parametrize("copied", ["searchqa", "docvqa", "officeqa"], indirect=True)
def test_training_improves_what_the_simulated_models_can_play(copied: Path, request: pytest.FixtureRequest) -> None:
    skill = checked(copied)
    name = request.node.callspec.params["copied"]
    assert sum(int(str(skill[s])) for s in ("train", "val", "test")) == SIZES[name][0]
    start, best = trained(copied)
    assert best >= start + 0.3


# Nothing is left to gain where every choice is found, and nothing can be gained where a sum must be computed.
@pytest.mark.parametrize(
    ("copied", "mean"), [("livemathematicianbench", 1.0), ("spreadsheetbench", 0.0)], indirect=["copied"]
)
def test_what_the_simulated_models_cannot_learn_is_measured_all_the_same(copied: Path, mean: float) -> None:
    checked(copied)
    place = copied.parent / "eval.json"
    run("-m", "skillopt_ci", "eval", "--json", str(place), cwd=copied)
    (skill,) = json.loads(place.read_text(encoding="utf-8"))["skills"]
    assert skill["mean"] == mean


def test_tasks_are_divided_into_the_wanted_sizes_or_as_a_manifest_says(tmp_path: Path) -> None:
    lines = [json.dumps({"id": f"t{n}", "prompt": "p"}) + "\n" for n in range(30)]
    (tmp_path / "all.jsonl").write_text("".join(lines), encoding="utf-8")
    divide = [str(BENCHMARKS / "divide.py"), "all.jsonl", "tasks.jsonl"]
    assert run(*divide, "--sizes", "5", "3", "12", cwd=tmp_path).strip() == "5 train, 3 val, 12 test"
    first = (tmp_path / "tasks.jsonl").read_bytes()
    (tmp_path / "all.jsonl").write_text("".join(reversed(lines)), encoding="utf-8")
    run(*divide, "--sizes", "5", "3", "12", cwd=tmp_path)
    assert sorted((tmp_path / "tasks.jsonl").read_bytes().splitlines()) == sorted(first.splitlines())
    for split, ids in (("train", ["t3"]), ("val", ["t1", "t2"]), ("test", ["t9"])):
        (tmp_path / "m" / split).mkdir(parents=True)
        (tmp_path / "m" / split / "items.json").write_text(json.dumps([{"id": i} for i in ids]), encoding="utf-8")
    assert run(*divide, "--manifest", "m", cwd=tmp_path).strip() == "1 train, 2 val, 1 test"
    (tmp_path / "m/test/items.json").write_text('[{"id": "far"}]', encoding="utf-8")
    for given, words in ((["--manifest", "m"], "'far'"), (["--sizes", "20", "20", "20"], "60 tasks are wanted")):
        done = subprocess.run(
            [sys.executable, *divide, *given], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert words in done.stderr
