"""What is loaded when: help and offline commands are instant, SDKs come only with the provider that needs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.world import files, write

SDKS = {"openai", "anthropic", "github", "httpx", "genai_prices"}
HEAVY = SDKS | {"rich", "jsonschema", "junit_xml", "pydantic", "yaml", "markdown_it", "sqlite3"}
_PROGRAM = """
import json, sys
try:
    {statement}
except SystemExit as left:
    assert not left.code, left.code
print("\\n" + json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


def loaded(statement: str, folder: Path) -> set[str]:
    """Top-level modules after a statement in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(statement=statement)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PATH": "/usr/bin:/bin"},
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "statement",
    ["import skillopt_ci.cli.main", "sys.argv[1:] = ['--help']; from skillopt_ci.cli.main import main; main()"],
)
def test_help_loads_nothing_heavy(tmp_path: Path, statement: str) -> None:
    found = loaded(statement, tmp_path)
    assert "click" in found
    assert found & HEAVY == set()


@pytest.mark.parametrize("command", ["check", "plan", "train", "eval"])
def test_simulated_and_offline_work_loads_no_sdk(tmp_path: Path, command: str) -> None:
    write(tmp_path, files(sizes=(4, 4, 4)))
    found = loaded(f"sys.argv[1:] = ['{command}']; from skillopt_ci.cli.main import main; main()", tmp_path)
    assert found & SDKS == set()
