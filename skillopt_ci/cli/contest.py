"""One skill's part of `compare`: every method trains it with the same ration, then all that came of it is measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from skillopt_ci.cli.openings import times_opened
from skillopt_ci.cli.project import read_skill, read_suite
from skillopt_ci.cli.reserve import Reserve, growth_price
from skillopt_ci.cli.train import finish_folder, run_config
from skillopt_ci.cli.training import RUNS, Plan, follow, run_folder, train_settings
from skillopt_ci.cli.trust import require_trust
from skillopt_ci.cli.work import Work
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.compare import TOO_MUCH_MISSING, compare
from skillopt_ci.core.contest import Contest, MethodRow, duels
from skillopt_ci.core.costs import confirmation_runs, search_rollouts
from skillopt_ci.core.digest import digest
from skillopt_ci.core.generations import run_id
from skillopt_ci.core.history import Confirmation
from skillopt_ci.core.leakage import Leakage, leakage_of
from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Limits, Spend
from skillopt_ci.core.task import SPLITS, Suite
from skillopt_ci.core.texts import plural
from skillopt_ci.core.training_gate import FEWEST_TASKS
from skillopt_ci.core.verdict import TrainEntry
from skillopt_ci.engine.confirm import measure_together
from skillopt_ci.engine.method import Method
from skillopt_ci.engine.ration import LIMIT as RATION
from skillopt_ci.engine.ration import Ration
from skillopt_ci.engine.state import Workbench
from skillopt_ci.errors import BudgetReachedError, InconclusiveError, UsageError
from skillopt_ci.graders.build import judge_calls
from skillopt_ci.providers.purchased import Meter


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A method that will take part: its run, its meters (the command's, the skill's, its own) and the method itself."""

    plan: Plan
    meters: tuple[Meter, Meter, Meter]
    method: Method

    @property
    def name(self) -> str:
        """The method's."""
        return self.plan.skill.train.method


@dataclass(frozen=True, kw_only=True)
class Field:
    """What all methods share: skill, suite, ration, and what no edit may say."""

    skill: ResolvedSkill
    start: Skill
    suite: Suite
    rollouts: int
    generation: int
    leakage: Leakage
    run: str
    meter: Meter


def prepare(work: Work, skill: ResolvedSkill, rollouts: int | None, generation: int) -> Field:
    """Read a skill and its suite; the ration is what the paper's loop would take where none is named.

    Raises:
        ConfigError: they cannot be used.
        UsageError: the ration does not even cover the validation of the start skill.
    """
    suite = read_suite(work.console, work.project.tree, skill, need=SPLITS)
    start = read_skill(work.project.tree, skill.path, skill.name)
    t, val = skill.train, len(suite.of(["val"]))
    if rollouts is None:
        rounds = train_settings(t, "").rule.max_rounds if val >= FEWEST_TASKS else 1
        rollouts = search_rollouts(
            train=len(suite.of(["train"])), val=val, epochs=t.epochs, batch_size=t.batch_size, rounds=rounds
        )
    if rollouts <= val:
        raise UsageError(f"--rollouts {rollouts}: the validation of the start skill alone takes {val}; name more")
    run = digest(["compare", skill.fingerprint(), suite.digest, start.digest, rollouts, generation])[:16]
    return Field(
        skill=skill,
        start=start,
        suite=suite,
        rollouts=rollouts,
        generation=generation,
        leakage=leakage_of(suite.tasks, skill.graders, start.body),
        run=run,
        meter=work.skill_meter(skill, run),
    )


def enter(work: Work, field: Field, method: str) -> Entry:
    """A method with its run. Nothing is bought yet: what is missing (a model, a package) is told before that."""
    skill = replace(field.skill, train=field.skill.train.model_copy(update={"method": method}))
    lineage = digest({"compare": field.run, "method": method, "name": skill.name})
    run = run_id(lineage, field.generation)
    own = Meter(Limits())
    already = sum(work.ledger.spend_by_stream(run).values(), Spend())
    meters = (work.meter, field.meter, own)
    for meter in meters:
        meter.add_run(run, already)
    plan = Plan(
        skill=skill,
        start=field.start,
        suite=field.suite,
        remembered=(),
        lineage=lineage,
        generation=field.generation,
        seed=skill.train.seed,
        finished=False,
        folder=work.project.root / RUNS / run,
    )
    return Entry(plan=plan, meters=meters, method=work.workshop.method(skill, run=run, meters=meters))


def hold(work: Work, field: Field, entries: Sequence[Entry]) -> Contest:
    """Train with every method, then measure the start and every final skill side by side on the test split."""
    _reserve(field, entries[0], sides=len(entries)).release()  # a limit that is too small is told before anything
    require_trust(work, field.skill, field.suite.tasks, run=field.run, meters=[work.meter, field.meter])
    rows = [_trained(work, field, entry, sides=len(entries)) for entry in entries]
    before = field.meter.total
    rows, opened = _measured(work, field, rows)
    test = field.suite.of(["test"])
    return Contest(
        name=field.skill.name,
        path=field.skill.path,
        target=field.skill.target.label,
        harness=field.skill.harness,
        seed=field.skill.train.seed,
        generation=field.generation,
        rollouts=field.rollouts,
        runs=confirmation_runs(len(test)),
        sizes={split: len(field.suite.of([split])) for split in SPLITS},
        rows=tuple(rows),
        duels=duels(rows, test),
        closing=field.meter.total.minus(before),
        opened=opened,
    )


def _trained(work: Work, field: Field, entry: Entry, *, sides: int) -> MethodRow:
    plan, own = entry.plan, entry.meters[-1]
    work.console.say(f"{plan.skill.name}: method {entry.name}, at most {field.rollouts} rollouts, run {plan.run_id}")
    folder = run_folder(work, plan.folder)
    folder.write_config({**run_config(work.project, plan), "command": "compare"})
    ration = Ration(field.rollouts)
    row = MethodRow(method=entry.name, result=None, run_dir=plan.folder.relative_to(work.project.root).as_posix())
    reserve = _reserve(field, entry, sides=sides)
    try:
        lab = work.workshop.lab(
            plan.skill, work.progress, run=plan.run_id, meters=entry.meters, replica=plan.replica
        ).rationed(ration)
        bench = Workbench(
            lab=lab,
            train=field.suite.of(["train"]),
            val=field.suite.of(["val"]),
            settings=train_settings(plan.skill.train, plan.replica),
            spent=lambda: own.total,
            leakage=field.leakage,
            keep_back=ration.keep_back,
            checkpoint=reserve.check,
            rollouts=field.rollouts,
        )

        def accepted(now: Skill) -> None:
            answers = len(field.suite.of(["test"])) * confirmation_runs(len(field.suite.of(["test"])))
            reserve.grow(growth_price(plan.skill, now.tokens - plan.start.tokens, answers))

        result = follow(work, plan.skill.name, folder, entry.method(bench, plan.start, ()), accepted)
    except (BudgetReachedError, InconclusiveError) as error:
        row = replace(row, message=str(error), exit_code=error.exit_code)
    else:
        stopped = result.stopped_by not in ("", RATION)  # the ration ends every method alike: no failure
        row = replace(row, result=result, exit_code=BudgetReachedError.exit_code if stopped else 0)
        row = replace(row, message=result.stopped if stopped else "")
    finally:
        reserve.release()
    return replace(row, rollouts=ration.used, recorded=own.total, paid=own.paid)


def _reserve(field: Field, entry: Entry, *, sides: int) -> Reserve:
    """Keeps back what the closing measurement takes, when every method comes to a skill of its own."""
    test = field.suite.of(["test"])
    return Reserve(
        list(entry.meters),
        answers=sides * len(test) * confirmation_runs(len(test)),
        calls=1 + judge_calls(field.skill.graders, test) / len(test),
        measured=len(field.suite.of(["val"])),
    )


def _measured(work: Work, field: Field, rows: Sequence[MethodRow]) -> tuple[list[MethodRow], int]:
    """The rows with the closing measurement, and how often the test split was opened; as they are without money."""
    finals = {r.result.best.digest: r.result.best for r in rows if r.result is not None}
    if not finals:
        return list(rows), 0
    test = field.suite.of(["test"])
    replica = f"{field.skill.train.seed}/{field.generation}"
    lab = work.workshop.lab(
        field.skill, work.progress, run=field.run, meters=[work.meter, field.meter], replica=replica
    )
    work.console.say(
        f"{field.skill.name}: closing measurement of {plural(len(finals), 'final skill')} on the test split"
    )
    try:
        found = measure_together(lab, field.start, list(finals.values()), test)
    except BudgetReachedError as reached:
        return [replace(r, message=r.message or str(reached), exit_code=reached.exit_code) for r in rows], 0
    opened = [times_opened(work.ledger, field.suite, f"{field.run}/{d}") for d in finals]
    return [_with_test(field, row, found) for row in rows], max(opened)


def _with_test(field: Field, row: MethodRow, found: Mapping[str, Evaluation]) -> MethodRow:
    result = row.result
    if result is None:
        return row
    test, start = found[result.best.digest], found[field.start.digest]
    if test.missing_share > TOO_MUCH_MISSING:
        message = row.message or "too much of the closing measurement is missing"
        row = replace(row, message=message, exit_code=row.exit_code or InconclusiveError.exit_code)
    if not result.changed():
        return replace(row, test=test, result=replace(result, closing=test))
    comparison = compare(start, test, field.suite.of(["test"]))
    runs = max(map(len, test.values))
    closing = Confirmation(start=start, best=test, comparison=comparison, runs=runs)
    return replace(row, test=test, comparison=comparison, result=replace(result, confirmation=closing))


def write_folders(work: Work, contest: Contest, entries: Sequence[Entry]) -> None:
    """The run folder of every method that came to a result."""
    for row, entry in zip(contest.rows, entries, strict=True):
        if row.result is None:
            continue
        told = TrainEntry(
            name=contest.name,
            run_id=entry.plan.run_id,
            run_dir=row.run_dir,
            generation=contest.generation,
            result=row.result,
            proposal=row.result.proposal(work.project.config.pr.min_confidence),
            paid=entry.meters[-1].paid,
            replayed=entry.meters[-1].replayed,
            exit_code=row.exit_code,
            message=row.message,
            test_opened=contest.opened,
        )
        finish_folder(work, entry.plan, told, propose=False)  # `train` with that method proposes
