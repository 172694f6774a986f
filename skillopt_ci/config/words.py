"""Plain words about values that strangers wrote: shortened, cleaned, and never a secret."""

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping

_PREFIX = re.compile(
    r"(?:\b|_)(?:sk|pk|rk)[-_][A-Za-z0-9_-]{6,}|gh[pousr]_\w{6,}|github_pat_\w{6,}|glpat-\S{6,}|xox[a-z]-\S{6,}"
    r"|hf_[A-Za-z0-9]{6,}|AKIA[0-9A-Z]{8,}|AIza[\w-]{8,}|eyJ[\w-]{10,}\.|-----BEGIN|\bBearer\s+\S{6,}"
)
_LOOKED_AT = 1000  # characters: of a value no more than 60 are shown, and looking takes the square of its length
_RUN = re.compile(r"[A-Za-z0-9+=_-]{20,}")


def looks_like_secret(text: str) -> bool:
    """A key of a known kind, or a long run of mixed characters. Wrong at worst by hiding a value from a message."""
    text = text[:_LOOKED_AT]
    return _PREFIX.search(text) is not None or any(_is_random(run) for run in _RUN.findall(text))


def _is_random(run: str) -> bool:
    if not (re.search(r"\d", run) and re.search(r"[A-Za-z]", run)):
        return False
    bits = -math.fsum(n / len(run) * math.log2(n / len(run)) for n in Counter(run).values())
    # 3.2 bits a character: words joined by '-' or '_' come near it, but seldom hold digits all over.
    return bits > 3.2 and len(re.findall(r"[A-Za-z](?=\d)|\d(?=[A-Za-z])", run)) >= 3


def show(value: object) -> str:
    """A value for a message: quoted text, cut at 60 characters, or its kind; a secret is not shown."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if isinstance(value, str):
        return "a text that looks like a secret (not shown)" if looks_like_secret(value) else f"'{clean(value)}'"
    return clean(str(value))


def clean(text: str, limit: int = 60) -> str:
    """Text on one line without control or invisible characters, cut at `limit` characters."""
    shown = "".join(c if c.isprintable() else "?" for c in text[: limit + 1])
    return shown if len(shown) <= limit else shown[:limit] + "..."


def wanted(schema: Mapping[str, object]) -> str:
    """What a value must be, from its JSON Schema: `a whole number of at least 1`, `'chat' or 'responses'`."""
    options = schema.get("anyOf")
    if isinstance(options, list):
        return _either([wanted(o) for o in options if o.get("type") != "null"])
    if "const" in schema:
        return _literal(schema["const"])
    if isinstance(values := schema.get("enum"), list):
        return _either([_literal(v) for v in values])
    kind = str(schema.get("type", "object"))
    names = {"string": "a text", "boolean": "true or false", "array": "a list", "object": "a mapping of keys to values"}
    if kind in names:
        return names[kind] + (" with at least one item" if schema.get("minItems") else "")
    return ("a whole number" if kind == "integer" else "a number") + _range(schema)


def _range(schema: Mapping[str, object]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    words = []
    if low is not None:
        words.append(f"of at least {_literal(low)}")
    if above is not None:
        words.append(f"above {_literal(above)}")
    if high is not None and high != 2**53:  # the bound of exact JSON numbers says nothing to people
        words.append(f"at most {_literal(high)}")
    if below is not None:
        words.append(f"below {_literal(below)}")
    return f" {' and '.join(words)}" if words else ""


def _literal(value: object) -> str:
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)


def _either(options: Collection[str]) -> str:
    unique = list(dict.fromkeys(options))
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} or {unique[-1]}"
