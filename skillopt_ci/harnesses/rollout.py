"""One rollout of an agent: a folder of its own, a sandbox, a way to the model; bought once, like every call."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Attachment, Task
from skillopt_ci.core.trajectory import Message, StopReason, Trajectory
from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.gateway.passes import Metered, Pass, Terms
from skillopt_ci.gateway.server import Gateway
from skillopt_ci.gateway.upstream import Upstream
from skillopt_ci.harnesses.agent import STATE, Agent, Invocation, Scene
from skillopt_ci.harnesses.ending import ending
from skillopt_ci.harnesses.present import unfit
from skillopt_ci.harnesses.recorded import Recorded
from skillopt_ci.harnesses.rollout_key import bench_identity
from skillopt_ci.harnesses.scrubbing import scrubbed, scrubbed_words
from skillopt_ci.harnesses.stored_rollout import as_value
from skillopt_ci.harnesses.transcript import Transcript
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Entry, Purchase
from skillopt_ci.providers.meter import Meter
from skillopt_ci.providers.prices import Pricer
from skillopt_ci.sandbox.base import ROOT, WORK, Command, Finished, Limits, Sandbox, make_root
from skillopt_ci.sandbox.scratch import Scratch
from skillopt_ci.sandbox.setup import base_environment, set_up
from skillopt_ci.sandbox.snapshot import Changes, Snapshot
from skillopt_ci.sandbox.workspace import lay_out, strip


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What rollouts of a skill work with.

    Attributes:
        model: at the provider.
        provider: its identity for ledger keys.
        run: who buys.
        distractors: skills that are installed beside the one under test.
        chooses: whether it is seen which skills the agent opens.
        clean: takes secrets out of what is kept: a server may echo the key that the gateway sent it.
    """

    sandbox: Sandbox
    gateway: Gateway
    upstream: Upstream
    ledger: Ledger
    meters: Sequence[Meter]
    pricer: Pricer
    model: str
    provider: str
    run: str
    distractors: tuple[Skill, ...] = ()
    chooses: bool = False
    clean: Callable[[str], str] = str


class AgentHarness:
    """Runs an agent on tasks. Safe for threads."""

    def __init__(self, agent: Agent, bench: Bench) -> None:
        why = unfit(agent, bench.provider, bench.upstream.kind)
        if why:
            raise ConfigError(why)
        self._agent = agent
        self._bench = bench
        self._recorded = Recorded(
            agent=agent,
            surroundings=bench_identity(
                bench.provider, bench.model, confined=bench.sandbox.confined, distractors=bench.distractors
            ),
            ledger=bench.ledger,
            meters=bench.meters,
            model=bench.model,
            run=bench.run,
            chooses=bench.chooses,
        )

    def run(self, skill: Skill, task: Task, sample: Sample, /) -> Trajectory:
        """Replay or buy one rollout.

        Raises:
            CallFailedError: nothing was measured; what it cost is kept in the ledger, and counts.
            BudgetReachedError, ProviderDownError, LedgerMissError, ConfigError: no further rollout makes sense.
        """
        return self._recorded.once(skill, task, sample, self._buy)

    def _buy(self, key: str, entry: Entry, skill: Skill, task: Task) -> Purchase:
        bench = self._bench
        limits = self._agent.limits
        terms = Terms(
            upstream=bench.upstream,
            models=frozenset([bench.model]),
            calls=limits.turns,
            tokens=limits.tokens,
            meters=bench.meters,
            pricer=bench.pricer,
            run=bench.run,
        )
        entered = bench.gateway.open(terms)
        purchase: Purchase | None = None
        try:
            trajectory = self._in_folder(entered, skill, task)
            purchase = self._purchase(as_value(trajectory), entered.metered)
        except CallFailedError as error:
            if error.kind != "interrupted":
                bench.ledger.fail(key, entry, error.kind, error.message)
            raise
        finally:
            bench.gateway.shut(entered)
            spent = entered.metered
            if purchase is None and spent.calls:
                self._lose(entry, spent)
        return purchase

    def _lose(self, entry: Entry, spent: Metered) -> None:
        """Keep what a rollout without result has cost: it counts against the budget, now and after a resume."""
        lost = self._purchase({}, spent)
        self._bench.ledger.once(f"lost {secrets.token_hex(16)}", replace(entry, kind="lost"), lambda: lost)

    def _purchase(self, value: Mapping[str, object], spent: Metered) -> Purchase:
        return Purchase(
            value=value,
            usage=spent.usage,
            usd=spent.usd,
            calls=spent.calls,
            served_model=self._bench.clean(spent.served_model) or self._bench.model,
            run=self._bench.run,
        )

    def _in_folder(self, entered: Pass, skill: Skill, task: Task) -> Trajectory:
        with Scratch() as folder:
            return self._work(entered, make_root(folder / ROOT), skill, task)

    def _work(self, entered: Pass, root: Path, skill: Skill, task: Task) -> Trajectory:
        """Everything that this process writes is written before the first foreign command runs."""
        bench, agent = self._bench, self._agent
        (root / STATE).mkdir()
        work = root / WORK
        lay_out(work, task.files)
        skills = (*([skill] if skill.text.strip() else []), *bench.distractors)
        for each in skills:
            lay_out(root, skill_files(each, agent.skills_folder))
        scene = Scene(
            root=root,
            view=bench.sandbox.view(root),
            prompt="\n\n".join(part for part in (task.prompt, task.context) if part),
            model=bench.model,
            url=bench.sandbox.gateway_url(bench.gateway.door),
            token=entered.token,
            skills=skills,
        )
        invocation = agent.invocation(scene)
        set_up(bench.sandbox, root, task.setup, self._limits())
        strip(work, agent.stripped, keep=root / agent.skills_folder)
        before = Snapshot.take(work)

        def clean(text: str) -> str:  # the token is worth nothing any more, and another one every time
            return bench.clean(text.replace(entered.token, "***"))

        finished = scrubbed_words(bench.sandbox.run(self._command(scene, invocation)), clean)
        bench.gateway.shut(entered)
        metered = entered.metered
        if metered.fatal is not None:
            raise metered.fatal
        if finished.ended == "stopped":
            raise CallFailedError("interrupted", "the run is being stopped")
        transcript = agent.transcript(scene, finished, metered)
        stop = ending(finished, metered, transcript)
        found = _trajectory(scene, transcript, before.changes(), finished, stop)
        return scrubbed(found, clean)

    def _command(self, scene: Scene, invocation: Invocation) -> Command:
        return Command(
            argv=invocation.argv,
            root=scene.root,
            env={**base_environment(scene.view), **invocation.env},
            stdin=invocation.stdin,
            readable=self._agent.readable,
            door=self._bench.gateway.door,
            limits=self._limits(),
        )

    def _limits(self) -> Limits:
        own = self._agent.limits
        return Limits(seconds=own.seconds, processes=own.processes, memory_mb=own.memory_mb, disk_mb=own.disk_mb)


def skill_files(skill: Skill, folder: str) -> list[Attachment]:
    """All files of a skill, below the folder of skills."""
    files = {"SKILL.md": skill.text.encode("utf-8", "surrogatepass"), **skill.bundle}
    return [Attachment(name=f"{folder}/{skill.name}/{path}", data=data) for path, data in files.items()]


def _trajectory(
    scene: Scene, transcript: Transcript, changes: Changes, finished: Finished, stop: StopReason
) -> Trajectory:
    return Trajectory(
        messages=(Message(role="user", content=scene.prompt), *transcript.messages),
        stop_reason=stop,
        served_model=transcript.served_model,
        tool_calls=transcript.tool_calls,
        seconds=finished.seconds,
        artifacts=changes.artifacts,
        removed=changes.removed,
        omitted=changes.omitted,
        diff=changes.diff,
        denied=transcript.denied,
        skills_used=transcript.skills_used,
        tool_version=transcript.tool_version,
    )
