"""What a change does to the tasks of a skill."""

from dataclasses import dataclass

from skillopt_ci.core.task import Suite

_FIELDS = (
    "prompt", "expected", "context", "files", "setup", "graders", "split", "golden", "should_trigger", "tags",
    "metadata",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteEdits:
    """The tasks of one skill before and after, by id.

    Attributes:
        changed: tasks with the names of the fields that differ.
        unreadable: why the tasks cannot be read as they would be; the rest is then empty.
    """

    skill: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unreadable: str = ""

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.added or self.removed or self.changed or self.unreadable)


def suite_edits(skill: str, before: Suite, after: Suite) -> SuiteEdits:
    """Compare two suites; ids in the order of their files."""
    old, new = {t.id: t for t in before.tasks}, {t.id: t for t in after.tasks}
    fields = {i: tuple(f for f in _FIELDS if getattr(t, f) != getattr(new[i], f)) for i, t in old.items() if i in new}
    return SuiteEdits(
        skill=skill,
        added=tuple(i for i in new if i not in old),
        removed=tuple(i for i in old if i not in new),
        changed=tuple((i, f) for i, f in fields.items() if f),
    )
