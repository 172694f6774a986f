"""Path patterns: `*` and `?` inside one name, `**` for any number of folders; nothing else is special."""

import re
from collections.abc import Sequence
from functools import lru_cache

from skillopt_ci.errors import ConfigError, Problem


def split_path(path: str) -> list[str]:
    """The names of a path or pattern below a root; `.` and doubled slashes fall away.

    Raises:
        ConfigError: empty, absolute, with `..`, a backslash or a character that cannot be seen.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not path.isprintable() or "\\" in path:
        raise ConfigError([Problem(ascii(path), 0, 0, "not a path; use forward slashes and printable characters")])
    if path.startswith("/") or ".." in parts or not parts:
        raise ConfigError([Problem(path or "''", 0, 0, "not a path below the root; write it from there, without '..'")])
    return parts


def is_pattern(text: str) -> bool:
    """Whether a path or a part of it has wildcards."""
    return "*" in text or "?" in text


def matches(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """Whether the names of a path match those of a pattern; a wildcard does not match a leading dot."""
    states = _with_skips(pattern, {0})
    for name in path:
        reached: set[int] = set()
        for at in states:
            if at == len(pattern):
                continue
            if pattern[at] == "**":
                if not name.startswith("."):
                    reached.add(at)
            elif _matches_name(pattern[at], name):
                reached.add(at + 1)
        states = _with_skips(pattern, reached)
    return len(pattern) in states


def _with_skips(pattern: Sequence[str], states: set[int]) -> set[int]:
    """The states, and those behind a `**` that stands for no folder."""
    reached = set(states)
    for at, part in enumerate(pattern):
        if at in reached and part == "**":
            reached.add(at + 1)
    return reached


def _matches_name(part: str, name: str) -> bool:
    if not is_pattern(part):
        return part == name
    if name.startswith(".") and not part.startswith("."):
        return False
    return _compiled(part).fullmatch(name) is not None


@lru_cache(maxsize=256)
def _compiled(part: str) -> re.Pattern[str]:
    # A run of stars is one star, so that no pattern backtracks for long.
    pieces = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in re.sub(r"\*+", "*", part))
    return re.compile("".join(pieces), re.DOTALL)
