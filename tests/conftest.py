"""Settings of the test run."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("default", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

# Commands read these. A test that means one sets it; all others see the same on a laptop and on a CI service.
_OUTSIDE = ("GITHUB_", "RUNNER_", "OPENAI_", "ANTHROPIC_")
for name in list(os.environ):
    if name in ("CI", "NO_COLOR", "FORCE_COLOR", "TERM") or name.startswith(_OUTSIDE):
        del os.environ[name]
