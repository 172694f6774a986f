"""The part of `check` that asks whether git keeps what gates read: they compare commits."""

from skillopt_ci.cli.project import Project
from skillopt_ci.cli.sides import inside
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.task import Suite
from skillopt_ci.errors import GitError, Problem
from skillopt_ci.forge.git import Git


def not_kept(project: Project, skill: ResolvedSkill, suite: Suite) -> list[Problem]:
    """A warning for a skill, and one for its tasks, that no commit can have; none where there is no git to ask."""
    try:
        git = Git.discover(project.root)
        if git is None:
            return []
        folder, stored = inside(git, project.root), git.working_tree()
        tasks = sorted({task.source.file for task in suite.tasks})
        lost = [[p for p in paths if not stored.keeps(f"{folder}/{p}".lstrip("/"))] for paths in ([skill.path], tasks)]
    except GitError:  # all the rest can be checked without it
        return []
    said = (
        "git ignores it, has it with other capitals, or it is in a submodule: no commit has it by this name, and "
        "gates, which compare commits, cannot read it"
    )
    return [Problem(paths[0], 0, 0, f"{said}{_others(paths)}", True) for paths in lost if paths]


def _others(paths: list[str]) -> str:
    return f" (nor {len(paths) - 1} more)" if len(paths) > 1 else ""
