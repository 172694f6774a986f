"""A training bench made by hand: a harness with given scores, an optimizer with scripted words."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import Notes, Rejected, Step, TrainResult
from skillopt_ci.core.policy import EditPolicy
from skillopt_ci.core.rollout import Rollout, Sample, Score
from skillopt_ci.core.screening import ScreenRule
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.task import Source, Task
from skillopt_ci.core.training_gate import STRICT
from skillopt_ci.core.trajectory import Message, StopReason, Trajectory
from skillopt_ci.engine.lab import Lab
from skillopt_ci.engine.state import Bench, TrainSettings
from skillopt_ci.engine.train import train
from skillopt_ci.errors import CallFailedError
from skillopt_ci.optimizers.base import Evidence, Longitudinal, Proposal
from skillopt_ci.pool import Pool

Scorer = Callable[[Skill, Task, Sample], float | str | Exception]
FRONT = "---\nname: x\nextra:   kept  # as it is\n---\n"


def skill(body: str) -> Skill:
    return Skill(name="x", frontmatter=FRONT, body=body)


def tasks(*ids: str, cluster: str | None = None) -> tuple[Task, ...]:
    metadata = {} if cluster is None else {"cluster": cluster}
    return tuple(
        Task(id=i, prompt=f"prompt of {i}", source=Source(file="t", line=n), metadata=metadata)
        for n, i in enumerate(ids, 1)
    )


def named(prefix: str, count: int) -> tuple[Task, ...]:
    return tasks(*(f"{prefix}{n}" for n in range(count)))


def add(content: str, target: str = "") -> Edit:
    return Edit(op="add", target=target, content=content)


def holds(skill: Skill, task: Task, sample: Sample) -> float:
    """A task passes when the body holds its word: the letters of its id."""
    return float(task.id.rstrip("0123456789") in skill.body)


class Script:
    """A harness: the answer is the score that `scorer` gives; an exception is raised, a text is the answer."""

    def __init__(self, scorer: Scorer = holds, stop: StopReason = "stop") -> None:
        self._scorer = scorer
        self._stop = stop
        self._lock = threading.Lock()
        self.seen: list[tuple[str, Sample]] = []

    def run(self, skill: Skill, task: Task, sample: Sample, /) -> Trajectory:
        with self._lock:
            self.seen.append((skill.body, sample))
        said = self._scorer(skill, task, sample)
        if isinstance(said, Exception):
            raise said
        messages = (Message(role="user", content=task.prompt), Message(role="assistant", content=str(said)))
        return Trajectory(messages=messages, stop_reason=self._stop, served_model="m")


class Reader:
    """A grader: the answer is the score."""

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        if trajectory.answer == "broken":
            raise CallFailedError("grader", "the grader is broken")
        value = float(trajectory.answer)
        return Score(value=value, passed=value >= 1, why=f"got {value}", hint="no word")


class Hears:
    """A progress display that keeps what it hears."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        self.done = 0
        self._lock = threading.Lock()

    def begin(self, what: str, count: int, /) -> None:
        self.begun.append((what, count))

    def advance(self, rollout: Rollout, /) -> None:
        with self._lock:
            self.done += 1


class Scripted:
    """An optimizer that says what it is told to, the last word again and again; keeps what it was given."""

    def __init__(
        self,
        proposals: Sequence[Sequence[Edit] | Proposal] = (),
        guidance: Sequence[str | Exception] = ("",),
        notes: Sequence[str | Exception] = ("",),
    ) -> None:
        self._proposals, self._guidance, self._notes = list(proposals), list(guidance), list(notes)
        self.asked: list[tuple[Skill, Evidence]] = []
        self.slow: list[tuple[Skill, tuple[Longitudinal, ...], Evidence]] = []
        self.meta: list[tuple[Skill, str, Evidence]] = []

    def propose(self, skill: Skill, evidence: Evidence, /) -> Proposal:
        said = self._proposals[min(len(self.asked), len(self._proposals) - 1)] if self._proposals else ()
        self.asked.append((skill, evidence))
        return said if isinstance(said, Proposal) else Proposal(edits=tuple(said))

    def slow_update(self, skill: Skill, pairs: tuple[Longitudinal, ...], evidence: Evidence, /) -> str:
        said = self._guidance[min(len(self.slow), len(self._guidance) - 1)]
        self.slow.append((skill, pairs, evidence))
        return _said(said)

    def meta_notes(self, skill: Skill, history: str, evidence: Evidence, /) -> str:
        said = self._notes[min(len(self.meta), len(self._notes) - 1)]
        self.meta.append((skill, history, evidence))
        return _said(said)


def _said(said: str | Exception) -> str:
    if isinstance(said, Exception):
        raise said
    return said


# Written out: what is asserted of it is not about the defaults.
RULE = ScreenRule(runs=3, odds=8, company=6)
SETTINGS = TrainSettings(
    epochs=1,
    batch_size=4,
    minibatch_size=2,
    budget_start=4,
    budget_end=4,
    budget_shape="constant",
    rule=STRICT,
    slow_update=True,
    meta_notes=True,
    seed=1,
    replica="1/1",
    policy=EditPolicy(),
    screen=ScreenRule(runs=0),
    prune=False,
)


def lab(harness: Script, *, replica: str = "1/1", concurrency: int = 1, hears: Hears | None = None) -> Lab:
    return Lab(harness, lambda task: Reader(), Pool(concurrency), hears or Hears(), replica)


def bench(optimizer: Scripted, harness: Script | None = None, **changes: object) -> Bench:
    """A bench; `changes` are fields of the bench or of its settings."""
    if "exact_stop" in changes:
        changes["rule"] = replace(STRICT, exact_stop=bool(changes.pop("exact_stop")))
    own = {
        k: changes.pop(k)
        for k in ("lab", "train", "val", "spent", "checkpoint", "leakage", "keep_back")
        if k in changes
    }
    made = Bench(
        lab=lab(harness or Script()),
        optimizer=optimizer,
        train=named("a", 4),
        val=named("a", 4),
        settings=replace(SETTINGS, **changes),  # type: ignore[arg-type]
        spent=Spend,
        checkpoint=lambda: None,
    )
    return replace(made, **own)  # type: ignore[arg-type]


def run(made: Bench, start: Skill, remembered: Sequence[Rejected] = ()) -> tuple[TrainResult, list[Step | Notes]]:
    """Train to the end: the result and everything that was told on the way."""
    told: list[Step | Notes] = []
    steps = train(made, start, remembered)
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return end.value, told
