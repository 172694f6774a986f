"""Path patterns: `*` and `?` inside one name, `**` for any number of folders; nothing else is special."""

from collections.abc import Sequence

from skillopt_ci.errors import ConfigError


def split_path(path: str) -> list[str]:
    """The names of a path or pattern below a root; `.` and doubled slashes fall away.

    Raises:
        ConfigError: empty, absolute, with `..`, a backslash or a character that cannot be seen.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not path.isprintable() or "\\" in path:
        raise ConfigError.about(ascii(path), "not a path; use forward slashes and printable characters")
    if path.startswith("/") or ".." in parts or not parts:
        raise ConfigError.about(path or "''", "not a path below the root; write it from there, without '..'")
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
    """One name against one part. Only the last star is ever taken back, so the time is at most part times name."""
    if name.startswith(".") and not part.startswith("."):
        return False
    at, position = 0, 0
    star, resume = -1, 0
    while position < len(name):
        if at < len(part) and part[at] == "*":
            star, resume = at, position
            at += 1
        elif at < len(part) and part[at] in ("?", name[position]):
            at, position = at + 1, position + 1
        elif star >= 0:
            resume += 1
            at, position = star + 1, resume
        else:
            return False
    return not part[at:].strip("*")
