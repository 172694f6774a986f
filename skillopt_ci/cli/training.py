"""One skill's training: which run it is, what it may spend, what it found."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from skillopt_ci.cli.closing import baseline, closing
from skillopt_ci.cli.course import Course
from skillopt_ci.cli.memory import memory_file, read_memory_file
from skillopt_ci.cli.project import no_room, read_skill, training_suite
from skillopt_ci.cli.reserve import Reserve, growth_price
from skillopt_ci.cli.shape import RULES, shape_of
from skillopt_ci.cli.trust import require_trust
from skillopt_ci.cli.viewer import view_confirmation
from skillopt_ci.cli.work import Work
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.config.schema import Train
from skillopt_ci.core.costs import confirmation_runs
from skillopt_ci.core.digest import digest
from skillopt_ci.core.generations import RunRecord, evidence_of, next_generation, read_records, run_id
from skillopt_ci.core.history import Notes, Rejected, Step, TrainResult
from skillopt_ci.core.leakage import leakage_of
from skillopt_ci.core.rejected import still_rejected
from skillopt_ci.core.screening import ScreenRule
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Suite
from skillopt_ci.core.training_gate import FEWEST_TASKS
from skillopt_ci.engine.human import NAME as HUMAN
from skillopt_ci.engine.method import Training
from skillopt_ci.engine.state import TrainSettings, Workbench
from skillopt_ci.errors import ConfigError, UsageError
from skillopt_ci.forge.memory import read_memory
from skillopt_ci.graders.build import judge_calls
from skillopt_ci.providers.purchased import Meter
from skillopt_ci.report.edits import reason_of
from skillopt_ci.report.run_folder import RunFolder

RUNS = ".skillopt/runs"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run that is decided on and not started.

    `record` is what the ledger knows of it, `ended` how it ended before, where its budget ended it. `planned` is what
    `plan` took for likely when it began, `ends_at` where that ends it. `silent`: generations without usable answers.
    """

    skill: ResolvedSkill
    start: Skill
    suite: Suite
    remembered: tuple[Rejected, ...]
    lineage: str
    generation: int
    seed: int
    finished: bool
    folder: Path
    ended: RunRecord | None = None
    record: RunRecord | None = None
    planned: int | None = None
    ends_at: int | None = None
    silent: frozenset[int] = frozenset()

    @property
    def run_id(self) -> str:
        """The run's identity."""
        return run_id(self.lineage, self.generation)

    @property
    def replica(self) -> str:
        """What keeps runs of other seeds and generations apart."""
        return f"{self.seed}/{self.generation}"

    @property
    def samples(self) -> str:
        """What keeps their samples apart."""
        return f"{self.seed}/{evidence_of(self.silent, self.generation)}"


def plan_run(
    work: Work,
    skill: ResolvedSkill,
    *,
    run_dir: Path | None,
    seed: int | None,
    generation: int | None,
    memory: Path | None = None,
    fresh: bool = False,
) -> Plan:
    """Decide which run this is: the unfinished one, the next generation, or the one that was named.

    Raises:
        ConfigError: skill or tasks cannot be used.
        UsageError: the named run is not one of this configuration, skill and suite.
    """
    project = work.project
    suite = training_suite(work.console, project.tree, skill)
    start = read_skill(project.tree, skill.path, skill.name)
    if skill.train.what == "body" and skill.train.method != HUMAN:
        require_room(skill, start)
    remembered, memory_digest = read_memory(
        project.root, project.tree, skill.name, read_memory_file(memory_file(memory, skill.name)) if memory else b""
    )
    remembered = still_rejected(start, remembered)
    if seed is not None:  # from here on as if the configuration said so: the same run either way
        skill = replace(skill, train=skill.train.model_copy(update={"seed": seed}))
    seed = skill.train.seed
    lineage = digest(
        {
            "name": skill.name,  # two equal skills with equal tasks are two runs all the same
            "config": skill.fingerprint(),
            "skill": start.digest,
            "suite": suite.digest,
            "history": memory_digest,
            "seed": seed,
        }
    )
    events = [(e.generation, e.event, e.detail) for e in work.ledger.run_events(lineage)]
    records = read_records(events)
    chosen = _named(lineage, records, run_dir, generation) or next_generation(
        records, work.limits(skill), fresh=fresh, replay=work.ledger.replay_only
    )
    record = next((r for r in records if r.generation == chosen), None)
    return Plan(
        skill=skill,
        start=start,
        suite=suite,
        remembered=remembered,
        lineage=lineage,
        generation=chosen,
        seed=seed,
        finished=record is not None and record.finished and not record.stopped_by,
        folder=run_dir or project.root / RUNS / run_id(lineage, chosen),
        ended=record if record is not None and record.finished and record.stopped_by else None,
        record=record,
        silent=frozenset(r.generation for r in records if r.silent),
    )


def require_room(skill: ResolvedSkill, start: Skill) -> None:
    """Raises `ConfigError` for a skill that is too long already: no edit that adds a word could be applied."""
    if problem := no_room(skill, start):
        raise ConfigError([replace(problem, warning=False)])


def _named(lineage: str, records: list[RunRecord], run_dir: Path | None, generation: int | None) -> int | None:
    """The generation that --generation or --run-dir stands for; None when neither names a run."""
    highest = records[-1].generation if records else 0
    if generation is not None:
        if generation > highest + 1:
            raise UsageError(
                f"--generation {generation}: the last one is {highest}, so {highest + 1} would be the next"
            )
        return generation
    if run_dir is None:
        return None
    by_id = {run_id(lineage, g): g for g in range(1, highest + 2)}
    named = run_dir.resolve().name
    config = run_dir / "config.json"
    if config.is_file():
        try:
            named = str(json.loads(config.read_text(encoding="utf-8"))["run_id"])
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{config}: not the configuration of a run; name another folder") from error
        if named not in by_id:
            raise UsageError(
                f"--run-dir {run_dir}: it holds run {named}, made with another configuration, skill, suite or ledger"
            )
    return by_id.get(named)


def carry_out(work: Work, plan: Plan, meter: Meter) -> TrainResult:
    """Train and confirm, writing the run folder step by step. A reached budget is part of the result.

    Raises:
        InconclusiveError, ProviderDownError, ...: what ends a run without a result.
    """
    meters = [work.meter, meter]
    skill, suite = plan.skill, plan.suite
    val, test = suite.of(["val"]), suite.of(["test"])
    describing = skill.train.what == "description"
    # Before anything is bought: a key that is missing for one of the other targets.
    lab, *labs = (
        work.workshop.lab(o, work.progress, run=plan.run_id, meters=meters, replica=plan.samples, describing=describing)
        for o in skill.each_target()
    )
    others = [(o.target.label, other) for o, other in zip(skill.each_target()[1:], labs, strict=True)]
    course = Course(plan.ends_at, shape_of(skill, suite))
    method = work.workshop.method(skill, run=plan.run_id, meters=[*meters, course.asked])
    require_trust(work, skill, suite.tasks, run=plan.run_id, meters=meters)
    # A finished run that is named again buys nothing: limits of today do not end it earlier than it ended then.
    trains = skill.train.method != HUMAN
    answers = (2 if trains else 1) * len(test) * confirmation_runs(len(test))
    reserve = Reserve(
        [] if plan.finished else meters,
        answers=answers,
        calls=1 + judge_calls(skill.graders, test) / len(test),
        measured=len(val) if trains else 0,
        others=skill.targets[1:] if trains else [],
    )
    if len(val) < FEWEST_TASKS and skill.train.gate != "strict":
        work.console.warn(
            f"{skill.name}: warning: {len(val)} validation tasks are too few for train.gate {skill.train.gate}; the "
            f"strict rule is used, and what it keeps may be luck (have {FEWEST_TASKS} at the very least, better 50)"
        )
    bench = Workbench(
        lab=lab.rationed(course.ration),
        train=suite.of(["train"]),
        val=val,
        settings=train_settings(plan.skill.train, plan.replica),
        spent=lambda: meter.total,
        leakage=leakage_of(suite.tasks, skill.graders, plan.start.text if describing else plan.start.body),
        keep_back=course.keeping(reserve.keep),
        checkpoint=reserve.check,
    )
    folder = run_folder(work, plan.folder)

    def accepted(skill_now: Skill) -> None:
        reserve.grow(growth_price(skill, skill_now.tokens - plan.start.tokens, answers // 2))

    result = course.told(follow(work, skill.name, folder, method(bench, plan.start, plan.remembered), accepted))
    reserve.release()
    if not trains:
        return baseline(lab, suite, result)
    return view_confirmation(work, skill, suite, closing(lab, others, suite, result, work))


def run_folder(work: Work, path: Path) -> RunFolder:
    """A run folder that shows what the configuration lets it show."""
    shown = work.project.config.report.show_heldout
    return RunFolder(path, work.console.scrub, show_heldout=shown, confined=not work.console.unconfined)


def follow(work: Work, name: str, folder: RunFolder, steps: Training, accepted: Callable[[Skill], None]) -> TrainResult:
    """Run a method to its end: every step is written to the run folder and told; `accepted` hears of new skills."""
    paid = work.meter.paid.calls
    while True:
        try:
            event = next(steps)
        except StopIteration as done:
            result: TrainResult = done.value
            return result
        if isinstance(event, Notes):
            folder.write_meta_notes(event.epoch, event.text, event.failure)
            if event.failure is not None:
                work.console.warn(f"{name}: no meta notes after epoch {event.epoch}: {event.failure.message}")
        else:
            folder.write_step(event)
            # A step that paid nothing was bought before: by this run before it was interrupted, or by another one.
            paid, before = work.meter.paid.calls, paid
            note = ", replayed" if event.cost.calls and paid == before else ""
            work.console.say(step_line(event) + note)
            if event.number == 1 and event.incumbent_mean == 0:
                work.console.warn(
                    f"{name}: warning: no validation task scored anything with the skill as it is: if graders or "
                    "expected answers are wrong, the rest is paid for nothing (Ctrl-C keeps what was bought)"
                )
            work.progress.step_done(event.number)
            if event.action == "accept" and event.candidate is not None:
                accepted(event.candidate)


def train_settings(t: Train, replica: str) -> TrainSettings:
    """Hyperparameters of a run, from its configuration; `replica` tells its seed and generation."""
    return TrainSettings(
        epochs=t.epochs,
        batch_size=t.batch_size,
        minibatch_size=t.minibatch_size,
        budget_start=t.edit_budget.start,
        budget_end=t.edit_budget.end,
        budget_shape=t.edit_budget.schedule,
        rule=replace(RULES[t.gate], exact_stop=t.exact_stop),
        slow_update=t.slow_update and t.what == "body",
        meta_notes=t.meta_notes,
        seed=t.seed,
        replica=replica,
        policy=t.policy.as_edit_policy(),
        # Descriptions exclude each other: there is nothing to try together once screening is given up.
        screen=ScreenRule(runs=t.screen.runs, share=t.screen.share, odds=t.screen.odds, gives_up=t.what == "body"),
        prune=t.prune and t.what == "body",
        what=t.what,
    )


def step_line(done: Step) -> str:
    """One line of progress for a step, from its record."""
    step = done.as_json()
    val, bound, before = step["val_mean"], step["val_upper_bound"], step["incumbent_val_mean"]
    shown = f"{100 * before:.1f}" if isinstance(before, float) else "?"
    if isinstance(val, float):
        shown += f" -> {100 * val:.1f}"
    elif isinstance(bound, float):
        shown += f", at most {100 * bound:.1f}"
    kind = {"edit": "edits", "slow_update": "slow update", "rewrite": "whole skill"}.get(
        str(step["kind"]), str(step["kind"])
    )
    return f"step {step['step']} (epoch {step['epoch']}, {kind}): {step['action']}, {reason_of(done)}; val {shown}"
