"""What became of every configured skill between base and head."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from skillopt_ci.cli.project import (
    MISNAMED,
    RENAME,
    Project,
    declared_name,
    read_project,
    read_skill,
    require_names,
)
from skillopt_ci.cli.sides import Sides, at_commit
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError

ALIKE = 0.5  # from here on git, too, calls a file renamed


@dataclass(frozen=True, kw_only=True)
class Change:
    """A skill on both sides; `reason` says why there is nothing to compare, empty when there is.

    `skill` is as the base configures it, as the head does for a new one; `why` says more than the reason, if anything.
    """

    skill: ResolvedSkill
    base: Skill | None
    head: Skill | None
    reason: str = ""
    why: str = ""


def find_changes(sides: Sides, project: Project, names: Sequence[str]) -> tuple[tuple[Change, ...], str]:
    """Every configured skill on both sides, or those with one of the names; and why the head's configuration could not
    be read, if so: what it adds or takes away is then not known.

    Raises:
        ConfigError: a skill that cannot be read.
        UsageError: neither side has a skill of that name.
    """
    named, unreadable = _named(sides, project)
    changes = [_as_merged(sides, _change(sides, skill, named)) for skill in project.skills]
    taken = {c.skill.path for c in changes} | {_moved_to(sides, c, named) for c in changes}
    taken |= {s.path for s in skills_of(sides, sides.base)[0]}  # no new ones: the branch has taken them out since
    changes += [_new(sides, skill) for skill in skills_of(sides, sides.head)[0] if skill.path not in taken]
    require_names(names, [c.skill.name for c in changes])
    return tuple(c for c in changes if not names or c.skill.name in names), unreadable


def _named(sides: Sides, project: Project) -> tuple[set[str] | None, str]:
    """Paths of the skills that are configured once the head is merged; or None, and why that cannot be said.

    What the branch has begun to configure since the head left it, the head has not taken away.
    """
    ours = sides.policy is sides.head or not sides.conflicts.isdisjoint(sides.config_names)
    broken = ""
    if sides.merged is not None and not ours:
        merged, wrong = skills_of(sides, sides.merged)
        if not wrong:
            return {s.path for s in merged}, ""
        broken = "" if sides.conflicts else f"{wrong} (merged with {sides.base_ref})"
    head, wrong = skills_of(sides, sides.head)
    if wrong:
        return None, wrong
    before, wrong = skills_of(sides, sides.base)
    since = set() if wrong else {s.path for s in project.skills} - {s.path for s in before}
    return {s.path for s in head} | since, broken


def mends(sides: Sides) -> bool:
    """Whether a configuration that cannot be read is mended by the head, or taken away.

    It is asked of the merge, where the branch has gone on: what the head did not touch stays as the branch has it.
    """
    after = sides.merged or sides.head
    return after is not sides.policy and not skills_of(sides, after)[1]


def skills_of(sides: Sides, tree: Tree) -> tuple[tuple[ResolvedSkill, ...], str]:
    """The skills that a tree configures, none where it has no configuration; and why that cannot be read, if so."""
    found = sides.config_in(tree)
    if found is None:
        return (), ""
    try:
        return read_project(sides.root, tree, found).skills, ""
    except ConfigError as error:
        return (), str(error).splitlines()[0]


def _change(sides: Sides, skill: ResolvedSkill, named: set[str] | None) -> Change:
    """`named`: the paths that the configuration has once the head is merged; None when that is not known."""
    try:
        base = _read(sides.base, skill.path, skill.name)
    except ConfigError as error:
        mended = _mended(sides, skill) if named is None or skill.path in named else None
        return mended or _unreadable(sides, skill, at_commit(error, sides.base_sha))
    if base is None:
        head = _read(sides.head, skill.path, skill.name)
        if named is not None and skill.path not in named:
            return Change(skill=skill, base=None, head=head, reason="policy-changed", why=_left_out(sides, named))
        # Not there on either side: the branch began before the skill did.
        return Change(skill=skill, base=None, head=head, reason="new-skill" if head else "unchanged")
    path = skill.path if skill.path in sides.head.glob(skill.path) else _renamed(sides, skill, base, named)
    head = _read(sides.head, path, skill.name) if path else None
    if head is None:
        why = "the skill was deleted, or renamed beyond recognition: a maintainer must agree"
        return Change(skill=skill, base=base, head=None, reason="policy-changed", why=why)
    if named is not None and path not in named:
        return Change(skill=skill, base=base, head=head, reason="policy-changed", why=_left_out(sides, named))
    return Change(skill=skill, base=base, head=head, reason=_alike(base, head, skill.harness))


def _left_out(sides: Sides, named: set[str]) -> str:
    if named:
        return "the configuration names the skill no more: a maintainer must agree"
    wrong = next((f"; {name} is not read: {RENAME}" for name in MISNAMED if name in sides.head.glob(name)), "")
    return f"the configuration was deleted: a maintainer must agree{wrong}"


def _unreadable(sides: Sides, skill: ResolvedSkill, error: ConfigError) -> Change:
    """A skill that the base has and that cannot be read there: whatever the head has is not measured.

    Raises:
        ConfigError: the head's cannot be read, either.
    """
    head = _read(sides.head, skill.path, skill.name)
    first = str(error).splitlines()[0]
    why = f"the base's skill cannot be read, so nothing was measured ({first}): a maintainer must agree"
    return Change(skill=skill, base=None, head=head, reason="policy-changed", why=why)


def _mended(sides: Sides, skill: ResolvedSkill) -> Change | None:
    """What merging the head does to a skill that the branch has mended since; None when it has not."""
    try:
        return _merged(sides, skill)
    except ConfigError:
        return None


def _as_merged(sides: Sides, change: Change) -> Change:
    """The change, or what merging it would do to the branch's skill when the head by itself shows none.

    git follows a file that the branch has moved meanwhile: an edit of the file at its old place arrives at the new one.
    """
    if not change.reason or change.reason == "policy-changed":
        return change
    merged = _merged(sides, change.skill)
    return merged if merged is not None and merged.reason != "unchanged" else change


def _merged(sides: Sides, skill: ResolvedSkill) -> Change | None:
    """What merging the head does to the branch's skill; None where git cannot say, or one of them has it no more.

    Raises:
        ConfigError: the branch's skill, or the merged one, cannot be read.
    """
    if sides.merged is None or skill.path in sides.conflicts:
        return None
    try:
        tip, merged = (_read(tree, skill.path, skill.name) for tree in (sides.policy, sides.merged))
    except ConfigError as error:
        raise at_commit(error, sides.policy_sha) from error
    if tip is None or merged is None:  # the head has moved it itself
        return None
    return Change(skill=skill, base=tip, head=merged, reason=_alike(tip, merged, skill.harness))


def _alike(base: Skill, head: Skill, harness: str) -> str:
    """Why there is nothing to compare, empty when there is."""
    if base.digest == head.digest:
        return "unchanged"
    # Chat sends the body only: nothing the target sees has changed.
    return "body-unchanged" if base.body == head.body and harness == "chat" else ""


def _new(sides: Sides, skill: ResolvedSkill) -> Change:
    return Change(skill=skill, base=None, head=_read(sides.head, skill.path, skill.name), reason="new-skill")


def _moved_to(sides: Sides, change: Change, named: set[str] | None) -> str | None:
    """Where a skill went that is no longer at its path."""
    base, path = change.base, change.skill.path
    return None if base is None or path in sides.head.glob(path) else _renamed(sides, change.skill, base, named)


def _renamed(sides: Sides, skill: ResolvedSkill, base: Skill, named: set[str] | None) -> str | None:
    """The head's skill file, unknown to the base, with the name of the frontmatter, else the one most alike.

    No pattern finds those in folders of agents (`.claude/skills`): the configuration names them.
    """
    before, after = (
        {*tree.glob("**/SKILL.md"), *(path for path in named or () if path in tree.glob(path))}
        for tree in (sides.base, sides.head)
    )
    shares: list[tuple[float, str]] = []
    declared = declared_name(sides.base, skill.path)
    others = {declared_name(sides.base, path) for path in before} - {None}
    for path in sorted(after - before):
        name = declared_name(sides.head, path)
        if declared and name == declared:
            return path
        if name in others:  # by its own word another skill that moved, however alike the two are
            continue
        text = sides.head.read(path).decode("utf-8", "replace")
        shares.append((similarity(base.text, text), path))
    share, path = max(shares, default=(0.0, ""))
    return path if share >= ALIKE else None


def similarity(one: str, other: str) -> float:
    """Share of the larger text, in characters, that is in lines which both have: near to what git calls similarity."""
    lines, others = Counter(one.splitlines()), Counter(other.splitlines())
    common = sum((len(line) + 1) * count for line, count in (lines & others).items())
    size = max(sum((len(line) + 1) * count for line, count in c.items()) for c in (lines, others))
    return common / size if size else 1.0


def _read(tree: Tree, path: str, name: str) -> Skill | None:
    return read_skill(tree, path, name) if path in tree.glob(path) else None
