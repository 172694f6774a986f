"""The expressions `${{ }}` in use: contexts, texts, ==, !=, !, &&, ||, brackets, functions."""

import json
import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(==|!=|&&|\|\||!|\(|\)|,)|([A-Za-z_][\w.-]*)|(\d+))")
_WHOLE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


def fill(text: str, contexts: Mapping[str, Any]) -> str:
    """A text with its expressions replaced."""
    return _WHOLE.sub(lambda found: _string(evaluate(found[1], contexts)), text)


def condition(text: object, contexts: Mapping[str, Any], *, failed: bool) -> bool:
    """Whether a step with this `if` runs; without a status function `success()` is asked, too."""
    code = str(text).strip().removeprefix("${{").removesuffix("}}")
    asks = re.search(r"\b(?:always|success|failure|cancelled)\s*\(\)", code)
    return (bool(asks) or not failed) and bool(evaluate(code, {**contexts, "failed": failed}))


def evaluate(code: str, contexts: Mapping[str, Any]) -> Any:
    """The value of an expression. Raises `SyntaxError` for what is not supported here."""
    tokens = []
    at = 0
    while code[at:].strip():
        found = _TOKEN.match(code, at)
        if found is None:
            raise SyntaxError(f"not understood: {code[at:]}")
        tokens.append(found[0].strip())
        at = found.end()
    value, rest = _or(tokens, contexts)
    if rest:
        raise SyntaxError(f"not understood: {' '.join(rest)}")
    return value


def _or(tokens: list[str], contexts: Mapping[str, Any]) -> tuple[Any, list[str]]:
    left, rest = _and(tokens, contexts)
    while rest[:1] == ["||"]:
        right, rest = _and(rest[1:], contexts)
        left = left or right
    return left, rest


def _and(tokens: list[str], contexts: Mapping[str, Any]) -> tuple[Any, list[str]]:
    left, rest = _equal(tokens, contexts)
    while rest[:1] == ["&&"]:
        right, rest = _equal(rest[1:], contexts)
        left = left and right
    return left, rest


def _equal(tokens: list[str], contexts: Mapping[str, Any]) -> tuple[Any, list[str]]:
    left, rest = _one(tokens, contexts)
    if rest[:1] in (["=="], ["!="]):
        right, after = _one(rest[1:], contexts)
        same = _string(left).lower() == _string(right).lower()
        return same == (rest[0] == "=="), after
    return left, rest


def _one(tokens: list[str], contexts: Mapping[str, Any]) -> tuple[Any, list[str]]:
    if not tokens:
        raise SyntaxError("an expression ends too early")
    token, rest = tokens[0], tokens[1:]
    if token == "!":
        value, rest = _one(rest, contexts)
        return not value, rest
    if token == "(":
        value, rest = _or(rest, contexts)
        return value, rest[1:]
    if token.startswith("'"):
        return token[1:-1].replace("''", "'"), rest
    if token == "format":
        template, rest = _one(rest[1:], contexts)
        value, rest = _or(rest[1:], contexts)
        return template.replace("{0}", _string(value)), rest[1:]
    if token == "fromJSON":
        value, rest = _or(rest[1:], contexts)
        return json.loads(_string(value)), rest[1:]
    if token == "join":
        value, rest = _or(rest[1:], contexts)
        glue, rest = _or(rest[1:], contexts)
        return glue.join(map(_string, value)), rest[1:]
    if rest[:2] == ["(", ")"]:
        failed = bool(contexts.get("failed"))
        return {"always": True, "success": not failed, "failure": failed, "cancelled": False}[token], rest[2:]
    return _look_up(token, contexts), rest


def _look_up(path: str, contexts: Mapping[str, Any]) -> Any:
    value: Any = contexts
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _string(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
