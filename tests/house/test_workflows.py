"""The workflow files: as they would be made now, without findings of zizmor, as GitHub's schema wants them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.lock import LOCK, problems, wanted
from scripts.release import version_of
from scripts.workflows import KINDS, made, stale
from skillopt_ci import __version__
from skillopt_ci.cli.workflow_files import Action, own_action, read_action, released, workflow_files
from skillopt_ci.errors import UsageError
from skillopt_ci.harnesses import claude_code, codex
from tests.cli.world import call
from tests.forge.repo import Repo

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "workflows").glob("*.yml"), *(ROOT / ".github" / "workflows").glob("*.yml")])
SHA = "0123456789" * 4


def tool(*words: str, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*words], cwd=cwd, capture_output=True, text=True, check=False)


def zizmor(*places: str, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    binary = str(Path(sys.executable).with_name("zizmor"))
    return tool(binary, "--offline", "--no-progress", "--persona", "pedantic", *places, cwd=cwd)


def check_schema(kind: str, *places: str, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    return tool(sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.github-{kind}", *places, cwd=cwd)


def jobs_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return found


def test_what_is_made_is_up_to_date() -> None:
    assert stale() == []
    assert len(made()) == 9


def test_the_lock_fits_the_project() -> None:
    assert problems(LOCK.read_text(encoding="utf-8"), wanted()) == []
    assert problems("click==1 \\\n    --hash=sha256:00\nregex==2026.1\n", ["click>=8", "rich"]) == [
        "requirements.lock has click 1, and pyproject.toml asks for click>=8",
        "requirements.lock has rich None, and pyproject.toml asks for rich",
        "requirements.lock: no hash for regex==2026.1",
    ]


def test_a_release_needs_one_version_everywhere() -> None:
    project, package, log = '[project]\nversion = "1.2.3"\n', '__version__ = "1.2.3"\n', "## [1.2.3] - 2026-11-21\n"
    assert version_of(project, package, log) == "1.2.3"
    for texts in (
        (project.replace("1.2.3", "1.2"), package, log),
        (project, package.replace("1.2.3", "1.2.4"), log),
        (project, package, "## [Unreleased]\n"),
        (project, package, "## [1.2.30] - 2026-11-21\n"),
    ):
        with pytest.raises(ValueError, match=r"version|does not say|section"):
            version_of(*texts)


def test_a_release_publishes_without_a_password() -> None:
    jobs = jobs_of(ROOT / ".github" / "workflows" / "release.yml")
    assert jobs["pypi"]["permissions"] == {"id-token": "write"}
    assert all("environment" in job for job in jobs.values() if "write" in job["permissions"].values())
    assert "secrets." not in str(jobs)


def test_a_released_program_knows_its_commit(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "CHANGELOG.md"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    log = tmp_path / "CHANGELOG.md"
    log.write_text(f"## [{__version__}] - 2026-11-21\n" + log.read_text(encoding="utf-8"), encoding="utf-8")
    for name in ("skillopt_ci", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "commit.txt"))
    assert released(tmp_path / "skillopt_ci") is None
    env = {"GITHUB_OUTPUT": str(tmp_path / "output"), "PATH": os.environ["PATH"]}
    script = [sys.executable, str(tmp_path / "scripts" / "release.py")]
    assert subprocess.run([*script, "main"], env=env, capture_output=True, check=False).returncode == 1
    done = subprocess.run([*script, SHA], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    major = __version__.partition(".")[0]
    assert (tmp_path / "output").read_text(encoding="utf-8") == f"version={__version__}\nmajor=v{major}\n"
    assert released(tmp_path / "skillopt_ci") == Action(repository="skillopt-ci/skillopt-ci", sha=SHA)


def test_zizmor_finds_nothing(tmp_path: Path) -> None:
    # It takes a file for a workflow by its place.
    place = tmp_path / ".github" / "workflows"
    place.mkdir(parents=True)
    for path in FILES:
        (place / f"{path.parent.parent.name or 'top'}-{path.name}").write_bytes(path.read_bytes())
    (tmp_path / "action.yml").write_bytes((ROOT / "action.yml").read_bytes())
    done = zizmor(".", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "No findings to report" in done.stdout
    assert done.stderr.count("completed") == len(FILES) + 1


def test_zizmor_would_find_something(tmp_path: Path) -> None:
    bad = (ROOT / "workflows" / "standalone-gate.yml").read_text(encoding="utf-8").replace("permissions: {}\n", "")
    place = tmp_path / ".github" / "workflows" / "bad.yml"
    place.parent.mkdir(parents=True)
    place.write_text(bad, encoding="utf-8")
    done = zizmor(".", cwd=tmp_path)
    assert done.returncode > 10
    assert "excessive-permissions" in done.stdout


def test_the_schemas_are_kept() -> None:
    done = check_schema("workflows", *map(str, FILES))
    assert done.returncode == 0, done.stdout
    done = check_schema("actions", "action.yml")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_privileges_are_split(path: Path) -> None:
    """Whoever has a model key writes nothing; whoever writes has no model key and checks out nothing of a change."""
    for name, job in jobs_of(path).items():
        if "uses" in job:
            continue  # a caller: its jobs are the called workflow's
        text = str(job)
        writes = [area for area, level in job["permissions"].items() if level == "write"]
        assert not (("OPENAI_API_KEY" in text or "ANTHROPIC_API_KEY" in text) and writes), name
        assert "timeout-minutes" in job
        assert "actions/cache" not in text
        for step in job["steps"]:
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False
                assert "head" not in str(step["with"].get("ref", ""))


@pytest.mark.parametrize("kind", KINDS)
def test_a_caller_grants_what_the_jobs_ask_for(kind: str) -> None:
    rank = {"read": 1, "write": 2}
    asked: dict[str, str] = {}
    for job in jobs_of(ROOT / "workflows" / f"reusable-{kind}.yml").values():
        for area, level in job["permissions"].items():
            asked[area] = max(level, asked.get(area, "read"), key=lambda at: rank[at])
    (caller,) = jobs_of(ROOT / "workflows" / f"skillopt-{kind}.yml").values()
    assert caller["permissions"] == asked
    reusable = yaml.safe_load((ROOT / "workflows" / f"reusable-{kind}.yml").read_text(encoding="utf-8"))
    assert set(caller["secrets"]) <= set(reusable[True]["workflow_call"]["secrets"])  # YAML reads `on` as true


@pytest.mark.parametrize("kind", KINDS)
def test_a_standalone_workflow_is_the_reusable_one(kind: str) -> None:
    alone = jobs_of(ROOT / "workflows" / f"standalone-{kind}.yml")
    reusable = jobs_of(ROOT / "workflows" / f"reusable-{kind}.yml")
    assert list(alone) == list(reusable)
    for name, job in alone.items():
        keys = "OPENAI_API_KEY" in str(job)
        assert job.pop("environment", None) == ("skillopt" if keys else None)
        assert "inputs." not in str(job)
        uses = [s["uses"].partition("@")[0] for s in job["steps"] if "uses" in s]
        assert uses == [
            "skillopt-ci/skillopt-ci" if s["uses"] == "$/" else s["uses"].partition("@")[0]
            for s in reusable[name]["steps"]
            if "uses" in s
        ]


def test_every_permission_says_what_it_is_for() -> None:
    for path in FILES:
        inside = False
        for line in path.read_text(encoding="utf-8").splitlines():
            if inside and line.strip().startswith(("contents:", "actions:", "statuses:", "issues:", "pull-requests:")):
                assert " # " in line, f"{path.name}: {line}"
            inside = line.strip() == "permissions:" or (inside and line.startswith("      "))


def test_the_page_installs_the_agents_that_are_pinned() -> None:
    page = (ROOT / "docs" / "github-setup.md").read_text(encoding="utf-8")
    for tool_ in (claude_code.TOOL, codex.TOOL):
        assert f"{tool_.package}@{tool_.tested}" in page


# --- init


def test_init_writes_workflows_that_pass_everything(tmp_path: Path) -> None:
    root = tmp_path / "new"
    Repo(root)
    done = call(root, "init", "--provider", "simulated", "--action", f"octo/fork@{SHA}")
    assert done.code == 0, done.err
    written = sorted(p.name for p in (root / ".github/workflows").iterdir())
    assert written == ["skillopt-baseline.yml", "skillopt-gate.yml", "skillopt-train.yml"]
    text = (root / ".github/workflows/skillopt-gate.yml").read_text(encoding="utf-8")
    assert f"uses: octo/fork/.github/workflows/reusable-gate.yml@{SHA} # v" in text
    assert call(root, "check").code == 0
    assert zizmor(".", cwd=root).returncode == 0
    assert check_schema("workflows", *(f".github/workflows/{n}" for n in written), cwd=root).returncode == 0
    kept = call(root, "init", "--workflows", "--action", f"octo/fork@{SHA}")
    assert (kept.code, sum(line.startswith("kept ") for line in kept.lines)) == (0, 3)


def test_init_in_a_folder_of_a_repository(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "new")
    repo.commit({"sub/README.md": "x"})
    repo("branch", "-m", "master")
    assert call(repo.root / "sub", "init", "--action", f"octo/fork@{SHA}").code == 0
    caller = yaml.safe_load((repo.root / ".github/workflows/skillopt-baseline.yml").read_text(encoding="utf-8"))
    assert caller["jobs"]["baseline"]["with"] == {"config": "sub/skillopt.yml"}
    assert caller[True]["push"]["branches"] == ["master"]


@pytest.mark.parametrize("action", ["octo/fork", "octo/fork@v1", "octo/fork@main", f"octo@{SHA}", f"a/b@{SHA}\nx", ""])
def test_an_action_that_others_can_move_is_refused(tmp_path: Path, action: str) -> None:
    with pytest.raises(UsageError, match="40 digits"):
        read_action(action)
    done = call(tmp_path, "init", "--action", action)
    assert (done.code, list(tmp_path.iterdir())) == (2, [])


def test_a_hostile_branch_name_is_data(tmp_path: Path) -> None:
    text = workflow_files(Action(repository="a/b", sha=SHA), 'x"]\n  pull_request_target: SHA')["skillopt-baseline.yml"]
    assert yaml.safe_load(text)[True]["push"] == {"branches": ['x"]\n  pull_request_target: SHA']}


def test_where_the_program_came_from() -> None:
    vcs = '{"url": "%s", "vcs_info": {"vcs": "git", "commit_id": "%s"}}'
    assert own_action(vcs % ("https://github.com/octo/fork.git", SHA)) == Action(repository="octo/fork", sha=SHA)
    for text in (
        None, "", "[]", '{"url": "file:///x", "dir_info": {"editable": true}}', vcs % ("https://example.org/a/b", SHA),
        vcs % ("https://github.com/octo/fork", "main"), "[" * 100_000,
    ):  # fmt: skip
        assert own_action(text) is None
