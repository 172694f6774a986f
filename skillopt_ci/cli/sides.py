"""Base and head of a gate: which commits, which files, which rules hold."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from skillopt_ci.cli.options import Options
from skillopt_ci.cli.project import CONFIG_NAMES, MISNAMED, RENAME, Project, find_root, read_project
from skillopt_ci.core.tree import Below, Tree
from skillopt_ci.errors import ConfigError, Problem, UsageError
from skillopt_ci.forge.git import Git

_FEW = 3  # configurations in other folders that are named


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Both sides of a gate.

    Attributes:
        merged: the head merged into the branch that it is for, where that has gone on and git can say; `conflicts` are
            files that cannot be merged.
        policy: the tree that configuration, tasks and graders are read from; `policy_sha` is its commit, None for a
            working tree that differs from its commit.
        config_names: where a configuration is looked for, in this order.
        config_path: the configuration's path on the policy side; None when there is none: first adoption.
        unread: where neither side has one, warnings of files of the head that look like one.
        head_sha: None for a working tree that differs from its commit.
    """

    root: Path
    base_ref: str
    base_sha: str
    policy_sha: str | None
    head_ref: str
    head_sha: str | None
    base: Tree
    policy: Tree
    head: Tree
    config_names: tuple[str, ...]
    config_path: str | None
    unread: tuple[Problem, ...] = ()
    merged: Tree | None = None
    conflicts: frozenset[str] = frozenset()

    @property
    def unmerged(self) -> bool:
        """The branch has gone on, and git cannot say what a merge of the head's commit would be."""
        ruled = self.policy is not self.head and self.policy_sha != self.base_sha
        return ruled and self.head_sha is not None and self.merged is None

    def config_in(self, tree: Tree) -> str | None:
        """The path of the configuration that is read from a tree; None when there is none."""
        return next((name for name in self.config_names if name in tree.glob(name)), None)

    def project(self) -> Project:
        """The project as the policy side has it. Raises `ConfigError`, with the commit named in every place."""
        assert self.config_path is not None  # noqa: S101 - callers ask only then
        try:
            return read_project(self.root, self.policy, self.config_path)
        except ConfigError as error:
            raise at_commit(error, self.policy_sha) from error


def at_commit(error: ConfigError, sha: str | None) -> ConfigError:
    """The error with the commit (None: the working tree) in every place: another one may have the file whole."""
    where = f"(at {sha[:12]})" if sha else "(in the working tree)"
    problems = [replace(p, message=f"{p.message} {where}") for p in error.problems]
    return ConfigError(problems or f"{error} {where}")


def find_sides(
    options: Options, base: str | None, head: str | None, into: str | None = None, *, head_policy: bool = False
) -> Sides:
    """Resolve base and head.

    The base is the merge-base of head and the branch that the change is for (`into`; else the default branch), with the
    rules of that branch's tip; a base that was named is taken as it is, with its own rules. The head is the working
    tree, or the commit that was named. `head_policy` takes the head's rules instead, to try them out.

    Raises:
        UsageError: not in a repository, nothing configured on either side, or the head's rules asked for in CI.
        GitError: a ref that does not exist, or history that was not fetched.
    """
    if head_policy and in_ci():
        raise UsageError("--with-head-policy is for a terminal: in CI a change must not set the rules it is judged by")
    git = Git.discover(Path.cwd())
    if git is None:
        raise UsageError("gate compares commits, and this is no git repository; run it inside one")
    head_commit = git.resolve(head or "HEAD")
    if base is None:
        branch = git.default_branch() if into is None else git.branch(into)
        base_ref, policy_sha = branch, git.resolve(branch)
        base_sha = git.merge_base(policy_sha, head_commit)
    else:
        base_ref = base
        base_sha = policy_sha = git.resolve(base)
    dirty = head is None and git.is_dirty()
    head_sha = None if dirty else head_commit
    whole = git.tree(head_commit) if head else git.working_tree()
    rules = git.tree(policy_sha)
    root, names = _place(options, git, whole if head_policy else rules)
    folder = inside(git, root)
    head_tree = Below(whole, folder)
    policy = head_tree if head_policy else Below(rules, folder)
    found = [n for n in names if n in policy.glob(n)]
    if head_policy and not found:
        raise UsageError("--with-head-policy: the head has no configuration to take rules from")
    # Up to date with its branch, the head is what a merge would be.
    merge = git.merged(policy_sha, head_commit) if base is None and head_sha and base_sha != policy_sha else None
    prefix = f"{folder}/" if folder else ""
    return Sides(
        merged=Below(merge[0], folder) if merge else None,
        conflicts=frozenset(p.removeprefix(prefix) for p in merge[1]) if merge else frozenset(),
        root=root,
        base_ref=base_ref,
        base_sha=base_sha,
        policy_sha=head_sha if head_policy else policy_sha,
        head_ref=head or "working tree",
        head_sha=head_sha,
        base=Below(rules if base_sha == policy_sha else git.tree(base_sha), folder),
        policy=policy,
        head=head_tree,
        config_names=names,
        config_path=found[0] if found else None,
        unread=() if found or options.config else _unread(head_tree, Path.cwd(), git),
    )


def in_ci() -> bool:
    """Whether a CI service runs this, where a change must not set the rules it is judged by."""
    return bool(os.environ.get("CI") or os.environ.get("GITHUB_ACTIONS"))


def _unread(head: Tree, start: Path, git: Git) -> tuple[Problem, ...]:
    """What of the head looks like a configuration, when none is where it is looked for: from a folder upwards."""
    above = (start.resolve(), *start.resolve().parents)
    folders = [inside(git, folder) for folder in above if folder.is_relative_to(git.root.resolve())]

    def there(names: Sequence[str]) -> list[str]:
        paths = [f"{folder}/{name}".lstrip("/") for folder in folders for name in names]
        return [path for path in paths if path in head.glob(path)]

    if there(CONFIG_NAMES):
        return ()
    found = [(path, f"is not read: {RENAME}") for path in there(MISNAMED)]
    elsewhere = "is not read from here: run this in its folder, or name it with --config"
    below = [(path, elsewhere) for name in CONFIG_NAMES for path in head.glob(f"**/{name}")]
    below += [(path, f"is not read: {RENAME}") for name in MISNAMED for path in head.glob(f"**/{name}")]
    found += [one for one in below if one[0] not in dict(found)][:_FEW]
    return tuple(Problem(path, 0, 0, message, True) for path, message in found)


def inside(git: Git, root: Path) -> str:
    """The project's folder as a path in its repository, empty at the top.

    Raises:
        UsageError: it is outside.
    """
    try:
        found = root.resolve().relative_to(git.root.resolve()).as_posix()
    except ValueError as error:
        raise UsageError(f"{root}: the configuration is outside of the repository {git.root}") from error
    return "" if found == "." else found


def _place(options: Options, git: Git, policy: Tree) -> tuple[Path, tuple[str, ...]]:
    """The project's root, and where its configuration is looked for: as the tree with the rules has it.

    What is checked out may be the head, with the file deleted, replaced by a link, or another one in a nearer folder:
    it is asked only where that tree has none.

    Raises:
        UsageError: nothing is at the place that --config names, or a link leads away from it.
    """
    if options.config is not None:
        named = Path(os.path.abspath(options.config))  # noqa: PTH100 - no link is followed
        root = named.parent.parent if named.parent.name == ".github" else named.parent
        if not _has(git, policy, named):
            root, name = find_root(options.config, Path.cwd())
            return root.resolve(), (name,)
        if root.resolve() != root:
            raise UsageError(f"--config {options.config}: a link is on the way there, where the base has a folder")
        return root, (named.relative_to(root).as_posix(),)
    start = Path.cwd().resolve()
    for folder in (start, *start.parents):
        if any(_has(git, policy, folder / name) for name in CONFIG_NAMES):
            return folder, CONFIG_NAMES
    try:
        return find_root(None, start)[0].resolve(), CONFIG_NAMES
    except UsageError:
        return git.root.resolve(), CONFIG_NAMES


def _has(git: Git, tree: Tree, place: Path) -> bool:
    """Whether a tree has a file at a place of this machine, and it is no link."""
    top = git.root.resolve()
    if not place.is_relative_to(top):
        return False
    try:
        tree.read(place.relative_to(top).as_posix())
    except ConfigError:
        return False
    return True
