"""`check`: everything that can be known without a model, in one go."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from skillopt_ci.cli.check_agents import missing_here, unfit_agents
from skillopt_ci.cli.check_git import not_kept
from skillopt_ci.cli.check_suite import suite_quality
from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import problem_json, run, write_json
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options, common
from skillopt_ci.cli.project import CONFIG_NAMES, Project, no_room, open_project, read_all, read_skill
from skillopt_ci.cli.work import unpriced
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.skill_rules import check_skill
from skillopt_ci.core.spend import Limits
from skillopt_ci.core.task import SPLITS, Suite, Task
from skillopt_ci.core.texts import plural
from skillopt_ci.errors import ConfigError, Problem
from skillopt_ci.forge.worktree import passed_over
from skillopt_ci.graders.build import needs_judge
from skillopt_ci.suites.base import Loss
from skillopt_ci.suites.losses import report


@click.command(help=COMMANDS["check"])
@common
@click.option(
    "--elsewhere",
    is_flag=True,
    help="Skills are measured on another machine: do not look whether this one has their agents and a sandbox.",
)
@click.argument("files", nargs=-1)
def command(files: Sequence[str], elsewhere: bool, **shared: Any) -> None:  # noqa: ARG001 - pre-commit passes names; all is checked
    """See the help text above."""
    options = Options(**shared)
    run("check", options, lambda console: _check(console, options, elsewhere))


def _check(console: Console, options: Options, elsewhere: bool) -> int:
    project = open_project(options)
    problems: list[Problem] = []
    losses: list[Loss] = []
    tasks: list[Task] = []
    rows: list[dict[str, object]] = []
    skills = project.chosen(options.skill)
    for skill in skills:
        found, row, lost, suite = _check_skill(project, skill)
        problems += found
        losses += lost
        tasks += suite.tasks
        rows.append(row)
    if options.config is None and project.config_path != CONFIG_NAMES[1] and project.tree.glob(CONFIG_NAMES[1]):
        message = f"is not read, as there is a {project.config_path}; remove one of the two"
        problems.append(Problem(CONFIG_NAMES[1], 0, 0, message, True))
    problems += [*_unpriced(project, skills), *unfit_agents(project.config, skills)]
    problems += [] if elsewhere else missing_here(project.config, skills, tasks)
    errors = [p for p in problems if not p.warning]
    console.problems(tuple(problems))
    for row in rows:
        size = "the skill cannot be read" if row["tokens"] is None else f"{row['tokens']} tokens"
        console.result("{name}: {train} train, {val} val, {test} test tasks; {size}".format(**row, size=size))
    console.result(f"{plural(len(errors), 'error')}, {plural(len(problems) - len(errors), 'warning')}")
    code = ConfigError.exit_code if errors else 0
    if options.json is not None:
        value = {
            "schema": "skillopt-ci/check/1",
            "exit_code": code,
            "skills": rows,
            "problems": [problem_json(p) for p in problems],
            "losses": [asdict(loss) for loss in losses],
        }
        write_json(options.json, value, console.scrub)
    return code


def _check_skill(project: Project, skill: ResolvedSkill) -> tuple[list[Problem], dict[str, object], list[Loss], Suite]:
    tree = project.tree
    folder = skill.path.rpartition("/")[0].rpartition("/")[2]
    row: dict[str, object] = {"name": skill.name, "path": skill.path, "tokens": None, **dict.fromkeys(SPLITS)}
    try:
        problems = check_skill(tree.read(skill.path), path=skill.path, directory=folder)
        if not any(not p.warning for p in problems):
            start = read_skill(tree, skill.path, skill.name)
            row["tokens"] = start.tokens
            problems += filter(None, [no_room(skill, start) if skill.optimizer else None])
    except ConfigError as error:
        problems = list(error.problems)
    need = ("train", "val", "test") if skill.optimizer else skill.gate.splits
    suite, more, losses = read_all(tree, skill, need)
    problems += [*_left_out(project, skill), *more]
    problems += not_kept(project, skill, suite) if row["tokens"] is not None else []
    problems += [*suite_quality(project, skill, suite), *report(losses)]
    row.update({s: len(suite.of([s])) for s in SPLITS})
    judged = [t for t in suite.tasks if needs_judge(skill.graders if t.graders is None else t.graders)]
    if judged and skill.judge is None:
        message = f"its grader asks a judge, and skills[{skill.name}] has no 'judge' model; add one"
        problems.append(judged[0].source.problem(message))
    return problems, row, losses, suite


def _unpriced(project: Project, skills: Sequence[ResolvedSkill]) -> list[Problem]:
    """Budgets in USD that no command could keep."""
    source = project.config.source
    top = Limits(**project.config.budget.model_dump())
    refs = {skill.name: [*skill.targets, skill.optimizer, skill.judge] for skill in skills}
    found = [source.problem(("budget",), m) for m in unpriced(top, [ref for some in refs.values() for ref in some])]
    for skill in skills:
        if skill.own_budget:
            found += [
                source.problem(("skills",), f"{skill.name}: {m}") for m in unpriced(skill.budget, refs[skill.name])
            ]
    return found


def _left_out(project: Project, skill: ResolvedSkill) -> list[Problem]:
    """What of a skill's folder no agent gets."""
    folder = skill.path.rpartition("/")[0]
    if not folder or skill.harness == "chat":
        return []
    said = "is a link or a hidden folder: it is not installed with the skill; put the files themselves here"
    return [Problem(path, 0, 0, said, True) for path in passed_over(project.root, folder)]
