"""The ledger's SQLite file: opened, checked and written so that every trouble is one `LedgerError`."""

import re
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from skillopt_ci.errors import MEND_LEDGER, LedgerError

_VERSION = 1
_PATIENCE_SECONDS = 30.0
_SCHEMA = """
create table purchases (
  key text primary key, kind text not null, value text not null, usd text,
  input_tokens integer not null, cached_tokens integer not null, output_tokens integer not null,
  run text not null, stream text not null, label text not null, served_model text not null, bought_at real not null
) without rowid;
create index purchases_time on purchases (bought_at);
create table failures (
  id integer primary key, key text not null, kind text not null, message text not null,
  run text not null, label text not null, failed_at real not null
);
create table runs (
  id integer primary key, run text not null, lineage text not null, generation integer not null,
  event text not null, detail text not null, at real not null
);
create index runs_lineage on runs (lineage);
"""
_SMALLEST_PAGE = 512  # bytes: no database has fewer
_TABLES = {"purchases", "failures", "runs"}
_ANEW = "move the file away to start anew"


class LedgerFile:
    """One connection for all threads of a process; None as the path keeps everything in memory."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._closed = False
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                _refuse_other_files(path)
            self._db = sqlite3.connect(
                ":memory:" if path is None else path,
                check_same_thread=False,
                isolation_level=None,
                timeout=_PATIENCE_SECONDS,
            )
        except (sqlite3.Error, OSError) as error:
            raise self._not_opened(error) from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            raise self._not_opened(error) from error
        except LedgerError:
            self._db.close()
            raise

    def _not_opened(self, error: Exception) -> LedgerError:
        mended = self.path is not None and missing_bytes(self.path) > 0
        advice = _advice(error, MEND_LEDGER if mended else _ANEW)
        return LedgerError(f"{self.path}: the ledger cannot be opened: {error}{advice}")

    def _prepare(self) -> None:
        self._use_wal()
        self._db.execute("pragma synchronous=normal")
        self._db.execute("begin immediate")
        with self._db:  # commits, or rolls back
            (version,) = self._db.execute("pragma user_version").fetchone()
            tables = {name for (name,) in self._db.execute("select name from sqlite_master where type='table'")}
            if version > _VERSION:
                raise LedgerError(
                    f"{self.path}: written by a newer skillopt-ci (ledger version {version}); update the tool"
                )
            if (version or tables) and not tables >= _TABLES:
                raise LedgerError(f"{self.path}: a database, but not a ledger; name another file")
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"pragma user_version={_VERSION}")

    def _use_wal(self) -> None:
        # WAL with NORMAL: a killed process loses nothing that was committed; only a power cut may lose the last rows.
        # SQLite does not wait for a lock here as it does elsewhere: of two processes that create the file, one waits.
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                self._db.execute("pragma journal_mode=wal")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def run(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Execute one statement and return its rows. Raises `LedgerError`."""
        with self._lock:
            try:
                return self._db.execute(statement, values).fetchall()
            except (sqlite3.Error, OverflowError) as error:
                raise LedgerError(f"{self.path}: the ledger cannot be used: {error}{_advice(error)}") from error

    def run_many(self, statement: str, rows: Sequence[Sequence[object]]) -> int:
        """Execute a statement for every row; returns how many rows it changed. Raises `LedgerError`."""
        with self._lock:
            try:
                return max(0, self._db.executemany(statement, rows).rowcount)
            except (sqlite3.Error, OverflowError) as error:
                raise LedgerError(f"{self.path}: the ledger cannot be used: {error}{_advice(error)}") from error

    def rows(self, table: str, key: str, columns: str = "*") -> tuple[list[tuple[Any, ...]], bool]:
        """The rows of a table in the order of its key, and whether all of them could be read.

        Of a damaged file those before the damage, and those behind it; text that is none is bytes. Raises `LedgerError`
        for any other trouble.
        """
        found: dict[object, tuple[Any, ...]] = {}
        query = f"select {key}, {columns} from {table} order by {key}"  # noqa: S608 - our own names
        with self._lock:
            self._db.text_factory = _text
            for order in ("asc", "desc"):
                read: dict[object, tuple[Any, ...]] = {}
                whole = True
                try:
                    with closing(self._db.execute(f"{query} {order}")) as rows:
                        read.update((row[0], row[1:]) for row in rows)
                except sqlite3.Error as error:
                    if type(error) is not sqlite3.DatabaseError:
                        raise LedgerError(f"{self.path}: the ledger cannot be used: {error}{_advice(error)}") from error
                    whole = False
                found |= read if order == "asc" else dict(reversed(read.items()))
                if whole:
                    break
        return list(found.values()), whole

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside or none; other threads wait."""
        with self._lock:
            self.run("begin immediate")
            try:
                with self._db:  # commits, or rolls back
                    yield
            except sqlite3.Error as error:
                raise LedgerError(f"{self.path}: the ledger cannot be used: {error}{_advice(error)}") from error

    def close(self) -> None:
        """Fold the write-ahead log into the file, so that the file alone is the ledger. Closing twice is fine."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self.run("pragma wal_checkpoint(truncate)")
                self._db.close()


def missing_bytes(path: Path) -> int:
    """How much of the end of a database is gone, by what it says of its size; 0 of any other file.

    Only for one that cannot be opened: see `_refuse_other_files`.
    """
    try:
        with path.open("rb") as file:
            head = file.read(100)
        size = path.stat().st_size
    except OSError:
        return 0
    if not head.startswith(b"SQLite format 3\0") or head[24:28] != head[92:96]:  # else it does not know its size
        return 0
    page = int.from_bytes(head[16:18], "big")
    return max(0, (65536 if page == 1 else page) * int.from_bytes(head[28:32], "big") - size)


def _refuse_other_files(path: Path) -> None:
    """SQLite takes a file of a few bytes for an empty database and would write over it.

    Larger ones it looks at itself. They are not opened here: with the first close of a file a process loses all its
    locks on it (POSIX), also those of a ledger that it has open; another process would then take the write-ahead log
    for a leftover and delete it, with what it holds.
    """
    if path.is_file() and 0 < path.stat().st_size < _SMALLEST_PAGE:
        raise sqlite3.DatabaseError("file is not a database")


def _advice(error: Exception, damaged: str = MEND_LEDGER) -> str:
    """What to do: only a file that is damaged, or no ledger, is worth losing what was bought."""
    if isinstance(error, PermissionError) or re.search("readonly|unable to open", str(error)):
        return "; it must be a file that, with its folder, may be written: see to their permissions"
    broken = type(error) is sqlite3.DatabaseError or "decode to UTF-8" in str(error)
    return f"; {damaged}" if broken else ""


def _text(stored: bytes) -> str | bytes:
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return stored


def storable(text: str) -> str:
    """Text of strangers without lone surrogates, which SQLite cannot store."""
    return text.encode("utf-8", "backslashreplace").decode()
