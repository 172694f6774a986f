"""Settings of the test run."""

import gc
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

# A user who may not write to the checkout has no examples of earlier runs; by default that is a warning, so an error.
_ROOT = Path(__file__).parents[1]
_EXAMPLES = DirectoryBasedExampleDatabase(_ROOT / ".hypothesis" / "examples") if os.access(_ROOT, os.W_OK) else None
settings.register_profile(
    "default", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow], database=_EXAMPLES
)
settings.load_profile("default")

# Tracing lines takes up to four times as long: whole runs of commands, agents and pages, what counts games by the
# thousand and, by their own mark, property tests are run without it. The others cover the package.
UNTRACED = (
    "agents", "browser", "house", "integration", "runner", "actions/test_install.py", "cli/test_check_suite.py",
    "cli/test_compare.py", "cli/test_gate_commands.py", "cli/test_gate_rounds.py", "cli/test_judge_trust.py",
    "cli/test_missing_agents.py", "cli/test_terminal.py", "core/test_boundaries.py", "core/test_calibrate.py",
    "core/test_merge_gate.py", "core/test_power.py", "core/test_wellformed.py", "engine/test_factorial.py",
    "engine/test_giving_up.py", "engine/test_simulated_run.py", "github/test_story.py",
    "providers/test_simulated_training.py",
)  # fmt: skip
# The longest tests begin first: one that begins last would be waited for alone.
LONGEST = (
    "browser/test_pages.py", "integration/test_kill.py", "agents/test_triggering.py", "agents/test_example.py",
    "runner/test_action.py", "runner/test_workflows.py", "integration/test_methods_killed.py",
    "integration/test_own_benchmarks.py", "providers/test_simulated_training.py", "actions/test_install.py",
)  # fmt: skip


# Thousands of tests are objects that stay: to look through them again and again takes a tenth of the time.
gc.set_threshold(50_000, 20, 20)


@cache
def _is_untraced(path: Path) -> bool:
    here = Path(__file__).parent
    return any(path.is_relative_to(here / name) for name in UNTRACED)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Of the second part of `make test` most files have no test: half of the time that every process takes to begin."""
    if config.option.markexpr != "untraced or hypothesis" or not collection_path.name.startswith("test_"):
        return None
    told = _is_untraced(collection_path) or "hypothesis" in collection_path.read_text(encoding="utf-8")
    return None if told else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is run without tracing, and put the longest tests first."""
    for item in items:
        if _is_untraced(item.path):
            item.add_marker("untraced")
    first = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: first.get(item.path, len(first)))


# Commands read these. A test that means one sets it; all others see the same on a laptop and on a CI service.
_OUTSIDE = ("GITHUB_", "RUNNER_", "OPENAI_", "ANTHROPIC_")
for name in list(os.environ):
    if name in ("CI", "NO_COLOR", "FORCE_COLOR", "TERM") or name.startswith(_OUTSIDE):
        del os.environ[name]

# What runs in the background of a shell script ignores Ctrl-C, and so do its children: tests of it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What a test opens it closes. Python says so itself from 3.13 on, of whichever test runs when it happens to notice.
_opened: list[sqlite3.Connection] = []
sys.addaudithook(lambda event, args: _opened.append(args[0]) if event == "sqlite3.connect/handle" else None)


@pytest.fixture(autouse=True)
def databases_are_closed() -> Iterator[None]:
    """No database that a test opened in this process is open when it ends, but those of longer fixtures."""
    _opened.clear()
    yield
    left = [database for database in _opened if _is_open(database)]
    _opened.clear()
    assert not left


def _is_open(database: sqlite3.Connection) -> bool:
    try:
        return database.total_changes >= 0
    except sqlite3.ProgrammingError:
        return False
