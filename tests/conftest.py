"""Settings of the test run."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

# A user who may not write to the checkout has no examples of earlier runs; by default that is a warning, so an error.
_ROOT = Path(__file__).parents[1]
_EXAMPLES = DirectoryBasedExampleDatabase(_ROOT / ".hypothesis" / "examples") if os.access(_ROOT, os.W_OK) else None
settings.register_profile(
    "default", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow], database=_EXAMPLES
)
settings.load_profile("default")

# Tracing lines takes up to four times as long: whole runs of commands, agents and pages, what counts games by the
# thousand and, by their own mark, property tests are run without it. The others cover the package.
UNTRACED = (
    "agents", "browser", "house", "integration", "runner", "core/test_calibrate.py", "core/test_power.py",
    "engine/test_giving_up.py", "engine/test_simulated_run.py", "github/test_story.py",
    "providers/test_simulated_training.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is run without tracing."""
    places = [Path(__file__).parent / name for name in UNTRACED]
    for item in items:
        if any(item.path.is_relative_to(place) for place in places):
            item.add_marker("untraced")


# Commands read these. A test that means one sets it; all others see the same on a laptop and on a CI service.
_OUTSIDE = ("GITHUB_", "RUNNER_", "OPENAI_", "ANTHROPIC_")
for name in list(os.environ):
    if name in ("CI", "NO_COLOR", "FORCE_COLOR", "TERM") or name.startswith(_OUTSIDE):
        del os.environ[name]

# What runs in the background of a shell script ignores Ctrl-C, and so do its children: tests of it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
