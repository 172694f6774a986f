"""The closing claim: best against start on the test split, which training never saw, opened once a run."""

from collections.abc import Sequence

from skillopt_ci.core.compare import compare
from skillopt_ci.core.costs import confirmation_runs
from skillopt_ci.core.history import Confirmation
from skillopt_ci.core.rollout import Evaluation, evaluate
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.lab import Job, Lab

# Runs of the start are runs of a base. A best skill that becomes the next run's start is measured anew there: its
# test runs passed a selection.
START, BEST = "base", "test"


def confirm(lab: Lab, start: Skill, best: Skill, tasks: Sequence[Task], *, keep: bool = False) -> Confirmation:
    """Measure both skills side by side, run by run, so that a drifting provider hits both alike.

    `keep` keeps the trajectories, for reports that may show held-out texts.
    """
    runs = confirmation_runs(len(tasks))
    jobs = [
        Job(skill, task, lab.sample(task, stream, n))
        for n in range(runs)
        for task in tasks
        for skill, stream in ((start, START), (best, BEST))
    ]
    rollouts = lab.roll_out(jobs, what="closing comparison on the test split", keep=keep)
    of_start, of_best = evaluate(start.digest, tasks, rollouts[::2]), evaluate(best.digest, tasks, rollouts[1::2])
    return Confirmation(
        start=of_start,
        best=of_best,
        comparison=compare(of_start, of_best, tasks),
        runs=runs,
        rollouts=tuple(rollouts) if keep else (),
        triggers=(lab.triggers(tasks, rollouts[::2]), lab.triggers(tasks, rollouts[1::2])),
    )


def measure_unchanged(lab: Lab, start: Skill, tasks: Sequence[Task]) -> Evaluation:
    """A skill that nothing was made of, with the runs that a confirmation would have taken of it."""
    runs = range(confirmation_runs(len(tasks)))
    return lab.measure(start, tasks, START, runs=runs, what="the unchanged skill on the test split")


def measure_together(lab: Lab, start: Skill, others: Sequence[Skill], tasks: Sequence[Task]) -> dict[str, Evaluation]:
    """The start and several final skills side by side, run by run; evaluations by the skills' digests.

    As in a confirmation: the start's runs are those of a base, a skill that several methods came to is measured once.
    """
    distinct = {s.digest: s for s in others if s.digest != start.digest}
    sides = ((start, START), *((s, BEST) for s in distinct.values()))
    runs = confirmation_runs(len(tasks))
    jobs = [
        Job(skill, task, lab.sample(task, stream, n)) for n in range(runs) for task in tasks for skill, stream in sides
    ]
    rollouts = lab.roll_out(jobs, what="closing measurement of all final skills")
    return {
        skill.digest: evaluate(skill.digest, tasks, rollouts[at :: len(sides)]) for at, (skill, _) in enumerate(sides)
    }
