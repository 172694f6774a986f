"""The check that nothing outside was changed can fail."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from skillopt_ci.sandbox.base import Command, make_root
from skillopt_ci.sandbox.unconfined import Unconfined
from tests.agents.outside import CHECKOUT, changes, made_by_codex, outside, seen, untouched


def set_back(path: Path) -> None:
    """Other bytes of the same number, at the same time."""
    was = path.stat()
    path.write_text("other")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


VIOLATIONS: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "a new file": (lambda p: (p / "new").write_text("x"), ["new: new"]),
    "a new folder": (lambda p: (p / "new").mkdir(), ["new: new"]),
    "a new link": (lambda p: (p / "new").symlink_to("/"), ["new: new"]),
    "other bytes": (lambda p: (p / "a/file").write_text("longer than it was"), ["a/file: changed"]),
    "other bytes of the same time": (lambda p: set_back(p / "a/file"), ["a/file: changed"]),
    "another mode": (lambda p: (p / "a/file").chmod(0o755), ["a/file: changed"]),
    "another mode of a folder": (lambda p: (p / "a").chmod(0o750), ["a: changed"]),
    "gone": (lambda p: (p / "a/file").unlink(), ["a/file: gone"]),
    "another file in its place": (lambda p: (p / "b").rename(p / "a/file"), ["a/file: changed", "b: gone"]),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_it_sees_what_was_done(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "file").write_text("bytes")
    (folder / "b").write_text("bytes")
    before = seen([folder])
    assert changes(before, seen([folder])) == []
    violation, told = VIOLATIONS[name]
    violation(folder)
    assert changes(before, seen([folder])) == [f"{folder}/{line}" for line in told]


@pytest.mark.parametrize("place", ["home/.claude/new", "project/src/new", "project/.git/hooks/pre-commit"])
def test_a_command_without_a_sandbox_is_found_out(place: str, tmp_path: Path) -> None:
    aim = tmp_path / place
    project = tmp_path / Path(place).parts[0]
    aim.parent.mkdir(parents=True)
    write = f"open({str(aim)!r}, 'w').write('x')"
    command = Command(argv=(sys.executable, "-c", write), root=make_root(tmp_path / "root"))
    with pytest.raises(AssertionError, match=f"{aim}: new"), untouched(project):
        assert Unconfined(threading.Event()).run(command).returncode == 0


def test_what_a_run_makes_of_its_own_is_no_change(tmp_path: Path) -> None:
    ledger = tmp_path / ".skillopt" / "ledger.sqlite"
    with untouched(tmp_path):
        ledger.parent.mkdir()
        ledger.write_text("x")
    assert str(ledger) in seen([tmp_path])  # it is left out there only


def test_every_test_looks_at_the_home_and_the_checkout() -> None:
    before = outside()
    assert str(CHECKOUT / "skillopt_ci" / "sandbox" / "bubblewrap.py") in before
    left = Path.home() / ".claude" / "left"
    left.write_text("x")
    try:
        assert changes(before, outside()) == [f"{left}: new"]
    finally:
        left.unlink()


def test_what_codex_makes_to_hide_it_is_no_change_while_it_is_empty_and_private(tmp_path: Path) -> None:
    folder = tmp_path / f"codex-daemon-{os.getuid()}"
    assert not made_by_codex(folder)
    folder.mkdir()
    folder.chmod(0o755)  # whatever the umask
    assert not made_by_codex(folder)
    folder.chmod(0o700)
    assert made_by_codex(folder)
    (folder / "rpc.sock").write_text("x")
    assert not made_by_codex(folder)
    other = tmp_path / "codex-daemon-elsewhere"
    other.mkdir(mode=0o700)
    assert not made_by_codex(other)
