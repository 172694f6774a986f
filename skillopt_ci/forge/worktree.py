"""Files of a folder as they are on disk, git or not, read without ever leaving it."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError
from skillopt_ci.forge.globs import is_pattern, matches, split_path

MAX_FILE_BYTES = 64 * 1024 * 1024
_LFS = b"version https://git-lfs.github.com/spec/"


class WorkTree(Tree):
    """The files below `root` as they are on disk. Symbolic links are refused, in files and in folders."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def read(self, path: str, /) -> bytes:
        """The bytes of a regular file of at most `MAX_FILE_BYTES`.

        Raises:
            ConfigError: missing, a folder, a symbolic link or behind one, not a regular file, too large, unreadable, a
                pointer of Git LFS, or a path that leads outside the root.
        """
        parts = split_path(path)
        status = self._status(path, parts)
        if status is None:
            raise ConfigError.about(path, "no such file")
        if stat.S_ISDIR(status.st_mode):
            raise ConfigError.about(path, "is a folder, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError.about(path, "not a regular file")
        if status.st_size > MAX_FILE_BYTES:
            raise ConfigError.about(path, f"{status.st_size} bytes; at most {MAX_FILE_BYTES} are read")
        try:
            data = self.root.joinpath(*parts).read_bytes()
        except OSError as error:
            raise ConfigError.about(path, f"cannot be read: {error.strerror}") from error
        if is_lfs(data):  # it would be sent in place of the image or the text
            raise ConfigError.about(path, "is a pointer of Git LFS, not the file itself: fetch it with `git lfs pull`")
        return data

    def glob(self, pattern: str, /) -> Sequence[str]:
        """The files that match, sorted; symbolic links and hidden names (`.git`, `.venv`) only when they are named.

        A path without wildcards that is, or is behind, a symbolic link is returned: `read` then says what is wrong.

        Raises:
            ConfigError: the pattern leads outside the root.
        """
        parts = split_path(pattern)
        fixed = next((i for i, part in enumerate(parts) if is_pattern(part)), None)
        try:
            status = self._status(pattern, parts[:fixed])
        except ConfigError:
            return [] if fixed is not None else ["/".join(parts)]
        if status is None or stat.S_ISDIR(status.st_mode) == (fixed is None):
            return []
        if fixed is None:
            return ["/".join(parts)]
        depth = None if "**" in parts else len(parts) - fixed
        hidden = any(part.startswith(".") for part in parts[fixed:])
        below = _files(self.root.joinpath(*parts[:fixed]), "/".join(parts[:fixed]), depth, hidden)
        return sorted(found for found in below if matches(parts, found.split("/")))

    def _status(self, path: str, parts: Sequence[str]) -> os.stat_result | None:
        """The status of a path, None when there is nothing. Raises `ConfigError` at a symbolic link on the way."""
        place = self.root
        status = place.lstat()
        for at, part in enumerate(parts):
            if not stat.S_ISDIR(status.st_mode):
                return None
            place = place / part
            try:
                status = place.lstat()
            except FileNotFoundError:
                return None
            except OSError as error:
                raise ConfigError.about(path, f"cannot be read: {error.strerror}") from error
            if stat.S_ISLNK(status.st_mode):
                link = "/".join(parts[: at + 1])
                raise ConfigError.about(
                    path, f"'{link}' is a symbolic link; only files of the repository itself are read"
                )
        return status


def is_lfs(data: bytes) -> bool:
    """Whether these bytes only say where Git LFS has the file."""
    return data.startswith(_LFS)


def passed_over(root: Path, folder: str) -> list[str]:
    """Links and hidden folders below a folder, as paths from the root: what patterns do not find."""
    found = []
    for place, folders, files in os.walk(root / folder):
        here = Path(place)
        left = [n for n in folders if n.startswith(".") or (here / n).is_symlink()]
        found += [(here / n).relative_to(root).as_posix() for n in left]
        found += [(here / n).relative_to(root).as_posix() for n in files if (here / n).is_symlink()]
        folders[:] = [n for n in folders if n not in left]
    return sorted(found)


def _files(folder: Path, name: str, depth: int | None, hidden: bool) -> Iterator[str]:
    """Regular files at most `depth` levels below a folder, as paths from the root."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        inner = f"{name}/{entry.name}" if name else entry.name
        if entry.is_file(follow_symlinks=False):
            yield inner
        elif not entry.is_dir(follow_symlinks=False) or (entry.name.startswith(".") and not hidden):
            continue
        elif depth is None or depth > 1:
            yield from _files(folder / entry.name, inner, None if depth is None else depth - 1, hidden)
