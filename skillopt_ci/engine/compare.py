"""Base against head on the held-out tasks."""

from collections.abc import Sequence

from skillopt_ci.core.compare import Comparison, compare
from skillopt_ci.core.rollout import Evaluation, evaluate
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.lab import Job, Lab


def compare_skills(
    lab: Lab, base: Skill, head: Skill, tasks: Sequence[Task]
) -> tuple[Evaluation, Evaluation, Comparison]:
    """Measure both sides once per task, side by side; each has a stream of its own."""
    jobs = [
        Job(skill, task, lab.sample(task, stream))
        for task in tasks
        for skill, stream in ((base, "base"), (head, "head"))
    ]
    rollouts = lab.roll_out(jobs, what="base and head on the held-out tasks")
    ids = [t.id for t in tasks]
    of_base = evaluate(base.digest, ids, rollouts[::2])
    of_head = evaluate(head.digest, ids, rollouts[1::2])
    return of_base, of_head, compare(of_base, of_head, tasks)
