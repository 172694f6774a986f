"""What must hold after every rollout, whatever happened in it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from scripts import agents
from tests.agents.outside import changes, decoy, outside


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """The agents come before a test begins, or not at all: what came during one would be a change outside of it."""
    with suppress(agents.NotHereError, RuntimeError):  # a test that needs them says why
        agents.install()


@pytest.fixture(autouse=True)
def nothing_left(programs: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Folders of rollouts are made in one of this test: afterwards it is empty, and no process knows it.

    Nothing outside is changed: the checkout, the user's home and the one that $HOME names, the agents' own programs.
    """
    # Not in `tmp_path`: with a long path Claude Code puts a socket below /tmp instead.
    place = Path(tempfile.mkdtemp(prefix="rollouts-"))
    home = tmp_path / "home-of-the-host"
    decoy(home)
    monkeypatch.setenv(agents.VARIABLE, str(agents.home()))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    before = outside()
    try:
        yield
        assert list(place.iterdir()) == []
        assert processes_of(place) == []
        assert changes(before, outside()) == []
    finally:
        shutil.rmtree(place, ignore_errors=True)


def processes_of(place: Path) -> list[str]:
    """Command lines of the processes that have to do with a folder: as an argument, a variable or a mount."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            known = [(folder / name).read_bytes() for name in ("cmdline", "environ", "mountinfo")]
        except OSError:
            continue  # it ended, or is somebody else's
        if any(str(place).encode() in text for text in known):
            found.append(known[0].replace(b"\0", b" ").decode("utf-8", "replace"))
    return found
