"""What distinguishes one rollout of an agent from another."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from skillopt_ci.core.digest import digest
from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.harnesses.agent import Agent


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
