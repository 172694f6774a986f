"""What a head changes of the rules it is judged by: told to reviewers, never in force, never run."""

import difflib
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from skillopt_ci.cli.changes import skills_of
from skillopt_ci.cli.project import Project, suite_problems
from skillopt_ci.cli.sides import Sides
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.nested import leaves
from skillopt_ci.core.scripts import SCRIPT
from skillopt_ci.core.suite_edits import SuiteEdits, suite_edits
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError

MOST_BYTES = 100_000  # of a file that is diffed
MOST_LINES = 120
MOST_FILES = 20
_MOST_COLUMNS = 300


@dataclass(frozen=True, kw_only=True)
class PolicyEdits:
    """Configuration and task files that differ between the rules that hold and the head.

    Attributes:
        paths: the files.
        diffs: (path, unified diff) of the configuration, and of task files where held-out words may be shown.
        suites: what became of the tasks of each skill.
    """

    paths: tuple[str, ...] = ()
    diffs: tuple[tuple[str, str], ...] = ()
    suites: tuple[SuiteEdits, ...] = ()


def policy_edits(sides: Sides, project: Project, compared: Sequence[str]) -> PolicyEdits:
    """Find them. The tasks of a skill are compared when one of their files, or the configuration, differs.

    They are what the head did since it left the branch: what the branch did meanwhile is no edit of the head's.

    Args:
        sides: base and head.
        project: as the rules have it.
        compared: names of skills whose tasks are compared in any case: a file that comes with a task may differ.
    """
    if sides.policy is sides.head:
        return PolicyEdits()
    both = (sides.base, sides.head)
    configs = _configs(sides)
    patterns = [*configs, *_scripts(project), *(t.path for s in project.skills for t in s.tasks)]
    paths = {p for pattern in patterns for tree in both for p in tree.glob(pattern)}
    changed = sorted(p for p in paths if _bytes(sides.base, p) != _bytes(sides.head, p))
    shown = [p for p in changed if p in configs or project.config.report.show_heldout]
    at_base, at_head = ({s.path: s for s in skills_of(sides, tree)[0]} for tree in both)
    suites = []
    for skill in project.skills:
        files = {p for t in skill.tasks for tree in both for p in tree.glob(t.path)} | configs
        if skill.name in compared or files & set(changed):
            suites.append(_suite(sides, *(found.get(skill.path, skill) for found in (at_base, at_head))))
    return PolicyEdits(
        paths=tuple(changed),
        diffs=tuple((p, _diff(_bytes(sides.base, p), _bytes(sides.head, p))) for p in shown[:MOST_FILES]),
        suites=tuple(s for s in suites if s),
    )


def config_edits(sides: Sides) -> PolicyEdits:
    """What the head does to the configuration alone, which need not be readable."""
    both = [(p, _bytes(sides.base, p), _bytes(sides.head, p)) for p in sorted(_configs(sides))]
    diffs = tuple((path, _diff(before, after)) for path, before, after in both if before != after)
    return PolicyEdits(paths=tuple(path for path, _ in diffs), diffs=diffs)


def _configs(sides: Sides) -> set[str]:
    """The configuration that holds, and the one that the head has in its place, which may be another file."""
    return {path for path in (sides.config_path, sides.config_in(sides.head)) if path}


def _scripts(project: Project) -> list[str]:
    """Files of the script graders that the configuration has; those of a task come with it."""
    specs = leaves(grader.as_spec() for entry in project.config.skills for grader in entry.graders)
    listed = [spec.options.get("files") for spec in specs if spec.type == SCRIPT]
    whole = [files for files in listed if isinstance(files, list) and all(isinstance(f, str) for f in files)]
    return [posixpath.normpath(file) for files in whole for file in files]


def _suite(sides: Sides, before: ResolvedSkill, after: ResolvedSkill) -> SuiteEdits:
    old, known = suite_problems(sides.base, before, need=())
    new, problems = suite_problems(sides.head, after, need=())
    wrong = next((p for p in problems if not p.warning and p not in known), None)
    if wrong is not None:
        return SuiteEdits(skill=before.name, unreadable=str(wrong))
    return suite_edits(before.name, old, new)


def _diff(before: bytes | None, after: bytes | None) -> str:
    sides = [side or b"" for side in (before, after)]
    if max(map(len, sides)) > MOST_BYTES:
        return f"more than {MOST_BYTES} bytes: not shown here"
    old, new = (side.decode("utf-8", "replace").splitlines() for side in sides)
    lines = [line.rstrip("\n")[:_MOST_COLUMNS] for line in difflib.unified_diff(old, new, n=2)][2:]
    more = [f"and {len(lines) - MOST_LINES} more lines"] if len(lines) > MOST_LINES else []
    return "\n".join([*lines[:MOST_LINES], *more])


def _bytes(tree: Tree, path: str) -> bytes | None:
    """The file, None when it is not there or cannot be read (a link, a submodule)."""
    try:
        return tree.read(path) if path in tree.glob(path) else None
    except ConfigError:
        return None
