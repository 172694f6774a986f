"""`train`: train skills within the budget; the same command again continues."""

from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

import click

from skillopt_ci.cli.closing import lacking
from skillopt_ci.cli.console import Console
from skillopt_ci.cli.expectation import outlook, planned_end, run_settings
from skillopt_ci.cli.guard import run
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.openings import times_opened
from skillopt_ci.cli.options import Options, spending, viewer_option
from skillopt_ci.cli.origin import origin, provenance
from skillopt_ci.cli.output import leave_results, run_pages
from skillopt_ci.cli.project import Project, open_project
from skillopt_ci.cli.replay import as_it_was, going_on, require_same_end
from skillopt_ci.cli.training import Plan, carry_out, plan_run, run_folder
from skillopt_ci.cli.turns import in_turn
from skillopt_ci.cli.work import Work, at_work, limits_of, require_prices, require_ready, simulated, told
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.history import TrainResult
from skillopt_ci.core.spend import Spend, spend_words
from skillopt_ci.core.unanswered import unanswered
from skillopt_ci.core.verdict import TrainEntry
from skillopt_ci.errors import BudgetReachedError, InconclusiveError, ProviderDownError, UsageError
from skillopt_ci.forge.memory import MOST_BYTES, committed_history
from skillopt_ci.forge.proposal import history_path
from skillopt_ci.providers.purchased import Meter
from skillopt_ci.report.jsonout import train_json
from skillopt_ci.report.junit import train_junit
from skillopt_ci.report.pull_request import pull_request_body
from skillopt_ci.report.run_folder import require_own
from skillopt_ci.report.training import train_summary

# Of several skills' exit codes the most serious one is the command's.
_SERIOUS = (0, 3, 4, 5)
_UNANSWERED = (
    "no step got an answer that could be used, which says nothing about the skill; the last one: {}. An optimizer must "
    "answer in JSON: try another model, or more of its max_output_tokens. The next `train` asks again, and what the "
    "target has answered is not bought again"
)
# Errors that end one skill's run and leave the others theirs.
_ENDS_ONE = (BudgetReachedError, InconclusiveError, ProviderDownError)


@click.command(help=COMMANDS["train"])
@spending
@viewer_option
@click.option("--run-dir", type=click.Path(file_okay=False, path_type=Path), help="Folder of the run.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the run; wins over the configuration.")
@click.option("--generation", type=click.IntRange(min=1), help="Name a run by its number.")
@click.option(
    "--memory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that `pr --remember` wrote: what reviewers and earlier runs rejected.",
)
@click.option(
    "--next",
    "fresh",
    is_flag=True,
    help="Start the next generation where the budget stopped the last one (for scheduled jobs).",
)
def command(
    run_dir: Path | None, seed: int | None, generation: int | None, memory: Path | None, fresh: bool, **shared: Any
) -> None:
    """See the help text above."""
    options = Options(**shared)
    named = {"run_dir": run_dir, "seed": seed, "generation": generation, "memory": memory, "fresh": fresh}
    run("train", options, lambda console: _train(console, options, run_dir, named))


def _train(console: Console, options: Options, run_dir: Path | None, named: dict[str, Any]) -> int:
    project = open_project(options)
    fresh, generation = named["fresh"], named["generation"]
    skills = project.chosen(options.skill)
    if run_dir is not None and len(skills) != 1:
        raise UsageError("--run-dir names one run: choose one skill with --skill")
    if run_dir is not None:
        require_own(run_dir)
    refs = [ref for s in skills for ref in (*s.targets, s.optimizer, s.judge)]
    require_prices(limits_of(options, project), refs)
    for skill in skills:
        require_prices(told(options, skill.budget), [*skill.targets, skill.optimizer, skill.judge])
    with at_work(console, options, project) as work:
        # All before the first of them begins: what one run takes is no news for the other's plan.
        planned = [plan_run(work, s, **named) for s in skills]
        plans = [_with_end(work, p) for p in (planned if fresh or generation else going_on(work, planned))]
        work.count(p.run_id for p in plans)
        for plan in plans:
            if not plan.finished:
                require_ready(work, plan.skill, plan.suite.tasks, training=True)
        done = {plan.run_id: _one(work, plan) for plan in (in_turn(work, plans) if fresh else plans)}
        entries = tuple(done[plan.run_id] for plan in plans)
    code = max((e.exit_code for e in entries), key=_SERIOUS.index)
    says = simulated(refs)
    summary = train_summary(entries, simulated=says)
    value = train_json(entries, exit_code=code, simulated=says)
    page = train_summary(entries, simulated=says, charts=True)
    ended = all(e.result is not None for e in entries)
    leave_results(
        console,
        options,
        json=value,
        summary=page,
        junit=train_junit(entries),
        pages=(lambda: run_pages([p.folder for p in plans], console.scrub)) if ended else None,
        shown=summary,
    )
    return code


def _one(work: Work, plan: Plan) -> TrainEntry:
    """Train one skill and write its run folder; what ends this run alone is part of the entry."""
    skill = plan.skill
    meter = work.skill_meter(skill, plan.run_id)
    work.console.say(f"{skill.name}: run {plan.run_id}, generation {plan.generation}, in {_shown(plan)}")
    known = sum((cost.spend for cost in work.ledger.spend_by_stage(plan.run_id)), Spend())
    if known.calls:
        does = "is replayed" if plan.finished else "goes on"
        work.console.say(
            f"{skill.name}: the run {does}: {spend_words(known)} of it are in the ledger and not bought again"
        )
    elif plan.generation > 1:
        work.console.say(
            f"{skill.name}: generation {plan.generation - 1} is finished (`skillopt-ci report` shows it): this one "
            + ("buys new evidence" if plan.samples == plan.replica else "asks the optimizer again")
        )
    entry = TrainEntry(
        name=skill.name,
        run_id=plan.run_id,
        run_dir=_shown(plan),
        generation=plan.generation,
        target=skill.target.label,
        result=None,
        proposal=False,
        paid=meter.paid,
        replayed=meter.replayed,
    )
    folder = run_folder(work, plan.folder)
    folder.write_config(run_config(work.project, plan))
    folder.write_history(_memory(work, skill.name))
    try:
        with as_it_was(work, plan, meter):
            if not work.ledger.replay_only:
                work.ledger.note_run(plan.run_id, plan.lineage, plan.generation, "started", {"planned": plan.planned})
            result = carry_out(work, plan, meter)
            require_same_end(work, plan, result)
    except _ENDS_ONE as error:
        work.console.error(f"{skill.name}: {error}")
        return replace(
            entry,
            paid=meter.paid,
            replayed=meter.replayed,
            costs=work.ledger.spend_by_stage(plan.run_id),
            exit_code=error.exit_code,
            message=str(error),
        )
    entry = _finished(work, plan, meter, entry, result)
    finish_folder(work, plan, entry)
    if not plan.finished and not work.ledger.replay_only:
        _note_end(work, plan, entry, result)
    work.console.say(
        f"{skill.name}: {result.stopped}; paid {spend_words(meter.paid)}, replayed {spend_words(meter.replayed)}"
    )
    if entry.proposal:
        work.console.say(f"{skill.name}: `skillopt-ci pr --dry-run {quote(entry.run_dir)}` writes the pull request")
    return entry


def _memory(work: Work, name: str) -> bytes:
    """What is committed of earlier runs; nothing where it is too large to be read, which is told."""
    data = committed_history(work.project.root, work.project.tree, name)
    if len(data) <= MOST_BYTES:
        return data
    work.console.warn(
        f"{name}: warning: {history_path(name)} is larger than {MOST_BYTES} bytes and is not read: what earlier runs "
        "rejected may be bought again; keep its newest lines"
    )
    return b""


def _with_end(work: Work, plan: Plan) -> Plan:
    """The plan with the end that it has: fixed when the run begins, and for a replay where it was then."""
    record, skill = plan.record, plan.skill
    if record is not None and (plan.finished or (plan.ended and work.ledger.replay_only)):
        return replace(plan, ends_at=record.ends_at)
    planned = record.planned if record else None
    if record is None and skill.train.method == "skillopt":
        # By the configuration as it is written, as `plan` reads it: --seed is told to `train` alone.
        (written,) = work.project.chosen([skill.name])
        planned = outlook(work.project, written, plan.start, plan.suite).expected.likely
    if planned is None:
        return plan
    limits = [work.limits(skill), work.meter.limits]
    return replace(plan, planned=planned, ends_at=planned_end(skill, plan.suite, planned, limits))


def _note_end(work: Work, plan: Plan, entry: TrainEntry, result: TrainResult) -> None:
    """Note in the ledger how a run ended: for who continues or replays it, and for `plan`, what such a run takes.

    Only once its files are written: a run that is killed before is unfinished, and the same command writes them. So is
    one whose gates, or closing comparison, lack too much: the same command asks for that again.
    """
    if lacking(result) and not result.stopped_by:
        work.ledger.note_run(plan.run_id, plan.lineage, plan.generation, "lacking", {})
        return
    limit = work.limits(plan.skill).text_of(result.stopped_by)
    end = {"stopped": result.stopped, "steps": len(result.steps), "best": result.best.digest}
    bought = sum(spend.calls for spend in work.ledger.spend_by_stream(plan.run_id).values())
    # What a run takes is known of one that bought most of it: not where another's purchases served it.
    own = not entry.exit_code and 2 * bought >= entry.paid.calls + entry.replayed.calls
    whole: dict[str, object] = {"settings": run_settings(plan.skill, plan.start, plan.suite)} if own else {}
    if unanswered(result.steps)[1] is not None:
        whole["silent"] = True
    detail = {"stopped_by": result.stopped_by, "limit": limit, "ends_at": plan.ends_at, **end, **whole}
    work.ledger.note_run(plan.run_id, plan.lineage, plan.generation, "finished", detail)


def finish_folder(work: Work, plan: Plan, entry: TrainEntry, *, propose: bool = True) -> None:
    """Write what is known at the end of a run; with `propose` the text of a pull request when the skill changed."""
    skill = plan.skill
    folder = run_folder(work, plan.folder)
    says = simulated([*skill.targets, skill.optimizer, skill.judge])
    made_by = provenance(work.project, plan)
    changed = propose and entry.result is not None and entry.result.changed()
    body = pull_request_body(entry, made_by, simulated=says) if changed else None
    folder.finish(entry, simulated=says, pull_request=body)


def _finished(work: Work, plan: Plan, meter: Meter, entry: TrainEntry, result: TrainResult) -> TrainEntry:
    confirmation = result.confirmation
    enough = work.project.config.pr.min_confidence
    objections = result.objections(enough) if result.improved(enough) else ()
    _, silence = unanswered(result.steps)
    if result.stopped_by:
        code, message = BudgetReachedError.exit_code, result.stopped
    elif silence is not None:
        code, message = InconclusiveError.exit_code, _UNANSWERED.format(silence.message)
    elif missing := lacking(result):
        code, message = InconclusiveError.exit_code, missing
    else:
        code, message = 0, ""
    return replace(
        entry,
        result=result,
        proposal=result.proposal(enough),
        objections=objections,
        test_opened=_opened(work, plan, result) if confirmation or result.closing else 0,
        paid=meter.paid,
        replayed=meter.replayed,
        costs=work.ledger.spend_by_stage(plan.run_id),
        exit_code=code,
        message=message,
    )


def _opened(work: Work, plan: Plan, result: TrainResult) -> int:
    """How often the test split was looked at. A run that goes on after a budget's end may confirm a second skill."""
    return times_opened(work.ledger, plan.suite, f"{plan.run_id}/{result.best.digest}")


def run_config(project: Project, plan: Plan) -> dict[str, object]:
    """The run's `config.json`: everything that made it, no secret."""
    skill: ResolvedSkill = plan.skill
    commit, uncommitted = origin(project, plan)
    return {
        "schema": "skillopt-ci/run/1",
        "command": "train",
        "run_id": plan.run_id,
        "generation": plan.generation,
        "lineage": plan.lineage,
        "name": skill.name,
        "path": skill.path,
        "seed": plan.seed,
        "start": plan.start.digest,
        "suite": {"digest": plan.suite.digest, "tasks": {s: len(plan.suite.of([s])) for s in ("train", "val", "test")}},
        "config": skill.fingerprint(),
        "gate": skill.gate.model_dump(mode="json"),
        "commit": commit,
        "uncommitted": uncommitted,
        "min_confidence": project.config.pr.min_confidence,
        "simulated": simulated([*skill.targets, skill.optimizer, skill.judge]),
    }


def _shown(plan: Plan) -> str:
    """The run folder as a user would type it."""
    try:
        return plan.folder.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(plan.folder)
