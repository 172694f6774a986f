"""From a configuration to live objects: the only file that knows which classes stand behind which names."""

import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from skillopt_ci import plugins
from skillopt_ci.config.resolve import ModelRef, ResolvedSkill
from skillopt_ci.config.schema import Config
from skillopt_ci.core.nested import leaves
from skillopt_ci.core.scripts import SCRIPT
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.engine.lab import Judged, Lab, Progress
from skillopt_ci.engine.method import Method
from skillopt_ci.errors import ConfigError, MissingKeyError
from skillopt_ci.graders.base import Grader
from skillopt_ci.graders.build import build
from skillopt_ci.graders.noted import Noted
from skillopt_ci.graders.place import Place, nowhere
from skillopt_ci.harnesses.agency import Agency
from skillopt_ci.harnesses.base import AgentKind, Harness
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_seal import Seal
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import Model, Provider, ProviderOptions
from skillopt_ci.providers.prices import Pricer
from skillopt_ci.providers.purchased import Meter, Purchased
from skillopt_ci.providers.retrying import Retrying
from skillopt_ci.providers.stored import Replays, Stored

if TYPE_CHECKING:
    from skillopt_ci.harnesses.agent import Agent

# What each SDK reads when the configuration names no variable.
_KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "azure-openai": "AZURE_OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
_URL_VARIABLES = {
    "openai": "OPENAI_BASE_URL",
    "azure-openai": "AZURE_OPENAI_ENDPOINT",
    "anthropic": "ANTHROPIC_BASE_URL",
}
_VERSION_VARIABLES = {"azure-openai": "OPENAI_API_VERSION"}
# Set where the ledger becomes an artifact; the second may hold a secret of its own to seal it with.
SEAL_VARIABLE, SEAL_KEY_VARIABLE = "SKILLOPT_CI_SEAL", "SKILLOPT_CI_LEDGER_KEY"
# Other secrets of a CI job that must not leave the process through a message or a file.
_OTHER_SECRETS = ("GITHUB_TOKEN", "GH_TOKEN", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")


def secret_values(config: Config | None, env: Mapping[str, str]) -> tuple[str, ...]:
    """Values that must never leave the process: of every variable that can hold a key."""
    named = [e.api_key_env for e in config.providers.values() if e.api_key_env] if config else []
    variables = [*_KEY_VARIABLES.values(), SEAL_KEY_VARIABLE, *_OTHER_SECRETS, *named]
    return tuple(dict.fromkeys(env[v] for v in variables if env.get(v)))


def ledger_seal(config: Config | None, env: Mapping[str, str]) -> Seal:
    """What seals the ledger's answers where it becomes an artifact: a secret of its own, else a model's key.

    Not with `report.show_heldout`, and not where the ledger stays on the machine.
    """
    named = [e.api_key_env for e in config.providers.values() if e.api_key_env] if config else []
    secrets = [env.get(v, "").strip() for v in (SEAL_KEY_VARIABLE, *_KEY_VARIABLES.values(), *named)]
    shown = config is not None and config.report.show_heldout
    return Seal(secrets, sealing=env.get(SEAL_VARIABLE) == "1" and not shown)


def pricer(ref: ModelRef) -> Pricer:
    """Prices behind a model's provider."""
    entry = ref.entry
    prices = None
    if entry.price is not None:
        prices = {k: v for k, v in entry.price.model_dump().items() if v is not None}
    return Pricer(entry.type, price_as=entry.price_as, prices=prices)


def provider_options(ref: ModelRef, env: Mapping[str, str]) -> ProviderOptions:
    """How to reach a model's provider, with its key from the environment.

    Raises:
        ConfigError: the key's variable is not set, or an address is needed and missing.
    """
    entry = ref.entry
    base_url = entry.base_url or env.get(_URL_VARIABLES.get(entry.type, ""), "") or None
    return ProviderOptions(
        name=ref.provider,
        type=entry.type,
        api_key=_key(ref, env, own_server=base_url is not None),
        base_url=base_url,
        api=entry.api,
        api_version=entry.api_version or env.get(_VERSION_VARIABLES.get(entry.type, ""), "") or None,
        timeout_seconds=entry.timeout_seconds,
        noise=entry.noise,
        latency_ms=entry.latency_ms,
    )


def _key(ref: ModelRef, env: Mapping[str, str], *, own_server: bool) -> str | None:
    entry = ref.entry
    variable = entry.api_key_env or _KEY_VARIABLES.get(entry.type)
    if variable is None:
        return None
    # The SDK's own variable is meant for the vendor: a server that was given another name never gets that key.
    if entry.api_key_env is None and entry.base_url is not None and ref.provider != entry.type:
        return None
    key = env.get(variable, "").strip()
    # A server of one's own often takes any key; only a variable that was named must be there.
    if not key and (entry.api_key_env or not own_server):
        raise MissingKeyError(
            f"provider '{ref.provider}' needs a key: set the environment variable {variable}"
            + ("" if entry.api_key_env else " (or name another one in 'api_key_env')")
        )
    return key or None


@dataclass
class Workshop:
    """Makes labs and optimizers for one command; SDK clients are made once per provider, when first needed.

    `confined`: agents and scripts run in a sandbox, or not at all.
    """

    ledger: Ledger
    pool: Pool
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    confined: bool = True
    _providers: dict[str, Retrying] = field(default_factory=dict)
    _raw: list[Provider] = field(default_factory=list)
    agency: Agency = field(init=False)

    def __post_init__(self) -> None:
        """What agents and scripts share is there before any thread asks for it."""
        self.agency = Agency(self.pool.stop, confined=self.confined)

    def model(self, ref: ModelRef, *, run: str, meters: Sequence[Meter]) -> Model:
        """A model whose calls go through the ledger and the meters."""
        bought = Purchased(
            self._provider(ref), identity=identity(ref), ledger=self.ledger, meters=meters, pricer=pricer(ref), run=run
        )
        return _played(ref, bought)

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
            return _played(ref, Stored(identity=identity(ref), ledger=self.ledger, until=until, replays=replays))

        if judge is None and skill.judge:
            judge = model(skill.judge)
        kind = plugins.load("harnesses", skill.harness)
        harness: Harness
        if isinstance(kind, AgentKind):
            from skillopt_ci.harnesses.rollout_key import StoredRollouts, bench_identity

            surroundings = bench_identity(
                identity(skill.target), skill.target.model, confined=self.confined, distractors=skill.distractors
            )
            harness = StoredRollouts(kind.make(skill.harness_options), surroundings, self.ledger, until, replays)
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
        if any(g.type == SCRIPT for g in leaves(skill.graders)) and not self.ledger.replay_only:
            self.agency.sandbox()
        kind = plugins.load("harnesses", skill.harness)
        if isinstance(kind, AgentKind):
            harness = self._agent(kind.make(skill.harness_options), skill, run, meters)
        else:
            harness = kind(self.model(skill.target, run=run, meters=meters))
        judged: Judged = "triggers" if describing else "both" if skill.chooses else "answers"
        return Lab(harness, self._grader_of(skill, judge, run), self.pool, progress, replica, judged)

    def _agent(self, agent: "Agent", skill: ResolvedSkill, run: str, meters: Sequence[Meter]) -> Harness:
        from skillopt_ci.harnesses.present import require
        from skillopt_ci.harnesses.rollout import AgentHarness, Bench

        agency, target = self.agency, skill.target
        # A key first: where there is none, as in a fork's pull request, nothing else matters.
        upstream = agency.upstream(provider_options(target, self.env))
        sandbox = agency.sandbox(runs=not self.ledger.replay_only)
        if not self.ledger.replay_only:  # what is replayed needs no program, and no sandbox
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
        )
        return AgentHarness(agent, bench)

    def _grader_of(
        self, skill: ResolvedSkill, judge: Model | None, run: str, *, scripts: bool = True
    ) -> Callable[[Task], Grader]:
        sandbox = self.agency.sandbox if scripts else nowhere
        place = Place(sandbox=sandbox, confined=self.confined, ledger=self.ledger, run=run)
        of = grader_of(skill.graders, judge, place)
        return lambda task: Noted(of(task), self.ledger, run)

    def method(self, skill: ResolvedSkill, *, run: str, meters: Sequence[Meter]) -> Method:
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
            made: Provider = plugins.load("providers", ref.entry.type)(provider_options(ref, self.env))
            self._raw.append(made)
            self._providers[ref.provider] = Retrying(made, wait=self.pool.stop.wait, random=random.random)
        return self._providers[ref.provider]


def identity(ref: ModelRef) -> str:
    """What of a provider is in ledger keys: its type, its configured name, and its address where one is configured."""
    address = f"@{ref.entry.base_url}" if ref.entry.base_url else ""
    return f"{ref.entry.type}/{ref.provider}{address}"


def _played(ref: ModelRef, provider: Provider) -> Model:
    return Model(
        provider=provider, model=ref.model, temperature=ref.temperature, max_output_tokens=ref.max_output_tokens
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
