"""Whether agents choose a skill when they should: precision and recall, with intervals.

Intervals are Wilson's (Wilson 1927, score interval). Runs of one task are not independent, so a task counts once, with
the share of its runs that chose the skill; tasks of a cluster share what they are worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from skillopt_ci.core.rollout import Failure, Outcome, Rollout, Score
from skillopt_ci.core.stats import wilson
from skillopt_ci.core.task import Task
from skillopt_ci.core.trajectory import Trajectory

# The agent came to an end of its own, or had its say: what it did not choose by then it did not choose.
_SAID = ("stop", "turns", "refusal", "length")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share of runs in [0, 1], with its two-sided 95% interval."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        """The three numbers."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggers:
    """How a skill was chosen over tasks that say whether it should be.

    Attributes:
        precision: of the runs that chose it, those that should; None when none chose it.
        recall: of the runs that should choose it, those that did; None without such runs.
        chosen, missed, false_alarms, left: runs that chose it rightly, should have, should not have, and rightly not.
        missing: runs that ended before it was known.
        tasks: that were measured.
    """

    precision: Rate | None
    recall: Rate | None
    chosen: int
    missed: int
    false_alarms: int
    left: int
    missing: int
    tasks: int

    def as_json(self) -> dict[str, object]:
        """For reports; what was not measured is null."""
        return {
            "precision": self.precision and self.precision.as_json(),
            "recall": self.recall and self.recall.as_json(),
            "chosen": self.chosen,
            "missed": self.missed,
            "false_alarms": self.false_alarms,
            "left": self.left,
            "missing": self.missing,
            "n_tasks": self.tasks,
        }


def only_triggers(task: Task) -> bool:
    """Whether a task tests nothing but triggering: it has no graders."""
    return task.should_trigger is not None and task.graders == ()


def chosen(trajectory: Trajectory, skill: str) -> bool | None:
    """Whether the agent opened the skill; None when it ended before one can say that it did not."""
    if skill in trajectory.skills_used:
        return True
    return False if trajectory.stop_reason in _SAID else None


def unknown_choice(task: Task, triggered: bool | None, stop_reason: str) -> Failure | None:
    """Why it is not known whether a task's run chose the skill; None when it is, or the task does not ask."""
    if task.should_trigger is None or triggered is not None:
        return None
    said = f"the run ended ({stop_reason}) before it was known whether the skill is chosen"
    return Failure(stage="target", kind=stop_reason, message=said)


def trigger_outcome(task: Task, triggered: bool | None, stop_reason: str) -> Outcome:
    """The outcome of a task that tests triggering. Raises nothing: an unfinished run is a `Failure`, never a 0."""
    unknown = unknown_choice(task, triggered, stop_reason)
    if unknown is not None:
        return unknown
    right = triggered == task.should_trigger
    did = "opened the skill" if triggered else "did not open the skill"
    why = f"{did}, as it should" if right else f"{did}, and should {'' if task.should_trigger else 'not '}have"
    return Score(value=float(right), passed=right, why=why, hint=why)


def triggers(tasks: Sequence[Task], rollouts: Sequence[Rollout]) -> Triggers | None:
    """Precision and recall over the tasks that say whether the skill should trigger; None when none does."""
    asked = {t.id: t for t in tasks if t.should_trigger is not None}
    if not asked:
        return None
    runs: dict[str, list[bool]] = {}
    missing = 0
    for rollout in rollouts:
        if rollout.sample.task_id in asked:
            if rollout.triggered is None:
                missing += 1
            else:
                runs.setdefault(rollout.sample.task_id, []).append(rollout.triggered)
    should = {i: r for i, r in runs.items() if asked[i].should_trigger}
    others = {i: r for i, r in runs.items() if not asked[i].should_trigger}
    found = fsum(sum(r) / len(r) for r in should.values())
    alarms = fsum(sum(r) / len(r) for r in others.values())
    hits, false_alarms = _count(should), _count(others)
    return Triggers(
        precision=_rate(found, found + alarms, [asked[i] for i, r in runs.items() if any(r)]),
        recall=_rate(found, len(should), [asked[i] for i in should]),
        chosen=hits,
        missed=sum(map(len, should.values())) - hits,
        false_alarms=false_alarms,
        left=sum(map(len, others.values())) - false_alarms,
        missing=missing,
        tasks=len(runs),
    )


def _count(runs: dict[str, list[bool]]) -> int:
    return sum(sum(r) for r in runs.values())


def _rate(part: float, whole: float, tasks: Sequence[Task]) -> Rate | None:
    """`part` of `whole` tasks; the interval is as wide as for so many clusters."""
    if not whole:
        return None
    clusters = {("cluster", t.cluster) if t.cluster is not None else ("task", t.id) for t in tasks}
    low, high = wilson(part / whole, whole * len(clusters) / len(tasks))
    return Rate(value=part / whole, low=low, high=high)
