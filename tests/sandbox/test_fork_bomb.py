"""A fork bomb against the kernel's own count, which it keeps for every user but root: as root this drops to another."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from skillopt_ci.sandbox.removing import remove
from tests.sandbox.places import alive, bubblewrap, gone, mark

NOBODY = 65534
MOST = 64
PACKAGE = Path(__file__).parents[2] / "skillopt_ci"
_RUN = """
import json, sys, threading
from pathlib import Path
from skillopt_ci.sandbox.base import Command, Limits, make_root
from skillopt_ci.sandbox.bubblewrap import Bubblewrap
from skillopt_ci.errors import ConfigError
try:
    sandbox = Bubblewrap(threading.Event())
except ConfigError as error:
    sys.exit(str(error))
limits = Limits(seconds=6, processes=int(sys.argv[3]))
argv, env = ("bash", "-c", sys.argv[2]), {"PATH": "/usr/local/bin:/usr/bin:/bin"}
done = sandbox.run(Command(argv=argv, root=make_root(Path(sys.argv[1])), env=env, limits=limits))
print(json.dumps([done.ended, done.stderr.decode("utf-8", "replace")[-300:]]))
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody can reach, with the package; pytest's own are closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="fork-bomb-"))
    folder.chmod(0o755)
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "root").mkdir()
    if os.geteuid() == 0:
        os.chown(folder / "root", NOBODY, NOBODY)
    yield folder
    remove(folder)


def user() -> dict[str, object]:
    """How to start a process as a user that is not root."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def python() -> str:
    """A Python that this user may run: the tests' own may lie in root's home."""
    for program in (sys.executable, "/usr/bin/python3"):
        asked = [program, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        try:
            if subprocess.run(asked, capture_output=True, check=False, cwd="/", **user()).returncode == 0:  # type: ignore[call-overload]
                return program
        except OSError:
            continue
    pytest.skip("no Python 3.11 that another user than root may run")


def test_the_kernel_ends_a_fork_bomb_for_everybody_but_root(place: Path) -> None:
    bubblewrap()  # skips where there is none
    word = mark()
    script = f"f() {{ sleep {word} & f | f & }}; f; sleep {word}"
    process = subprocess.Popen(
        [python(), "-c", _RUN, str(place / "root"), script, str(MOST)],
        cwd=place, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **user(),
    )  # fmt: skip
    peak = 0
    while process.poll() is None:
        peak = max(peak, len(alive(word)))
    out, said = process.communicate()
    if process.returncode and "there is none here" in said:
        pytest.skip(f"no sandbox for a user who is not root: {said}")
    assert process.returncode == 0, said
    ended, errors = json.loads(out)
    assert ended != "processes"  # the watch had nothing to do
    assert "fork" in errors
    assert MOST // 2 < peak <= MOST + 1  # and the one that started the sandbox
    assert gone(word)
