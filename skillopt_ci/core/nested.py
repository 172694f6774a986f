"""Graders inside graders: what a combination (`all`, `any`, `weighted`, `within`) is made of."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from skillopt_ci.core.task import GraderSpec

COMBINATIONS = frozenset({"all", "any", "weighted", "within"})
ABOUT_MEMBER = ("type", "hidden", "weight", "required", "hard")
"""Keys of a member that are not options of its grader."""
DEEPEST = 8


def member(written: Mapping[str, object], holder: GraderSpec) -> GraderSpec:
    """A member as a grader; where it says nothing about `hidden`, its combination does."""
    hidden = written.get("hidden", holder.hidden)
    options = {k: v for k, v in written.items() if k not in ABOUT_MEMBER}
    return GraderSpec(
        type=str(written.get("type", "")),
        options=MappingProxyType(options),
        hidden=hidden if isinstance(hidden, bool) else None,
    )


def leaves(specs: Iterable[GraderSpec], depth: int = DEEPEST) -> Iterator[GraderSpec]:
    """Every grader that is no combination, in order; what is badly written inside one is left out."""
    for spec in specs:
        if spec.type not in COMBINATIONS:
            yield spec
            continue
        listed = spec.options.get("graders")
        inside = [member(m, spec) for m in listed if isinstance(m, Mapping)] if isinstance(listed, list) else []
        if depth:
            yield from leaves(inside, depth - 1)
