"""The configuration's gate as the values that `core` works with."""

from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.merge_gate import MergeRule


def merge_rule(skill: ResolvedSkill, *, pairs: int) -> MergeRule:
    """The merge gate's rule for a skill, of `pairs` comparisons in this gate."""
    gate = skill.gate
    return MergeRule(
        margin=gate.margin,
        min_effect=gate.min_effect,
        alpha=gate.alpha,
        max_rounds=gate.max_rounds,
        pass_rule=gate.pass_rule,
        pairs=pairs,
    )
