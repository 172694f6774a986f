"""The folder that keeps memories of skills beside the default branch: `pr --remember` writes it, `train` reads it."""

from pathlib import Path

from skillopt_ci.errors import UsageError
from skillopt_ci.forge.proposal import HISTORY_LIMIT, history_path


def memory_file(folder: Path, name: str) -> Path:
    """Where a skill's memory is in a folder."""
    return folder / Path(history_path(name)).name


def read_memory_file(path: Path) -> bytes:
    """The bytes of a memory; empty when there is none.

    Raises:
        UsageError: a link, or larger than any memory that we write.
    """
    if not path.exists() and not path.is_symlink():
        return b""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > HISTORY_LIMIT:
        raise UsageError(f"{path}: not a memory file (a link, or larger than {HISTORY_LIMIT} bytes)")
    return path.read_bytes()
