"""Checks that count differently: one `weighted` grader where weights or thresholds decide something, else plain ones.

promptfoo, waza, Vally and claude plugin eval score a test by the mean of its checks by weight. It passes when all of
them do; where there is a threshold, when the mean reaches it, whatever single checks say.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import fsum

from skillopt_ci.core.rubric import parse_rubric
from skillopt_ci.core.task import GraderSpec
from skillopt_ci.suites.foreign import Node
from skillopt_ci.suites.making import Checks, judged, spec

OWN_NUMBER = "a judge's own number is not asked for: a criterion is met or not"
INFORMS = "its weight is 0: it only informs"
_PARTIAL = "it counts the checks that could be imported, and them alone"
_OUT_OF_RANGE = "a threshold must lie above 0 and at most at 1; without one the task passes when all its checks do"
_NO_WEIGHT = "a weight must be a number from 0 to a million; without one it counts like the others"
_HEAVIEST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A check, or a group of checks, and how it counts in the group around it."""

    checks: Checks = field(default_factory=Checks)
    """The check; of a whole group: what must hold beside its parts and has no weight."""
    parts: tuple["Part", ...] = ()
    threshold: float | None = None
    """From which mean on a group passes; None: when all its parts do."""
    weight: float = 1.0
    hard: bool = False
    """It counts 1 or 0, never a share."""
    spare: bool = False
    """It says nothing beside others: every answer that can pass fulfils it."""


def weight_of(node: Node, key: str = "weight") -> float:
    """The weight that a check or group is given, 1 without; any that is no number is lost."""
    value = node.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _HEAVIEST:
        return float(value)
    if value is not None:
        node.lose_part(key, _NO_WEIGHT)
    return 1.0


def threshold_of(node: Node, parts: tuple[Part, ...]) -> float | None:
    """The threshold of a group, if it has one that can be meant; what it cannot count is noted as lost."""
    value = node.get("threshold")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        node.lose_part("threshold", _OUT_OF_RANGE)
        return None
    if any(leaf.checks.lost and leaf.weight for part in parts for leaf in _leaves(part)):
        node.lose_part("threshold", _PARTIAL)
    return float(value)


def collect(whole: Part) -> Checks:
    """All checks of a task. They stay plain, as if nothing had a weight, where that means the same."""
    own = whole.checks
    leaves = [leaf for part in whole.parts for leaf in _leaves(part)]
    lost = own.lost or any(leaf.checks.lost for leaf in leaves)
    kept = _kept(whole)
    if kept is None:
        return replace(own, lost=lost or any(leaf.checks.specs() and not leaf.spare for leaf in leaves))
    if _decides(kept):
        made = _spec(kept)
        return replace(own, others=[*own.others, made], lost=lost)
    plain = [own, *(leaf.checks for leaf in leaves if not leaf.spare)]
    return replace(
        own,
        rules=[rule for one in plain for rule in one.rules],
        criteria=[criterion for one in plain for criterion in one.criteria],
        others=[other for one in plain for other in one.others],
        lost=lost,
    )


def _leaves(part: Part) -> Iterator[Part]:
    if not part.parts:
        yield part
    for inner in part.parts:
        yield from _leaves(inner)


def _kept(group: Part) -> Part | None:
    """A group without the parts that say nothing here; None when there are no others, or none that counts."""
    parts = [k for p in group.parts if (k := _kept(p) if p.parts else p if p.checks.specs() else None)]
    counting = group.threshold is None or any(p.weight for p in parts)
    return replace(group, parts=tuple(parts)) if counting and not all(p.spare for p in parts) else None


def _decides(group: Part) -> bool:
    """Whether a weight or a threshold makes another result than plain checks."""
    weighs = len({p.weight for p in group.parts}) > 1
    lowers = group.threshold is not None and not (len(group.parts) == 1 and _all_or_nothing(group.parts[0]))
    return weighs or lowers or any(_decides(p) for p in group.parts if p.parts)


def _all_or_nothing(part: Part) -> bool:
    return not part.parts and (part.hard or all(map(_binary, part.checks.specs())))


def _binary(made: GraderSpec) -> bool:
    """Whether the value of a grader is 0 or 1 by itself."""
    if made.type == "rules":
        checks = made.options["checks"]
        return isinstance(checks, list) and len(checks) == 1
    if made.type == "judge":
        try:
            return len(parse_rubric(made.options["rubric"])) == 1
        except ValueError:
            return False  # too long a list
    return made.type == "exact" or (made.type == "json" and "schema" not in made.options)


def _spec(group: Part) -> GraderSpec:
    """One grader for a group. Its criteria in words make one judge, so that an answer is judged once."""
    required = group.threshold is None
    words = [p for p in group.parts if p.checks.criteria]
    members = [_member(_one(p), p.weight, required=required, hard=p.hard) for p in group.parts if not p.checks.criteria]
    if words:
        weights = [p.weight / len(p.checks.criteria) for p in words for _ in p.checks.criteria]
        judge = judged([c for p in words for c in p.checks.criteria], group.checks.context, weights)
        members.append(_member(judge, fsum(p.weight for p in words), required=required, hard=False))
    if not any(m.get("weight", 1) for m in members):
        return spec("all", graders=[{k: v for k, v in m.items() if k not in ("weight", "required")} for m in members])
    threshold = _least(members) if group.threshold is None else group.threshold
    return spec("weighted", graders=members, **({} if threshold == 1 else {"threshold": threshold}))


def _one(part: Part) -> GraderSpec:
    if part.parts:
        return _spec(part)
    specs = part.checks.specs()
    return specs[0] if len(specs) == 1 else spec("all", graders=[{"type": s.type, **s.options} for s in specs])


def _member(made: GraderSpec, weight: float, *, required: bool, hard: bool) -> dict[str, object]:
    return {
        "type": made.type,
        **made.options,
        **({} if weight == 1 else {"weight": int(weight) if weight.is_integer() else weight}),
        **({"required": True} if required else {}),
        **({"hard": True} if hard and not _binary(made) else {}),
    }


def _least(members: list[dict[str, object]]) -> float:
    """The lowest mean of members that all pass: a group with a threshold of its own passes with less than 1."""
    weights = [float(str(m.get("weight", 1))) for m in members]
    lowest = [float(str(m.get("threshold", 1))) if m["type"] == "weighted" else 1.0 for m in members]
    return fsum(w * v for w, v in zip(weights, lowest, strict=True)) / fsum(weights)
