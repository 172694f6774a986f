"""A skill's memory beside the default branch: edits that reviewers or runs without a proposal rejected."""

from collections.abc import Sequence
from pathlib import Path

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import write_text
from skillopt_ci.cli.hub import connected
from skillopt_ci.cli.memory import memory_file, read_memory_file
from skillopt_ci.cli.project import Project
from skillopt_ci.forge.closed import merge_lines, rejected_by_reviewers
from skillopt_ci.forge.proposal import Training, history_lines
from skillopt_ci.report.run_reader import Run, read_run

_RUNS = ".skillopt/runs"


def remember(console: Console, project: Project, names: Sequence[str], login: str, place: tuple[Path, str]) -> int:
    """Bring the files of a folder up to date: from closed pull requests, and from the run folders of the project.

    Args:
        names: skills named by --skill; empty for all.
        place: the folder, and where the project is in its repository ("" or with a slash at the end).

    Returns:
        How many lines there are now.
    """
    folder, inside = place
    runs = _finished_runs(project.root)
    total = 0
    with connected(console, login, project.config) as repository:
        for skill in project.chosen(names):
            path = memory_file(folder, skill.name)
            closed = rejected_by_reviewers(repository, skill.name, inside + skill.path, inside)
            own = [line for run in runs if run.config["name"] == skill.name for line in _lines(run)]
            told = {line for line in closed if line}
            old = read_memory_file(path).splitlines()
            data = merge_lines([line for line in (*old, *own) if line not in told], closed)
            if data:
                write_text(path, console.scrub(data.decode("utf-8", "replace")))
            total += data.count(b"\n")
    return total


def _finished_runs(root: Path) -> list[Run]:
    """The run folders that were not worth a pull request, oldest first: the others are remembered by theirs."""
    found = sorted((root / _RUNS).glob("*/report.json"), key=lambda p: p.stat().st_mtime_ns)
    runs = [read_run(report.parent) for report in found if (report.parent / "history.json").is_file()]
    return [run for run in runs if not run.proposal]


def _lines(run: Run) -> list[bytes]:
    """The run's edits as lines of a memory: nothing of it was taken over, so only what was rejected counts."""
    training = Training(
        name=str(run.config["name"]),
        path=str(run.config["path"]),
        start=run.start,
        best=run.best,
        steps=run.steps,
        run_id=str(run.config.get("run_id")),
        base_sha="",
        policy_sha="",
    )
    return [line for line in history_lines(training).splitlines() if b'"status": "rejected"' in line]
