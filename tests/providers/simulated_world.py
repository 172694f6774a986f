"""A small world for tests of the simulated models: a skill, a suite and a training run, all in memory."""

from dataclasses import dataclass
from pathlib import Path

from skillopt_ci.core.history import TrainResult
from skillopt_ci.core.policy import EditPolicy
from skillopt_ci.core.rollout import Rollout
from skillopt_ci.core.skill import Skill, split_text
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.split import SplitWeights
from skillopt_ci.core.task import GraderSpec, Suite
from skillopt_ci.core.training_gate import STRICT
from skillopt_ci.engine.lab import Lab
from skillopt_ci.engine.state import Bench, TrainSettings
from skillopt_ci.engine.train import train
from skillopt_ci.graders.build import build
from skillopt_ci.harnesses.chat import Chat
from skillopt_ci.optimizers.skillopt import SkillOpt
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import Model, ProviderOptions
from skillopt_ci.providers.simulated import make
from skillopt_ci.suites.load import TaskEntry, load_suite
from tests.fakes import MemoryTree


class Silence:
    """A progress display that shows nothing."""

    def begin(self, what: str, count: int, /) -> None: ...

    def advance(self, rollout: Rollout, /) -> None: ...


@dataclass(frozen=True)
class World:
    """A skill with its tasks and graders; `noise` is the simulated provider's."""

    skill: Skill
    suite: Suite
    graders: tuple[GraderSpec, ...] = ()
    noise: float = 0.05

    def model(self) -> Model:
        provider = make(ProviderOptions(name="simulated", type="simulated", noise=self.noise))
        return Model(provider=provider, model="small", temperature=None, max_output_tokens=4096)

    def lab(self, seed: int = 1) -> Lab:
        judge = self.model()
        return Lab(
            Chat(self.model()), lambda t: build(t.graders or self.graders, judge), Pool(1), Silence(), f"seed{seed}"
        )

    def score(self, skill: Skill, split: str = "test") -> float:
        mean = self.lab().measure(skill, self.suite.of([split]), split, what="").mean
        assert mean is not None
        return mean

    def train(
        self, *, seed: int = 1, epochs: int = 4, batch: int = 13, minibatch: int = 4, budget: int = 3
    ) -> TrainResult:
        pool = Pool(1)
        settings = TrainSettings(
            epochs=epochs,
            batch_size=batch,
            minibatch_size=minibatch,
            budget_start=budget,
            budget_end=2,
            budget_shape="cosine",
            rule=STRICT,
            slow_update=True,
            meta_notes=True,
            seed=seed,
            replica=f"seed{seed}",
            policy=EditPolicy(),
        )
        bench = Bench(
            lab=self.lab(seed),
            optimizer=SkillOpt(self.model(), pool),
            train=self.suite.of(["train"]),
            val=self.suite.of(["val"]),
            settings=settings,
            spent=Spend,
            checkpoint=lambda: None,
        )
        run = train(bench, self.skill)
        while True:
            try:
                next(run)
            except StopIteration as end:
                result: TrainResult = end.value
                return result


def read_world(
    skill: Path, tasks: list[Path], graders: tuple[GraderSpec, ...], *, noise: float, test: float = 3
) -> World:
    """A world from files."""
    tree = MemoryTree({p.name: p.read_bytes() for p in tasks})
    suite, problems, _ = load_suite(
        tree, [TaskEntry(pattern=p.name) for p in tasks], split=SplitWeights(train=4, val=3, test=test)
    )
    assert [p for p in problems if not p.warning] == []
    frontmatter, body = split_text(skill.read_text(encoding="utf-8"))
    return World(Skill(name=skill.parent.name, frontmatter=frontmatter, body=body), suite, graders, noise)
