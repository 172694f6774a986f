"""Where a run comes from: the commit that training starts from, and whether its files are that commit's."""

from skillopt_ci.cli.project import CONFIG_NAMES, Project, read_project, read_skill, suite_problems, trained_on
from skillopt_ci.cli.sides import inside
from skillopt_ci.cli.training import Plan
from skillopt_ci.core.task import SPLITS
from skillopt_ci.core.tree import Below, Tree
from skillopt_ci.errors import ConfigError, GitError
from skillopt_ci.forge.git import Git
from skillopt_ci.report.pull_request import Provenance
from skillopt_ci.report.run_reader import read_json


def origin(project: Project, plan: Plan) -> tuple[str | None, bool]:
    """The commit that training starts from, and whether configuration, skill or tasks differ from it there.

    None outside a repository or before its first commit.
    """
    git = Git.discover(project.root)
    try:
        commit = git.resolve("HEAD") if git else None
    except GitError:
        commit = None
    if git is None or commit is None:
        return None, False
    return commit, not _same(project, plan, Below(git.tree(commit), inside(git, project.root)))


def provenance(project: Project, plan: Plan) -> Provenance:
    """What made a run that has ended, for its pull request."""
    skill = plan.skill
    made = read_json(plan.folder, "config.json")  # as it was when the run began
    return Provenance(
        target=skill.target.label,
        optimizer=skill.optimizer.label if skill.optimizer else "",
        judge=skill.judge.label if skill.judge else "",
        seed=plan.seed,
        suite=plan.suite.digest,
        commit=str(made["commit"] or ""),
        uncommitted=made["uncommitted"] is True,
        method=skill.train.method,
        config=_named_config(project),
    )


def _named_config(project: Project) -> str:
    """The configuration's path in its repository; empty where a command started at the top finds it by itself."""
    git = Git.discover(project.root)
    if git is None:
        return ""
    path = "/".join(filter(None, [inside(git, project.root), project.config_path]))
    return "" if path == next((name for name in CONFIG_NAMES if (git.root / name).is_file()), None) else path


def _same(project: Project, plan: Plan, tree: Tree) -> bool:
    """Whether the files of a commit make the same run."""
    try:
        there = read_project(project.root, tree, project.config_path)
        skill = next((s for s in there.skills if s.name == plan.skill.name), None)
        if skill is None or skill.path != plan.skill.path:
            return False
        # Seed and method are the command's own, and part of the command that repeats the run.
        now = next(s for s in project.skills if s.name == skill.name)
        suite, _ = suite_problems(tree, skill, SPLITS)
        return (
            skill.fingerprint() == now.fingerprint()
            and read_skill(tree, skill.path, skill.name).digest == plan.start.digest
            and trained_on(suite, skill).digest == plan.suite.digest
        )
    except ConfigError:
        return False
