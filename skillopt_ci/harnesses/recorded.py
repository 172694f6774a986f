"""Rollouts of agents in the ledger: each is bought once, replayed after that, and counted by every meter."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Never

from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.core.trigger import chosen, unknown_choice
from skillopt_ci.errors import CallFailedError
from skillopt_ci.harnesses.agent import Agent
from skillopt_ci.harnesses.rollout_key import label_of, rollout_key
from skillopt_ci.harnesses.stored_rollout import trajectory_of
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Entry, Purchase
from skillopt_ci.providers.meter import Meter
from skillopt_ci.providers.nobody import nobody
from skillopt_ci.providers.stored import NOT_STORED, Replays


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An agent's rollouts in a ledger.

    Attributes:
        surroundings: of `bench_identity`.
        model: at the provider.
        run: who buys.
        chooses: whether it is seen which skills the agent opens.
    """

    agent: Agent
    surroundings: Mapping[str, object]
    ledger: Ledger
    meters: Sequence[Meter]
    model: str
    run: str
    chooses: bool

    def once(
        self, skill: Skill, task: Task, sample: Sample, buy: Callable[[str, Entry, Skill, Task], Purchase]
    ) -> Trajectory:
        """Replay or buy one rollout. `buy` gets the key and what it is for.

        Raises:
            LedgerMissError: replay only, and it was never bought.
            LedgerError: its record is damaged.
            Whatever `buy` raises.
        """
        key = rollout_key(self.agent, self.surroundings, skill, task, sample)
        label = label_of(task, sample)
        entry = Entry(kind="rollout", run=self.run, stream=sample.stream, label=label)
        purchase, bought = self.ledger.once(key, entry, lambda: buy(key, entry, skill, task))
        found = trajectory_of(purchase, label)
        unknown = unknown_choice(task, chosen(found, skill.name), found.stop_reason) if self.chooses else None
        if bought and unknown is not None:  # graders have a result; whether the skill was chosen nobody knows
            self.ledger.fail(key, entry, unknown.kind, unknown.message)
        for meter in self.meters:
            if bought:
                meter.counted(key)
            else:
                meter.replay(key, purchase)
            meter.require_price(purchase, self.model)
        return found


class ReplayedRollouts:
    """The agent of a replay: what it did is in the ledger. Needs no program, no sandbox and no key."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded

    def run(self, skill: Skill, task: Task, sample: Sample, /) -> Trajectory:
        """Replay one rollout. Raises as `Recorded.once`."""
        return self._recorded.once(skill, task, sample, _unbought)


def _unbought(_key: str, entry: Entry, _skill: Skill, _task: Task) -> Never:
    raise nobody(entry.label)


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
