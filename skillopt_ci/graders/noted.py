"""Graders that failed, where people look for what failed: in the ledger, beside the calls without result."""

from dataclasses import dataclass

from skillopt_ci.core.digest import digest
from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import Task
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import CallFailedError
from skillopt_ci.graders.base import Grader
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Entry


@dataclass(frozen=True, slots=True)
class Noted:
    """A grader whose own failures are logged, and a judge's answers that are no verdict; calls and scripts log theirs.

    `run`: for whom it grades.
    """

    grader: Grader
    ledger: Ledger
    run: str

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        """Grade. Raises `CallFailedError` as the grader does."""
        try:
            return self.grader.grade(task, trajectory)
        except CallFailedError as error:
            if error.kind in ("grader", "malformed") and not self.ledger.replay_only:
                entry = Entry(kind="grade", run=self.run, stream="", label=f"task {task.id}, its graders")
                self.ledger.fail(digest({"kind": "grade", "task": task.id}), entry, error.kind, error.message)
            raise
