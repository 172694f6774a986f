"""`calibrate`: how often the gate would block an unchanged skill, and what it would catch, on the user's own suite."""

from math import sqrt
from typing import Any

import click

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import run
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options, spending
from skillopt_ci.cli.output import leave_results
from skillopt_ci.cli.power import power_lines
from skillopt_ci.cli.project import open_project
from skillopt_ci.cli.rules import merge_rule
from skillopt_ci.cli.trust import require_trust
from skillopt_ci.cli.work import Subject, Work, at_work, limits_of, ready_subjects, require_prices, simulated
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.calibrate import GATES, RUNS, Calibration, Characteristics, Golden, calibrate
from skillopt_ci.core.compare import TOO_MUCH_MISSING
from skillopt_ci.core.rollout import Rollout, Score
from skillopt_ci.core.runs import Rows, missing_share
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.texts import plural
from skillopt_ci.engine.lab import Job, Lab
from skillopt_ci.engine.merge import GateSettings, MergeGate, rows_of
from skillopt_ci.errors import InconclusiveError
from skillopt_ci.report.escape import md_text
from skillopt_ci.report.junit import Case, Status, junit
from skillopt_ci.report.parts import SIMULATED
from skillopt_ci.report.parts import spending as spent

STREAM = "cal"
_FLIPPY = 10


@click.command(help=COMMANDS["calibrate"])
@spending
@click.option("--repeats", type=click.IntRange(min=0, max=100), default=3, show_default=True, help="Live A/A gates.")
@click.option("--gates", type=click.IntRange(min=100, max=20000), default=GATES, show_default=True, help="Simulated.")
def command(repeats: int, gates: int, **shared: Any) -> None:
    """See the help text above."""
    options = Options(**shared)
    run("calibrate", options, lambda console: _calibrate(console, options, repeats, gates))


def _calibrate(console: Console, options: Options, repeats: int, gates: int) -> int:
    project = open_project(options)
    skills = project.chosen(options.skill)
    refs = [ref for s in skills for ref in (*s.targets, s.judge)]
    require_prices(limits_of(options, project), refs)
    with at_work(console, options, project) as work:
        subjects = ready_subjects(work, skills)
        work.count(subject.run("calibrate") for subject in subjects)
        rows = [_one(work, subject, repeats, gates) for subject in subjects]
        paid, replayed = work.meter.paid, work.meter.replayed
    value = {
        "schema": "skillopt-ci/calibrate/1",
        "exit_code": 0,
        "skills": [json for json, *_ in rows],
        "spend": {"paid": paid.as_json(), "replayed": replayed.as_json()},
    }
    shown = [words for _, words, _ in rows]
    text = "\n\n".join([*([SIMULATED] if simulated(refs) else []), *shown, spent(paid, replayed)])
    xml = junit("skillopt-ci calibrate", [case for *_, case in rows], {})
    leave_results(console, options, json=value, summary=text, junit=xml, shown=text)
    return 0


def _one(work: Work, subject: Subject, repeats: int, gates: int) -> tuple[dict[str, object], str, Case]:
    """Buy the runs once, simulate gates from them, then check with a few real ones on runs of their own."""
    skill, measured, tasks = subject.skill, subject.text, subject.tasks
    name = subject.run("calibrate")
    meters = [work.meter, work.skill_meter(skill, name)]
    lab = work.workshop.lab(skill, work.progress, run=name, meters=meters)
    require_trust(work, skill, tasks, run=name, meters=meters)
    plan = f"{RUNS} runs of {len(tasks)} tasks, then {plural(repeats, 'live gate')}"
    work.console.say(f"{skill.name} on {skill.target.label}: {plan}")
    runs = _runs(lab, measured, tasks)
    if missing_share(rows_of(runs)) > TOO_MUCH_MISSING:
        raise InconclusiveError(f"{skill.name}: more than 5% of the runs gave no result; `ledger failures` says why")
    rule = merge_rule(skill, pairs=1)
    golden = Golden(tasks=frozenset(i for i, t in enumerate(tasks) if t.golden), passing=_passing(runs))
    found = calibrate(rows_of(runs), rule, base_runs=skill.gate.base_runs, gates=gates, golden=golden)
    live = [_live(lab, skill, measured, tasks, runs, index) for index in range(repeats)]
    words = _words(skill, tasks, found, live, rows_of(runs))
    return _json(skill, tasks, found, live), words, _case(skill, found)


def _runs(lab: Lab, skill: Skill, tasks: tuple[Task, ...]) -> list[list[Rollout]]:
    jobs = [Job(skill, task, lab.sample(task, STREAM, n)) for n in range(RUNS) for task in tasks]
    rollouts = lab.roll_out(jobs, what="calibration", keep=True)
    return [rollouts[i :: len(tasks)] for i in range(len(tasks))]


def _passing(runs: list[list[Rollout]]) -> frozenset[float]:
    """The scores with which a run passed."""
    return frozenset(r.outcome.value for row in runs for r in row if isinstance(r.outcome, Score) and r.outcome.passed)


def _live(
    lab: Lab, skill: ResolvedSkill, measured: Skill, tasks: tuple[Task, ...], runs: list[list[Rollout]], index: int
) -> str:
    """The verdict of one real gate of the skill against itself: new head runs, stored ones as the base."""
    rule = merge_rule(skill, pairs=1)
    stored = [[r for r in row if isinstance(r.outcome, Score)][: skill.gate.base_runs] for row in runs]
    settings = GateSettings(
        rule=rule,
        base_runs=min(skill.gate.base_runs, RUNS),
        guard=False,
        session=f"cal-{index}",
        head_stream=STREAM,
        first_head=RUNS + index * max(4, rule.max_rounds),
    )
    outcome = MergeGate(lab, (measured, measured), tasks, stored, settings).run()
    return "regression" if outcome.golden_failed else outcome.final.decision


def _case(skill: ResolvedSkill, found: Calibration) -> Case:
    """Failed where an unchanged skill is blocked more often than `gate.alpha` allows, beyond what chance explains."""
    rate, alpha = found.unchanged.regression, skill.gate.alpha
    chance = 3 * sqrt(alpha * (1 - alpha) / found.unchanged.gates)  # three standard errors of a share
    status: Status = "failed" if rate > alpha + chance else "passed"
    said = f"{100 * rate:.1f}% of {found.unchanged.gates} simulated gates blocked an unchanged skill"
    return Case(id=skill.target.label, classname=skill.name, status=status, message=said)


def _json(skill: ResolvedSkill, tasks: tuple[Task, ...], found: Calibration, live: list[str]) -> dict[str, object]:
    return {
        "name": skill.name,
        "target": skill.target.label,
        "n_tasks": len(tasks),
        "false_block_rate": found.unchanged.regression,
        "unchanged": _characteristics(found.unchanged),
        "losses": [_characteristics(c) for c in found.losses],
        "variance": found.variance,
        "flip_rates": {t.id: rate for t, rate in zip(tasks, found.flip_rates, strict=True)},
        "minimum_detectable_effect": found.power.minimum_detectable_effect,
        "recommended": {"tasks": found.power.tasks, "rounds": found.power.rounds, "margin": found.power.margin},
        "live": {"gates": len(live), "regressions": live.count("regression")},
    }


def _characteristics(c: Characteristics) -> dict[str, object]:
    return {
        "loss": c.loss,
        "regression": c.regression,
        "pass": c.passed,
        "inconclusive": c.inconclusive,
        "rounds": c.rounds,
        "gates": c.gates,
    }


def _words(skill: ResolvedSkill, tasks: tuple[Task, ...], found: Calibration, live: list[str], runs: Rows) -> str:
    rows = [found.unchanged, *found.losses]
    flippy = sorted(zip(found.flip_rates, tasks, strict=True), key=lambda pair: -(pair[0] or 0))[:_FLIPPY]
    noisy = [f"{md_text(t.id, 80)} ({100 * rate:.0f}%)" for rate, t in flippy if rate]
    lines = [
        f"## Calibration of {md_text(skill.name, 80)} on {md_text(skill.target.label, 80)}",
        "",
        f"{found.unchanged.gates} simulated gates at each true loss, from {RUNS} runs of {len(tasks)} tasks:",
        "",
        "| True loss | Blocked | Passed | Inconclusive | Mean rounds |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {100 * c.loss:.0f} pt | {100 * c.regression:.1f}% | {100 * c.passed:.1f}% "
            f"| {100 * c.inconclusive:.1f}% | {c.rounds:.2f} |"
            for c in rows
        ),
        "",
        *(f"- {line}" for line in power_lines(found.power, runs)),
        f"- tasks that disagree with themselves most: {', '.join(noisy) if noisy else 'none'}",
        f"- {plural(len(live), 'live gate')} of the skill against itself: {live.count('regression')} blocked",
    ]
    return "\n".join(lines)
