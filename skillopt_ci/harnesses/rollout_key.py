"""What distinguishes one rollout of an agent from another, and those that were bought before."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from skillopt_ci.core.digest import digest
from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import CallFailedError
from skillopt_ci.harnesses.agent import Agent
from skillopt_ci.harnesses.stored_rollout import trajectory_of
from skillopt_ci.ledger import Ledger
from skillopt_ci.providers.stored import NOT_STORED, Replays


def rollout_key(agent: Agent, bench_identity: Mapping[str, object], skill: Skill, task: Task, sample: Sample) -> str:
    """The ledger key of a rollout: everything that can change what the agent does, and the sample.

    Args:
        agent: with its version and options.
        bench_identity: of provider, model and sandbox.
        skill: with all its files, and the name it is installed under.
        task: only what the agent gets of it.
        sample: its place.
    """
    return digest(
        {
            "kind": "rollout",
            **bench_identity,
            "agent": dict(agent.identity()),
            "limits": asdict(agent.limits),
            "skill": [skill.name, skill.digest],
            "task": [task.prompt, task.context, [f.identity() for f in task.files], list(task.setup)],
            "place": sample.place(),
        }
    )


def label_of(task: Task, sample: Sample) -> str:
    """A rollout for people."""
    return f"task {task.id}, {sample.stream}, run {sample.n}"


def bench_identity(
    provider: str, model: str, *, confined: bool, distractors: Sequence[Skill] = ()
) -> dict[str, object]:
    """What of the surroundings is in the key of a rollout."""
    others = {"distractors": [[s.name, s.digest] for s in distractors]} if distractors else {}
    return {"provider": provider, "model": model, "confined": confined, **others}


class StoredRollouts:
    """Replays rollouts that were bought up to a moment (seconds since the epoch), and fails on the rest."""

    def __init__(self, agent: Agent, identity: Mapping[str, object], ledger: Ledger, until: float, replays: Replays):
        self._agent = agent
        self._identity = identity
        self._ledger = ledger
        self._until = until
        self._replays = replays

    def run(self, skill: Skill, task: Task, sample: Sample, /) -> Trajectory:
        """Replay one. Raises `CallFailedError` of kind `not-stored` when it was not bought by then."""
        key = rollout_key(self._agent, self._identity, skill, task, sample)
        purchase = self._ledger.find(key)
        if purchase is None or purchase.bought_at > self._until:
            raise CallFailedError(NOT_STORED, f"{label_of(task, sample)}: not in the ledger")
        self._replays.add(key, purchase)
        return trajectory_of(purchase, label_of(task, sample))
