"""Workspaces: files of strangers laid out, put back and taken away. Links are never followed."""

import re
from collections.abc import Sequence
from pathlib import Path

from skillopt_ci.core.task import Attachment
from skillopt_ci.errors import CallFailedError
from skillopt_ci.sandbox.disk import failed_to_write, is_full
from skillopt_ci.sandbox.reading import MOST_FILES, NEVER, few, walk
from skillopt_ci.sandbox.removing import remove

_LONGEST_NAME = 255
_DRIVE = re.compile(r"[A-Za-z]:")
_EXECUTABLE = (b"#!", b"\x7fELF")


def problem_of(name: str) -> str | None:
    """Why a name cannot be a file of a workspace; None when it can."""
    parts = name.split("/")
    if not name or not name.isprintable() or "\\" in name or name.startswith("/") or _DRIVE.match(name):
        return "must be a relative path with forward slashes and printable characters"
    if any(part in ("", ".", "..") for part in parts):
        return "must not have empty parts, '.' or '..'"
    if any(len(part.encode("utf-8", "replace")) > _LONGEST_NAME for part in parts) or len(name) > 1000:
        return "is too long"
    if any(part.lower().rstrip(". ") in NEVER for part in parts):
        return "must not be in a '.git' folder"
    return None


def lay_out(folder: Path, files: Sequence[Attachment]) -> None:
    """Write files below a folder; scripts (`#!`) and programs of Linux can be executed.

    Raises:
        CallFailedError: kind `attachment`: a name that leads outside, or two that exclude each other; kind `sandbox`:
            the disk is full.
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
            what = f"the file {file.name[:200]!r} cannot be laid out"
            if isinstance(error, OSError) and is_full(error):  # nothing that is wrong with the file
                raise failed_to_write(error, what) from error
            why = getattr(error, "strerror", None) or str(error)
            raise CallFailedError("attachment", f"{what}: {why}") from error


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
    for entry in list(few(walk(folder, folders=True), MOST_FILES)):
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
