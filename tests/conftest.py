"""Settings of the test run."""

import os
import signal
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

# A user who may not write to the checkout has no examples of earlier runs; by default that is a warning, so an error.
_ROOT = Path(__file__).parents[1]
_EXAMPLES = DirectoryBasedExampleDatabase(_ROOT / ".hypothesis" / "examples") if os.access(_ROOT, os.W_OK) else None
settings.register_profile(
    "default", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow], database=_EXAMPLES
)
settings.load_profile("default")

# Commands read these. A test that means one sets it; all others see the same on a laptop and on a CI service.
_OUTSIDE = ("GITHUB_", "RUNNER_", "OPENAI_", "ANTHROPIC_")
for name in list(os.environ):
    if name in ("CI", "NO_COLOR", "FORCE_COLOR", "TERM") or name.startswith(_OUTSIDE):
        del os.environ[name]

# What runs in the background of a shell script ignores Ctrl-C, and so do its children: tests of it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
