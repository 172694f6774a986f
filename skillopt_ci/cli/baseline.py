"""`baseline`: measure skills as they are and store the runs that later gates compare with."""

from typing import Any

import click

from skillopt_ci.cli.bases import read_base
from skillopt_ci.cli.console import Console
from skillopt_ci.cli.eval import scored
from skillopt_ci.cli.guard import run
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options, html_option, spending
from skillopt_ci.cli.output import leave_results
from skillopt_ci.cli.project import open_project
from skillopt_ci.cli.trust import require_trust
from skillopt_ci.cli.work import Subject, Work, at_work, limits_of, ready_subjects, require_prices, simulated
from skillopt_ci.core.rollout import evaluate
from skillopt_ci.core.verdict import EvalEntry
from skillopt_ci.engine.base_runs import fill_base
from skillopt_ci.report.jsonout import eval_json
from skillopt_ci.report.junit import eval_junit
from skillopt_ci.report.markdown import eval_summary
from skillopt_ci.report.page.from_results import eval_page


@click.command(help=COMMANDS["baseline"])
@spending
@html_option
def command(**shared: Any) -> None:
    """See the help text above."""
    options = Options(**shared)
    run("baseline", options, lambda console: _baseline(console, options))


def _baseline(console: Console, options: Options) -> int:
    project = open_project(options)
    skills = project.chosen(options.skill)
    refs = [ref for s in skills for ref in (*s.targets, s.judge)]
    require_prices(limits_of(options, project), refs)
    with at_work(console, options, project) as work:
        subjects = ready_subjects(work, skills)
        work.count(subject.run("baseline") for subject in subjects)
        entries = tuple(_one(work, subject) for subject in subjects)
        report = scored(work, entries)
    says = simulated(refs)
    summary = eval_summary(report, simulated=says)
    value = {**eval_json(report, simulated=says), "schema": "skillopt-ci/baseline/1"}
    leave_results(
        console,
        options,
        json=value,
        summary=summary,
        junit=eval_junit(report),
        pages=lambda: [eval_page(report, title="Stored runs of the base", simulated=says)],
        shown=summary,
    )
    return report.exit_code


def _one(work: Work, subject: Subject) -> EvalEntry:
    """Fill the stored runs of one skill on one target up to `gate.base_runs`; old ones are replaced by new ones."""
    skill, base, tasks = subject.skill, subject.text, subject.tasks
    name = subject.run("baseline")
    meters = [work.meter, work.skill_meter(skill, name)]
    stored = read_base(work, skill, base, tasks, meters=meters, now=None)
    runs = skill.gate.base_runs
    work.console.say(f"{skill.name} on {skill.target.label}: {stored.fewest} of {runs} runs per task are stored")
    lab = work.workshop.lab(skill, work.progress, run=name, meters=meters)
    require_trust(work, skill, tasks, run=name, meters=meters)
    rollouts = fill_base(lab, base, tasks, stored.first, runs)
    return EvalEntry(
        name=skill.name,
        path=skill.path,
        target=skill.target.label,
        harness=skill.harness,
        split="+".join(skill.gate.splits),
        digest=base.digest,
        tokens=base.tokens,
        evaluation=evaluate(base.digest, tasks, rollouts),
        rollouts=tuple(rollouts),
    )
