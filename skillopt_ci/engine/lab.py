"""The lab: turns samples into rollouts, in parallel, in plan order."""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Literal, Protocol

from skillopt_ci.core.own_result import EMPTY, OWN_RESULT
from skillopt_ci.core.rollout import Evaluation, Failure, Outcome, Rollout, Sample, Score, evaluate
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.core.trigger import Triggers, chosen, only_triggers, trigger_outcome, triggers
from skillopt_ci.engine.ration import Ration
from skillopt_ci.errors import CallFailedError
from skillopt_ci.graders.base import Grader
from skillopt_ci.harnesses.base import Harness
from skillopt_ci.pool import Pool

# Asking again cannot help: the provider refused the request itself, or the task cannot be sent.
FINAL = ("request", "attachment")
VAL = "val"  # the stream of runs that decide on candidates


# By answers; by answers, and by whether the agent chose the skill where a task asks nothing else; by that alone.
Judged = Literal["answers", "both", "triggers"]


class Progress(Protocol):
    """Hears what is being measured; decides nothing."""

    def begin(self, what: str, count: int, /) -> None:
        """`count` rollouts start."""
        ...

    def advance(self, rollout: Rollout, /) -> None:
        """One is done. Called from worker threads."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """A sample to take of a skill on a task."""

    skill: Skill
    task: Task
    sample: Sample


class Lab:
    """Measures skills on tasks with one harness.

    `replica` tells runs of other seeds or generations apart.
    """

    def __init__(
        self,
        harness: Harness,
        grader_of: Callable[[Task], Grader],
        pool: Pool,
        progress: Progress,
        replica: str = "",
        judged: Judged = "answers",
    ) -> None:
        """Make a lab. `judged`: what tasks are scored by."""
        self._judged = judged
        self._harness = harness
        self._grader_of = grader_of
        self._pool = pool
        self._progress = progress
        self._replica = replica
        self._ration: Ration | None = None

    def rationed(self, ration: Ration) -> "Lab":
        """The same lab, which takes no more rollouts than a ration has."""
        made = copy(self)
        made._ration = ration
        return made

    def sample(self, task: Task, stream: str, n: int = 0) -> Sample:
        """Run `n` of a task in a stream of this run."""
        return Sample(task_id=task.id, stream=stream, n=n, replica=self._replica)

    def roll_out(self, jobs: Sequence[Job], *, what: str, keep: bool = False) -> list[Rollout]:
        """Take every sample; results in the order of the jobs.

        A rollout whose call failed is tried once more at the end, then it stays a `Failure`.

        Args:
            jobs: what to measure.
            what: for the progress display.
            keep: keep trajectories (they are large).

        Raises:
            ProviderDownError, BudgetReachedError, LedgerMissError: no further rollout makes sense.
            ConfigError: a grader cannot work here; nothing was bought.
        """
        self.ready(job.task for job in jobs)
        if self._ration is not None:
            self._ration.take([(job.skill.digest, job.sample) for job in jobs])
        self._progress.begin(what, len(jobs))
        rollouts = self._pool.map(lambda job: self._one(job, keep), jobs)
        missing = [i for i, r in enumerate(rollouts) if isinstance(r.outcome, Failure) and r.outcome.kind not in FINAL]
        if missing:
            self._progress.begin(f"{what}, failed ones again", len(missing))
            again = self._pool.map(lambda i: self._one(jobs[i], keep), missing)
            for index, rollout in zip(missing, again, strict=True):
                rollouts[index] = rollout
        return rollouts

    def take(self, job: Job) -> Rollout:
        """Take one sample, here and now. Raises as `roll_out` does."""
        self.ready([job.task])
        return self._one(job, keep=False)

    def measure(
        self, skill: Skill, tasks: Sequence[Task], stream: str, *, runs: Sequence[int] = (0,), what: str
    ) -> Evaluation:
        """Measure a skill on tasks, run by run."""
        jobs = [Job(skill, task, self.sample(task, stream, n)) for n in runs for task in tasks]
        return evaluate(skill.digest, tasks, self.roll_out(jobs, what=what))

    def triggers(self, tasks: Sequence[Task], rollouts: Sequence[Rollout]) -> Triggers | None:
        """How often the skill was chosen when it should be; None where no task asks, or nothing chooses (chat)."""
        return None if self._judged == "answers" else triggers(tasks, rollouts)

    def ready(self, tasks: Iterable[Task]) -> None:
        """Make the graders of these tasks: what one of them lacks is said before an answer to it is bought.

        Raises:
            ConfigError: one cannot work here.
        """
        for task in tasks:
            if self._judged != "triggers" and task.graders != ():
                self._grader_of(task)

    def _one(self, job: Job, keep: bool) -> Rollout:
        trajectory: Trajectory | None = None
        outcome: Outcome
        stage = "target"
        try:
            trajectory = self._harness.run(job.skill, job.task, job.sample)
            stage = "grader"
            outcome = self._outcome(job, trajectory)
        except CallFailedError as error:
            outcome = Failure(stage=stage, kind=error.kind, message=error.message)
        rollout = Rollout(
            skill=job.skill.digest,
            sample=job.sample,
            outcome=outcome,
            trajectory=trajectory if keep else None,
            triggered=self._chosen(job, trajectory) if trajectory else None,
        )
        self._progress.advance(rollout)
        return rollout

    def _outcome(self, job: Job, trajectory: Trajectory) -> Outcome:
        if self._judged == "triggers" or (self._judged == "both" and only_triggers(job.task)):
            return trigger_outcome(job.task, self._chosen(job, trajectory), trajectory.stop_reason)
        return own_result(trajectory) or self._graded(job.task, trajectory)

    def _chosen(self, job: Job, trajectory: Trajectory) -> bool | None:
        return None if self._judged == "answers" else chosen(trajectory, job.skill.name)

    def _graded(self, task: Task, trajectory: Trajectory) -> Score:
        grader = self._grader_of(task)
        try:
            return grader.grade(task, trajectory)
        except ValueError as error:  # a grader of somebody's own that gives a score outside [0, 1]
            raise CallFailedError("grader", str(error)) from error


def own_result(trajectory: Trajectory) -> Score | None:
    """A score of 0 for a limit, a refusal, a context overflow or an empty answer; None for an answer to grade.

    An agent that says nothing but changed files has answered.
    """
    why = OWN_RESULT.get(trajectory.stop_reason)
    acted = trajectory.artifacts or trajectory.removed or trajectory.omitted
    if why is None and not trajectory.answer.strip() and not acted:
        why = EMPTY
    return None if why is None else Score(value=0.0, passed=False, why=why, hint=why)
