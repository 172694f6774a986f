"""Which run a command means: lineages, generations and whether the last one is to be continued."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from skillopt_ci.core.digest import digest
from skillopt_ci.core.spend import Limits

# Limits that pass by themselves: a run they stopped goes on the next time. One that calls or USD stopped goes on when
# the limit was raised.
_PASSING = ("minutes", "month_usd")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What the ledger knows of one generation. `stopped_by` is the name of the limit that ended it, or empty.

    `stopped` are its words, `steps` counts the steps until then, and `best` is the digest of the skill they led to, as
    far as that was noted. `planned` is what `plan` took for likely when the run began, `ends_at` where its plan would
    have ended the run when it ended. `lacking`: its gates, or its closing comparison, lacked too much, and
    (`asked`) were asked for again. `silent`: it ended as its optimizer gave no answer that could be used.
    """

    generation: int
    finished: bool
    stopped_by: str = ""
    limit: str | None = None
    stopped: str = ""
    steps: int | None = None
    best: str = ""
    planned: int | None = None
    ends_at: int | None = None
    lacking: bool = False
    asked: bool = False
    silent: bool = False

    def limits(self) -> Limits:
        """The limit that decides between calls, too: with it a replay ends where the run ended."""
        try:
            return Limits(usd=Decimal(self.limit)) if self.stopped_by == "usd" and self.limit else Limits()
        except InvalidOperation:  # a damaged record, from a merged ledger
            return Limits()


def run_id(lineage: str, generation: int) -> str:
    """The identity of a run: 16 hex digits."""
    return digest([lineage, generation])[:16]


def read_records(events: Sequence[tuple[int, str, Mapping[str, object]]]) -> list[RunRecord]:
    """The last word on every generation, from (generation, event, detail) in order."""
    found: dict[int, RunRecord] = {}
    for generation, event, detail in events:
        limit = detail.get("limit")
        before = found.get(generation)
        found[generation] = RunRecord(
            generation=generation,
            finished=event == "finished",
            stopped_by=str(detail.get("stopped_by") or ""),
            limit=None if limit is None else str(limit),
            stopped=str(detail.get("stopped") or ""),
            steps=_count(detail, "steps"),
            best=str(detail.get("best") or ""),
            planned=before.planned if before else _count(detail, "planned"),
            ends_at=_count(detail, "ends_at"),
            lacking=event == "lacking" or (before is not None and before.lacking),
            asked=before is not None and before.lacking,
            silent=detail.get("silent") is True,
        )
    return [found[g] for g in sorted(found)]


def evidence_of(silent: Collection[int], generation: int) -> int:
    """The generation whose samples a run takes: its own, or the first of the silent ones that it comes after.

    Of their samples nothing was tried and nothing chosen, so that they are as good as new ones.
    """
    while generation - 1 in silent:
        generation -= 1
    return generation


def _count(detail: Mapping[str, object], key: str) -> int | None:
    value = detail.get(key)
    return value if isinstance(value, int) else None


def next_generation(records: Sequence[RunRecord], limits: Limits, *, fresh: bool = False, replay: bool = False) -> int:
    """The generation that `train` works on: the last one while it is unfinished, else the one after it.

    A run that its budget stopped is unfinished: with the same limit the same command buys nothing more. `fresh` starts
    the next generation instead, as a scheduled job does that may spend its budget every time; also where gates, or a
    closing comparison, lacked too much and were asked for again, or tasks that always fail would end all training. With
    `replay` nothing can be bought for a next one: the last one is meant, also when it is finished.
    """
    if not records:
        return 1
    last = records[-1]
    if fresh and not last.finished and last.asked:
        return last.generation + 1
    if not last.finished or (replay and not fresh):
        return last.generation
    if not last.stopped_by or (fresh and not _goes_on(last, limits)):
        return last.generation + 1
    return last.generation


def _goes_on(record: RunRecord, limits: Limits) -> bool:
    """Whether a run that was stopped can buy more now."""
    if record.stopped_by in _PASSING:
        return True
    now = limits.calls if record.stopped_by == "calls" else limits.usd
    try:
        return now is None or record.limit is None or Decimal(now) > Decimal(record.limit)
    except InvalidOperation:  # a damaged record, from a merged ledger
        return True
