"""Opens pages in headless Chromium and tells what a reader would meet there."""

import json
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from scripts.browser import Browser, NotHereError, browser

LOOK = Path(__file__).parent / "look.mjs"


@cache
def here() -> Browser:
    """The browser; skips the test where there is none, saying what is missing."""
    try:
        return browser()
    except NotHereError as error:
        pytest.skip(str(error))


def look(pages: Sequence[Path], **settings: Any) -> list[dict[str, Any]]:
    """What each page is like at each width and in each colour scheme; see look.mjs for the settings."""
    found = here()
    job = {"modules": str(found.modules), "chromium": found.chromium, "pages": [{"path": str(p)} for p in pages]}
    done = subprocess.run(
        [found.node, str(LOOK)],
        input=json.dumps({**job, **settings}),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen: list[dict[str, Any]] = json.loads(done.stdout)
    return seen
