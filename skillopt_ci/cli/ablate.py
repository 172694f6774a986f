"""`ablate`: an empty body against the skill. Does the body do anything?"""

from typing import Any

import click

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import run
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.openings import times_opened
from skillopt_ci.cli.options import Options, spending, viewer_option
from skillopt_ci.cli.output import leave_results
from skillopt_ci.cli.project import open_project
from skillopt_ci.cli.trust import require_trust
from skillopt_ci.cli.viewer import by_task, write_view
from skillopt_ci.cli.work import Subject, Work, at_work, limits_of, ready_subjects, require_prices, simulated
from skillopt_ci.core.compare import Comparison, compare
from skillopt_ci.core.rollout import evaluate
from skillopt_ci.core.task import SPLITS
from skillopt_ci.core.texts import plural
from skillopt_ci.engine.lab import Job
from skillopt_ci.errors import InconclusiveError
from skillopt_ci.report.escape import md_text
from skillopt_ci.report.junit import Case, Status, junit
from skillopt_ci.report.parts import SIMULATED, gain, interval, points
from skillopt_ci.report.parts import spending as spent
from skillopt_ci.report.viewer import WITH, WITHOUT

_SAID = {
    "helps": "the body helps",
    "harms": "the body HARMS",
    "not-shown": "no effect of the body is shown",
    None: "too many runs gave no result to say anything",
}


@click.command(help=COMMANDS["ablate"])
@spending
@viewer_option
@click.option("--split", type=click.Choice(SPLITS), default="val", show_default=True, help="Which tasks.")
@click.option("--runs", type=click.IntRange(min=1, max=100), default=2, show_default=True, help="Runs per task.")
def command(split: str, runs: int, **shared: Any) -> None:
    """See the help text above."""
    options = Options(**shared)
    run("ablate", options, lambda console: _ablate(console, options, split, runs))


def _ablate(console: Console, options: Options, split: str, runs: int) -> int:
    project = open_project(options)
    skills = project.chosen(options.skill)
    refs = [ref for s in skills for ref in (*s.targets, s.judge)]
    require_prices(limits_of(options, project), refs)
    with at_work(console, options, project) as work:
        subjects = ready_subjects(work, skills, split)
        work.count(subject.run("ablate", split) for subject in subjects)
        rows = [_one(work, subject, split, runs) for subject in subjects]
        paid, replayed = work.meter.paid, work.meter.replayed
    missing = any(row["verdict"] is None for row, *_ in rows)
    code = InconclusiveError.exit_code if missing else 0
    value = {
        "schema": "skillopt-ci/ablate/1",
        "exit_code": code,
        "skills": [row for row, *_ in rows],
        "spend": {"paid": paid.as_json(), "replayed": replayed.as_json()},
    }
    shown = [words for _, words, _ in rows]
    text = "\n\n".join([*([SIMULATED] if simulated(refs) else []), *shown, spent(paid, replayed)])
    xml = junit("skillopt-ci ablate", [case for *_, case in rows], {"split": split})
    leave_results(console, options, json=value, summary=text, junit=xml, shown=text)
    return code


def _one(work: Work, subject: Subject, split: str, runs: int) -> tuple[dict[str, object], str, Case]:
    skill, full, tasks = subject.skill, subject.text, subject.tasks
    empty = full.with_body("")
    name = subject.run("ablate", split)
    meters = [work.meter, work.skill_meter(skill, name)]
    lab = work.workshop.lab(skill, work.progress, run=name, meters=meters)
    require_trust(work, skill, tasks, run=name, meters=meters)
    work.console.say(f"{skill.name} on {skill.target.label}: without and with its body on {len(tasks)} {split} tasks")
    if split == "test":
        times_opened(work.ledger, subject.suite, name)
    sides = ((empty, "ablate/empty"), (full, "ablate/skill"))
    jobs = [Job(s, task, lab.sample(task, stream, n)) for n in range(runs) for task in tasks for s, stream in sides]
    rollouts = lab.roll_out(jobs, what="without and with the body", keep=work.options.viewer is not None)
    write_view(work, skill, tasks, [(WITH, by_task(rollouts[1::2], tasks)), (WITHOUT, by_task(rollouts[::2], tasks))])
    without, with_it = evaluate(empty.digest, tasks, rollouts[::2]), evaluate(full.digest, tasks, rollouts[1::2])
    comparison = compare(without, with_it, tasks)
    verdict = _verdict(comparison)
    effect = comparison.effect
    measured = sum(p.outcome != "not-measured" for p in comparison.pairs)
    of_all = "" if measured == len(tasks) else f"of {len(tasks)} "
    row: dict[str, object] = {
        "name": skill.name,
        "target": skill.target.label,
        "split": split,
        "verdict": verdict,
        "without": without.mean,
        "with": with_it.mean,
        "effect": None if effect is None else {"mean": effect.mean, "low": effect.low, "high": effect.high},
        "n_tasks": measured,
        "tokens": full.tokens,
    }
    said = _SAID[verdict]
    words = f"**{md_text(skill.name, 80)}** on {md_text(skill.target.label, 80)}: {said}"
    if effect is not None:
        words += (
            f": {points(without.mean)} without, {points(with_it.mean)} with it, {gain(effect.mean)} pt, "
            f"{interval(effect)}, {measured} {of_all}{split} tasks x {plural(runs, 'run')} per arm; "
            f"{full.tokens} tokens"
        )
    status: Status = "error" if verdict is None else "failed" if verdict == "harms" else "passed"
    return row, words + ".", Case(id=skill.target.label, classname=skill.name, status=status, message=said)


def _verdict(comparison: Comparison) -> str | None:
    effect = comparison.effect
    if effect is None or comparison.too_much_missing:
        return None
    return "helps" if effect.low > 0 else "harms" if effect.high < 0 else "not-shown"
