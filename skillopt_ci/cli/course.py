"""Keeping a training run to its plan: it ends at the calls that `plan` said, and a little more."""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from skillopt_ci.core.costs import Shape
from skillopt_ci.core.expected import closing_calls, reading_calls
from skillopt_ci.core.history import TrainResult
from skillopt_ci.core.spend import Limits
from skillopt_ci.engine.ration import LIMIT, Ration
from skillopt_ci.providers.meter import Meter


class Course:
    """Counts rollouts and calls of the optimizer, bought or replayed alike.

    So neither an interruption nor another run that bought some of them before moves the end.
    """

    def __init__(self, ends_at: int | None, shape: Shape) -> None:
        """`ends_at`: calls of the whole run, its closing comparison included; None ends it nowhere."""
        self._ends_at = ends_at
        self.asked = Meter(Limits())
        """Counts the optimizer's calls."""
        rollouts = sys.maxsize if ends_at is None else ends_at - closing_calls(shape)
        self.ration = Ration(rollouts, lambda: self.asked.total.calls, partial(reading_calls, shape))
        """For the lab that training measures with."""

    def keeping(self, keep: Callable[[int], None]) -> Callable[[int], None]:
        """Keep rollouts back for the end of training here, too."""

        def both(rollouts: int) -> None:
            keep(rollouts)
            self.ration.keep_back(rollouts)

        return both

    def told(self, result: TrainResult) -> TrainResult:
        """The result of a run that its plan ended is that of a finished one."""
        if result.stopped_by != LIMIT:
            return result
        words = (
            f"too few of the {self._ends_at} calls of target and optimizer that were planned are left; the next "
            "`train` starts the next run, and a larger train.over_plan or a budget.calls makes runs longer"
        )
        return replace(result, stopped=words, stopped_by="")
