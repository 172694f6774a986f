"""What a command that spends works with: ledger, pool, meters, progress; closed whatever happens."""

import os
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from skillopt_ci import plugins
from skillopt_ci.cli.console import Console
from skillopt_ci.cli.month import month_book, month_start
from skillopt_ci.cli.options import Options
from skillopt_ci.cli.progress import PlainProgress, progress_for
from skillopt_ci.cli.project import Project, read_skill, read_suite
from skillopt_ci.config.access import ledger_seal, pricer, secret_values
from skillopt_ci.config.resolve import ModelRef, ResolvedSkill
from skillopt_ci.config.schema import Config
from skillopt_ci.core.digest import digest
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Limits, Spend
from skillopt_ci.core.task import Suite, Task
from skillopt_ci.errors import ConfigError
from skillopt_ci.harnesses.base import AgentKind
from skillopt_ci.ledger import Ledger
from skillopt_ci.pool import Pool
from skillopt_ci.providers.purchased import Meter
from skillopt_ci.report.escape import scrubber
from skillopt_ci.sandbox.scratch import lock_folder, unlock_folder
from skillopt_ci.wiring import Workshop

CHAT_CONCURRENCY = 8
_NO_RUN = "none"  # of those who only look whether they could
LEDGER = ".skillopt/ledger.sqlite"
# Names another place. The action does: what a pull request has committed as its ledger must never decide its gate.
LEDGER_VARIABLE = "SKILLOPT_CI_LEDGER"
_NOT_KEPT = (
    "no key here to seal the ledger's answers with, so no later run can use them: set SKILLOPT_CI_LEDGER_KEY to a "
    "secret of at least 16 characters, or report.show_heldout where everybody may read them"
)


@dataclass(frozen=True, kw_only=True)
class Work:
    """One command at work. `meter` counts the whole command; `month_usd` was spent this month before, by all runs."""

    project: Project
    options: Options
    console: Console
    ledger: Ledger
    workshop: Workshop
    meter: Meter
    month_usd: Decimal
    progress: PlainProgress

    def limits(self, skill: ResolvedSkill) -> Limits:
        """What a run of this skill may spend."""
        return told(self.options, skill.budget) if skill.own_budget else self.meter.limits

    def skill_meter(self, skill: ResolvedSkill, run: str) -> Meter:
        """A meter of one skill's run: its own limits when its entry sets some; the command's meter counts it too.

        Raises:
            ConfigError: its own limit is in USD, and the price of its target or judge is not known.
        """
        if skill.own_budget:
            require_prices(self.limits(skill), [*skill.targets, skill.judge])
        limits = self.limits(skill) if skill.own_budget else Limits()
        meter = Meter(limits, month_usd=self.month_usd)
        self.count([run], meter)
        return meter

    def count(self, runs: Iterable[str], *meters: Meter) -> None:
        """Count what runs bought before against the limits of the command, and of `meters`.

        Of several runs all before the first of them begins: what one of them lacks must not be bought for what
        another one has spent.
        """
        for run in runs:
            already = sum(self.ledger.spend_by_stream(run).values(), Spend())
            for meter in (self.meter, *meters):
                meter.add_run(run, already)


@contextmanager
def at_work(console: Console, options: Options, project: Project) -> Generator[Work]:
    """Open everything a spending command needs.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    limits = limits_of(options, project)
    console.scrub = scrubber(secret_values(project.config, os.environ))
    console.unconfined = project.config.sandbox == "off"
    pool = Pool(concurrency(project.config, project.skills))
    seal = ledger_seal(project.config, os.environ)
    limited = limits.month_usd is not None or any(s.budget.month_usd is not None for s in project.skills)
    with (
        Ledger(ledger_path(project.root), replay_only=options.replay_only, seal=seal) as ledger,
        _at_the_ledger(console, options, project.root),
        month_book(console, limits, limited=limited) as book,
    ):
        ledger.seal_rest()
        if seal.sealing and not seal.lasts:
            console.say(_NOT_KEPT)
        # What the ledger knows is among what all runs have spent, as far as they have told.
        month = max(ledger.spent_since(month_start()), book.before) if limited else Decimal(0)
        meter = Meter(limits, month_usd=month, paid_now=book.add)
        console.spent = lambda: (meter.paid, meter.replayed)
        confined = project.config.sandbox == "auto"
        workshop = Workshop(ledger=ledger, pool=pool, confined=confined, clean=console.scrub)
        progress = progress_for(console, lambda: meter.paid)
        try:
            with progress:
                yield Work(
                    project=project,
                    options=options,
                    console=console,
                    ledger=ledger,
                    workshop=workshop,
                    meter=meter,
                    month_usd=month,
                    progress=progress,
                )
        finally:
            workshop.close()


@contextmanager
def _at_the_ledger(console: Console, options: Options, root: Path) -> Generator[None]:
    """Say so when another command buys with the same ledger: each sees what the other bought only when it begins."""
    lock = None
    if not options.replay_only:
        try:
            lock = lock_folder(ledger_path(root).resolve().parent)
        except BlockingIOError:
            console.warn(
                "warning: another command is at work with this ledger: what both need is bought by both, and neither "
                "sees what the other spends"
            )
        except OSError:  # a folder that cannot be locked says nothing
            pass
    try:
        yield
    finally:
        unlock_folder(lock)


def ledger_path(root: Path) -> Path:
    """Where a project's ledger is."""
    named = os.environ.get(LEDGER_VARIABLE)
    return Path(named) if named else root / LEDGER


def limits_of(options: Options, project: Project) -> Limits:
    """The configuration's budget; what the command line says wins."""
    return told(options, Limits(**project.config.budget.model_dump()))


def told(options: Options, limits: Limits) -> Limits:
    """Limits, where the command line does not say otherwise."""
    if options.max_usd is not None:
        limits = replace(limits, usd=options.max_usd)
    if options.max_calls is not None:
        limits = replace(limits, calls=options.max_calls)
    return limits


def require_prices(limits: Limits, refs: Sequence[ModelRef | None]) -> None:
    """Refuse a budget in USD for models without a known price, before anything is spent.

    Raises:
        ConfigError: names the model and the ways out.
    """
    for message in unpriced(limits, refs):
        raise ConfigError(message)


def unpriced(limits: Limits, refs: Sequence[ModelRef | None]) -> list[str]:
    """What is wrong with a budget in USD for models whose price is not known."""
    if limits.usd is None and limits.month_usd is None:
        return []
    unknown = {ref.label: ref for ref in refs if ref is not None and not pricer(ref).known(ref.model)}
    return [
        f"the price of '{label}' is not known, so a budget in USD cannot be kept: set 'price' or 'price_as' under "
        f"providers.{ref.provider}, or limit 'calls' instead"
        for label, ref in unknown.items()
    ]


def simulated(refs: Sequence[ModelRef | None]) -> bool:
    """Whether any of the models is a simulated one: then the figures say nothing about real models."""
    return any(ref is not None and ref.entry.type == "simulated" for ref in refs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is measured: a skill on one target, as it is in the tree, with its suite and the splits of it that count."""

    skill: ResolvedSkill
    text: Skill
    suite: Suite
    splits: tuple[str, ...]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Those of its splits."""
        return self.suite.of(self.splits)

    def run(self, command: str, *more: object) -> str:
        """The id of the run of a command that buys for it; `more` is what else tells runs apart."""
        parts = [command, self.skill.fingerprint(), self.suite.digest, self.text.digest, *more]
        return digest(parts)[:16]


def ready_subjects(work: Work, skills: Iterable[ResolvedSkill], split: str | None = None) -> list[Subject]:
    """Skills on each of their targets, once all of them can be measured here, before anything is bought for one.

    Args:
        work: the command.
        skills: of the project.
        split: None takes those of each skill's gate.

    Raises:
        ConfigError: a skill or tasks cannot be read; a key, the sandbox or an agent's program is missing.
    """
    tree = work.project.tree
    found = []
    for skill in (one for each in skills for one in each.each_target()):
        splits = tuple(skill.gate.splits) if split is None else (split,)
        suite = read_suite(work.console, tree, skill, need=splits)
        text = read_skill(tree, skill.path, skill.name)
        found.append(Subject(skill=skill, text=text, suite=suite, splits=splits))
        require_ready(work, skill, found[-1].tasks)
    return found


def require_ready(work: Work, skill: ResolvedSkill, tasks: Sequence[Task], *, training: bool = False) -> None:
    """Make sure that a skill can be measured on these tasks (and trained) here.

    Raises:
        ConfigError: a key, the sandbox or an agent's program is missing; says what to do.
    """
    describing = training and skill.train.what == "description"
    for one in skill.each_target():
        work.workshop.lab(one, work.progress, run=_NO_RUN, meters=(), describing=describing).ready(tasks)
    if training:
        work.workshop.method(skill, run=_NO_RUN, meters=())


def concurrency(config: Config, skills: Sequence[ResolvedSkill]) -> int:
    """Rollouts in flight: what the configuration says, else what suits the harness that can have the fewest."""
    if config.concurrency is not None:
        return config.concurrency
    most = CHAT_CONCURRENCY
    for skill in skills:
        kind = plugins.load("harnesses", skill.harness)
        if isinstance(kind, AgentKind):
            most = min(most, kind.make(skill.harness_options).concurrency)
    return most
