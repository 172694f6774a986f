import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.world import files, write

ROOT = Path(__file__).parents[2]
HEAVY = ("openai", "anthropic", "github", "pydantic", "rich", "jsonschema", "genai_prices", "junit_xml", "scipy")
# After a command, in a process of its own: which packages are in memory.
_COMMAND = """
import json, sys
sys.argv[1:] = {words!r}
from skillopt_ci.cli.main import main
try:
    main()
except SystemExit as left:
    assert not left.code, left.code
print("\\n" + json.dumps(sorted(sys.modules)))
"""
CORE = sorted(f"skillopt_ci.core.{path.stem}" for path in (ROOT / "skillopt_ci" / "core").glob("[a-z]*.py"))


def loaded_by(*modules: str) -> set[str]:
    """Which of the heavy packages are in memory after these imports in a new process."""
    code = f"import sys, {', '.join(modules)}\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module", ["skillopt_ci.cli.main", "skillopt_ci.plugins", "skillopt_ci.errors", "skillopt_ci.ledger"]
)
def test_no_sdk_is_loaded_for_a_command_that_needs_none(module: str) -> None:
    assert loaded_by(module) == set()


def test_the_core_needs_no_sdk() -> None:
    assert len(CORE) > 10
    assert loaded_by(*CORE) == set()


def test_the_check_sees_what_is_loaded() -> None:
    assert "jsonschema" in loaded_by("jsonschema")


def after_command(folder: Path, *words: str) -> set[str]:
    """Which packages are in memory after a command."""
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND.format(words=list(words))],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_loads_neither_an_sdk_nor_the_configuration_nor_the_ledger(tmp_path: Path) -> None:
    found = after_command(tmp_path, "--help")
    assert "click" in found
    assert found & {*HEAVY, "yaml", "markdown_it", "sqlite3"} == set()


def test_a_command_that_writes_no_page_loads_none(tmp_path: Path) -> None:
    write(tmp_path, files(sizes=(4, 4, 4)))
    assert [name for name in after_command(tmp_path, "check") if name.startswith("skillopt_ci.report.page")] == []


@pytest.mark.parametrize("command", ["check", "plan", "train", "eval"])
def test_offline_and_simulated_work_loads_no_sdk(tmp_path: Path, command: str) -> None:
    write(tmp_path, files(sizes=(4, 4, 4)))
    found = after_command(tmp_path, command)
    assert "pydantic" in found
    assert found & {"openai", "anthropic", "github", "httpx", "genai_prices"} == set()


@pytest.mark.parametrize("command", ["check", "plan", "eval"])
def test_a_command_that_edits_no_skill_loads_no_markdown_parser(tmp_path: Path, command: str) -> None:
    write(tmp_path, files(sizes=(4, 4, 4)))
    found = after_command(tmp_path, command)
    assert found & {"markdown_it", "skillopt_ci.core.policy"} == set()
