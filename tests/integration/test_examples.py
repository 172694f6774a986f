"""Every example is executed as its reader would do it: a copy, a git repository, the commands."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NAMES = ("demo", "chat-qa", "gbrain")
REAL = ("agents",)  # no simulated model can play an agent: see tests/agents/test_example.py


def run(*words: str, cwd: Path, code: int = 0) -> str:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, *words], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def git(*words: str, cwd: Path) -> None:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *words], cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def copied(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    shutil.copytree(EXAMPLES / request.param, folder, ignore=shutil.ignore_patterns(".skillopt", "__pycache__"))
    git("init", "-q", "-b", "main", cwd=folder)
    git("add", "-A", cwd=folder)
    git("commit", "-q", "-m", "start", cwd=folder)
    return folder


def test_no_example_is_forgotten() -> None:
    assert sorted(p.name for p in EXAMPLES.iterdir() if (p / "skillopt.yml").exists()) == sorted((*NAMES, *REAL))
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(f"]({name})" in readme for name in (*NAMES, *REAL))


@pytest.mark.parametrize("copied", NAMES, indirect=True)
def test_an_example_improves_and_leaves_the_work_tree_clean(copied: Path) -> None:
    run("-m", "skillopt_ci", "check", cwd=copied)
    result = copied.parent / "train.json"
    run("-m", "skillopt_ci", "train", "--quiet", "--json", str(result), cwd=copied)
    for skill in json.loads(result.read_text(encoding="utf-8"))["skills"]:
        test = skill["test"]
        assert test["best"]["mean"] > test["start"]["mean"] + 0.3, skill["name"]
    status = subprocess.run(["git", "status", "--short"], cwd=copied, capture_output=True, text=True, check=True)
    assert status.stdout == ""


def test_the_demo_tells_its_whole_story_and_the_readme_shows_it(tmp_path: Path) -> None:
    """One test, as tests of one module may run in several processes and the demo takes long."""
    folder = tmp_path / "demo"
    shown = run(str(EXAMPLES / "demo/run.py"), str(folder), cwd=ROOT)
    for words in ("$ skillopt-ci check", "$ skillopt-ci train", "$ skillopt-ci pr --dry-run", "Skill gate: PASS"):
        assert words in shown
    assert "Skill gate: FAIL" in shown
    assert "the regression was blocked (exit 1)" in shown
    assert shown.count("| invoice-fields | simulated/small | test | ") == 2  # what the baselines measured
    assert "invoice-fields: `skillopt-ci pr --dry-run .skillopt/runs/" in shown
    (body,) = folder.glob(".skillopt/runs/*/pull_request/body.md")
    said = " ".join(f"{shown}\n{body.read_text(encoding='utf-8')}".split())
    blocks = (ROOT / "README.md").read_text(encoding="utf-8").split("<!-- demo: ")[1:]
    assert [block.split(" -->")[0] for block in blocks] == ["gate", "train", "pull request"]
    for block in blocks:
        kind, text = block.split(" -->\n", 1)
        if kind == "pull request":  # a quotation, whose lines are broken at other places
            quoted = [line[1:].strip() for line in text.split("\n\n")[0].splitlines()]
            parts = [" ".join(part.split()) for part in "\n".join(quoted).split("\n\n")]
        else:
            parts = text.split("```")[1].removeprefix("console").splitlines()
        wanted = [part for part in parts if part and part != "..." and not part.startswith("$")]
        assert len(wanted) >= 2
        assert [part for part in wanted if part not in said] == [], kind


@pytest.mark.parametrize("more", [False, True])
def test_the_configurations_of_the_readme_are_accepted(tmp_path: Path, more: bool) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(part.split("```")[0]) for part in readme.split("```yaml\n")[1:]]
    whole, endpoint = blocks[0], blocks[1]
    assert endpoint["providers"]["local"]["base_url"]
    (skill,) = whole["skills"]
    config = yaml.safe_dump({**whole, **endpoint} if more else whole)
    tasks = (EXAMPLES / "demo/evals/invoice-fields/tasks.jsonl").read_text(encoding="utf-8")
    text = "---\nname: invoices\ndescription: Reads invoices. Use when one is there.\n---\n# Invoices\n"
    for name, content in (("skillopt.yml", config), (skill["tasks"][0], tasks), (skill["path"], text)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert "0 errors" in run("-m", "skillopt_ci", "check", cwd=tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_two_lines_make_it_real(name: str) -> None:
    text = (EXAMPLES / name / "skillopt.yml").read_text(encoding="utf-8")
    commented = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#   ")]
    assert [line.split(":")[0] for line in commented] == ["target", "optimizer", "providers"]
    assert yaml.safe_load(commented[0])["target"]["provider"] == "openai"
    assert yaml.safe_load(commented[1])["optimizer"]["provider"] == "anthropic"
    assert yaml.safe_load(text)["target"]["provider"] == "simulated"


def test_the_tasks_of_the_demo_are_those_of_its_generator(tmp_path: Path) -> None:
    folder = EXAMPLES / "demo" / "evals" / "invoice-fields"
    shutil.copy(folder / "generate.py", tmp_path)
    run("generate.py", cwd=tmp_path)
    assert (tmp_path / "tasks.jsonl").read_bytes() == (folder / "tasks.jsonl").read_bytes()


def test_the_demo_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    run(str(EXAMPLES / "demo" / "run.py"), str(tmp_path), cwd=tmp_path, code=1)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_the_demo_tells_how_it_is_used(tmp_path: Path) -> None:
    assert "[folder]" in run(str(EXAMPLES / "demo" / "run.py"), "--help", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []
