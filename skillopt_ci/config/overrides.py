"""What a skill's entry sets wins over the top level, field by field."""

from typing import TypeVar

from skillopt_ci.config.schema import Config, SkillEntry, TargetModel
from skillopt_ci.config.section import Section

S = TypeVar("S", bound=Section)


def merged(base: S | None, own: S | None) -> S | None:
    """`own` over `base`, field by field: only fields that were written in `own` win."""
    if base is None or own is None:
        return own if base is None else base
    changes: dict[str, object] = {}
    for name in own.model_fields_set:
        value, under = getattr(own, name), getattr(base, name)
        both = isinstance(value, Section) and isinstance(under, Section)
        changes[name] = merged(under, value) if both else value
    return base.model_copy(update=changes)


def chosen_targets(config: Config, skill: SkillEntry) -> tuple[TargetModel, ...]:
    """The several targets of a skill: its own, else the top level's; none when it has, or inherits, a single one."""
    if skill.targets or skill.target is not None:
        return skill.targets
    return config.targets
