"""`power`: what a suite can show, and what a smaller loss would take; offline."""

from typing import Any

import click

from skillopt_ci.cli.bases import read_base
from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import run, write_json
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options, common
from skillopt_ci.cli.project import open_project, read_skill, read_suite
from skillopt_ci.cli.rules import merge_rule
from skillopt_ci.cli.work import Work, at_work
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.merge_gate import USUAL_VARIANCE
from skillopt_ci.core.power import Power, power
from skillopt_ci.core.runs import Rows
from skillopt_ci.core.suite_effect import run_variance
from skillopt_ci.core.texts import plural
from skillopt_ci.engine.merge import rows_of


@click.command(help=COMMANDS["power"])
@common
@click.option(
    "--effect",
    type=click.FloatRange(min=0, max=100, min_open=True),
    metavar="POINTS",
    help="The loss that should be shown, in points (default: the margin).",
)
def command(effect: float | None, **shared: Any) -> None:
    """See the help text above."""
    options = Options(**shared)
    run("power", options, lambda console: _power(console, options, effect))


def _power(console: Console, options: Options, effect: float | None) -> int:
    project = open_project(options)
    with at_work(console, options, project) as work:
        skills = [one for skill in project.chosen(options.skill) for one in skill.each_target()]
        rows = [_row(work, skill, effect) for skill in skills]
    if options.json is not None:
        write_json(options.json, {"schema": "skillopt-ci/power/1", "exit_code": 0, "skills": rows}, console.scrub)
    return 0


def _row(work: Work, skill: ResolvedSkill, effect: float | None) -> dict[str, object]:
    suite = read_suite(work.console, work.project.tree, skill, need=skill.gate.splits)
    tasks = suite.of(skill.gate.splits)
    base = read_skill(work.project.tree, skill.path, skill.name)
    stored = read_base(work, skill, base, tasks, meters=[], now=None)
    rows = rows_of(stored.rows)
    variance = run_variance(rows)
    wanted = skill.gate.margin if effect is None else effect / 100
    rule = merge_rule(skill, pairs=1)
    found = power(rule, n_tasks=len(tasks), base_runs=skill.gate.base_runs, variance=variance, wanted=wanted)
    source = "measured" if variance is not None else "assumed; `skillopt-ci baseline` measures it"
    noise = USUAL_VARIANCE if variance is None else variance
    work.console.result(
        f"{skill.name} on {skill.target.label}: {len(tasks)} tasks, variance of a run {noise:.3f} ({source})"
    )
    for line in power_lines(found, rows):
        work.console.result(f"  {line}")
    return {
        "name": skill.name,
        "target": skill.target.label,
        "n_tasks": len(tasks),
        "variance": noise,
        "variance_measured": variance is not None,
        "minimum_detectable_effect": found.minimum_detectable_effect,
        "wanted": found.wanted,
        "tasks_for_wanted": found.tasks,
        "rounds_for_wanted": found.rounds,
        "smallest_margin": found.margin,
    }


def power_lines(found: Power, rows: Rows) -> list[str]:
    """What a suite can show, in words; of a skill whose runs (`rows`) are known and scored nothing it shows no loss."""
    scores = [score for row in rows for score in row if score is not None]
    wanted = f"{100 * found.wanted:.3g} points"
    tasks = "more than 100,000 tasks" if found.tasks is None else f"{found.tasks} tasks"
    rounds = (
        f"no number of rounds up to 16 shows {wanted} on this suite"
        if found.rounds is None
        else f"or {plural(found.rounds, 'round')} (gate.max_rounds) on this suite"
    )
    needed = f"to show {wanted}: {tasks} with the rounds as they are; {rounds}"
    least = f"gate.min_effect ({100 * found.min_effect:.3g} points)"
    if found.tasks is None and found.rounds is None and found.wanted <= found.min_effect:
        needed = f"to show {wanted}: no tasks and rounds are enough, as a shown loss below {least} does not block"
    nothing = ["every known run scored 0: no loss can show until some of the tasks pass"]
    return [
        *(nothing if scores and not any(scores) else ()),
        f"a gate shows losses of {100 * found.minimum_detectable_effect:.1f} points or more (80% power)"
        + (f", and blocks none below {least}" if found.min_effect else ""),
        needed,
        f"smallest margin that suits the suite: {found.margin:.2f}",
    ]
