"""Outcomes: a score or a failure, never one disguised as the other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from skillopt_ci.core.stats import wilson
from skillopt_ci.core.task import Task
from skillopt_ci.core.trajectory import Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at: what was wanted, whether it holds, and what shows it; all for people."""

    text: str
    passed: bool
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A graded result.

    Attributes:
        value: in [0, 1].
        passed: the grader's own yes or no.
        why: for people; may quote the expected answer.
        hint: for the optimizer; what `hidden` protects is left out.
        checks: one by one what `why` sums up, where a grader looks at several things.
    """

    value: float
    passed: bool
    why: str
    hint: str
    checks: tuple[Check, ...] = ()

    def __post_init__(self) -> None:
        if not 0.0 <= self.value <= 1.0:  # also refuses NaN
            raise ValueError(f"a score must lie in [0, 1], not {self.value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Nothing was measured: where (`target`, `judge`, `grader`), what kind, and words for people."""

    stage: str
    kind: str
    message: str


Outcome = Score | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement to take: run `n` of a task in a stream.

    `replica` tells runs with another seed or generation apart, so that they bring new evidence.
    """

    task_id: str
    stream: str
    n: int = 0
    replica: str = ""

    def place(self) -> str:
        """The sample's identity as it enters ledger keys."""
        return "\x1f".join((self.replica, self.stream, self.task_id, str(self.n)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One counted measurement. The trajectory is kept only where somebody will read it.

    `triggered`: whether the agent opened the skill; None when that is not known, or no agent chooses (chat).
    """

    skill: str
    sample: Sample
    outcome: Outcome
    trajectory: Trajectory | None = None
    triggered: bool | None = None

    @property
    def value(self) -> float | None:
        """The score, or None when nothing was measured."""
        return self.outcome.value if isinstance(self.outcome, Score) else None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A skill measured on tasks: `values[i]` are the scores of `task_ids[i]`'s runs; None is a missing run.

    `clusters[i]` is what that task stands or falls with; empty where no task has such company.
    """

    skill: str
    task_ids: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    clusters: tuple[str | None, ...] = ()

    def task_mean(self, index: int) -> float | None:
        """Mean over a task's measured runs; None when none was measured."""
        got = [v for v in self.values[index] if v is not None]
        return math.fsum(got) / len(got) if got else None

    @property
    def means(self) -> dict[str, float | None]:
        """Mean of each task, by id."""
        return {task: self.task_mean(i) for i, task in enumerate(self.task_ids)}

    @property
    def mean(self) -> float | None:
        """Mean of the task means over measured tasks; None when nothing was measured."""
        got = [m for m in self.means.values() if m is not None]
        return math.fsum(got) / len(got) if got else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95% interval of the mean over the population of tasks, a cluster counting as one; None without a mean."""
        if self.mean is None:
            return None
        named = self.clusters or (None,) * len(self.task_ids)
        units = {
            ("task", task) if cluster is None else ("cluster", cluster)
            for i, (task, cluster) in enumerate(zip(self.task_ids, named, strict=True))
            if self.task_mean(i) is not None
        }
        return wilson(self.mean, len(units))

    @property
    def n_runs(self) -> int:
        """Measured runs."""
        return sum(v is not None for row in self.values for v in row)

    @property
    def missing_share(self) -> float:
        """Share of planned runs without a result, in [0, 1]."""
        planned = sum(len(row) for row in self.values)
        return (planned - self.n_runs) / planned if planned else 0.0


def evaluate(skill: str, tasks: Sequence[Task], rollouts: Sequence[Rollout]) -> Evaluation:
    """Group rollouts by task, in the order of `tasks`; runs of a task keep their order."""
    rows: dict[str, list[float | None]] = {task.id: [] for task in tasks}
    for rollout in rollouts:
        rows[rollout.sample.task_id].append(rollout.value)
    values = tuple(tuple(row) for row in rows.values())
    return Evaluation(skill=skill, task_ids=tuple(rows), values=values, clusters=tuple(t.cluster for t in tasks))
