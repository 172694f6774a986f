"""The port `Harness`, and how agents are registered among the harnesses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.trajectory import Trajectory

if TYPE_CHECKING:
    from skillopt_ci.harnesses.agent import Agent


class Harness(Protocol):
    """Runs one task with one skill."""

    def run(self, skill: Skill, task: Task, sample: Sample, /) -> Trajectory:
        """Return what happened.

        Raises:
            CallFailedError: infrastructure: nothing was measured.
            ProviderDownError: no further run can succeed.
        """
        ...


@dataclass(frozen=True, slots=True)
class AgentKind:
    """What an agent registers as a harness. `make` takes the options; it raises `ConfigError` (one line, no file)."""

    make: Callable[[Mapping[str, object]], "Agent"]
