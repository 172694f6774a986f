"""The `description` of a skill, what an agent chooses it by: read, and replaced in place.

Everything else of the frontmatter stays byte-identical: the value is cut out of the text, not written again by YAML.
"""

import json
import re
from dataclasses import replace

import yaml

from skillopt_ci.core.skill import Skill, parse_frontmatter

MAX_DESCRIPTION = 1024  # characters, by the Agent Skills specification
_KEY = "description"
_WORDS = re.compile(r"[A-Za-z][\w,.;()'/-]* \S")  # several words are no number, no date and no yes


class DescriptionError(ValueError):
    """Why a description cannot be changed in place."""


def description_of(skill: Skill) -> str:
    """The description as agents see it; empty when there is none or it is no text."""
    try:
        value = parse_frontmatter(skill.frontmatter).get(_KEY) if skill.frontmatter else None
    except ValueError:
        return ""
    return value.strip() if isinstance(value, str) else ""


def with_description(skill: Skill, text: str) -> Skill:
    """The skill with another description, on one line.

    Raises:
        DescriptionError: there is no frontmatter, or the value cannot be cut out of it.
    """
    front = skill.frontmatter
    if not front:
        raise DescriptionError("the skill has no frontmatter")
    start, end, there = _span(front)
    written = _scalar(text)
    if not there:
        newline = "\r\n" if "\r\n" in front else "\n"
        written = f"{_KEY}: {written}{newline}"
    elif front[start - 1] == ":":
        written = f" {written}"
    changed = replace(skill, frontmatter=front[:start] + written + front[end:])
    _check(skill, changed, text)
    return changed


def _span(front: str) -> tuple[int, int, bool]:
    """Where the value stands, and whether the key is there; if not, the place is before the closing fence."""
    first = front.index("\n") + 1
    closing = front.rstrip("\r\n").rfind("\n") + 1
    inner = front[first:closing]
    try:
        root = yaml.compose(inner, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DescriptionError("the frontmatter is not valid YAML") from error
    if root is None:
        return closing, closing, False
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise DescriptionError("the frontmatter is no block of keys and values")
    found = [value for key, value in root.value if isinstance(key, yaml.ScalarNode) and key.value == _KEY]
    if not found:
        return closing, closing, False
    if len(found) > 1 or not isinstance(found[0], yaml.ScalarNode):
        raise DescriptionError("'description' is there twice, or is no text")
    start, end = found[0].start_mark.index, found[0].end_mark.index
    while end > start and inner[end - 1] in " \r\n":  # a block's end is the beginning of the next key
        end -= 1
    if start == end:  # nothing is written there, but perhaps spaces
        end += len(inner[end:]) - len(inner[end:].lstrip(" "))
    return first + start, first + end, True


def _scalar(text: str) -> str:
    """The text as a YAML scalar on one line: plain where every parser reads it as text, else quoted as in JSON."""
    plain = _WORDS.match(text) and ": " not in text and " #" not in text and not text.endswith(":")
    return text if plain else json.dumps(text, ensure_ascii=False)


def _check(before: Skill, after: Skill, text: str) -> None:
    """The new frontmatter says what the old one said, and the new description."""
    try:
        old, new = parse_frontmatter(before.frontmatter), parse_frontmatter(after.frontmatter)
    except ValueError as error:
        raise DescriptionError("the description cannot be replaced in place") from error
    if {**old, _KEY: text} != new or list(old) != [k for k in new if k != _KEY or k in old]:
        raise DescriptionError("the description cannot be replaced in place")
