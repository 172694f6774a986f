"""Stored runs of a base skill: which of them a gate may use, and filling them up."""

from collections.abc import Callable, Sequence

from skillopt_ci.core.rollout import Rollout, Score
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.lab import Job, Lab

BASE = "base"
_MOST_BLOCKS = 1000

LabAt = Callable[[bool], Lab]
"""A lab that replays stored runs only: all of them, or (True) those that are not too old."""


def stored_block(lab_at: LabAt, base: Skill, tasks: Sequence[Task], runs: int) -> tuple[int, list[list[Rollout]]]:
    """The block of stored runs in use: its first run number, and per task the runs that are there.

    Runs are stored in blocks of `runs`. A block with a run that is too old is used up, and the next one begins; so a
    baseline that is made again buys new runs under new numbers, and old ones stay in the ledger as they are.
    """
    for block in range(_MOST_BLOCKS):
        first = block * runs
        numbers = range(first, first + runs)
        every = read_stored(lab_at(False), base, tasks, numbers)
        young = read_stored(lab_at(True), base, tasks, numbers)
        if sum(map(len, every)) == sum(map(len, young)):
            return first, young
    return _MOST_BLOCKS * runs, [[] for _ in tasks]


def read_stored(lab: Lab, base: Skill, tasks: Sequence[Task], numbers: Sequence[int]) -> list[list[Rollout]]:
    """Per task, the stored runs among `numbers`, in their order; nothing is bought."""
    jobs = [Job(base, task, lab.sample(task, BASE, n)) for task in tasks for n in numbers]
    found = lab.roll_out(jobs, what="stored runs of the base", keep=True)
    rows = [found[at : at + len(numbers)] for at in range(0, len(found), len(numbers))]
    return [[r for r in row if isinstance(r.outcome, Score)] for row in rows]


def fill_base(lab: Lab, base: Skill, tasks: Sequence[Task], first: int, runs: int) -> list[Rollout]:
    """Measure the base until every task has `runs` runs from number `first` on; what is there is replayed."""
    jobs = [Job(base, task, lab.sample(task, BASE, n)) for n in range(first, first + runs) for task in tasks]
    return lab.roll_out(jobs, what="runs of the base")
