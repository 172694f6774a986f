"""The store of purchases: every paid call once, insert-only, in one SQLite file.

The ledger is what makes "run it again" the resume: a call that was bought is replayed, whoever asks.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType

from skillopt_ci.core.spend import Spend
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import LedgerError, LedgerMissError

_VERSION = 1
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """A bought value (JSON) with its price; `usd` None is an unknown price."""

    value: Mapping[str, object]
    usage: Usage
    usd: Decimal | None
    served_model: str
    run: str = ""

    @property
    def spend(self) -> Spend:
        """This one call as a spend."""
        return Spend(calls=1, usage=self.usage, usd=self.usd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a call is for: who buys, in which stream, and a label that names it to people."""

    kind: str
    run: str
    stream: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """A line in the life of a run: `started` or `finished`."""

    run: str
    generation: int
    event: str
    detail: Mapping[str, object]


class Ledger:
    """Purchases by key. Safe for the threads of one process and for several processes on one file."""

    def __init__(self, path: Path | None, *, replay_only: bool = False) -> None:
        """Open or create the file; None keeps it in memory.

        Raises:
            LedgerError: the file is not a ledger, is newer than this program, or cannot be written.
        """
        self.path = path
        self.replay_only = replay_only
        self._lock = threading.Lock()
        self._in_flight: dict[str, threading.Event] = {}
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path if path is not None else ":memory:", check_same_thread=False, isolation_level=None, timeout=30
            )
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(
                f"{path}: the ledger cannot be opened: {error}; move the file away to start anew"
            ) from error

    def _prepare(self) -> None:
        # WAL with NORMAL: a killed process loses nothing that was committed; only a power cut may lose the last rows.
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        self._db.execute("begin immediate")
        try:
            (version,) = self._db.execute("pragma user_version").fetchone()
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"pragma user_version={_VERSION}")
        finally:
            self._db.execute("commit")
        if version > _VERSION:
            raise LedgerError(
                f"{self.path}: written by a newer skillopt-ci (ledger version {version}); update the tool"
            )

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def close(self) -> None:
        """Fold the write-ahead log into the file, so that the file alone is the ledger."""
        with self._lock:
            self._db.execute("pragma wal_checkpoint(truncate)")
            self._db.close()

    def find(self, key: str) -> Purchase | None:
        """The purchase under a key, or None."""
        query = "select value, usd, input_tokens, cached_tokens, output_tokens, served_model, run from purchases where key=?"
        with self._lock:
            row = self._db.execute(query, (key,)).fetchone()
        if row is None:
            return None
        usage = Usage(input_tokens=row[2], cached_tokens=row[3], output_tokens=row[4])
        usd = None if row[1] is None else Decimal(row[1])
        return Purchase(value=json.loads(row[0]), usage=usage, usd=usd, served_model=row[5], run=row[6])

    def once(self, key: str, entry: Entry, buy: Callable[[], Purchase]) -> tuple[Purchase, bool]:
        """Return (purchase, True when it was bought just now). The same key in flight is bought once.

        Raises:
            LedgerMissError: replay only, and the key is not there.
            Whatever `buy` raises: it is logged as a failure, never replayed as a result.
        """
        while True:
            found = self.find(key)
            if found is not None:
                return found, False
            if self.replay_only:
                raise LedgerMissError(f"replay only, and this call was never bought: {entry.label} ({entry.kind})")
            with self._lock:
                other = self._in_flight.get(key)
                if other is None:
                    mine = self._in_flight[key] = threading.Event()
            if other is not None:
                other.wait()
                continue
            try:
                return self._buy(key, entry, buy), True
            finally:
                with self._lock:
                    del self._in_flight[key]
                mine.set()

    def _buy(self, key: str, entry: Entry, buy: Callable[[], Purchase]) -> Purchase:
        bought = buy()
        usage = bought.usage
        row = (
            key, entry.kind, json.dumps(bought.value, ensure_ascii=False), None if bought.usd is None else str(bought.usd),
            usage.input_tokens, usage.cached_tokens, usage.output_tokens,
            entry.run, entry.stream, entry.label, bought.served_model, time.time(),
        )  # fmt: skip
        with self._lock:
            # First record wins: of two processes that bought the same, both then use the one that is stored.
            self._db.execute("insert or ignore into purchases values (?,?,?,?,?,?,?,?,?,?,?,?)", row)
        stored = self.find(key)
        if stored is None:
            raise LedgerError(f"{self.path}: a purchase could not be stored")
        return stored

    def fail(self, key: str, entry: Entry, kind: str, message: str) -> None:
        """Log a call that gave no result."""
        with self._lock:
            self._db.execute(
                "insert into failures (key, kind, message, run, label, failed_at) values (?,?,?,?,?,?)",
                (key, kind, message, entry.run, entry.label, time.time()),
            )

    def note_run(self, run: str, lineage: str, generation: int, event: str, detail: Mapping[str, object]) -> None:
        """Record that a run started or finished."""
        with self._lock:
            self._db.execute(
                "insert into runs (run, lineage, generation, event, detail, at) values (?,?,?,?,?,?)",
                (run, lineage, generation, event, json.dumps(detail), time.time()),
            )

    def run_events(self, lineage: str) -> list[RunEvent]:
        """What is known of the runs of a lineage, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "select run, generation, event, detail from runs where lineage=? order by id", (lineage,)
            ).fetchall()
        return [RunEvent(run=r[0], generation=r[1], event=r[2], detail=json.loads(r[3])) for r in rows]

    def spent_since(self, moment: float) -> Decimal:
        """USD of all purchases since a moment (seconds since the epoch); unknown prices count nothing."""
        with self._lock:
            rows = self._db.execute("select usd from purchases where bought_at >= ? and usd is not null", (moment,))
            return sum((Decimal(r[0]) for r in rows), Decimal(0))

    def stats(self) -> list[tuple[str, Spend]]:
        """Everything bought, by stream."""
        with self._lock:
            rows = self._db.execute(
                "select stream, usd, input_tokens, cached_tokens, output_tokens from purchases"
            ).fetchall()
        totals: dict[str, Spend] = {}
        for stream, usd, *tokens in rows:
            usage = Usage(input_tokens=tokens[0], cached_tokens=tokens[1], output_tokens=tokens[2])
            one = Spend(calls=1, usage=usage, usd=None if usd is None else Decimal(usd))
            totals[stream] = totals.get(stream, Spend()) + one
        return sorted(totals.items())
