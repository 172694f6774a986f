"""Texts with `{{name}}` in them, as promptfoo (Nunjucks) and GitHub Models write them; nothing is evaluated."""

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from skillopt_ci.suites.foreign import written

LOGIC = "a template with more than plain variables in it"
_STEPS = re.compile(r"\.?([A-Za-z_]\w*)|\[(?:([0-9]{1,6})|\"([^\"]*)\"|'([^']*)')\]|\.([0-9]{1,6})")
_NAME = re.compile(r"[A-Za-z_][\w-]*(?:\.\w+|\[[^\]]+\])*")


def render(text: str, values: Mapping[str, object]) -> str | None:
    """The text with its variables filled in, unknown ones as nothing; None when it holds more than variables."""
    if "{%" in text or "{#" in text:
        return None
    made: list[str] = []
    for before, inner in _pieces(text):
        made.append(before)
        if inner is None:
            break
        name = inner.strip()
        if not _NAME.fullmatch(name) or name.split(".")[0] == "env":
            return None
        made.append(as_text(_look_up(name, values)))
    return "".join(made)


def render_all(value: object, values: Mapping[str, object]) -> object:
    """A value with every text in it rendered. Raises `ValueError` when one holds more than variables."""
    if isinstance(value, str):
        made = render(value, values)
        if made is None:
            raise ValueError(LOGIC)
        return made
    if isinstance(value, dict):
        return {key: render_all(one, values) for key, one in value.items()}
    return [render_all(one, values) for one in value] if isinstance(value, list) else value


def as_text(value: object) -> str:
    """A value as it reads inside a text: numbers as written, mappings and lists as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    plain = written(value)
    return json.dumps(value, ensure_ascii=False) if plain is None else plain


def as_javascript(number: float) -> str:
    """A number as JavaScript shows it: `3.50` is 3.5 and `1.0` is 1."""
    if number.is_integer() and abs(number) < 1e21:
        return str(int(number))
    plain = float.__repr__(number)
    if "e" in plain and abs(number) >= 1e-6 and "+" not in plain:
        return format(Decimal(plain), "f")
    return re.sub(r"e([+-])0", r"e\1", plain)


def uses(text: str, key: str) -> bool:
    """Whether a template shows a variable."""
    return any(re.match(rf"\s*{re.escape(key)}\b", inner) for _, inner in _pieces(text) if inner is not None)


def _pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """What stands before each `{{...}}` and what in it; at last the rest, with None.

    A hyphen inside the braces takes away the white space beside them. No pattern: on braces that never close it would
    take square time.
    """
    end, trims = 0, False
    while (start := text.find("{{", end)) >= 0 and (close := text.find("}}", start + 2)) >= 0:
        before, inner = text[end:start], text[start + 2 : close]
        before = before.lstrip() if trims else before
        yield (before.rstrip() if inner.startswith("-") else before), inner.removeprefix("-").removesuffix("-")
        end, trims = close + 2, len(inner) > 1 and inner.endswith("-")
    yield (text[end:].lstrip() if trims else text[end:]), None


def _look_up(name: str, values: Mapping[str, object]) -> object:
    if name in values:
        return values[name]
    value: object = values
    for step in _STEPS.finditer(name):
        key = next(part for part in step.groups() if part is not None)
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value
