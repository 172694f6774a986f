"""A command on a disk of a few MiB for temporary files, without being root: bubblewrap mounts one."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.sandbox.places import bubblewrap

BYTES = 8 * 1024 * 1024


def on_small_disk(place: Path) -> list[str]:
    """What to put before a command: it finds the disk at this place. A sandbox can be made on it, as anywhere."""
    bubblewrap()  # skips where there is none
    place.mkdir(exist_ok=True)
    program = str(shutil.which("bwrap"))
    outside = [program, "--dev-bind", "/", "/", "--size", str(BYTES), "--tmpfs", str(place)]
    inside = [program, "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    done = subprocess.run([*outside, *inside], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no sandbox inside another one here: {done.stderr[:200]}")
    return outside
