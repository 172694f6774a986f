"""Workspaces: files of strangers laid out, and what became of them. Links are never followed."""

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from skillopt_ci.core.task import Attachment
from skillopt_ci.errors import CallFailedError
from skillopt_ci.sandbox.difference import clipped, difference, shown
from skillopt_ci.sandbox.removing import remove

_LONGEST_NAME = 255
_DRIVE = re.compile(r"[A-Za-z]:")
# Repositories hold hooks and settings that git runs.
_NEVER = frozenset({".git"})
# What an unchanged file is compared with; larger ones are only known to be changed.
_REMEMBERED_BYTES = 256 * 1024
_REMEMBERED_TOTAL = 16 * 1024 * 1024
_ARTIFACT_BYTES = 2 * 1024 * 1024
_ARTIFACTS_TOTAL = 8 * 1024 * 1024
_ARTIFACTS = 500
MOST_FILES = 50_000
_EXECUTABLE = (b"#!", b"\x7fELF")
_OMITTED = 100


def problem_of(name: str) -> str | None:
    """Why a name cannot be a file of a workspace; None when it can."""
    parts = name.split("/")
    if not name or not name.isprintable() or "\\" in name or name.startswith("/") or _DRIVE.match(name):
        return "must be a relative path with forward slashes and printable characters"
    if any(part in ("", ".", "..") for part in parts):
        return "must not have empty parts, '.' or '..'"
    if any(len(part.encode("utf-8", "replace")) > _LONGEST_NAME for part in parts) or len(name) > 1000:
        return "is too long"
    if any(part.lower().rstrip(". ") in _NEVER for part in parts):
        return "must not be in a '.git' folder"
    return None


def lay_out(folder: Path, files: Sequence[Attachment]) -> None:
    """Write files below a folder; scripts (`#!`) and programs of Linux can be executed.

    Raises:
        CallFailedError: kind `attachment`: a name that leads outside, or two that exclude each other.
    """
    for file in files:
        problem = problem_of(file.name)
        if problem is not None:
            raise CallFailedError("attachment", f"the file name {file.name[:200]!r} {problem}")
        path = folder.joinpath(*file.name.split("/"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as handle:
                handle.write(file.data)
            if file.data.startswith(_EXECUTABLE):
                path.chmod(0o755)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise CallFailedError("attachment", f"the file {file.name[:200]!r} cannot be laid out: {why}") from error


def put_back(folder: Path, files: Sequence[Attachment], removed: Sequence[str]) -> None:
    """Make a workspace what it was at the end: changed files replace those that are there, others go.

    The workspace is one that was laid out and set up here; whatever is in the way of a name is taken away.

    Raises:
        CallFailedError: kind `attachment`: the set-up has left something that cannot be taken away.
    """
    try:
        for name in [*removed, *(file.name for file in files)]:
            if problem_of(name) is None:
                _clear(folder, name.split("/"))
    except OSError as error:
        raise CallFailedError("attachment", f"the workspace cannot be put back: {error.strerror}") from error
    lay_out(folder, files)


def _clear(folder: Path, parts: Sequence[str]) -> None:
    """Take away the file at a path, and links or files where the path needs folders."""
    path = folder
    for index, part in enumerate(parts):
        path = path / part
        if path.is_symlink() or path.is_file():
            path.unlink()
            return
        if not path.is_dir():
            return
        if index == len(parts) - 1:
            _take_away(path)


def strip(folder: Path, names: Sequence[str], keep: Path | None = None) -> None:
    """Take away whatever has one of these names, at any depth: settings that an agent would obey.

    Args:
        folder: of the workspace.
        names: upper and lower case are the same.
        keep: a folder that stays, whatever the folders around it are called.
    """
    wanted = {name.lower() for name in names}
    if not wanted:
        return
    for entry in list(_few(_walk(folder, folders=True), MOST_FILES)):
        path = Path(entry.path)
        if entry.name.lower() in wanted and not (keep and path.is_relative_to(keep)):
            _take_away(path, keep)


def _take_away(path: Path, keep: Path | None = None) -> None:
    if path == keep:
        return
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
    elif keep is None or not keep.is_relative_to(path):
        remove(path)
    else:
        for inner in list(path.iterdir()):
            _take_away(inner, keep)


@dataclass(frozen=True, slots=True)
class _Known:
    """A file as it was: what tells a change, and its bytes when they are few."""

    mark: tuple[int, int, int, int]
    data: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What became of a workspace; see the fields of the same names of `Trajectory`."""

    artifacts: tuple[Attachment, ...]
    removed: tuple[str, ...]
    omitted: tuple[str, ...]
    diff: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A workspace at a moment."""

    folder: Path
    files: Mapping[str, _Known] = field(repr=False)

    @classmethod
    def take(cls, folder: Path, most: int = MOST_FILES) -> "Snapshot":
        """Remember what is there. Raises `CallFailedError` when there are more files than `most`."""
        files: dict[str, _Known] = {}
        total = 0
        for entry in _few(_walk(folder), most):
            found = entry.stat(follow_symlinks=False)
            data = None
            if stat.S_ISREG(found.st_mode) and found.st_size <= min(_REMEMBERED_BYTES, _REMEMBERED_TOTAL - total):
                data = _read(Path(entry.path), _REMEMBERED_BYTES)
                total += len(data or b"")
            files[_name(folder, entry)] = _Known(_mark(found), data)
        return cls(folder, files)

    def changes(self, most: int = MOST_FILES) -> Changes:
        """What is different now. Beyond `most` files nothing is looked at."""
        artifacts: list[Attachment] = []
        omitted: list[str] = []
        diff: list[str] = []
        seen: set[str] = set()
        room = _ARTIFACTS_TOTAL
        lost: list[Path] = []
        for entry in _walk(self.folder, lost=lost):
            if len(seen) >= most:
                omitted.insert(0, f"whatever comes after {most} files")
                break
            name = _name(self.folder, entry)
            seen.add(name)
            found = entry.stat(follow_symlinks=False)
            known = self.files.get(name)
            if known is not None and known.mark == _mark(found):
                continue
            data, why = _taken(Path(entry.path), found, name, room if len(artifacts) < _ARTIFACTS else -1)
            if data is None:
                omitted.append(f"{shown(name)}: {why}")
                continue
            if known is not None and known.data == data:
                continue
            artifacts.append(Attachment(name=name, data=data))
            room -= len(data)
            diff.append(difference(name, known.data if known else None, data, known=known is not None))
        omitted += [f"{shown(str(path.relative_to(self.folder)))[:200]}: it cannot be read" for path in lost]
        removed = sorted(n for n in self.files.keys() - seen if len(seen) < most or not _there(self.folder / n))
        diff += [difference(name, self.files[name].data, None, known=True) for name in removed]
        kept = tuple(omitted[:_OMITTED])
        if len(omitted) > _OMITTED:
            kept += (f"{len(omitted) - _OMITTED} more",)
        return Changes(
            artifacts=tuple(artifacts),
            removed=tuple(n for n in removed if problem_of(n) is None),
            omitted=kept,
            diff=clipped("".join(diff)),
        )


def _taken(path: Path, found: os.stat_result, name: str, room: int) -> tuple[bytes | None, str]:
    """The bytes of a changed file, or why they are left out."""
    if not stat.S_ISREG(found.st_mode):
        return None, "a symbolic link" if stat.S_ISLNK(found.st_mode) else "no regular file"
    problem = problem_of(name)
    if problem is not None:
        return None, f"its name {problem}"
    if found.st_size > min(_ARTIFACT_BYTES, room):
        return None, f"too large ({found.st_size} bytes)" if found.st_size > _ARTIFACT_BYTES else "too many files"
    data = _read(path, _ARTIFACT_BYTES)
    return data, "" if data is not None else "it cannot be read"


def _walk(folder: Path, *, folders: bool = False, lost: list[Path] | None = None) -> Iterator[os.DirEntry[str]]:
    """Everything but folders (or with them, deepest last) in the order of names; `.git` is left out.

    Nothing when the folder itself is a link now: it would lead to the host's files. `lost` takes what cannot be read.
    """
    waiting = [] if folder.is_symlink() else [folder]
    while waiting:
        current = waiting.pop()
        entries = _listed(current)
        if entries is None:
            (lost if lost is not None else []).append(current)
            continue
        inner = [e for e in entries if e.is_dir(follow_symlinks=False)]
        yield from entries if folders else (e for e in entries if not e.is_dir(follow_symlinks=False))
        waiting += [Path(e.path) for e in reversed(inner) if e.name.lower() not in _NEVER]


def _listed(folder: Path) -> list[os.DirEntry[str]] | None:
    """What is in a folder, in the order of names; None when it cannot be read, also not once it is unlocked."""
    try:
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            folder.chmod(stat.S_IRWXU)
        with os.scandir(folder) as listed:
            return sorted(listed, key=lambda e: e.name)
    except OSError:
        return None


def _few(entries: Iterator[os.DirEntry[str]], most: int) -> Iterator[os.DirEntry[str]]:
    for count, entry in enumerate(entries):
        if count >= most:
            raise CallFailedError("workspace", f"the workspace has more than {most} files")
        yield entry


def _there(path: Path) -> bool:
    try:
        return bool(path.lstat())
    except OSError:
        return False


def _name(folder: Path, entry: os.DirEntry[str]) -> str:
    return Path(entry.path).relative_to(folder).as_posix()


def _mark(found: os.stat_result) -> tuple[int, int, int, int]:
    # The time of the last change of the inode cannot be set by its owner.
    return (found.st_mode, found.st_ino, found.st_size, found.st_ctime_ns)


def read_inside(folder: Path, name: str, limit: int) -> bytes | None:
    """A file below a folder that strangers wrote to: at most `limit` bytes of it.

    None when it is not there, when it is no regular file, or when a link is on the way to it.
    """
    path = folder
    for part in name.split("/"):
        try:
            if not stat.S_ISDIR(path.lstat().st_mode):
                return None
        except OSError:
            return None
        path = path / part
    return _read(path, limit)


def _read(path: Path, limit: int) -> bytes | None:
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    parts = []
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            return None
        while limit > 0 and (part := os.read(number, min(limit, 1 << 20))):
            parts.append(part)
            limit -= len(part)
    finally:
        os.close(number)
    return b"".join(parts)
