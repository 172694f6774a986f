"""Files of strangers laid out, and what became of them."""

import os
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.task import Attachment
from skillopt_ci.errors import CallFailedError
from skillopt_ci.sandbox.difference import clipped, difference
from skillopt_ci.sandbox.reading import read_inside
from skillopt_ci.sandbox.removing import remove
from skillopt_ci.sandbox.snapshot import Snapshot
from skillopt_ci.sandbox.workspace import lay_out, problem_of, put_back, strip

HOSTILE = [
    "", "/etc/passwd", "../x", "a/../../x", "a/..", ".", "./a", "a//b", "a/", "/", "~\0", "a\nb", "a\x1b[2Jb", "a\\b",
    "..\\x", "C:\\x", "C:/x", "c:x", ".git/config", "a/.git/hooks/pre-commit", ".GIT/config", ".git ./x", ".git./x",
    "\u202egpj.exe", "\ud800", "a" * 256, "a/" * 600 + "b",
]  # fmt: skip


def files(**named: str | bytes) -> list[Attachment]:
    return [Attachment(name=n, data=d.encode() if isinstance(d, str) else d) for n, d in named.items()]


def one(name: str, data: str | bytes = b"x") -> list[Attachment]:
    return files(**{name: data})


def nest(folder: Path, name: str, times: int) -> None:
    """Folders within folders."""
    top = Path.cwd()
    os.chdir(folder)
    for _ in range(times):
        Path(name).mkdir()
        os.chdir(name)
    os.chdir(top)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(CallFailedError) as caught:
        lay_out(work, one(name))
    assert caught.value.kind == "attachment"
    assert caught.value.message.isprintable()
    assert [p for p in tmp_path.rglob("*") if p != work] == []


@given(st.text(max_size=60) | st.text(alphabet="./\\ab:~ ", max_size=12))
def test_a_good_name_stays_below_its_folder(name: str) -> None:
    if problem_of(name) is None:
        path = os.path.normpath(f"/base/{name}")
        assert path.startswith("/base/")
        assert len(path) > len("/base/")
        assert ".git" not in path.lower().split("/")


def test_files_and_folders_are_laid_out(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        [*one("a/b/c.txt", "1"), *one("Grüße.md", b"\xff"), *one("run.sh", "#!/bin/sh\n"), *one("prog", b"\x7fELF")],
    )
    assert (tmp_path / "a/b/c.txt").read_text() == "1"
    assert (tmp_path / "Grüße.md").read_bytes() == b"\xff"
    assert os.access(tmp_path / "run.sh", os.X_OK)
    assert os.access(tmp_path / "prog", os.X_OK)
    assert not os.access(tmp_path / "a/b/c.txt", os.X_OK)


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("a/b", "a")])
def test_names_that_exclude_each_other(names: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(CallFailedError, match="cannot be laid out"):
        lay_out(tmp_path, [*one(names[0]), *one(names[1])])


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    work, outside = tmp_path / "work", tmp_path / "outside"
    work.mkdir()
    outside.mkdir()
    (work / "link").symlink_to(outside / "target")
    with pytest.raises(CallFailedError):
        lay_out(work, one("link"))
    assert list(outside.iterdir()) == []


def test_the_changes_of_a_workspace(tmp_path: Path) -> None:
    lay_out(tmp_path, [*one("same.txt", "s\n"), *one("changed.txt", "one\ntwo\n"), *one("gone/x.txt", "g\n")])
    before = Snapshot.take(tmp_path)
    (tmp_path / "changed.txt").write_text("one\nthree\n")
    (tmp_path / "gone/x.txt").unlink()
    (tmp_path / "new.bin").write_bytes(b"\0\1")
    (tmp_path / "same.txt").write_text("s\n")  # written again, with the same content
    found = before.changes()
    assert {a.name: a.data for a in found.artifacts} == {"changed.txt": b"one\nthree\n", "new.bin": b"\0\1"}
    assert (found.removed, found.omitted) == (("gone/x.txt",), ())
    assert found.diff == (
        "--- a/changed.txt\n+++ b/changed.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n"
        "--- /dev/null\n+++ b/new.bin\nnot shown: binary or large (now 2 bytes)\n"
        "--- a/gone/x.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-g\n"
    )


def test_nothing_changed(tmp_path: Path) -> None:
    lay_out(tmp_path, one("a", "1"))
    found = Snapshot.take(tmp_path).changes()
    assert (found.artifacts, found.removed, found.omitted, found.diff) == ((), (), (), "")


def test_links_pipes_and_sockets_are_named_and_never_followed(tmp_path: Path) -> None:
    work, outside = tmp_path / "work", tmp_path / "outside"
    work.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("SECRET")
    before = Snapshot.take(work)
    (work / "file").symlink_to(outside / "secret")
    (work / "folder").symlink_to(outside)
    (work / "self").symlink_to(".")
    os.mkfifo(work / "pipe")
    found = before.changes()
    assert found.artifacts == ()
    assert found.omitted == (
        "file: a symbolic link", "folder: a symbolic link", "pipe: no regular file", "self: a symbolic link",
    )  # fmt: skip
    assert "SECRET" not in repr(found)


def test_a_file_that_becomes_a_link_is_gone_as_a_file(tmp_path: Path) -> None:
    lay_out(tmp_path, one("a", "1"))
    before = Snapshot.take(tmp_path)
    (tmp_path / "a").unlink()
    (tmp_path / "a").symlink_to("/etc/passwd")
    assert before.changes().omitted == ("a: a symbolic link",)


def test_large_and_many_files_are_left_out_and_named(tmp_path: Path) -> None:
    before = Snapshot.take(tmp_path)
    (tmp_path / "big").write_bytes(b"x" * (2 * 1024 * 1024 + 1))
    for number in range(501):
        (tmp_path / f"f{number:03}").write_text("x")
    found = before.changes()
    assert len(found.artifacts) == 500
    assert found.omitted == ("big: too large (2097153 bytes)", "f500: too many files")


def test_names_that_no_workspace_may_have_are_left_out(tmp_path: Path) -> None:
    before = Snapshot.take(tmp_path)
    (tmp_path / "a\nb").write_text("x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("x")
    found = before.changes()
    assert found.artifacts == ()
    assert found.omitted == ("'a\\nb': its name must be a relative path with forward slashes and printable characters",)


def test_a_workspace_is_put_back(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    task = [*one("a.txt", "1"), *one("d/x", "1"), *one("gone", "1")]
    for folder in (first, second):
        folder.mkdir()
        lay_out(folder, task)
    before = Snapshot.take(first)
    (first / "a.txt").write_text("2")
    (first / "gone").unlink()
    (first / "d" / "x").unlink()
    (first / "d").rmdir()
    (first / "d").write_text("now a file")
    found = before.changes()
    put_back(second, found.artifacts, found.removed)
    assert {p.name: p.read_text() for p in second.iterdir()} == {"a.txt": "2", "d": "now a file"}


def test_putting_back_takes_links_away_first(tmp_path: Path) -> None:
    work, outside = tmp_path / "work", tmp_path / "outside"
    work.mkdir()
    outside.mkdir()
    (outside / "x").write_text("old")
    (work / "d").symlink_to(outside)
    (work / "f").symlink_to(outside / "x")
    put_back(work, [*one("d/x", "new"), *one("f", "new")], ["../outside/x"])
    assert (outside / "x").read_text() == "old"
    assert (work / "d" / "x").read_text() == (work / "f").read_text() == "new"


def test_settings_are_taken_out_at_any_depth(tmp_path: Path) -> None:
    settings = (".claude/settings.json", "sub/.MCP.json", "CLAUDE.md")
    others = ("keep/claude.md.txt", "deep/.claude/skills/s/SKILL.md")
    lay_out(tmp_path, [a for n in settings + others for a in one(n)])
    (tmp_path / "link").symlink_to(tmp_path / "keep")
    strip(tmp_path, (".claude", ".mcp.json", "CLAUDE.md", "link"), keep=tmp_path / "deep/.claude/skills")
    left = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert left == ["deep/.claude/skills/s/SKILL.md", "keep/claude.md.txt"]
    strip(tmp_path, ())
    assert (tmp_path / "keep").is_dir()


def test_reading_what_strangers_wrote(tmp_path: Path) -> None:
    lay_out(tmp_path, one("state/out", "12345"))
    (tmp_path / "link").symlink_to(tmp_path / "state")
    (tmp_path / "state" / "also").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    assert read_inside(tmp_path, "state/out", 100) == b"12345"
    assert read_inside(tmp_path, "state/out", 2) == b"12"
    for name in ("link/out", "state/also", "pipe", "state", "missing", "missing/x"):
        assert read_inside(tmp_path, name, 100) is None


def test_a_workspace_of_too_many_files_is_a_failure(tmp_path: Path) -> None:
    lay_out(tmp_path, [a for n in "abcd" for a in one(n)])
    assert len(Snapshot.take(tmp_path, most=4).files) == 4
    with pytest.raises(CallFailedError, match="more than 3 files"):
        Snapshot.take(tmp_path, most=3)


@pytest.mark.parametrize("target", ["/proc/self", "outside"])
def test_a_workspace_that_is_a_link_now_is_not_followed(target: str, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "id_rsa").write_text("of the host")
    work = tmp_path / "work"
    lay_out(work, one("a.txt"))
    before = Snapshot.take(work)
    work.rename(tmp_path / "away")
    work.symlink_to(tmp_path / target)
    changes = before.changes()
    assert (changes.artifacts, changes.removed, changes.omitted) == ((), ("a.txt",), ())
    assert Snapshot.take(work).files == {}
    strip(work, ["id_rsa"])
    assert (tmp_path / "outside" / "id_rsa").exists()


def test_a_workspace_is_looked_at_up_to_a_number_of_files(tmp_path: Path) -> None:
    lay_out(tmp_path, [a for n in "yz" for a in one(n)])
    before = Snapshot.take(tmp_path)
    lay_out(tmp_path, [a for n in "abcd" for a in one(n)])
    (tmp_path / "z").unlink()
    changes = before.changes(most=3)
    assert [a.name for a in changes.artifacts] == ["a", "b", "c"]
    assert (changes.removed, changes.omitted) == (("z",), ("whatever comes after 3 files",))
    assert before.changes(most=5).omitted == ()


def test_folders_that_cannot_be_read_are_named_and_locked_ones_are_opened(tmp_path: Path) -> None:
    before = Snapshot.take(tmp_path)
    lay_out(tmp_path, one("locked/inner/a.txt"))
    (tmp_path / "locked" / "inner").chmod(0)
    (tmp_path / "locked").chmod(0)
    nest(tmp_path, "d" * 200, 30)
    changes = before.changes()
    assert [a.name for a in changes.artifacts] == ["locked/inner/a.txt"]
    assert [o.endswith("d: it cannot be read") for o in changes.omitted] == [True]
    remove(tmp_path)
    assert not tmp_path.exists()


def test_locked_folders_are_read_stripped_and_put_back(tmp_path: Path) -> None:
    """As root nothing is locked; on a runner everything is."""
    folder = tmp_path / "work"
    lay_out(folder, [*one("a/.claude/inner/x"), *one("b/y.txt", "1")])
    before = Snapshot.take(folder)
    for name in ("a/.claude/inner", "a/.claude", "a", "b"):
        (folder / name).chmod(0)
    assert read_inside(folder, "b/z.txt", 9) is None
    assert before.changes().removed == ()
    (folder / "a").chmod(0o500)
    strip(folder, [".claude"])
    assert not (folder / "a" / ".claude").exists()
    put_back(folder, one("b/y.txt", "2"), [])
    assert read_inside(folder, "b/y.txt", 9) == b"2"
    (folder / "b").chmod(0o500)
    with nullcontext() if os.geteuid() == 0 else pytest.raises(CallFailedError, match="put back: Permission denied"):
        put_back(folder, one("b/y.txt", "3"), [])
    remove(tmp_path)


def test_what_strangers_made_is_removed_at_any_depth_and_mode(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    lay_out(outside, one("stays.txt"))
    folder = tmp_path / "folder"
    lay_out(folder, [*one("a/b/c.txt"), *one("a/d.txt")])
    (folder / "link").symlink_to(outside)
    (folder / "a" / "again").symlink_to(outside)
    os.mkfifo(folder / "a" / "pipe")
    nest(folder, "d", 3000)  # deeper than a path may be long, and than Python calls itself
    (folder / "a" / "b").chmod(0)
    (folder / "a").chmod(0o500)
    folder.chmod(0o500)
    remove(folder)
    assert not folder.exists()
    assert (outside / "stays.txt").exists()
    remove(folder)  # and once more is nothing


def test_differences_of_strange_texts() -> None:
    assert difference("a", b"x", b"x\n", known=True) == "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n+x\n"
    assert difference("a", None, b"", known=False) == "--- /dev/null\n+++ b/a\n"
    assert "not shown" in difference("a", None, b"x", known=True)
    assert "not shown: binary or large (it is gone)" in difference("a", b"\xff", None, known=True)
    assert "not shown" in difference("a", b"", b"\n" * 6000, known=True)
    assert difference("a\nb", None, b"x\n", known=False).splitlines()[1] == "+++ 'b/a\\nb'"
    assert clipped("x" * 70_000).endswith("\n[... 4464 characters of the diff left out ...]\n")
