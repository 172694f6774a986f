"""Stored base runs of a skill: what the ledger has of them for a gate, and how old it is."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from skillopt_ci.cli.work import Work
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.rollout import Rollout
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.base_runs import read_stored
from skillopt_ci.providers.meter import Meter
from skillopt_ci.providers.stored import Replays

# Providers change models under a name; from this age on a fresh round must agree with the stored ones.
GUARD_HOURS = 24.0


@dataclass(frozen=True, kw_only=True)
class StoredBase:
    """Stored runs of a base.

    Attributes:
        first: number of the first run of the block in use.
        rows: per task, the runs that are there and not too old.
        stale: some of them are older than a day.
    """

    first: int
    rows: list[list[Rollout]]
    stale: bool

    @property
    def fewest(self) -> int:
        """Runs of the task that has the fewest."""
        return min((len(row) for row in self.rows), default=0)


def read_base(
    work: Work,
    skill: ResolvedSkill,
    base: Skill,
    tasks: Sequence[Task],
    *,
    meters: Sequence[Meter],
    now: float | None,
    run: str | None = None,
) -> StoredBase:
    """Find the stored runs of a base as they were at a moment (seconds since the epoch; None is this one).

    Runs are stored in blocks of `gate.base_runs`. A block with a run that is too old is used up, and the next one
    begins; so a baseline that is made again buys new runs under new numbers, and old ones stay in the ledger. With a
    `run` that pays for it, stored answers that this judge has not seen yet are judged.
    """
    at = time.time() if now is None else now
    judge = work.workshop.model(skill.judge, run=run, meters=meters) if run and skill.judge else None
    runs = skill.gate.base_runs
    first = 0
    while True:
        replays = Replays()
        lab = work.workshop.stored_lab(skill, work.progress, until=at, replays=replays, judge=judge)
        rows = read_stored(lab, base, tasks, range(first, first + runs))
        if at - replays.oldest <= skill.gate.base_ttl_hours * 3600:
            replays.count(meters)
            return StoredBase(first=first, rows=rows, stale=at - replays.oldest > GUARD_HOURS * 3600)
        first += runs
