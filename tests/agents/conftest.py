"""What must hold after every rollout, whatever happened in it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Folders of rollouts are made in a folder of this test: afterwards it is empty, and no process knows it."""
    place = tmp_path / "rollouts"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield
    assert list(place.iterdir()) == []
    assert processes_of(place) == []


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
