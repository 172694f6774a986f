"""Folders for a while: gone with their user, or at the next start; never somebody else's."""

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from skillopt_ci.sandbox.scratch import Scratch, sweep

NAME = "skillopt-scratch-abcd_123"
_HOLDER = """
import sys
from pathlib import Path
from skillopt_ci.sandbox.scratch import Scratch
inner = Scratch().path / "root"
(inner / "locked" / "deep").mkdir(parents=True)
(inner / "locked" / "deep" / "file").write_text("x")
(inner / "out").symlink_to(sys.argv[1])
(inner / "locked" / "deep").chmod(0)
(inner / "locked").chmod(0o500)
inner.chmod(0)
print(inner.parent, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files of a test go."""
    found = tmp_path / "place"
    found.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(found))
    return found


@contextmanager
def holder(place: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process, and the folder that it holds: with a link to `place`'s parent, and locked folders."""
    env = {**os.environ, "TMPDIR": str(place), "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(place.parent)],
        env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_it_is_there_for_its_user_only_and_gone_afterwards(place: Path) -> None:
    with Scratch() as folder:
        assert folder.parent == place
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "file").write_text("x")
    assert list(place.iterdir()) == []


def test_it_is_gone_after_an_error_and_when_closed_twice(place: Path) -> None:
    with pytest.raises(ZeroDivisionError), Scratch():
        _ = 1 / 0
    other = place / "other"
    other.mkdir()
    made = Scratch(str(other))
    assert made.path.parent == other
    made.close()
    made.close()
    assert list(other.iterdir()) == []


def test_no_file_stays_open(place: Path) -> None:
    before = list(Path("/dev/fd").iterdir())
    with Scratch():
        sweep()
    sweep()
    assert len(list(Path("/dev/fd").iterdir())) == len(before)


def test_what_a_killed_process_held_is_swept(place: Path) -> None:
    beside = place.parent / "stays.txt"
    beside.write_text("x")
    with holder(place) as (process, folder):
        sweep()
        assert folder.is_dir()  # it is in use
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert folder.is_dir()
        sweep()
        assert not folder.exists()
    assert list(place.iterdir()) == []
    assert beside.read_text() == "x"  # a link led here


def test_those_of_living_processes_stay(place: Path) -> None:
    with Scratch() as mine, holder(place) as (_, other):
        sweep()
        assert sorted(place.iterdir()) == sorted([mine, other])


@pytest.mark.parametrize("name", ["skillopt-results", "skillopt-scratch-of-mine", f"{NAME}x", f"x{NAME}"])
def test_folders_of_other_names_stay(place: Path, name: str) -> None:
    (place / name).mkdir(0o700)
    sweep()
    assert (place / name).is_dir()


def test_links_files_and_folders_that_others_can_open_stay(place: Path) -> None:
    aim = place / "aim"
    aim.mkdir(0o700)
    (aim / "file").write_text("x")
    (place / NAME).symlink_to(aim)
    (place / NAME.replace("123", "456")).write_text("x")
    (place / NAME.replace("123", "789")).mkdir()
    (place / NAME.replace("123", "789")).chmod(0o755)  # whatever the umask
    before = sorted(place.rglob("*"))
    sweep()
    assert sorted(place.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_folder_of_somebody_else_stays(place: Path) -> None:
    (place / NAME).mkdir(0o700)
    os.chown(place / NAME, 65534, 65534)
    sweep()
    assert (place / NAME).is_dir()
    os.chown(place / NAME, 0, 0)
    sweep()
    assert not (place / NAME).exists()


def test_a_place_that_is_not_there_is_nothing(place: Path) -> None:
    with Scratch() as folder:
        sweep([str(place / "missing"), str(folder / "missing")])
        assert list(place.iterdir()) == [folder]


def test_where_folders_cannot_be_locked_they_are_used_and_never_swept(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_number: int, _how: int) -> None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))  # what NFS says of a folder

    monkeypatch.setattr(fcntl, "flock", refuse)
    with Scratch() as folder:
        sweep()
        assert folder.is_dir()
    assert list(place.iterdir()) == []


def test_without_descriptors_it_is_an_error_and_not_a_loop(place: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            Scratch()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(list(place.iterdir())) == 1
    sweep()
    assert list(place.iterdir()) == []


def test_sweeping_while_folders_are_made_takes_none_of_them(place: Path) -> None:
    """The moment between making a folder and locking it."""
    over = threading.Event()

    def sweeping() -> None:
        while not over.is_set():
            sweep()

    sweepers = [threading.Thread(target=sweeping) for _ in range(2)]
    for thread in sweepers:
        thread.start()
    try:
        for _ in range(300):
            with Scratch() as folder:
                (folder / "file").write_text("x")
                assert (folder / "file").read_text() == "x"
    finally:
        over.set()
        for thread in sweepers:
            thread.join()
    sweep()
    assert list(place.iterdir()) == []
