"""Factorial trials: what is each of many edits worth, when every run has another half of them in its text?

A linear model over all runs: each task has a level of its own, and so has each step, as the skill, and perhaps the
provider, were others then; each edit has one small effect on all of them (Box, Hunter and Hunter, Statistics for
Experimenters, 2005, ch. 5), shrunk towards nothing (Lindley and Smith 1972). Every run tells
of all edits at once, so that effects of a few points show on some hundred runs; edits tried alone would take as many
each.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from skillopt_ci.core.screening import Screening

EFFECT = 0.05  # standard deviation of what an edit may move the mean score by, either way
DRIFT = 0.1  # and of what may be otherwise in one step than in all
SUREST = 30.0  # logarithm of odds; beyond it a normal tail is no number any more
_LEAST = 1e-3
_NORMAL = NormalDist()
Vector = list[float]
Matrix = list[Vector]


@dataclass(frozen=True, slots=True)
class Trial:
    """A run of a task: the keys of the edits that stood in its text, its score from 0 to 1, and the step it is of."""

    task: str
    present: frozenset[str]
    value: float
    step: int = 0


def effects(trials: Sequence[Trial], edits: Sequence[str]) -> dict[str, Screening]:
    """What each edit does on average over tasks: its `gain`, and as `evidence` how likely it is to help, not to harm.

    Args:
        trials: all runs; other edits that stood in their texts are reckoned with.
        edits: keys of those that are asked about. One without any run has a gain of 0.
    """
    if not trials:
        return {}
    columns = sorted({*edits, *(key for trial in trials for key in trial.present)})
    precision, moment = _normal_equations(trials, columns)
    spread = _inverse(precision)
    runs = {key: sum(key in trial.present for trial in trials) for key in edits}
    found = {}
    for i, key in enumerate(columns):
        gain = _dot(spread[i], moment)
        found[key] = (gain, _log_odds(gain / math.sqrt(spread[i][i])))
    return {
        key: Screening(gain=gain, runs=runs[key], evidence=odds, together=True)
        for key, (gain, odds) in found.items()
        if key in runs
    }


def _log_odds(z: float) -> float:
    """Natural logarithm of how much likelier an effect is to be above 0 than below, `z` standard deviations from it."""
    above, below = _NORMAL.cdf(z), _NORMAL.cdf(-z)
    odds = math.log(above / below) if above > 0 and below > 0 else math.copysign(SUREST, z)
    return min(SUREST, max(-SUREST, odds))


def _variances(trials: Sequence[Trial]) -> tuple[float, float]:
    """Of a task's runs in one step, and of the levels of tasks (analysis of variance); a thousandth at least."""
    cells: dict[tuple[str, int], list[float]] = defaultdict(list)
    for trial in trials:
        cells[trial.task, trial.step].append(trial.value)
    whole = _squares([trial.value for trial in trials]) / len(trials)
    degrees = len(trials) - len(cells)
    within = math.fsum(map(_squares, cells.values())) / degrees if degrees else whole
    return max(within, _LEAST), max(whole - within, within / 20, _LEAST)


def _squares(values: Sequence[float]) -> float:
    """Sum of squared distances from the mean."""
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values)


def _normal_equations(trials: Sequence[Trial], columns: Sequence[str]) -> tuple[Matrix, Vector]:
    """Precision and moment of the effects, the steps' and the common level; those of tasks are integrated out."""
    place = {key: i for i, key in enumerate(columns)}
    steps = {step: i for i, step in enumerate(sorted({trial.step for trial in trials}), len(columns))}
    common = len(columns) + len(steps)
    by_task: dict[str, list[tuple[list[int], float]]] = defaultdict(list)
    for trial in trials:
        there = [*sorted(place[key] for key in trial.present), steps[trial.step], common]
        by_task[trial.task].append((there, trial.value))
    within, between = _variances(trials)
    priors = [1 / EFFECT**2] * len(columns) + [1 / DRIFT**2] * len(steps) + [_LEAST]
    size = len(priors)
    moment = [0.0] * size
    precision = [[prior if i == j else 0.0 for j in range(size)] for i, prior in enumerate(priors)]
    for runs in by_task.values():
        shared = between / (within + len(runs) * between)  # Woodbury: of a task's runs only what differs tells
        total, values = [0.0] * size, math.fsum(value for _, value in runs)
        for there, value in runs:
            for i in there:
                total[i] += 1
                moment[i] += value / within
                for j in there:
                    precision[i][j] += 1 / within
        some = [i for i in range(size) if total[i]]
        for i in some:
            moment[i] -= shared * total[i] * values / within
            for j in some:
                precision[i][j] -= shared * total[i] * total[j] / within
    return precision, moment


def _dot(one: Vector, other: Vector) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def _inverse(matrix: Matrix) -> Matrix:
    """Of a positive definite matrix, by elimination: such a one needs no other order of its rows."""
    size = len(matrix)
    rows = [[*row, *(float(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for i in range(size):
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for j in range(size):
            factor = rows[j][i]
            if j != i and factor:
                rows[j] = [a - factor * b for a, b in zip(rows[j], rows[i], strict=True)]
    return [row[size:] for row in rows]
