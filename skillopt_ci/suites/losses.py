"""The loss report in words: like losses together, so that a large file does not fill the screen."""

import re
from collections.abc import Iterable

from skillopt_ci.errors import Problem
from skillopt_ci.suites.base import Loss

MOST_LINES = 20
_INDEX = re.compile(r"\[[0-9]+\]")


def report(losses: Iterable[Loss]) -> list[Problem]:
    """Losses as warnings, those of one file, field and reason counted in one; at most `MOST_LINES` and a last word."""
    groups: dict[tuple[str, str, str], list[Loss]] = {}
    for loss in losses:
        groups.setdefault((loss.file, _INDEX.sub("[]", loss.field), loss.reason), []).append(loss)
    lines = [_warning(group) for group in groups.values()]
    if len(lines) <= MOST_LINES:
        return lines
    rest = sum(map(len, list(groups.values())[MOST_LINES:]))
    last = Problem(lines[MOST_LINES].file, 0, 0, f"not imported: {rest} more of other kinds; --json lists all", True)
    return [*lines[:MOST_LINES], last]


def _warning(group: list[Loss]) -> Problem:
    first = group[0]
    what = _INDEX.sub("[]", first.field) if len(group) > 1 else first.field
    said = [f"'{what}'" if what else "an item", *([f"of {first.item!r}"] if first.item else [])]
    if len(group) > 1:
        said.append(f"and {len(group) - 1} more like it")
    return Problem(first.file, first.line, 0, f"not imported: {' '.join(said)}: {first.reason}", True)
