"""The host's disk: where it is full, what ran has not had the room that it was promised, and measured nothing."""

import errno
import re
import shutil
import tempfile
from pathlib import Path

from skillopt_ci.errors import CallFailedError

FULL = "the disk for temporary files is full on this machine (make room there, or set TMPDIR to another one)"
_ERRORS = (errno.ENOSPC, errno.EDQUOT)
_LEAST_BYTES = 1024 * 1024  # a disk with less is full: others write, too, and parts of it are reserved
_SAID = re.compile(rb"No space left on device|Disk quota exceeded|database or disk is full|\bENOSPC\b|\bEDQUOT\b")


def is_full(error: OSError) -> bool:
    """Whether it is about the disk, or the part of it that this user may have."""
    return error.errno in _ERRORS


def failed_to_write(error: OSError, what: str) -> CallFailedError:
    """What a failure to write in a scratch folder means: a full disk, or something else of this machine."""
    why = FULL if is_full(error) else error.strerror or str(error)
    return CallFailedError("sandbox", f"{what}: {why}")


def require_room(folder: Path) -> None:
    """Make sure that a little can still be written. By trying: nothing else knows of quotas and reserved blocks.

    Raises:
        CallFailedError: kind `sandbox`: the disk is full.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_LEAST_BYTES))
    except OSError as error:
        if is_full(error):
            raise CallFailedError("sandbox", FULL) from error


def has_room(folder: Path, size: int) -> bool:
    """Whether so many bytes are free where a folder is, as far as the system says."""
    return shutil.disk_usage(folder).free >= size


def says_full(output: bytes) -> bool:
    """Whether a program says that it could not write. Only its word: what it prints may be a stranger's."""
    return _SAID.search(output) is not None
