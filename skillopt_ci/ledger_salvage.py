"""What is whole in a ledger that another one takes over: a damaged record must not cost those that are well."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from skillopt_ci.core.texts import plural
from skillopt_ci.errors import LedgerError
from skillopt_ci.ledger_file import LedgerFile, missing_bytes
from skillopt_ci.ledger_records import DAMAGE, Purchase, calls_of, purchase_of, stored_json
from skillopt_ci.ledger_seal import Seal

Row = tuple[Any, ...]
Fits = Callable[[str, Purchase], bool]
"""Whether a purchase of a kind (`call`, `rollout`, ...) can be replayed."""
LOGS = {
    "failures": "key, kind, message, run, label, failed_at",
    "runs": "run, lineage, generation, event, detail, at",
}
_KEY, _KIND, _VALUE, _DETAIL, _AT = 0, 1, 2, 4, -1


def anything(_kind: str, _purchase: Purchase) -> bool:
    """Every purchase fits."""
    return True


class Salvaged(NamedTuple):
    """Rows to take over, the logs' by table. `lost` says what is not among them, for people; empty when all is."""

    purchases: list[Row]
    logs: dict[str, list[Row]]
    lost: str


@contextmanager
def opened(path: Path) -> Iterator[LedgerFile]:
    """Another ledger, for reading. Of one whose end is gone a copy as long as it once was: SQLite opens no shorter one.

    Raises:
        LedgerError: the file is no ledger of this version, or cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="skillopt-ci-") as folder:
        try:
            file = LedgerFile(path)
        except LedgerError:
            missing = missing_bytes(path)
            if not missing:
                raise
            file = LedgerFile(_whole(path, Path(folder) / path.name, missing))
        try:
            yield file
        finally:
            file.close()


def _whole(path: Path, copy: Path, missing: int) -> Path:
    try:
        shutil.copyfile(path, copy)
        os.truncate(copy, path.stat().st_size + missing)
    except OSError as error:
        raise LedgerError(f"{path}: its end is gone, and it cannot be copied to {copy.parent}: {error}") from error
    return copy


def salvage(file: LedgerFile, seal: Seal, fits: Fits) -> Salvaged:
    """Read what is whole. What was bought and cannot be read any more is left out; its price stays, where it is known.

    Raises:
        LedgerError: not even a part of the file can be read.
    """
    rows, readable = file.rows("purchases", "key")
    made = [_kept(row, seal, fits) for row in rows]
    damaged = sum(new != row for new, row in zip(made, rows, strict=True))
    logs = {}
    for table, columns in LOGS.items():
        found, whole = file.rows(table, "id", columns)
        logs[table] = [row for row in found if _is_log(row, table)]
        damaged += len(found) - len(logs[table])
        readable = readable and whole
    parts = [plural(damaged, "damaged record") if damaged else "", "" if readable else "a part that cannot be read"]
    return Salvaged([row for row in made if row is not None], logs, " and ".join(filter(None, parts)))


def _kept(row: Row, seal: Seal, fits: Fits) -> Row | None:
    """A purchase as it is taken over: itself, its price alone, or nothing at all."""
    try:
        if not all(isinstance(row[i], str) for i in (_KEY, _KIND, _VALUE, 7, 8, 9, 10)):
            return None
        purchase_of(row, "{}")
        moment = float(row[_AT])
    except DAMAGE:
        return None
    try:
        value = seal.open(row[_VALUE], row[_KEY])
        # Sealed with the key of somebody else it may be well.
        well = value is None or fits(row[_KIND].partition("/")[0], purchase_of(row, value))
    except DAMAGE:
        well = False
    if well:
        return row
    calls = calls_of(row[_KIND])
    return (f"{row[_KEY]}/{moment}", "lost" if calls == 1 else f"lost/{calls}", "{}", *row[_VALUE + 1 :])


def _is_log(row: Sequence[Any], table: str) -> bool:
    if table == "failures":
        return all(isinstance(value, str) for value in row[:_AT])
    try:
        int(row[2])
        stored_json(row[_DETAIL])
    except DAMAGE:
        return False
    return True
