"""`eval`: score a skill on one split of its tasks."""

from pathlib import Path
from typing import Any

import click

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import run
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.matrix import Wanted, score_matrix
from skillopt_ci.cli.openings import times_opened
from skillopt_ci.cli.options import Options, html_option, spending, viewer_option
from skillopt_ci.cli.output import leave_results
from skillopt_ci.cli.project import open_project
from skillopt_ci.cli.trust import require_trust
from skillopt_ci.cli.viewer import by_task, unread, write_view
from skillopt_ci.cli.work import Subject, Work, at_work, limits_of, ready_subjects, require_prices, simulated
from skillopt_ci.core.compare import TOO_MUCH_MISSING
from skillopt_ci.core.rollout import evaluate
from skillopt_ci.core.task import SPLITS
from skillopt_ci.core.texts import plural
from skillopt_ci.core.verdict import EvalEntry, EvalReport
from skillopt_ci.engine.lab import Job
from skillopt_ci.errors import InconclusiveError
from skillopt_ci.report.jsonout import eval_json
from skillopt_ci.report.junit import eval_junit
from skillopt_ci.report.markdown import eval_summary
from skillopt_ci.report.page.from_results import eval_page
from skillopt_ci.report.viewer import WITH


@click.command(help=COMMANDS["eval"])
@spending
@html_option
@viewer_option
@click.option(
    "--split",
    type=click.Choice(SPLITS),
    default="val",
    show_default=True,
    help="Which tasks. Looking at `test` often makes it a validation split.",
)
@click.option("--runs", type=click.IntRange(min=1, max=100), default=1, show_default=True, help="Runs per task.")
@click.option("--matrix", is_flag=True, help="With and without the skill, over all targets and the harnesses named.")
@click.option(
    "--skill-file",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --matrix: another text of the skill, such as a run's best_skill.md; may be given several times.",
)
@click.option(
    "--skill-ref", "refs", multiple=True, metavar="REF", help="With --matrix: the skill as a commit has it; repeatable."
)
@click.option(
    "--harness",
    "harnesses",
    multiple=True,
    metavar="NAME",
    help="With --matrix: instead of the configured; repeatable.",
)
def command(split: str, runs: int, matrix: bool, **shared: Any) -> None:
    """See the help text above."""
    named = {key: shared.pop(key) for key in ("files", "refs", "harnesses")}
    options = Options(**shared)
    if matrix and options.html is not None:
        raise click.UsageError("--html has no page for --matrix; --summary writes the table")
    if matrix:
        wanted = Wanted(split=split, runs=runs, **named)
        run("matrix", options, lambda console: score_matrix(console, options, wanted))
    if any(named.values()):
        raise click.UsageError("--skill-file, --skill-ref and --harness go with --matrix")
    run("eval", options, lambda console: _eval(console, options, split, runs))


def _eval(console: Console, options: Options, split: str, runs: int) -> int:
    project = open_project(options)
    skills = project.chosen(options.skill)
    refs = [ref for s in skills for ref in (*s.targets, s.judge)]
    require_prices(limits_of(options, project), refs)
    with at_work(console, options, project) as work:
        subjects = ready_subjects(work, skills, split)
        work.count(subject.run("eval", split) for subject in subjects)
        entries = tuple(_one(work, subject, split, runs) for subject in subjects)
        report = scored(work, entries)
    says = simulated(refs)
    summary = eval_summary(report, simulated=says)
    junit = eval_junit(report, show_heldout=project.config.report.show_heldout)
    leave_results(
        console,
        options,
        json=eval_json(report, simulated=says),
        summary=summary,
        junit=junit,
        pages=lambda: [eval_page(report, title="Skill scores", simulated=says)],
        shown=summary,
    )
    return report.exit_code


def scored(work: Work, entries: tuple[EvalEntry, ...]) -> EvalReport:
    """The report of what was scored; inconclusive when too much of it is missing."""
    missing = any(e.evaluation.missing_share > TOO_MUCH_MISSING for e in entries)
    return EvalReport(
        exit_code=InconclusiveError.exit_code if missing else 0,
        entries=entries,
        paid=work.meter.paid,
        replayed=work.meter.replayed,
        message="too many runs gave no result; `skillopt-ci ledger failures` says why" if missing else "",
    )


def _one(work: Work, subject: Subject, split: str, runs: int) -> EvalEntry:
    project = work.project
    skill, measured, suite, tasks = subject.skill, subject.text, subject.suite, subject.tasks
    name = subject.run("eval", split)
    meter = work.skill_meter(skill, name)
    lab = work.workshop.lab(skill, work.progress, run=name, meters=[work.meter, meter])
    times = f"{plural(runs, 'run')} each"
    work.console.say(f"{skill.name} on {skill.target.label}: {len(tasks)} {split} tasks, {times}")
    require_trust(work, skill, tasks, run=name, meters=[work.meter, meter])
    jobs = [Job(measured, t, lab.sample(t, f"eval/{split}", n)) for n in range(runs) for t in tasks]
    # What is said on train tasks is no secret; of the others only where the configuration shows held-out texts.
    keep = work.options.html is not None and (split == "train" or project.config.report.show_heldout)
    rollouts = lab.roll_out(jobs, what=f"{skill.name}, {split} tasks", keep=keep or work.options.viewer is not None)
    write_view(work, skill, tasks, [(WITH, by_task(rollouts, tasks))])
    if split == "test":
        opened = plural(times_opened(work.ledger, suite, name), "time")
        work.console.detail(f"the test split of this suite was opened {opened}")
    return EvalEntry(
        name=skill.name,
        path=skill.path,
        target=skill.target.label,
        harness=skill.harness,
        split=split,
        digest=measured.digest,
        tokens=measured.tokens,
        evaluation=evaluate(measured.digest, tasks, rollouts),
        rollouts=tuple(rollouts if keep else unread(rollouts)),
        triggers=lab.triggers(tasks, rollouts),
    )
