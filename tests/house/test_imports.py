import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("openai", "anthropic", "github", "pydantic", "rich", "jsonschema", "genai_prices", "junit_xml", "scipy")
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
