"""`eval --matrix` as a user runs it."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import GOOD, PATH, SKILL, TASKS, call, call_json, files, repository, tasks, write
from tests.forge.repo import Repo

BAD = SKILL + "- Answer in French.\n- Explain your reasoning step by step before the answer.\n"
TWO = {"target": None, "targets": [{"provider": "models", "model": "small"}, {"provider": "models", "model": "large"}]}


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = repository(tmp_path / "project", sizes=(4, 12, 12), **TWO)
    made("tag", "before")
    write(made.root, {PATH: GOOD})
    return made


def cells(value: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(c["version"], c["target"]): c for c in value["cells"]}


def test_versions_over_targets_with_and_without(repo: Repo, tmp_path: Path) -> None:
    trained = tmp_path / "best_skill.md"
    trained.write_text(BAD, encoding="utf-8")
    done, value = call_json(
        repo.root, "eval", "--matrix", "--skill-file", str(trained), "--skill-ref", "before", "--junit", "j.xml"
    )
    assert (done.code, value["schema"], value["split"], value["runs"]) == (0, "skillopt-ci/matrix/1", "val", 1)
    found = cells(value)
    labels = ("configured", str(trained), "before")
    assert list(found) == [(v, t) for t in ("models/small", "models/large") for v in labels]
    for target in ("models/small", "models/large"):
        now, file, old = (found[label, target] for label in labels)
        assert now["with"]["mean"] > old["with"]["mean"] > file["with"]["mean"]
        assert now["verdict"] == "helps"
        assert now["against_first"] is None
        assert file["against_first"]["mean"] < 0
        assert old["sha"] == repo("rev-parse", "before").strip()
        assert now["effect"]["mean"] == pytest.approx(now["with"]["mean"] - now["without"]["mean"], abs=1e-5)
        assert now["without"] == file["without"]  # measured once
        assert (now["n_tasks"], now["harness"]) == (12, "chat")
    assert value["spend"]["paid"]["calls"] == 2 * 4 * 12
    assert value["test_opened"] is None
    assert "| invoices | configured | models/small | chat | " in done.out
    assert re.search(r"\| before \([0-9a-f]{12}\) \| models/large", done.out)
    row = next(line for line in done.out.splitlines() if "| before (" in line and "| models/small" in line)
    old = found["before", "models/small"]
    for side, sign in (("without", ""), ("with", ""), ("effect", "+"), ("against_first", "+")):
        shown = (f"{100 * old[side][key] + 0.0:{sign}.1f}" for key in ("mean", "low", "high"))
        assert "| {} [{}, {}] |".format(*shown) in row
    assert row.endswith(f"| 12 of 12 | {old['with']['tokens']} |")
    assert done.out.startswith("**Simulated models:**")
    assert "\nPaid: 96 calls, " in done.out
    assert "Against the first version" in done.out
    assert "not adjusted for the number of cells" in done.out
    junit = (repo.root / "j.xml").read_text(encoding="utf-8")
    assert junit.count("<testcase") == 6
    harmed = sum(c["verdict"] == "harms" for c in value["cells"])
    assert f'errors="0" failures="{harmed}"' in junit


def test_it_replays_and_shares_its_runs_with_eval(repo: Repo) -> None:
    _, first = call_json(repo.root, "eval", "--matrix")
    assert first["spend"]["paid"]["calls"] == 2 * 2 * 12
    _, again = call_json(repo.root, "eval", "--matrix", "--replay-only")
    assert (again["spend"]["paid"]["calls"], again["cells"]) == (0, first["cells"])
    _, plain = call_json(repo.root, "eval", "--replay-only")
    assert [s["mean"] for s in plain["skills"]] == [c["with"]["mean"] for c in first["cells"]]
    assert "against_first" in first["cells"][0]
    assert first["cells"][0]["against_first"] is None


def test_the_test_split_is_counted_when_it_is_opened(repo: Repo) -> None:
    done, value = call_json(repo.root, "eval", "--matrix", "--split", "test", "--runs", "2")
    assert value["test_opened"] == 2  # one target after the other
    assert "The test split was opened 2 times" in done.out


def test_a_skill_that_harms_is_named(repo: Repo) -> None:
    write(repo.root, {PATH: "---\nname: invoices\ndescription: x\n---\n\n- Answer in French.\n"})
    _, value = call_json(repo.root, "eval", "--matrix", "--harness", "chat")
    assert {c["verdict"] for c in value["cells"]} <= {"harms", "not-shown"}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--skill-ref", "before"], "go with --matrix"),
        (["--matrix", "--html", "x.html"], "--html has no page for --matrix"),
        (["--matrix", "--harness", "chatt"], "--harness: unknown harness 'chatt'; perhaps you meant 'chat'?"),
        (["--matrix", "--harness", "zzz"], "known: chat"),
        (["--matrix", "--skill-ref", "nowhere"], "nowhere"),
        (["--matrix", "--skill-ref", "--upload-pack=x"], ""),
        (["--matrix", "--skill-file", "missing.md"], "does not exist"),
        (["--matrix", "--skill-file", "broken.md"], "never closed"),
        (["--matrix", "--skill-file", "latin.md"], "not valid UTF-8"),
    ],
)
def test_bad_input_is_told_before_anything_is_bought(repo: Repo, args: list[str], says: str) -> None:
    write(repo.root, {"broken.md": "---\nname: x\n", "latin.md": b"# caf\xe9\n"})
    done = call(repo.root, "eval", *args)
    assert done.code in (2, 5)
    assert says in done.err
    assert not (repo.root / ".skillopt/ledger.sqlite").exists()


def test_a_ref_without_the_skill_and_a_folder_without_git(repo: Repo, tmp_path: Path) -> None:
    repo("checkout", "-q", "--orphan", "empty")
    repo("rm", "-rqf", "--cached", ".")
    write(repo.root, {"other.txt": "x"})
    repo("add", "other.txt")
    repo("commit", "-qm", "nothing of it")
    done = call(repo.root, "eval", "--matrix", "--skill-ref", "empty")
    assert done.code == 2
    assert "--skill-ref empty" in done.err
    assert "no such file" in done.err
    write(tmp_path / "plain", files())
    done = call(tmp_path / "plain", "eval", "--matrix", "--skill-ref", "main")
    assert done.code == 2
    assert "this is no git repository" in done.err


def test_a_file_needs_one_skill(tmp_path: Path) -> None:
    skills = [
        {"path": PATH, "tasks": [TASKS], "graders": [{"type": "exact"}]},
        {"path": "skills/other/SKILL.md", "tasks": ["evals/other.jsonl"], "graders": [{"type": "exact"}]},
    ]
    root = tmp_path / "project"
    other = tasks().replace('"t0', '"u0')
    write(root, {**files(skills=skills), "skills/other/SKILL.md": SKILL, "evals/other.jsonl": other, "x.md": GOOD})
    done = call(root, "eval", "--matrix", "--skill-file", "x.md")
    assert done.code == 2
    assert "choose it with --skill" in done.err
    done, value = call_json(root, "eval", "--matrix", "--skill-file", "x.md", "--skill", "invoices")
    assert (done.code, len(value["cells"])) == (0, 2)
