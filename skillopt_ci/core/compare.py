"""Two evaluations of the same tasks, paired."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.runs import Rows
from skillopt_ci.core.stats import Effect, confidence_better, plus_two
from skillopt_ci.core.task import Task

TOO_MUCH_MISSING = 0.05
_SAME = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPair:
    """One task on both sides; None is not measured."""

    task_id: str
    base: float | None
    head: float | None

    @property
    def outcome(self) -> str:
        """`improved`, `regressed`, `same` or `not-measured`."""
        if self.base is None or self.head is None:
            return "not-measured"
        if math.isclose(self.base, self.head, abs_tol=1e-9):
            return "same"
        return "improved" if self.head > self.base else "regressed"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Pairs in task order, and the effect (head minus base) over what was measured on both sides."""

    pairs: tuple[TaskPair, ...]
    effect: Effect | None
    confidence_better: float | None
    missing_base: float
    missing_head: float

    @property
    def too_much_missing(self) -> bool:
        """More than 5% missing on either side: no decision."""
        return max(self.missing_base, self.missing_head) > TOO_MUCH_MISSING or self.effect is None


def compare(base: Evaluation, head: Evaluation, tasks: Sequence[Task]) -> Comparison:
    """Pair two evaluations task by task; the unit of the interval is the cluster where tasks name one."""
    base_means, head_means = base.means, head.means
    pairs = tuple(TaskPair(task_id=t.id, base=base_means.get(t.id), head=head_means.get(t.id)) for t in tasks)
    differences = cluster_differences(pairs, {t.id: t.cluster for t in tasks})
    runs = interval_runs(base.values, head.values)
    return Comparison(
        pairs=pairs,
        effect=plus_two(differences, runs=runs),
        confidence_better=confidence_better(differences, runs=runs),
        missing_base=base.missing_share,
        missing_head=head.missing_share,
    )


def cluster_differences(pairs: Sequence[TaskPair], clusters: Mapping[str, str | None]) -> list[float]:
    """Head minus base per task, or the mean per cluster for tasks that name one; unmeasured pairs are left out."""
    groups: dict[tuple[str, str], list[float]] = {}
    for pair in pairs:
        if pair.base is None or pair.head is None:
            continue
        cluster = clusters.get(pair.task_id)
        key = ("task", pair.task_id) if cluster is None else ("cluster", cluster)
        groups.setdefault(key, []).append(pair.head - pair.base)
    return [math.fsum(g) / len(g) for g in groups.values()]


def interval_runs(base: Rows, head: Rows) -> float:
    """The `runs` of `stats.plus_two`: those of the side with fewer, and 1 where no task ever disagreed with itself.

    The pseudo-tasks shrink with the runs because runs average noise out. A target without noise has none to average:
    shrunk, a 95% interval of 20 tasks covered 91%. With eight runs on one side and four on the other, the harmonic mean
    let it cover 93.3%.
    """
    rows = [[v for v in row if v is not None] for row in (*base, *head)]
    if all(max(row) - min(row) <= _SAME for row in rows if row):
        return 1.0
    return min(_mean_runs(base), _mean_runs(head))


def _mean_runs(rows: Rows) -> float:
    """Mean measured runs of a task that was measured at all; 1 when nothing was."""
    counts = [sum(v is not None for v in row) for row in rows]
    measured = [c for c in counts if c]
    return sum(measured) / len(measured) if measured else 1.0
