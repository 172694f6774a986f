"""`compare`: methods of training on your own tasks, with the same ration of target rollouts each."""

from typing import Any

import click

from skillopt_ci import plugins
from skillopt_ci.cli.console import Console
from skillopt_ci.cli.contest import enter, hold, prepare, write_folders
from skillopt_ci.cli.guard import run
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options, spending
from skillopt_ci.cli.output import leave_results
from skillopt_ci.cli.project import open_project
from skillopt_ci.cli.work import at_work, limits_of, require_prices, require_ready, simulated, told
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.contest import ContestReport
from skillopt_ci.core.suggestion import suggest
from skillopt_ci.engine.human import NAME as HUMAN
from skillopt_ci.errors import UsageError
from skillopt_ci.report.contest import contest_json, contest_junit, contest_summary

# Of several methods' exit codes the most serious one is the command's.
_SERIOUS = (0, 3, 4)


@click.command(help=COMMANDS["compare"])
@spending
@click.option(
    "--methods",
    default="skillopt,one-shot",
    show_default=True,
    metavar="A,B,...",
    help="Methods to compare (values of train.method); human, the skill as it is, is always one of them.",
)
@click.option(
    "--rollouts",
    type=click.IntRange(min=1),
    help="Target rollouts that each method's search may take; as many as the paper's loop would when omitted.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the runs; wins over the configuration.")
@click.option(
    "--generation",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Another number is another comparison with new samples.",
)
def command(methods: str, rollouts: int | None, seed: int | None, generation: int, **shared: Any) -> None:
    """See the help text above."""
    options = Options(**shared)
    named = {"rollouts": rollouts, "seed": seed, "generation": generation}
    run("compare", options, lambda console: _compare(console, options, methods, **named))


def _compare(
    console: Console, options: Options, methods: str, *, rollouts: int | None, seed: int | None, generation: int | None
) -> int:
    names = chosen_methods(methods)
    project = open_project(options)
    skills = [_seeded(s, seed) for s in project.chosen(options.skill)]
    refs = [ref for s in skills for ref in (s.target, s.optimizer, s.judge)]
    require_prices(limits_of(options, project), refs)
    for skill in skills:
        require_prices(told(options, skill.budget), [skill.target, skill.optimizer, skill.judge])
    with at_work(console, options, project) as work:
        fields = [prepare(work, s, rollouts, generation or 1) for s in skills]
        for field in fields:
            require_ready(work, field.skill.each_target()[0], field.suite.tasks)
        entries = [[enter(work, field, name) for name in names] for field in fields]  # all told before one is bought
        contests = tuple(hold(work, field, each) for field, each in zip(fields, entries, strict=True))
        for contest, each in zip(contests, entries, strict=True):
            write_folders(work, contest, each)
        code = max((r.exit_code for c in contests for r in c.rows), key=_SERIOUS.index)
        report = ContestReport(
            exit_code=code,
            contests=contests,
            paid=work.meter.paid,
            replayed=work.meter.replayed,
            message="not every method could be trained and measured; the rows say why" if code else "",
        )
    says = simulated(refs)
    summary = contest_summary(report, simulated=says)
    value = contest_json(report, simulated=says)
    leave_results(console, options, json=value, summary=summary, junit=contest_junit(report), shown=summary)
    return code


def chosen_methods(text: str) -> list[str]:
    """The methods of --methods, human first. Raises `UsageError` for one that is not known."""
    names = [n for n in dict.fromkeys(part.strip() for part in text.split(",")) if n and n != HUMAN]
    known = plugins.names("methods")
    for name in names:
        if name not in known:
            raise UsageError(f"--methods: unknown method '{name[:80]}'{suggest(name, known)}")
    if not names:
        raise UsageError(f"--methods: name at least one method beside {HUMAN}, such as `--methods skillopt,one-shot`")
    return [HUMAN, *names]


def _seeded(skill: ResolvedSkill, seed: int | None) -> ResolvedSkill:
    from dataclasses import replace

    return skill if seed is None else replace(skill, train=skill.train.model_copy(update={"seed": seed}))
