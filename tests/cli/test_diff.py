"""`diff` and `report`: runs, files and commits side by side; nothing is bought."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.world import CONFIG, GOOD, PATH, SKILL, TASKS, call, call_json, config, repository, write
from tests.forge.repo import Repo

NAMES = ("invoices", "other")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A project with a good commit after a bad one, both measured, and a bad branch that a gate has judged."""
    repo = repository(tmp_path_factory.mktemp("diff") / "p")
    assert call(repo.root, "baseline", "--quiet").code == 0
    repo.commit({PATH: GOOD})
    assert call(repo.root, "baseline", "--quiet").code == 0
    repo("switch", "-q", "-c", "worse")
    repo.commit({PATH: SKILL + "- Explain your reasoning step by step before the answer.\n"})
    call(repo.root, "gate", "--quiet")
    return repo


def bought(root: Path) -> int:
    with closing(sqlite3.connect(root / ".skillopt/ledger.sqlite")) as ledger:
        count: int = ledger.execute("select count(*) from purchases").fetchone()[0]
    return count


def test_two_commits_by_their_stored_runs(project: Repo) -> None:
    before = bought(project.root)
    done, value = call_json(project.root, "diff", "main~1", "main")
    assert value["schema"] == "skillopt-ci/diff/1"
    assert (value["a"]["label"], value["b"]["label"], value["same"]) == ("main~1", "main", False)
    assert value["effect"]["mean"] > 0
    assert value["moved"]["won"] > 0
    assert value["b"]["tokens"] > value["a"]["tokens"]
    assert "+- Write dates as YYYY-MM-DD." in done.out
    assert done.out.startswith("Simulated models:")
    assert bought(project.root) == before


def test_a_head_that_a_gate_judged_has_runs_too(project: Repo) -> None:
    _, value = call_json(project.root, "diff", "main", f"worse:{PATH}")
    assert value["effect"]["mean"] < 0
    assert value["moved"]["lost"] > 0


def test_files_and_folders(project: Repo, tmp_path: Path) -> None:
    write(tmp_path, {"a/SKILL.md": SKILL, "b.md": SKILL + "more\n"})
    page = tmp_path / "page.html"
    done, value = call_json(tmp_path, "diff", "a", "b.md", "--html", str(page))
    assert (done.code, value["same"], value["effect"], value["moved"]) == (0, False, None, None)
    assert "+more" in done.out
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert call(tmp_path, "diff", "a", "a").out.startswith("A a and B a: SAME")


def test_a_side_that_is_measured_alone_says_so(project: Repo, tmp_path: Path) -> None:
    write(tmp_path, {"idea.md": GOOD + "- Be brief.\n"})
    done, value = call_json(project.root, "diff", "main", str(tmp_path / "idea.md"))
    assert (value["effect"], value["b"]["mean"]) == (None, None)
    assert value["a"]["mean"] == call_json(project.root, "diff", "main", "main~1")[1]["a"]["mean"] > 0
    assert "no held-out runs of both versions are known" in done.out
    assert "A not measured" not in done.out


def test_files_beside_a_skill_differ_only_where_they_do(tmp_path: Path) -> None:
    repo = repository(tmp_path / "p")
    folder = Path(PATH).parent
    repo.commit({f"{folder}/{name}": name for name in ("LICENSE.txt", "references/a.md", "templates/b.txt")})
    text = repo.write("skills/drafts/best_skill.md", SKILL)
    for place in (PATH, str(folder), f"main:{PATH}", str(text)):
        for names in (["main", place], [place, "main"]):
            assert "bundled files" not in call(repo.root, "diff", *names).out
    repo.write(f"{folder}/templates/b.txt", "changed")
    assert "bundled files that differ: templates/b.txt" in call(repo.root, "diff", "main", PATH).out


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["nope", "main"], "nope: neither a run folder, a skill's file nor a commit"),
        (["main:no/such.md", "main"], "main:no/such.md: there is no no/such.md at "),
        (["main", "main", "--skill", "other"], "--skill other: no such skill"),
        (["main", "main", "--config", "none.yml"], "none.yml"),
    ],
)
def test_what_is_neither(project: Repo, names: list[str], wanted: str) -> None:
    done = call(project.root, "diff", *names)
    assert done.code in (2, 5)
    assert wanted in done.err
    assert len(done.lines) == 1


def test_a_ref_needs_a_repository_and_a_skill(tmp_path: Path) -> None:
    done = call(tmp_path, "diff", "main", "main")
    assert (done.code, "this is no git repository" in done.err) == (2, True)
    repo = Repo(tmp_path / "r")
    repo.commit({"SKILL.md": SKILL})
    done = call(repo.root, "diff", "main", "main")
    assert (done.code, "which skill?" in done.err) == (2, True)
    assert call(repo.root, "diff", "main:SKILL.md", "SKILL.md").code == 0


def test_of_many_skills_the_paths_tell_which(project: Repo, tmp_path: Path) -> None:
    both = [{"path": f"skills/{name}/SKILL.md", "tasks": [TASKS], "graders": [{"type": "exact"}]} for name in NAMES]
    place = shutil.copytree(project.root, tmp_path / "p")
    write(place, {CONFIG: config(skills=both), "skills/other/SKILL.md": SKILL})
    for names in ([f"main~1:{PATH}", f"main:{PATH}"], [f"main~1:{PATH}", "main"], ["main~1", "main"]):
        done = call(place, "diff", *names)
        told = names[0] != "main~1"
        assert (done.code, "B minus A, by the runs that are known" in done.out) == (0 if told else 2, told)
    assert "which skill? Name it with --skill" in done.err
    shutil.rmtree(place / ".git")  # now the configuration is outside of the repository
    elsewhere = ["--config", str(place / CONFIG)]
    assert call(project.root, "diff", f"main~1:{PATH}", f"main:{PATH}", *elsewhere).code == 0


def test_two_runs_and_their_report(tmp_path: Path) -> None:
    repo = repository(tmp_path / "p")
    for _ in range(2):
        assert call(repo.root, "train", "--quiet").code == 0
    again = call(repo.root, "train", "--generation", "1")
    assert "invoices: the run is replayed: " in again.err
    steps = [line for line in again.lines if line.startswith("step ")]
    assert steps
    # A slow update of an epoch that changed nothing asked nobody.
    assert all(line.endswith(", replayed") for line in steps if "did not change" not in line)
    first, second = sorted((repo.root / ".skillopt/runs").iterdir(), key=lambda p: p.stat().st_mtime_ns)
    done, value = call_json(repo.root, "diff", str(first), str(second))
    assert value["a"]["spend"]["calls"] > 0
    assert set(value["edits"]) == {"only_a", "only_b", "both"}
    assert "A cost " in done.out
    page = second / "report.html"
    made = page.read_bytes()
    page.unlink()
    shown = call(repo.root, "report", str(second))
    assert "validation by step (selection estimate): " in shown.out
    assert shown.err == f"page: {page}\n"
    assert page.read_bytes() == made
    assert call(repo.root, "report", str(second), "--format", "html").out == made.decode()
    moved = shutil.copytree(second, tmp_path / "elsewhere")
    (moved / "report.html").unlink()
    (moved / "report.html").symlink_to(tmp_path / "outside")
    linked = call(repo.root, "report", str(moved))
    assert (linked.code, "is a symbolic link" in linked.err) == (0, True)
    assert not (tmp_path / "outside").exists()
    assert json.loads((moved / "report.json").read_bytes())["schema"] == "skillopt-ci/train/1"
