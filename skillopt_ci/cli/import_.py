"""`import`: other tools' evaluation files as native tasks, with a report of what was lost."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from skillopt_ci import plugins
from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import problem_json, run, write_json, write_text
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.texts import plural
from skillopt_ci.errors import ConfigError, Problem, SkilloptError, UsageError
from skillopt_ci.forge.worktree import WorkTree
from skillopt_ci.graders.validate import validate
from skillopt_ci.suites.checks import duplicate_ids
from skillopt_ci.suites.load import TaskEntry, read_files
from skillopt_ci.suites.losses import report
from skillopt_ci.suites.write import to_jsonl

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("import", help=COMMANDS["import"])
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=_FILE, metavar="PATH", help="The task file to write (.jsonl).")
@click.option("--format", "form", metavar="NAME", help="The format; found out from the files when omitted.")
@click.option("--grader", metavar="TYPE", help="A grader, such as exact or contains, for tasks that bring none.")
@click.option("--json", type=_FILE, metavar="PATH", help="Write the whole result as JSON, also on failure.")
@click.option("--quiet", is_flag=True, help="Only results and errors.")
@click.option("--verbose", is_flag=True, help="More words.")
@click.option("--debug", is_flag=True, help="Print the traceback of an unexpected error.")
def command(source: Path, output: Path, form: str | None, grader: str | None, **shared: Any) -> None:
    """See the help text above."""
    options = Options(**shared)
    run("import", options, lambda console: _import(console, options, TaskSource(source, form, grader), output))


class TaskSource:
    """What is imported. `root` is the folder that files may be read from: nothing outside of it is."""

    def __init__(self, path: Path, form: str | None, grader: str | None) -> None:
        place = path.resolve()
        if place == place.parent:
            raise UsageError(f"{path}: that is the whole file system; name the file or folder of the evaluation")
        known = (Path.cwd(), *(p for p in place.parents if (p / ".git").exists()), place.parent.parent)
        self.root = next(p for p in known if place.is_relative_to(p) and place != p)
        self.path = path
        self.entry = TaskEntry(pattern=place.relative_to(self.root).as_posix(), format=form)
        self.grader = grader


def _import(console: Console, options: Options, source: TaskSource, output: Path) -> int:
    if not source.path.exists():  # not click's to say: its errors leave the --json of an earlier import to be believed
        raise UsageError(f"{source.path}: there is no such file or folder; name the evaluation to import")
    if source.grader is not None and source.grader not in plugins.names("graders"):
        plugins.load("graders", source.grader)  # raises, with what was perhaps meant
    if output.suffix.lower() != ".jsonl":
        raise UsageError(f"--output {output}: the name of a native task file ends in .jsonl")
    if output.exists():
        raise UsageError(f"--output {output}: there is such a file; remove it, or name another one")
    found = read_files(WorkTree(source.root), [source.entry])
    problems = [*found.problems, *duplicate_ids(found.tasks), *_unfit(found.tasks)]
    if not problems and not found.tasks and not found.losses:
        raise UsageError(f"{source.entry.pattern}: there are no tasks; name the file or folder that has them")
    errors = [p for p in problems if not p.warning]
    console.problems((*sorted(problems), *report(sorted(found.losses))))
    files: list[str] = []
    if not errors and not found.tasks:  # an empty file of tasks would be in the way of the next import
        console.result("no task could be imported, and nothing was written: see above why")
    elif not errors:
        files = _write([_graded(t, source.grader) for t in found.tasks], output)
        lost = f"; {plural(len(found.losses), 'part')} of the source not imported" if found.losses else ""
        console.result(f"{plural(len(found.tasks), 'task')} written to {output}{lost}")
    code = 0 if files else ConfigError.exit_code
    if options.json is not None:
        value = {
            "schema": "skillopt-ci/import/1",
            "exit_code": code,
            "tasks": 0 if errors else len(found.tasks),
            "files": files,
            "problems": [problem_json(p) for p in problems],
            "losses": [asdict(loss) for loss in sorted(found.losses)],
        }
        write_json(options.json, value, console.scrub)
    return code


def _unfit(tasks: Sequence[Task]) -> list[Problem]:
    """Graders that a file brings and that would not work: here is the last place that knows its lines."""
    return [
        task.source.problem(words) for task in tasks for words in (validate(task.graders, task) if task.graders else ())
    ]


def _graded(task: Task, grader: str | None) -> Task:
    return replace(task, graders=(GraderSpec(type=grader),)) if grader and task.graders is None else task


def _write(tasks: list[Task], output: Path) -> list[str]:
    """Write the task file and its attachments; their paths. Raises `SkilloptError` when a place cannot be written."""
    written = to_jsonl(tasks, folder=f"{output.stem}_files")
    for name, data in written.files.items():
        place = output.parent / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        except OSError as error:
            raise SkilloptError(f"{place}: cannot be written: {error.strerror}") from error
    write_text(output, written.text)
    return [str(output), *(str(output.parent / name) for name in written.files)]
