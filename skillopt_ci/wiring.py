"""From a configuration to live objects: the only file that knows which classes stand behind which names."""

import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from skillopt_ci import plugins
from skillopt_ci.config.access import identity, pricer, provider_options
from skillopt_ci.config.resolve import ModelRef, ResolvedSkill
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.engine.lab import Judged, Lab, Progress
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders.base import Grader
from skillopt_ci.graders.build import build
from skillopt_ci.graders.noted import Noted
from skillopt_ci.graders.place import Place, nowhere
from skillopt_ci.harnesses.agency import Agency
from skillopt_ci.harnesses.base import AgentKind, Harness
from skillopt_ci.ledger import Ledger
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import Model, Provider, ProviderOptions
from skillopt_ci.providers.cleaned import Cleaned
from skillopt_ci.providers.nobody import Nobody
from skillopt_ci.providers.purchased import Meter, Purchased
from skillopt_ci.providers.retrying import Retrying
from skillopt_ci.providers.stored import Replays, Stored
from skillopt_ci.providers.unbroken import Unbroken

if TYPE_CHECKING:
    from skillopt_ci.engine.method import Method
    from skillopt_ci.harnesses.agent import Agent


@dataclass
class Workshop:
    """Makes labs and optimizers for one command; SDK clients are made once per provider, when first needed.

    `confined`: agents and scripts run in a sandbox, or not at all. `clean` takes secrets out of what models and agents
    say, before the ledger, a grader or a file has any of it: a part of a secret is not known as one any more.
    """

    ledger: Ledger
    pool: Pool
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    confined: bool = True
    clean: Callable[[str], str] = str
    _providers: dict[str, Retrying] = field(default_factory=dict)
    _raw: list[Provider] = field(default_factory=list)
    agency: Agency = field(init=False)

    def __post_init__(self) -> None:
        """What agents and scripts share is there before any thread asks for it."""
        self.agency = Agency(self.pool.stop, confined=self.confined)

    def model(self, ref: ModelRef, *, run: str, meters: Sequence[Meter]) -> Model:
        """A model whose calls go through the ledger and the meters."""
        # Cleaned before it is kept: a replay, which may have no key to clean by, then reads what the purchase gave.
        inner = Nobody() if self.ledger.replay_only else Cleaned(self._provider(ref), self.clean)
        bought = Purchased(
            inner, identity=identity(ref), ledger=self.ledger, meters=meters, pricer=pricer(ref), run=run
        )
        return self._played(ref, Unbroken(bought, self.pool))

    def stored_lab(
        self,
        skill: ResolvedSkill,
        progress: Progress,
        *,
        until: float,
        replays: Replays,
        judge: Model | None = None,
        scripts: bool = True,
    ) -> Lab:
        """A lab that replays what was bought up to a moment and buys nothing; it needs no key.

        With a `judge` it buys that one's word where it is not known. Without `scripts` none runs to say a new one.
        """

        def model(ref: ModelRef) -> Model:
            return self._played(ref, Stored(identity=identity(ref), ledger=self.ledger, until=until, replays=replays))

        if judge is None and skill.judge:
            judge = model(skill.judge)
        kind = plugins.load("harnesses", skill.harness)
        harness: Harness
        if isinstance(kind, AgentKind):
            from skillopt_ci.harnesses.recorded import StoredRollouts

            agent = kind.make(skill.harness_options)
            harness = StoredRollouts(agent, self._surroundings(skill), self.ledger, until, replays)
        else:
            harness = kind(model(skill.target))
        judged: Judged = "both" if skill.chooses else "answers"
        return Lab(harness, self._grader_of(skill, judge, "", scripts=scripts), self.pool, progress, judged=judged)

    def lab(
        self,
        skill: ResolvedSkill,
        progress: Progress,
        *,
        run: str,
        meters: Sequence[Meter],
        replica: str = "",
        describing: bool = False,
    ) -> Lab:
        """A lab that measures with a skill's target, harness, graders and judge; `describing`: its description alone.

        Raises:
            ConfigError: a key, the sandbox or the agent's program is missing, or a judge that a grader needs.
        """
        judge = self.model(skill.judge, run=run, meters=meters) if skill.judge else None
        kind = plugins.load("harnesses", skill.harness)
        if isinstance(kind, AgentKind):
            made = self._replayed if self.ledger.replay_only else self._agent
            harness = made(kind.make(skill.harness_options), skill, run, meters)
        else:
            harness = kind(self.model(skill.target, run=run, meters=meters))
        judged: Judged = "triggers" if describing else "both" if skill.chooses else "answers"
        return Lab(harness, self._grader_of(skill, judge, run), self.pool, progress, replica, judged)

    def _surroundings(self, skill: ResolvedSkill) -> Mapping[str, object]:
        from skillopt_ci.harnesses.rollout_key import bench_identity

        target = skill.target
        return bench_identity(identity(target), target.model, confined=self.confined, distractors=skill.distractors)

    def _replayed(self, agent: "Agent", skill: ResolvedSkill, run: str, meters: Sequence[Meter]) -> Harness:
        from skillopt_ci.harnesses.recorded import Recorded, ReplayedRollouts

        return ReplayedRollouts(
            Recorded(
                agent=agent,
                surroundings=self._surroundings(skill),
                ledger=self.ledger,
                meters=meters,
                model=skill.target.model,
                run=run,
                chooses=skill.chooses,
            )
        )

    def _agent(self, agent: "Agent", skill: ResolvedSkill, run: str, meters: Sequence[Meter]) -> Harness:
        from skillopt_ci.harnesses.present import require
        from skillopt_ci.harnesses.rollout import AgentHarness, Bench

        agency, target = self.agency, skill.target
        # A key first: where there is none, as in a fork's pull request, nothing else matters.
        upstream = agency.upstream(self._options(target))
        sandbox = agency.sandbox()
        require(agent, skill.harness, confined=self.confined)
        bench = Bench(
            sandbox=sandbox,
            gateway=agency.gateway(),
            upstream=upstream,
            ledger=self.ledger,
            meters=meters,
            pricer=pricer(target),
            model=target.model,
            provider=identity(target),
            run=run,
            distractors=skill.distractors,
            chooses=skill.chooses,
            clean=self.clean,
        )
        return AgentHarness(agent, bench)

    def _grader_of(
        self, skill: ResolvedSkill, judge: Model | None, run: str, *, scripts: bool = True
    ) -> Callable[[Task], Grader]:
        sandbox = self.agency.sandbox if scripts else nowhere
        place = Place(sandbox=sandbox, confined=self.confined, ledger=self.ledger, run=run)
        of = grader_of(skill.graders, judge, place)
        return lambda task: Noted(of(task), self.ledger, run)

    def method(self, skill: ResolvedSkill, *, run: str, meters: Sequence[Meter]) -> "Method":
        """The method a skill is trained with; of another package's optimizer with the usual loop.

        Raises:
            ConfigError: the method needs an optimizer model and none is configured.
            UsageError: the method needs a package that is not installed.
        """

        def model() -> Model:
            if skill.optimizer is None:
                raise ConfigError(
                    f"skills[{skill.name}]: training needs an 'optimizer' model; add it to the configuration"
                )
            return self.model(skill.optimizer, run=run, meters=meters)

        name = skill.train.method
        if plugins.has("methods", name):
            made: Method = plugins.load("methods", name)(model, self.pool)
            return made
        from skillopt_ci.engine.train import looping

        return looping(plugins.load("optimizers", name)(model(), self.pool))

    def close(self) -> None:
        """Close the connections of every SDK client, and the gateway."""
        self.agency.close()
        for provider in self._raw:
            close = getattr(provider, "close", None)
            if close is not None:
                close()

    def _provider(self, ref: ModelRef) -> Retrying:
        if ref.provider not in self._providers:
            made: Provider = plugins.load("providers", ref.entry.type)(self._options(ref))
            self._raw.append(made)
            self._providers[ref.provider] = Retrying(made, wait=self.pool.stop.wait, random=random.random)
        return self._providers[ref.provider]

    def _options(self, ref: ModelRef) -> ProviderOptions:
        return replace(provider_options(ref, self.env), clean=self.clean)

    def _played(self, ref: ModelRef, provider: Provider) -> Model:
        """Cleaned once more: a ledger of earlier versions holds answers as they came."""
        return Model(
            provider=Cleaned(provider, self.clean),
            model=ref.model,
            temperature=ref.temperature,
            max_output_tokens=ref.max_output_tokens,
        )


def grader_of(
    common: Sequence[GraderSpec], judge: Model | None, place: Place | None = None
) -> Callable[[Task], Grader]:
    """The grader of each task: its own graders, else the skill's. Built once per set of graders."""
    # With the specs, so that they live on and no other ones get their ids.
    made: dict[tuple[int, ...], tuple[tuple[GraderSpec, ...], Grader]] = {}

    def grader(task: Task) -> Grader:
        specs = tuple(task.graders if task.graders is not None else common)
        key = tuple(id(s) for s in specs)
        if key not in made:
            made[key] = specs, build(specs, judge, place)
        return made[key][1]

    return grader
