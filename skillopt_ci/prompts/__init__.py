"""Prompts of the optimizer and the judge: Markdown files, filled by strict substitution."""

import re
from functools import cache
from importlib.resources import files
from string import Template

from skillopt_ci.core.digest import text_digest

# Data of strangers stands between these tags in a prompt; it cannot close its own or open another.
_NAME = (
    r"(?=\s*+/?\s*+(?:skill|rollout|task|answer|earlier|steps|grader|rejected|notes|edits|keep|rubric|context|error)\b)"
)
_TAGS = re.compile("<" + _NAME, re.IGNORECASE)
_ESCAPED = re.compile("&lt;" + _NAME, re.IGNORECASE)


@cache
def _template(name: str) -> Template:
    return Template(files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8"))


def render(name: str, /, **values: str | int) -> str:
    """Fill a prompt; a value that is missing or not wanted is an error, not an empty place.

    Raises:
        KeyError: the template wants a value that was not given.
        ValueError: a value was given that the template does not use.
    """
    template = _template(name)
    unused = set(values) - set(template.get_identifiers())
    if unused:
        raise ValueError(f"prompt '{name}' does not use: {', '.join(sorted(unused))}")
    return template.substitute(values)


@cache
def pin(name: str) -> str:
    """What tells this wording of a prompt from any other: 16 hex digits of its digest."""
    return text_digest(_template(name).template)[:16]


def as_data(text: str) -> str:
    """Text of a model or a task as data inside our tags: its own tags of the same names lose their bracket."""
    return _TAGS.sub("&lt;", text)


def from_data(text: str) -> str:
    """The inverse of `as_data`: what a model copied from a prompt, as it stands in the skill."""
    return _ESCAPED.sub("<", text)
