"""Repeated runs of the same tasks on two sides: rows of scores, one row a task."""

import math
from collections.abc import Sequence

Row = Sequence[float | None]
Rows = Sequence[Row]  # rows[i] are the runs of task i, in order; None is a run without a result
Pairs = Sequence[tuple[Sequence[float], Sequence[float]]]  # measured runs of base and head, task by task; none is empty


def measured(rows: Rows) -> list[list[float]]:
    """The scores that were measured, row by row.

    Raises:
        ValueError: a score outside [0, 1], or not a number.
    """
    kept = [[v for v in row if v is not None and 0.0 <= v <= 1.0] for row in rows]  # NaN is in no range
    for index, (row, scores) in enumerate(zip(rows, kept, strict=True)):
        if len(scores) + row.count(None) != len(row):
            bad = next(v for v in row if v is not None and not 0.0 <= v <= 1.0)
            raise ValueError(f"a score must lie in [0, 1], not {bad} (task {index + 1} of {len(kept)})")
    return kept


def paired(base: Rows, head: Rows) -> Pairs:
    """Measured scores of both sides, task by task; tasks with an unmeasured side are left out.

    Raises:
        ValueError: the sides have different numbers of tasks, or a score lies outside [0, 1].
    """
    if len(base) != len(head):
        raise ValueError(f"both sides must have the same tasks: {len(base)} and {len(head)}")
    return [(b, h) for b, h in zip(measured(base), measured(head), strict=True) if b and h]


def first_runs(rows: Rows, count: int) -> list[Row]:
    """The first `count` runs of every task."""
    return [row[:count] for row in rows]


def missing_share(rows: Rows) -> float:
    """Share of what was planned that has no result, in [0, 1]: the mean over tasks of each task's share.

    Tasks weigh the same however many runs they have: many stored runs of some cannot hide that others have none. A task
    where nothing was run is missing as a whole, and so is a side without tasks.
    """
    shares = [sum(v is None for v in row) / len(row) if row else 1.0 for row in rows]
    return math.fsum(shares) / len(shares) if shares else 1.0


def filled(rows: Rows, value: float) -> list[Row]:
    """Rows whose missing runs count as `value`."""
    return [[value if v is None else v for v in row] for row in rows]
