"""What became of a workspace: its files before and after."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skillopt_ci.core.task import Attachment
from skillopt_ci.sandbox.difference import clipped, difference, shown
from skillopt_ci.sandbox.reading import MOST_FILES, few, read, walk
from skillopt_ci.sandbox.workspace import problem_of

# What an unchanged file is compared with; larger ones are only known to be changed.
_REMEMBERED_BYTES = 256 * 1024
_REMEMBERED_TOTAL = 16 * 1024 * 1024
_ARTIFACT_BYTES = 2 * 1024 * 1024
_ARTIFACTS_TOTAL = 8 * 1024 * 1024
_ARTIFACTS = 500
_OMITTED = 100


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
        for entry in few(walk(folder), most):
            found = entry.stat(follow_symlinks=False)
            data = None
            if stat.S_ISREG(found.st_mode) and found.st_size <= min(_REMEMBERED_BYTES, _REMEMBERED_TOTAL - total):
                data = read(Path(entry.path), _REMEMBERED_BYTES)
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
        for entry in walk(self.folder, lost=lost):
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
    data = read(path, _ARTIFACT_BYTES)
    return data, "" if data is not None else "it cannot be read"


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
