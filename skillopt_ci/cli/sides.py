"""Base and head of a gate: which commits, which skills changed, which rules hold."""

from dataclasses import dataclass, replace
from pathlib import Path

from skillopt_ci.cli.options import Options
from skillopt_ci.cli.project import CONFIG_NAMES, Project, find_root, read_project, read_skill
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.tree import Below, Tree
from skillopt_ci.errors import ConfigError, UsageError
from skillopt_ci.forge.git import Git


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Both sides of a gate.

    Attributes:
        policy: the tree that configuration, tasks and graders are read from; `policy_sha` is its commit.
        config_path: the configuration's path on the policy side; None when there is none: first adoption.
        head_sha: None for a working tree that differs from its commit.
    """

    root: Path
    base_ref: str
    base_sha: str
    policy_sha: str
    head_ref: str
    head_sha: str | None
    base: Tree
    policy: Tree
    head: Tree
    config_path: str | None

    def project(self) -> Project:
        """The project as the policy side has it. Raises `ConfigError`, with the commit named in every place."""
        assert self.config_path is not None  # noqa: S101 - callers ask only then
        try:
            return read_project(self.root, self.policy, self.config_path)
        except ConfigError as error:
            problems = [replace(p, message=f"{p.message} (at {self.policy_sha[:12]})") for p in error.problems]
            raise ConfigError(problems or f"{error} (at {self.policy_sha[:12]})") from error


@dataclass(frozen=True, kw_only=True)
class Change:
    """One configured skill on both sides; `reason` says why there is nothing to compare, empty when there is."""

    skill: ResolvedSkill
    base: Skill | None
    head: Skill | None
    reason: str = ""


def find_sides(options: Options, base: str | None, head: str | None) -> Sides:
    """Resolve base and head.

    The base is the merge-base of head and the default branch, with the rules of the default branch's tip; a base that
    was named is taken as it is, with its own rules. The head is the working tree, or the commit that was named.

    Raises:
        UsageError: not in a repository, or nothing configured on either side.
        GitError: a ref that does not exist, or history that was not fetched.
    """
    git = Git.discover(Path.cwd())
    if git is None:
        raise UsageError("gate compares commits, and this is no git repository; run it inside one")
    root = _root(options, git)
    inside = root.relative_to(git.root.resolve()).as_posix()
    folder = "" if inside == "." else inside
    head_commit = git.resolve(head or "HEAD")
    if base is None:
        branch = git.default_branch()
        base_ref, policy_sha = branch, git.resolve(branch)
        base_sha = git.merge_base(policy_sha, head_commit)
    else:
        base_ref = base
        base_sha = policy_sha = git.resolve(base)
    policy = Below(git.tree(policy_sha), folder)
    dirty = head is None and git.is_dirty()
    found = [n for n in _config_names(options, root) if n in policy.glob(n)]
    return Sides(
        root=root,
        base_ref=base_ref,
        base_sha=base_sha,
        policy_sha=policy_sha,
        head_ref=head or "working tree",
        head_sha=None if dirty else head_commit,
        base=Below(git.tree(base_sha), folder),
        policy=policy,
        head=Below(git.tree(head_commit) if head else git.working_tree(), folder),
        config_path=found[0] if found else None,
    )


def _root(options: Options, git: Git) -> Path:
    try:
        return find_root(options.config, Path.cwd())[0].resolve()
    except UsageError:
        if options.config is not None:
            raise
        return git.root.resolve()  # the head may have deleted it; the base decides


def _config_names(options: Options, root: Path) -> tuple[str, ...]:
    if options.config is None:
        return CONFIG_NAMES
    return (options.config.resolve().relative_to(root).as_posix(),)


def find_changes(sides: Sides, skills: tuple[ResolvedSkill, ...]) -> tuple[Change, ...]:
    """Every configured skill on both sides, with the reason when there is nothing to compare."""
    return tuple(_change(sides, skill) for skill in skills)


def _change(sides: Sides, skill: ResolvedSkill) -> Change:
    base = _skill(sides.base, skill)
    head = _skill(sides.head, skill)
    if head is None:
        reason = "policy-changed"
    elif base is None:
        reason = "new-skill"
    elif base.digest == head.digest:
        reason = "unchanged"
    elif base.body == head.body and skill.harness == "chat":
        # Chat sends the body only: nothing the target sees has changed.
        reason = "body-unchanged"
    else:
        reason = ""
    return Change(skill=skill, base=base, head=head, reason=reason)


def _skill(tree: Tree, skill: ResolvedSkill) -> Skill | None:
    return read_skill(tree, skill.path, skill.name) if skill.path in tree.glob(skill.path) else None


def changed_policy(sides: Sides, project: Project) -> tuple[str, ...]:
    """Configuration and task files that differ between the rules that hold and the head."""
    patterns = [project.config_path, *(t.path for s in project.skills for t in s.tasks)]
    paths = {p for pattern in patterns for tree in (sides.policy, sides.head) for p in tree.glob(pattern)}
    return tuple(sorted(p for p in paths if _bytes(sides.policy, p) != _bytes(sides.head, p)))


def _bytes(tree: Tree, path: str) -> bytes | None:
    return tree.read(path) if path in tree.glob(path) else None
