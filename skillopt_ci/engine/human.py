"""The method `human`: nothing is trained. The skill as people wrote it is what the others are compared with."""

from collections.abc import Callable, Sequence

from skillopt_ci.core.history import Rejected, TrainResult
from skillopt_ci.core.skill import Skill
from skillopt_ci.engine.decide import empty
from skillopt_ci.engine.method import Method, Training
from skillopt_ci.engine.state import Workbench
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import Model

NAME = "human"
NOT_TRAINED = "nothing is trained (method human)"


def make(model: Callable[[], Model], pool: Pool) -> Method:
    """The method; it asks no model."""
    del model, pool
    return human


def human(bench: Workbench, start: Skill, remembered: Sequence[Rejected] = ()) -> Training:
    """Take no step and measure nothing."""
    del remembered
    yield from ()
    return TrainResult(
        start=start,
        best=start,
        start_val=empty(start, bench.val),
        best_val_mean=None,
        steps=(),
        stopped=NOT_TRAINED,
    )
