"""`diff`: two training runs, or two versions of a skill, side by side; buys nothing."""

import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from skillopt_ci.cli.bases import read_base
from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import run, write_json, write_output
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options, common, html_option
from skillopt_ci.cli.project import Project, open_project, read_suite
from skillopt_ci.cli.sides import inside
from skillopt_ci.cli.work import Work, at_work, ledger_path, simulated
from skillopt_ci.config.access import secret_values
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.skill import parse_skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.engine.base_runs import read_stored
from skillopt_ci.engine.merge import HEAD
from skillopt_ci.errors import GitError, UsageError
from skillopt_ci.forge.git import Git
from skillopt_ci.forge.tree import bundled
from skillopt_ci.forge.worktree import WorkTree
from skillopt_ci.providers.stored import Replays
from skillopt_ci.report.escape import mask_tokens, scrubber
from skillopt_ci.report.page.document import document
from skillopt_ci.report.run_reader import read_run
from skillopt_ci.report.terminal import terminal
from skillopt_ci.report.versions import (
    Compared,
    Version,
    compare_versions,
    compared_json,
    compared_page,
    run_version,
    scrubbed,
)

MAX_EDITS = 30


@click.command(help=COMMANDS["diff"])
@common
@html_option
@click.argument("a")
@click.argument("b")
def command(a: str, b: str, **shared: Any) -> None:
    """See the help text above."""
    options = Options(**shared)
    run("diff", options, lambda console: _diff(console, options, (a, b)))


def _diff(console: Console, options: Options, named: tuple[str, str]) -> int:
    known = scrubber(secret_values(None, os.environ))
    console.scrub = lambda text: mask_tokens(known(text))
    project = _project(options)
    skill = _meant(options, project, named)
    sides = _in_one_folder(*(_version(console, project, skill, name) for name in named))
    a, b = (scrubbed(side, console.scrub) for side in _measured(console, options, project, skill, sides))
    found = compare_versions(a, b)
    page = compared_page(found)
    console.result(terminal(page, shutil.get_terminal_size((120, 24)).columns))
    for line in _edits(found):
        console.result(line)
    if found.unified:
        console.result(f"\n{found.unified}")
    if options.html is not None:
        write_output(options.html, document(page))
    if options.json is not None:
        write_json(options.json, compared_json(found), console.scrub)
    return 0


def _project(options: Options) -> Project | None:
    """The configuration, which two run folders or files can do without."""
    try:
        return open_project(options)
    except UsageError:
        if options.config is not None:
            raise
        return None


def _meant(options: Options, project: Project | None, named: Sequence[str]) -> ResolvedSkill | None:
    """The skill that is compared: --skill's, the only one, or the one that run folders and paths are of."""
    skills = project.chosen(options.skill) if project is not None else ()
    if project is not None and len(skills) > 1:
        skills = tuple(s for s in skills if any(_is_of(project, s, name) for name in named))
    return skills[0] if len(skills) == 1 else None


def _is_of(project: Project, skill: ResolvedSkill, name: str) -> bool:
    """Whether a run folder is one of this skill, or a path, also one in a commit, the skill's own."""
    place = Path(name)
    if (place / "report.json").is_file():
        return bool(read_run(place).config["name"] == skill.name)
    file = project.root / skill.path
    if place.exists():
        return place.resolve() in (file.resolve(), file.parent.resolve())
    git, path = Git.discover(Path.cwd()), name.partition(":")[2]
    if git is None or not path or not project.root.resolve().is_relative_to(git.root.resolve()):
        return False
    return path == _in_git(git, project, skill)


def _version(console: Console, project: Project | None, skill: ResolvedSkill | None, name: str) -> Version:
    """What a name stands for: a run folder, a skill's file or folder, a git ref, a ref with a path.

    Raises:
        UsageError: none of these.
    """
    place = Path(name)
    if (place / "report.json").is_file():
        return run_version(place, console.scrub)
    file = place / "SKILL.md" if place.is_dir() else place
    if file.is_file():
        return _of_file(*_on_disk(file.resolve()), name)
    git = Git.discover(Path.cwd())
    ref, _, path = name.partition(":")
    if git is None:
        raise UsageError(f"{name}: no run folder and no file, and this is no git repository")
    try:
        sha = git.resolve(ref)
    except GitError as error:
        raise UsageError(f"{name}: neither a run folder, a skill's file nor a commit ({error})") from error
    if not path:
        if project is None or skill is None:
            raise UsageError(f"{name}: which skill? Name it with --skill, or its path: {name}:PATH")
        path = _in_git(git, project, skill)
    tree = git.tree(sha)
    if path not in tree.glob(path):
        raise UsageError(f"{name}: there is no {path} at {sha[:12]}")
    return _of_file(tree, path, name)


def _of_file(tree: Tree, path: str, name: str) -> Version:
    """A skill with the files of its folder; a file of another name is a text alone."""
    alone = path.rpartition("/")[2] != "SKILL.md"
    skill = parse_skill(tree.read(path), path=path, name=name, bundle=None if alone else bundled(tree, path))
    return Version(label=name, skill=skill, runs={}, alone=alone)


def _on_disk(file: Path) -> tuple[Tree, str]:
    """A file as a path of a tree that has its folder in it, as a commit has, but at the top of a repository."""
    root = file.parent if (file.parent / ".git").exists() else file.parent.parent
    return WorkTree(root), file.relative_to(root).as_posix()


def _in_one_folder(a: Version, b: Version) -> list[Version]:
    """Both, a text alone in the other's folder: what stands beside it is not known."""
    return [
        replace(one, skill=replace(one.skill, resources=other.skill.resources, bundle=other.skill.bundle))
        if one.alone
        else one
        for one, other in ((a, b), (b, a))
    ]


def _in_git(git: Git, project: Project, skill: ResolvedSkill) -> str:
    """The skill's path from the repository's root."""
    folder = inside(git, project.root)
    return f"{folder}/{skill.path}" if folder else skill.path


def _measured(
    console: Console, options: Options, project: Project | None, skill: ResolvedSkill | None, sides: list[Version]
) -> list[Version]:
    """The versions with the stored runs that the ledger has of those that are no run's; nothing is bought."""
    alone = [side for side in sides if side.edits is None]
    if project is None or skill is None or not alone or not ledger_path(project.root).exists():
        return sides
    with at_work(console, options, project) as work:
        suite = read_suite(console, project.tree, skill, need=skill.gate.splits)
        tasks = suite.of(skill.gate.splits)

        return [_with_runs(work, skill, tasks, side) if side.edits is None else side for side in sides]


def _with_runs(work: Work, skill: ResolvedSkill, tasks: Sequence[Task], version: Version) -> Version:
    """The version with its runs as a base, else with those that gates took of it as a head."""
    one = replace(version.skill, name=skill.name)
    rows = read_base(work, skill, one, tasks, meters=[], now=None).rows
    if not any(rows):
        lab = work.workshop.stored_lab(skill, work.progress, until=math.inf, replays=Replays())
        rows = read_stored(lab, one, tasks, range(skill.gate.max_rounds), stream=HEAD)
    runs = {t.id: tuple(r.value for r in row) for t, row in zip(tasks, rows, strict=True) if row}
    clusters = {t.id: t.cluster for t in tasks if t.cluster is not None}
    says = simulated([skill.target]) if runs else False
    return replace(version, runs=runs, clusters=clusters, target=skill.target.label if runs else "", simulated=says)


def _edits(found: Compared) -> list[str]:
    if found.edits is None:
        return []
    lines = []
    for title, records in zip(("only in A", "only in B", "in both"), found.edits, strict=True):
        if records:
            lines += ["", f"edits {title}:"]
            lines += [
                f"  {r.edit.op}: {' '.join((r.edit.content or r.edit.target).split())[:160]}"
                for r in records[:MAX_EDITS]
            ]
            lines += [f"  and {len(records) - MAX_EDITS} more"] if len(records) > MAX_EDITS else []
    return lines
