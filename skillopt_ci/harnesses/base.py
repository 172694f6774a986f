"""The port `Harness`."""

from typing import Protocol

from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.trajectory import Trajectory


class Harness(Protocol):
    """Runs one task with one skill."""

    def run(self, skill: Skill, task: Task, sample: Sample, /) -> Trajectory:
        """Return what happened.

        Raises:
            CallFailedError: infrastructure: nothing was measured.
            ProviderDownError: no further run can succeed.
        """
        ...
