"""A full disk of the machine: nothing that ran on it counts. The disk is a real one, of 8 MiB."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skillopt_ci.errors import CallFailedError
from skillopt_ci.sandbox.base import make_root
from skillopt_ci.sandbox.disk import failed_to_write, has_room, is_full, require_room, says_full
from skillopt_ci.sandbox.scratch import Scratch
from tests.sandbox.places import of_kind
from tests.sandbox.small_disk import BYTES, on_small_disk

ROOT = Path(__file__).parents[2]
FILL = "head -c 30000000 /dev/zero > big"
_RUN = """
import json, sys, threading
from skillopt_ci.core.task import Attachment
from skillopt_ci.errors import CallFailedError
from skillopt_ci.sandbox.base import ROOT, Limits
from skillopt_ci.sandbox.scratch import Scratch
from skillopt_ci.sandbox.workspace import lay_out
from tests.sandbox.places import of_kind, run
sandbox = of_kind(sys.argv[1])
said = []
def tried(what):
    try:
        said.append(what())
    except CallFailedError as error:
        said.append([error.kind, error.message])
for script in sys.argv[2:]:
    with Scratch() as folder:
        tried(lambda: [(done := run(sandbox, folder / ROOT, script, Limits(seconds=60))).ended, done.returncode])
with Scratch() as folder:
    many = [Attachment(name=str(n), data=bytes(1024 * 1024)) for n in range(9)]
    tried(lambda: lay_out(folder, many))
print(json.dumps(said))
"""


@pytest.mark.parametrize("kind", ["bubblewrap", "unconfined"])
def test_what_ran_on_a_full_disk_counts_as_nothing(kind: str, tmp_path: Path) -> None:
    of_kind(kind)
    place = tmp_path / "small"
    command = [*on_small_disk(place), sys.executable, "-c", _RUN, kind]
    env = {**os.environ, "TMPDIR": str(place), "PYTHONPATH": str(ROOT)}
    scripts = ["exit 0", "exit 3", FILL, f"{FILL}; exit 0", f"{FILL}; rm big; exit 4"]
    done = subprocess.run([*command, *scripts], capture_output=True, text=True, check=True, cwd=ROOT, env=env)
    fine, failed, filled, swallowed, cleaned, laid_out = json.loads(done.stdout)
    assert (fine, failed) == (["exit", 0], ["exit", 3])
    for kind_of, words in (filled, swallowed, laid_out):
        assert kind_of == "sandbox"
        assert "the disk for temporary files is full on this machine" in words
    assert laid_out[1].startswith("the file '")
    assert cleaned == ["exit", 4]  # nobody else can see it: what runs it has to ask


def test_which_errors_are_a_full_disk() -> None:
    for number, full in ((errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EACCES, False), (errno.EFBIG, False)):
        error = OSError(number, os.strerror(number))
        assert is_full(error) == full
        assert ("is full on this machine" in failed_to_write(error, "x").message) == full
        assert failed_to_write(error, "no folder").message.startswith("no folder: ")
    assert failed_to_write(FileNotFoundError("No usable place"), "x").message == "x: No usable place"


def test_folders_that_cannot_be_made_are_a_failure_of_the_sandbox(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for make in (lambda: make_root(tmp_path / "file"), lambda: Scratch(str(tmp_path / "none"))):
        with pytest.raises(CallFailedError, match="can be made") as caught:
            make()
        assert caught.value.kind == "sandbox"


def test_room_on_this_machine(tmp_path: Path) -> None:
    require_room(tmp_path)
    require_room(tmp_path / "missing")  # says nothing about the disk
    assert list(tmp_path.iterdir()) == []
    assert has_room(tmp_path, BYTES)
    assert not has_room(tmp_path, 10**18)


@pytest.mark.parametrize(
    ("output", "full"),
    [
        (b"bash: line 1: echo: write error: No space left on device\n", True),
        (b"OSError: [Errno 28] No space left on device: 'x'\n1 failed", True),
        (b"Error: ENOSPC: no space left on device, write", True),
        (b"sqlite3.OperationalError: database or disk is full", True),
        (b"Disk quota exceeded", True),
        (b"there is no space left in the margin", False),
        (b"MY_ENOSPCX", False),
        (b"", False),
    ],
)
def test_who_says_that_a_disk_is_full(output: bytes, full: bool) -> None:
    assert says_full(output) == full
