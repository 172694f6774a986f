"""What must hold across all files of a suite."""

from collections.abc import Iterable, Sequence

from skillopt_ci.core.digest import digest
from skillopt_ci.core.split import count_splits
from skillopt_ci.core.task import SPLITS, Task
from skillopt_ci.core.texts import folded
from skillopt_ci.errors import Problem

FEWEST_VAL, FEWEST_TEST = 20, 50


def duplicate_ids(tasks: Iterable[Task]) -> list[Problem]:
    """Every task whose id an earlier one has; rows without ids have the same one when they say the same."""
    seen: dict[str, Task] = {}
    problems: list[Problem] = []
    for task in tasks:
        first = seen.setdefault(task.id, task)
        if first is not task:
            same = (task.prompt, task.context, task.expected) == (first.prompt, first.context, first.expected)
            advice = "it asks the same: remove one" if same else "ids must be unique; without one, the content gives it"
            problems.append(task.source.problem(f"the id {task.id!r} is taken by {first.source}; {advice}"))
    return problems


def repeated_prompts(tasks: Iterable[Task]) -> list[Problem]:
    """Tasks with the same prompt, context and files in two splits: what was trained on would be the exam.

    Case and white space do not make prompts differ.
    """
    seen: dict[str, Task] = {}
    problems: list[Problem] = []
    for task in tasks:
        files = sorted(digest(f.identity()) for f in task.files)
        key = digest([folded(task.prompt), folded(task.context), files])
        first = seen.setdefault(key, task)
        if first.split != task.split:
            where = f"'{task.split}' here, '{first.split}' for {first.id!r} at {first.source}"
            advice = "remove one, or give both the same `split`"
            problems.append(task.source.problem(f"the same prompt in two splits: {where}; {advice}"))
    return problems


def about_triggering(tasks: Sequence[Task]) -> tuple[list[Problem], list[Task]]:
    """The tasks without those that only make sense when an agent chooses skills, and one warning a file about them.

    These are queries that nothing but triggering is tested with, and tasks that the skill should stay out of: with the
    skill's body in the conversation they would measure something else.
    """
    out = [t for t in tasks if t.graders == () or t.should_trigger is False]
    problems = []
    for file in dict.fromkeys(t.source.file for t in out):
        own = [t for t in out if t.source.file == file]
        count = f"{len(own)} tasks are" if len(own) > 1 else f"the task {own[0].id!r} is"
        advice = "which needs an agent whose choice is seen; direct chat, and `command` without `tools`, leave them out"
        message = f"{count} about whether the skill triggers, {advice}"
        problems.append(Problem(file, own[0].source.line, 0, message, True))
    left_out = set(map(id, out))
    return problems, [t for t in tasks if id(t) not in left_out]


def sizes(tasks: Sequence[Task], *, where: str, need: Sequence[str]) -> list[Problem]:
    """Empty splits that are needed (errors), and splits too small to show much (warnings)."""
    counts = {str(name): n for name, n in count_splits(tasks).items()}
    problems: list[Problem] = []
    for name in SPLITS:
        if name in need and not counts[name]:
            advice = f"add tasks, or `split: {name}` to some of them"
            problems.append(Problem(where, 0, 0, f"no task is in the split '{name}', which is needed here; {advice}"))
    missing = {p for p in SPLITS if p in need and not counts[p]}
    for name, fewest, effect in (
        ("val", FEWEST_VAL, "edits are chosen by chance"),
        ("test", FEWEST_TEST, "only large effects can be shown"),
    ):
        if counts[name] < fewest and name not in missing:
            message = f"{counts[name]} {name} tasks; below {fewest}, {effect}"
            problems.append(Problem(where, 0, 0, message, True))
    return problems
