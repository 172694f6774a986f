"""The checks of the grader `rules`, by name: those of gbrain's skillopt-v1 benchmarks, and SkillOpt's additions."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders import patterns, wording

_HEADING = re.compile(r"(#{1,6})[ \t]+(.*)")
_LINK = re.compile(r"\[[^\[\]]+\]\([^()]+\)")
_PAGE = re.compile(
    r"\b(?:wiki|people|companies|deals|topics|concepts|projects|writing|originals)/[a-z0-9][a-z0-9/-]*", re.IGNORECASE
)
_FOOTNOTE = re.compile(r"\[[0-9]+\]")
_REFUSAL = re.compile(
    r"(?:(?:unfortunately|(?:(?:i'm|i am) )?(?:very |so )?(?:sorry|afraid)|i apologi[sz]e|as an ai[\w ]{0,40}),? "
    r"(?:but |that )?){0,3}"
    r"(?:i (?:cannot|can't|(?:won't|will not) be able to|must decline)|(?:i'm|i am) (?:unable|not able to)"
    r"|cannot complete|unable to complete|no can do)"
)
_REFUSAL_CHARS = 600
_LIST_MARKS = re.compile(r"(?:[>\-*_#\s]|[0-9]+[.)])+")


@dataclass(frozen=True, slots=True)
class Unmet:
    """A check that was not met: for people, and for the optimizer."""

    why: str
    hint: str


Check = Callable[[Trajectory], Unmet | None]
Fold = Callable[[str], str]
"""How texts are made comparable: as they are, or without case."""


def section(text: str, name: str) -> str | None:
    """The text under the first Markdown heading with this name, up to the next one of its level or above.

    The name is compared without case, at any level; None when there is no such heading.
    """
    wanted = _heading_name(name)
    level = 0
    inside: list[str] = []
    for line in text.splitlines():
        heading = _HEADING.fullmatch(line)
        if level and heading and len(heading[1]) <= level:
            break
        if level:
            inside.append(line)
        elif heading and heading[2].strip().casefold() == wanted:
            level = len(heading[1])
    return "\n".join(inside) if level else None


def _heading_name(name: str) -> str:
    return name.strip().lstrip("#").strip().casefold()


def citations(text: str) -> int:
    """Spans that cite, counted as gbrain does: `[text](target)`, `wiki/page` and its likes, `[1]`.

    A span of two shapes counts twice there, so it does here: `[1](wiki/page)` is three.
    """
    return sum(len(p.findall(text)) for p in (_LINK, _PAGE, _FOOTNOTE))


def refuses(text: str) -> bool:
    """Whether an answer is a bare refusal: short, and it opens with one."""
    said = text.strip().replace("’", "'").lower()
    marks = _LIST_MARKS.match(said)
    said = said[marks.end() :] if marks else said
    return not said or (len(said) < _REFUSAL_CHARS and _REFUSAL.match(said) is not None)


def _contains(arg: object, fold: Fold) -> Check:
    text = _text("contains", arg)
    wanted, unmet = fold(text), Unmet(f"does not contain {wording.quoted(text)}", "a required text was not found")
    return lambda t: None if wanted in fold(t.answer) else unmet


def _contains_any(arg: object, fold: Fold) -> Check:
    if not isinstance(arg, list) or not arg:
        raise ConfigError("check 'contains_any': 'arg' must be a list of texts")
    texts = [_text("contains_any", one) for one in arg]
    wanted = [fold(one) for one in texts]
    unmet = Unmet(f"does not contain {wording.either(texts)}", "none of several required texts was found")
    return lambda t: None if any(w in fold(t.answer) for w in wanted) else unmet


def _not_contains(arg: object, fold: Fold) -> Check:
    text = _text("not_contains", arg)
    wanted, said = fold(text), f"must not contain {wording.quoted(text)}"
    return lambda t: Unmet(said, said) if wanted in fold(t.answer) else None


def _regex(arg: object, flags: str) -> Check:
    pattern = patterns.compiled("rules", _text("regex", arg), flags)
    unmet = Unmet(f"does not match /{wording.clip(pattern.pattern)}/", "a required pattern was not found")
    return lambda t: None if patterns.found(pattern, t.answer, "rules") else unmet


def _not_regex(arg: object, flags: str) -> Check:
    pattern = patterns.compiled("rules", _text("not_regex", arg), flags)
    unmet = Unmet(f"must not match /{wording.clip(pattern.pattern)}/", "a forbidden pattern was found")
    return lambda t: unmet if patterns.found(pattern, t.answer, "rules") else None


def _section_present(arg: object) -> Check:
    name = _section_name("section_present", _text("section_present", arg))
    said = f"missing section {wording.quoted(name)}"
    return lambda t: Unmet(said, said) if section(t.answer, name) is None else None


def _section_contains(arg: object) -> Check:
    if isinstance(arg, Mapping) and set(arg) == {"section", "text"}:
        name, text = _text("section_contains", arg["section"]), _text("section_contains", arg["text"])
    elif isinstance(arg, str) and "::" in arg:
        name, text = (_text("section_contains", part.strip()) for part in arg.split("::", 1))
    else:
        raise ConfigError("check 'section_contains': 'arg' must be \"Section::text\" or {section, text}")
    name = _section_name("section_contains", name)

    def check(trajectory: Trajectory) -> Unmet | None:
        found = section(trajectory.answer, name)
        if found is None:
            said = f"missing section {wording.quoted(name)}"
            return Unmet(said, said)
        if text in found:
            return None
        where = f"section {wording.quoted(name)}"
        return Unmet(f"{where} does not contain {wording.quoted(text)}", f"{where} lacks a required text")

    return check


def _min_chars(arg: object) -> Check:
    least = _number("min_chars", arg)

    def check(trajectory: Trajectory) -> Unmet | None:
        length = len(trajectory.answer)
        said = f"too short: {length} characters, at least {least} required"
        return Unmet(said, said) if length < least else None

    return check


def _max_chars(arg: object) -> Check:
    most = _number("max_chars", arg)

    def check(trajectory: Trajectory) -> Unmet | None:
        length = len(trajectory.answer)
        said = f"too long: {length} characters, at most {most} allowed"
        return Unmet(said, said) if length > most else None

    return check


def _min_citations(arg: object) -> Check:
    least = _number("min_citations", arg)

    def check(trajectory: Trajectory) -> Unmet | None:
        given = citations(trajectory.answer)
        said = f"too few citations: {given}, at least {least} required"
        return Unmet(said, said) if given < least else None

    return check


def _tool_called(arg: object) -> Check:
    name = _text("tool_called", arg)
    said = f"tool {wording.quoted(name)} was not called"
    return lambda t: None if any(c.name == name for c in t.tool_calls) else Unmet(said, said)


def _tool_not_called(arg: object) -> Check:
    name = _text("tool_not_called", arg)
    said = f"tool {wording.quoted(name)} was called, which is not allowed"
    return lambda t: Unmet(said, said) if any(c.name == name for c in t.tool_calls) else None


def _no_refusal(arg: object) -> Check:
    del arg
    said = "the answer refuses the task"
    return lambda t: Unmet(said, said) if refuses(t.answer) else None


_OPS: Mapping[str, Callable[[object], Check]] = MappingProxyType(
    {
        "section_present": _section_present,
        "section_contains": _section_contains,
        "min_chars": _min_chars,
        "max_chars": _max_chars,
        "min_citations": _min_citations,
        "tool_called": _tool_called,
        "tool_not_called": _tool_not_called,
        "no_refusal": _no_refusal,
    }
)
_TEXT_OPS: Mapping[str, Callable[[object, Fold], Check]] = MappingProxyType(
    {"contains": _contains, "contains_any": _contains_any, "not_contains": _not_contains}
)
_PATTERN_OPS: Mapping[str, Callable[[object, str], Check]] = MappingProxyType(
    {"regex": _regex, "not_regex": _not_regex}
)
KNOWN = (*_TEXT_OPS, *_PATTERN_OPS, *_OPS)


def _text(op: str, arg: object) -> str:
    if not isinstance(arg, str) or not arg.strip():
        raise ConfigError(f"check '{op}': 'arg' must be a text that is not empty")
    return arg


def _section_name(op: str, arg: str) -> str:
    name = arg.strip().lstrip("#").strip()
    return _text(op, name)


def _number(op: str, arg: object) -> int:
    if isinstance(arg, str) and re.fullmatch(r"[0-9]{1,9}", arg.strip()):
        return int(arg)
    if isinstance(arg, bool) or not isinstance(arg, (int, float)) or not arg >= 0 or arg % 1:
        raise ConfigError(f"check '{op}': 'arg' must be a whole number from 0 on, not {arg!r}")
    return int(arg)


def made(op: str, item: Mapping[str, object]) -> Check:
    """The check of a known name, from what stands beside it. Raises `ConfigError` for what does not fit."""
    ignore_case, flags = item.get("ignore_case", False), item.get("flags", "m")
    if ("ignore_case" in item and op not in _TEXT_OPS) or ("flags" in item and op not in _PATTERN_OPS):
        raise ConfigError(f"check '{op}' takes no '{'flags' if 'flags' in item else 'ignore_case'}'")
    if not isinstance(ignore_case, bool) or not isinstance(flags, str):
        raise ConfigError(f"check '{op}': 'ignore_case' must be true or false, 'flags' a text")
    if op in _TEXT_OPS:
        return _TEXT_OPS[op](item.get("arg"), str.casefold if ignore_case else str)
    if op in _PATTERN_OPS:
        return _PATTERN_OPS[op](item.get("arg"), flags)
    return _OPS[op](item.get("arg"))
