"""Stored runs of a base skill: reading them block by block, and filling them up."""

from collections.abc import Sequence

from skillopt_ci.core.rollout import Rollout, Score
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.lab import Job, Lab

BASE = "base"


def read_stored(
    lab: Lab, skill: Skill, tasks: Sequence[Task], numbers: Sequence[int], *, stream: str = BASE
) -> list[list[Rollout]]:
    """Per task, the stored runs among `numbers`, in their order; nothing is bought."""
    jobs = [Job(skill, task, lab.sample(task, stream, n)) for task in tasks for n in numbers]
    found = lab.roll_out(jobs, what=f"stored runs ({stream})", keep=True)
    rows = [found[at : at + len(numbers)] for at in range(0, len(found), len(numbers))]
    return [[r for r in row if isinstance(r.outcome, Score)] for row in rows]


def fill_base(lab: Lab, base: Skill, tasks: Sequence[Task], first: int, runs: int) -> list[Rollout]:
    """Measure the base until every task has `runs` runs from number `first` on; what is there is replayed."""
    jobs = [Job(base, task, lab.sample(task, BASE, n)) for n in range(first, first + runs) for task in tasks]
    return lab.roll_out(jobs, what="runs of the base")
