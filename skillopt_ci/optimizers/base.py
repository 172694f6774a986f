"""The port `Optimizer`, and what it is given."""

from dataclasses import dataclass
from typing import Protocol

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import Rejected
from skillopt_ci.core.rollout import Failure, Rollout
from skillopt_ci.core.skill import Skill, Trained
from skillopt_ci.core.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a run a question is asked; part of the ledger key of optimizer calls."""

    replica: str
    epoch: int
    step: int

    def at(self, stage: str, index: int = 0) -> str:
        """The identity of one call of this step."""
        return "\x1f".join((self.replica, "optimizer", str(self.epoch), str(self.step), stage, str(index)))


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What one step's optimizer may read: train trajectories, what was rejected before, its own notes.

    `earlier` are rollouts of train tasks from steps before, oldest first: what a task did another time. `places` is how
    many edits the step can try; only where more are proposed does their order matter.
    `halves`: whether each rollout had another half of the edits under trial in its text; the skill has all of them.
    `what` is the part of the skill that edits are wanted for; for the description they are `describe` edits.
    """

    tasks: tuple[Task, ...]
    rollouts: tuple[Rollout, ...]
    rejected: tuple[Rejected, ...]
    meta_notes: str
    edit_budget: int
    minibatch_size: int
    place: Place
    earlier: tuple[Rollout, ...] = ()
    places: int = 0
    halves: bool = False
    what: Trained = "body"

    @property
    def asked(self) -> int:
        """Edits that a reader of failures is asked for: half of those that the step can try, if it may keep fewer.

        Reading costs a batch of rollouts, another edit from what was read only a few: what tries many asks for many.
        """
        return max(self.edit_budget, self.places // 2)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Ranked edits (best first), more than the budget may be there; and the calls that gave nothing."""

    edits: tuple[Edit, ...]
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Longitudinal:
    """A train task under last epoch's and this epoch's skill."""

    task: Task
    before: Rollout
    after: Rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """A whole skill as it should be: the text that may be edited, and why."""

    text: str
    rationale: str = ""


class Rewriter(Protocol):
    """Reads evidence, writes a skill anew."""

    def rewrite(self, skill: Skill, evidence: Evidence, /) -> Rewrite:
        """The skill's text as it should be. Raises `CallFailedError` when the model gives none."""
        ...


class Optimizer(Protocol):
    """Reads evidence, proposes edits."""

    def propose(self, skill: Skill, evidence: Evidence, /) -> Proposal:
        """Edits for the part of the skill that is trained."""
        ...

    def slow_update(self, skill: Skill, pairs: tuple[Longitudinal, ...], evidence: Evidence, /) -> str:
        """Guidance for the protected region. Raises `CallFailedError` when the model gives none."""
        ...

    def meta_notes(self, skill: Skill, history: str, evidence: Evidence, /) -> str:
        """Notes for later prompts on what kinds of edits work. Raises `CallFailedError` when there are none."""
        ...
