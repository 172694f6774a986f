"""The store of purchases: every paid call once, insert-only, in one SQLite file.

The ledger is what makes "run it again" the resume: a call that was bought is replayed, whoever asks.
"""

import json
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Literal

from skillopt_ci.core.spend import Spend, StageCost
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import MEND_LEDGER, BudgetReachedError, CallFailedError, LedgerError, LedgerMissError
from skillopt_ci.ledger_file import LedgerFile, storable
from skillopt_ci.ledger_records import (
    DAMAGE,
    Entry,
    Purchase,
    RunEvent,
    calls_of,
    purchase_of,
    stored_json,
    stored_usd,
)
from skillopt_ci.ledger_salvage import LOGS, Fits, anything, opened, salvage
from skillopt_ci.ledger_seal import Seal, is_sealed

_STORE = "insert or ignore into purchases values (?,?,?,?,?,?,?,?,?,?,?,?)"
Role = Literal["target", "optimizer", "judge"]
ROLES: tuple[Role, ...] = ("target", "optimizer", "judge")
GRADE = "grade"  # what a script said: kept like a purchase, and none, as it is no call and costs nothing


class Ledger:
    """Purchases by key. Safe for the threads of one process and for several processes on one file."""

    def __init__(self, path: Path | None, *, replay_only: bool = False, seal: Seal | None = None) -> None:
        """Open or create the file; None keeps it in memory. `seal` is what its answers are sealed with (else plain).

        Raises:
            LedgerError: the file is not a ledger, is newer than this program, or cannot be written.
        """
        self.path = path
        self.replay_only = replay_only
        self.ended: BudgetReachedError | None = None  # how the run that is replayed ended, where it ends with a miss
        self._file = LedgerFile(path)
        self._seal = seal or Seal()
        self._lock = threading.Lock()
        self._in_flight: dict[str, threading.Event] = {}

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def close(self) -> None:
        """Fold the write-ahead log into the file, so that the file alone is the ledger. Closing twice is fine."""
        self._file.close()

    def find(self, key: str) -> Purchase | None:
        """The purchase under a key, or None."""
        rows = self._file.run("select * from purchases where key=?", (key,))
        if not rows:
            return None
        with self._reading():
            value = self._seal.open(rows[0][2], key)
            return None if value is None else purchase_of(rows[0], value)  # what nobody here can read is bought again

    @contextmanager
    def _reading(self) -> Generator[None]:
        """A record that is none of ours is the file's fault, not a bug."""
        try:
            yield
        except DAMAGE as error:
            raise LedgerError(f"{self.path}: the ledger holds a damaged record ({error}); {MEND_LEDGER}") from error

    def once(self, key: str, entry: Entry, buy: Callable[[], Purchase]) -> tuple[Purchase, bool]:
        """Return (purchase, True when it was bought just now). The same key in flight is bought once.

        Raises:
            LedgerMissError: replay only, and the key is not there (`ended`, where that is how the run ended).
            LedgerError: the ledger cannot be read or written.
            Whatever `buy` raises: nothing is stored then (log it with `fail`), and the next who asks buys again.
        """
        while True:
            found = self.find(key)
            if found is not None:
                return found, False
            if self.replay_only:
                self.replay_failure(key)
                raise self._missed(key, entry)
            with self._lock:
                other = self._in_flight.get(key)
                if other is None:
                    mine = self._in_flight[key] = threading.Event()
            if other is not None:
                other.wait()
                continue
            try:
                # A second look: another thread may have finished between the first one and taking the turn.
                found = self.find(key)
                return (found, False) if found is not None else (self._buy(key, entry, buy), True)
            finally:
                with self._lock:
                    del self._in_flight[key]
                mine.set()

    def _missed(self, key: str, entry: Entry) -> LedgerMissError | BudgetReachedError:
        """What to raise for a call that a replay does not find."""
        sealed = self._has(key)
        if self.ended is not None and not sealed:
            return self.ended
        why = "is sealed with a key that is not here" if sealed else "was never bought"
        return LedgerMissError(f"replay only, and this call {why}: {entry.label} ({entry.kind})")

    def _buy(self, key: str, entry: Entry, buy: Callable[[], Purchase]) -> Purchase:
        bought = buy()
        usage = bought.usage
        row = (
            key,
            entry.kind if bought.calls == 1 else f"{entry.kind}/{bought.calls}",
            self._seal.close(json.dumps(bought.value), key),
            None if bought.usd is None else str(bought.usd),
            usage.input_tokens,
            usage.cached_tokens,
            usage.output_tokens,
            entry.run,
            entry.stream,
            storable(entry.label),
            storable(bought.served_model),
            time.time(),
        )
        # A record that cannot be opened keeps its price under another name.
        aside = "update purchases set key = key || '/' || bought_at where key=?"
        if self._has(key) and self.find(key) is None:
            self._file.run(aside, (key,))
        # First record wins: of two processes that bought the same, both then use the one that is stored. The other's
        # price is kept beside it, as it was paid, too.
        if not self._file.run_many(_STORE, [row]):
            self._file.run(_STORE, (f"{key}/{row[-1]}", *row[1:]))
        stored = self.find(key)
        if stored is None:
            raise LedgerError(f"{self.path}: a purchase could not be stored")
        return stored

    def fail(self, key: str, entry: Entry, kind: str, message: str) -> None:
        """Log a call that gave no result."""
        self._file.run(
            "insert into failures (key, kind, message, run, label, failed_at) values (?,?,?,?,?,?)",
            (key, kind, self._seal.close(storable(message), key), entry.run, storable(entry.label), time.time()),
        )

    def replay_failure(self, key: str) -> None:
        """A finished run is replayed as it was: what failed then fails again instead of being bought now.

        Raises:
            CallFailedError: the newest failure under a key; nothing when there is none.
        """
        rows = self._file.run("select kind, message from failures where key=? order by id desc limit 1", (key,))
        if rows:
            raise CallFailedError(rows[0][0], self._read(rows[0][1], key))

    def _has(self, key: str) -> bool:
        return bool(self._file.run("select 1 from purchases where key=?", (key,)))

    def _read(self, stored: str, key: str) -> str:
        return self._seal.open(stored, key) or "(sealed)"

    def failures(self, limit: int) -> list[tuple[str, str, str]]:
        """The newest failures as (label, kind, message)."""
        query = "select label, kind, message, key from failures order by id desc limit ?"
        return [(r[0], r[1], self._read(r[2], r[3])) for r in self._file.run(query, (limit,))]

    def note_run(self, run: str, lineage: str, generation: int, event: str, detail: Mapping[str, object]) -> None:
        """Record that a run started or finished."""
        self._file.run(
            "insert into runs (run, lineage, generation, event, detail, at) values (?,?,?,?,?,?)",
            (run, lineage, generation, event, json.dumps(detail), time.time()),
        )

    def run_events(self, lineage: str = "") -> list[RunEvent]:
        """What is known of the runs of a lineage, or of all runs, oldest first."""
        query = "select run, generation, event, detail from runs where ? in ('', lineage) order by id"
        rows = self._file.run(query, (lineage,))
        with self._reading():
            return [RunEvent(run=r[0], generation=int(r[1]), event=r[2], detail=stored_json(r[3])) for r in rows]

    def spent_since(self, moment: float) -> Decimal:
        """USD of all purchases since a moment (seconds since the epoch); unknown prices count nothing."""
        rows = self._file.run("select usd from purchases where bought_at >= ? and usd is not null", (moment,))
        with self._reading():
            return sum((stored_usd(r[0]) or Decimal(0) for r in rows), Decimal(0))

    def streams(self) -> set[str]:
        """Every stream that something was bought in."""
        return {str(row[0]) for row in self._file.run("select distinct stream from purchases")}

    def spend_by_stream(self, run: str | None = None) -> dict[str, Spend]:
        """Everything bought, or what one run bought, by stream."""
        totals: dict[str, Spend] = {}
        for cost in self.spend_by_stage(run):
            totals[cost.stage] = totals.get(cost.stage, Spend()) + cost.spend
        return totals

    def spend_by_stage(self, run: str | None = None) -> tuple[StageCost, ...]:
        """Everything bought, or what one run bought, by stream and the model that answered, in their order."""
        columns = "kind, stream, served_model, usd, input_tokens, cached_tokens, output_tokens"
        query = f"select {columns} from purchases where ? in ('', run) and stream <> '{GRADE}'"  # noqa: S608
        rows = self._file.run(query, (run or "",))
        totals: dict[tuple[str, str], Spend] = {}
        with self._reading():
            for kind, stream, model, usd, *tokens in rows:
                usage = Usage(input_tokens=int(tokens[0]), cached_tokens=int(tokens[1]), output_tokens=int(tokens[2]))
                one = Spend(calls=calls_of(kind), usage=usage, usd=stored_usd(usd))
                totals[stream, model] = totals.get((stream, model), Spend()) + one
        return tuple(StageCost(stage=s, model=m, spend=spend) for (s, m), spend in sorted(totals.items()))

    def sizes(self, role: Role, *, agents: bool = False) -> dict[str, tuple[int, Usage]]:
        """By model that answered in a role: answers (of `agents` rollouts) whose tokens are known, and those tokens."""
        given = {"optimizer": "stream = 'optimizer'", "judge": "stream = 'judge'"}
        kind = "like 'rollout%'" if agents else "= 'call'"
        others = f"stream not in ('optimizer', 'judge', '{GRADE}') and kind {kind}"
        sums = "count(*), sum(input_tokens), sum(cached_tokens), sum(output_tokens)"
        rows = self._file.run(
            f"select served_model, {sums} from purchases where output_tokens > 0 "  # noqa: S608
            f"and {given.get(role, others)} group by served_model"
        )
        return {r[0]: (r[1], Usage(input_tokens=r[2], cached_tokens=r[3], output_tokens=r[4])) for r in rows}

    def export(self) -> list[dict[str, object]]:
        """Every purchase, oldest first, as JSON values; a value that cannot be opened is null."""
        columns = ("key", "kind", "value", "usd", "run", "stream", "label", "served_model", "bought_at")
        rows = self._file.run(f"select {','.join(columns)} from purchases order by bought_at, key")  # noqa: S608
        with self._reading():
            opened = ((row, self._seal.open(row[2], row[0])) for row in rows)
            return [
                {**dict(zip(columns, row, strict=True)), "value": None if value is None else stored_json(value)}
                for row, value in opened
            ]

    def seal_rest(self) -> None:
        """Seal what was stored plainly, when a seal is wanted now: of the file nothing else may be left."""
        if not self._seal.sealing:
            return
        done = 0
        for table, column, name in (("purchases", "value", "key"), ("failures", "message", "id")):
            for number, stored, key in self._file.run(f"select {name}, {column}, key from {table}"):  # noqa: S608
                if not is_sealed(stored):
                    sealed = self._seal.close(stored, key)
                    self._file.run(f"update {table} set {column}=? where {name}=?", (sealed, number))  # noqa: S608
                    done += 1
        if done:
            self._file.run("vacuum")

    def merge(self, other: Path, *, fits: Fits = anything, tell: Callable[[str], None] | None = None) -> int:
        """Take over what another ledger has and this one has not; returns the number of purchases.

        Of a call that both have paid the answer stays, and their price is kept beside it. What is damaged there is left
        out, with what does not fit, and `tell` hears of it.

        Raises:
            LedgerError: the other file is missing, or no ledger of this version.
        """
        if not other.is_file():
            raise LedgerError(f"{other}: no such ledger")
        with opened(other) as theirs:
            bought, logs, lost = salvage(theirs, self._seal, fits)
        if lost and tell is not None:
            tell(f"{other}: left out {lost}; what is missing is bought again when it is needed")
        with self._file.transaction():
            when = dict(self._file.run("select key, bought_at from purchases"))
            twice = [(f"{row[0]}/{row[-1]}", *row[1:]) for row in bought if when.get(row[0], row[-1]) != row[-1]]
            gained = self._file.run_many(_STORE, [*bought, *twice])
            for table, columns in LOGS.items():
                ours = set(self._file.run(f"select {columns} from {table}"))  # noqa: S608 - our own names
                marks = ",".join("?" * (columns.count(",") + 1))
                new = [row for row in logs[table] if row not in ours]
                self._file.run_many(f"insert into {table} ({columns}) values ({marks})", new)  # noqa: S608
        return gained
