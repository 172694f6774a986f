"""What the configuration will have and does not have yet: refused with those words, never ignored.

One table. Whoever builds a feature adds its field to `schema.py` and deletes its line here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from skillopt_ci.config.locate import Located, Path
from skillopt_ci.config.words import clean
from skillopt_ci.errors import Problem


@dataclass(frozen=True, slots=True)
class Planned:
    """A key that is not built, or with `values`, some of its values. `*` in `key` stands for every list item."""

    key: str
    values: tuple[str, ...] = ()
    per_skill: bool = True


PLANNED: tuple[Planned, ...] = ()


def take_planned(source: Located) -> list[tuple[Path, Problem]]:
    """Problems for everything that is not built; the keys are taken out of `source.value`."""
    found: list[tuple[Path, Problem]] = []
    for planned in PLANNED:
        parts = tuple(planned.key.split("."))
        for pattern in [parts, ("skills", "*", *parts)] if planned.per_skill else [parts]:
            for holder, path in list(_holders(source.value, pattern, ())):
                # A harness with options is a mapping with a `type`.
                key = str(path[-1])
                value = holder[key]
                value = value.get("type") if isinstance(value, dict) else value
                if planned.values and value not in planned.values:
                    continue
                del holder[key]
                found.append((path, source.problem(path, _message(planned, value), at_key=not planned.values)))
    return found


def _holders(value: Any, pattern: tuple[str, ...], path: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """Every mapping that holds the last key of `pattern`, with the key's whole path."""
    head, rest = pattern[0], pattern[1:]
    if head == "*":
        for index, item in enumerate(value if isinstance(value, list) else []):
            yield from _holders(item, rest, (*path, index))
    elif isinstance(value, dict) and head in value:
        if rest:
            yield from _holders(value[head], rest, (*path, head))
        else:
            yield value, (*path, head)


def _message(planned: Planned, value: object) -> str:
    written = planned.key.replace(".*", "")
    if planned.values:
        return f"'{written}: {clean(str(value))}' is not built yet (planned)"
    return f"'{written}' is not built yet (planned); remove the key"
