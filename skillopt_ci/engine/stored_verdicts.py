"""What the ledger knows of a skill's tasks: verdicts on the answers that were bought for the skill as it is."""

from collections.abc import Collection, Sequence

from skillopt_ci.core.rollout import Sample, Score
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.base_runs import BASE
from skillopt_ci.engine.lab import VAL, Job, Lab

MOST_RUNS = 8
MOST_LOOKS = 2000  # into the ledger, for one skill: `check` must stay quick


Verdicts = list[tuple[Task, list[bool]]]


def stored_verdicts(
    lab: Lab, skill: Skill, tasks: Sequence[Task], streams: Collection[str], *, replicas: Sequence[str] = ()
) -> Verdicts:
    """Per task, whether its stored runs passed: those of the base, of calibration and of `eval`.

    A task whose runs disagree is not looked at further, as nothing is always so.

    Args:
        lab: one that replays what is stored and buys nothing.
        skill: as it is now.
        tasks: in order; after 2,000 looks into the ledger the rest is left out.
        streams: that the ledger has anything of.
        replicas: trainings whose validation of the skill counts, too.
    """
    found: Verdicts = []
    looks = 0
    for task in tasks:
        row: list[bool] = []
        usual = [(stream, "") for stream in (BASE, "cal", f"eval/{task.split}")]
        for stream, replica in [*usual, *((VAL, replica) for replica in replicas if task.split == VAL)]:
            for n in range(MOST_RUNS) if stream in streams else ():
                if looks >= MOST_LOOKS or len(set(row)) > 1:
                    break
                looks += 1
                outcome = lab.take(
                    Job(skill, task, Sample(task_id=task.id, stream=stream, n=n, replica=replica))
                ).outcome
                if not isinstance(outcome, Score):
                    break
                row.append(outcome.passed)
        found.append((task, row))
    return found
