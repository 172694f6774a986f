"""The part of `check` that asks whether a suite is a good exam: its texts, its size, what the ledger knows of it."""

import math
from dataclasses import replace

from skillopt_ci.cli.project import Project, read_skill
from skillopt_ci.cli.rules import merge_rule
from skillopt_ci.cli.stored import verdicts_by_ledger
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.merge_gate import minimum_detectable_effect
from skillopt_ci.core.power import fewest_tasks
from skillopt_ci.core.quality import always_problems, exam_problems
from skillopt_ci.core.task import Suite
from skillopt_ci.core.texts import plural
from skillopt_ci.errors import ConfigError, Problem


def suite_quality(project: Project, skill: ResolvedSkill, suite: Suite) -> list[Problem]:
    """Every finding on the suite of one skill: errors and warnings, each with its place."""
    problems = exam_problems(suite.tasks, skill.graders)
    problems += _always(project, skill, suite)
    problems += _too_small(project, skill, suite)
    problems += _golden_elsewhere(skill, suite)
    return sorted(problems, key=lambda p: (p.file, p.line, p.column))


def _too_small(project: Project, skill: ResolvedSkill, suite: Suite) -> list[Problem]:
    """A warning at the margin when the held-out tasks cannot show a loss of that size."""
    gate = skill.gate
    count = len(suite.of(gate.splits))
    if not count:
        return []
    # A `min_effect` was chosen, and no number of tasks changes what it lets through.
    rule = replace(merge_rule(skill, pairs=1), min_effect=0.0)
    effect = minimum_detectable_effect(rule, n_tasks=count, base_runs=gate.base_runs)
    if effect <= gate.margin + 1e-9:
        return []
    needed = fewest_tasks(rule, base_runs=gate.base_runs, variance=None, wanted=gate.margin, there=count)
    smallest = min(1.0, math.ceil(effect * 100 - 1e-9) / 100)
    message = (
        f"{skill.name}: {count} held-out task{' shows' if count == 1 else 's show'} a loss of {100 * effect:.0f} "
        f"points or more, and gate.margin is {100 * gate.margin:.3g}: smaller losses will be inconclusive; have "
        f"{'more' if needed is None else needed} tasks, or `margin: {smallest:.2f}` (`skillopt-ci power` says more)"
    )
    place = project.config.source.problem(("gate", "margin"), message)
    return [Problem(place.file, place.line, place.column, message, True)]


def _golden_elsewhere(skill: ResolvedSkill, suite: Suite) -> list[Problem]:
    """A warning when golden tasks are in splits that the gate never runs: they cannot block anything."""
    splits = skill.gate.splits
    found = [task for task in suite.tasks if task.golden and task.split not in splits]
    if not found:
        return []
    first, held_out = f"golden task {found[0].id!r} ({found[0].split})", ", ".join(splits)
    said = f"the {first} is" if len(found) == 1 else f"{first} and {plural(len(found) - 1, 'other')} are"
    message = (
        f"{said} never run by the gate, which runs {held_out} tasks: add `split: {splits[0]}`, or it blocks nothing"
    )
    return [found[0].source.problem(message, warning=True)]


def _always(project: Project, skill: ResolvedSkill, suite: Suite) -> list[Problem]:
    """Tasks that always pass or fail, by the ledger, where there is one that can be read."""
    try:
        measured = read_skill(project.tree, skill.path, skill.name)
    except ConfigError:  # the skill has problems of its own, told elsewhere
        return []
    known = verdicts_by_ledger(project, skill.each_target(), measured, suite.tasks)
    return [problem for rows in known for problem in always_problems(rows)]
