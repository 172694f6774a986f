"""pydantic's errors as problems in plain words, named and placed as in the file."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from skillopt_ci.config.locate import Located, Path
from skillopt_ci.config.words import clean, looks_like_secret, show, wanted
from skillopt_ci.core.suggestion import closest, suggest
from skillopt_ci.errors import Problem


def name_of(source: Located, path: Path) -> str:
    """A path for people: `skills[invoices].train.epochs`. Skills are named by their directory."""
    words = ""
    for at, part in enumerate(path):
        if isinstance(part, int):
            words += f"[{_skill(source, part) if path[:at] == ('skills',) else part}]"
        else:
            shown = "(not shown)" if looks_like_secret(part) else clean(part)
            words += f".{shown}" if words else shown
    return words


def _skill(source: Located, index: int) -> str:
    try:
        path = source.value["skills"][index]["path"]
    except (KeyError, TypeError, IndexError):
        return str(index)
    if not isinstance(path, str) or looks_like_secret(path):
        return str(index)
    parts = path.split("/")
    named = len(parts) > 1 and parts[-2] and not set(path) & set("*?")
    return clean(parts[-2] if named else path)


def errors_of(error: ValidationError) -> list[ErrorDetails]:
    """pydantic's errors without those that follow from others: it counts a list's valid items only."""
    return [e for e in error.errors() if not (e["type"] == "too_short" and e["input"])]


def explain(errors: list[ErrorDetails], model: type[BaseModel], source: Located) -> list[tuple[Path, Problem]]:
    """One problem an error, with the path it is about."""
    schema = model.model_json_schema()
    return [(tuple(e["loc"]), _explain(e, schema, source)) for e in errors]


def meant(errors: list[ErrorDetails], model: type[BaseModel]) -> dict[Path, Path]:
    """Unknown keys that are probably misspelt, and the keys that they probably are, as paths."""
    schema = model.model_json_schema()
    unknown: list[Path] = [tuple(e["loc"]) for e in errors if e["type"] == "extra_forbidden"]
    close = {path: closest(str(path[-1]), _known(schema, path)) for path in unknown}
    return {path: (*path[:-1], key) for path, key in close.items() if key}


def _known(schema: Mapping[str, Any], path: Path) -> list[str]:
    """The keys that may stand where one stands."""
    return list(_mapping(schema, _at(schema, path[:-1])).get("properties", {}))


def _explain(error: ErrorDetails, schema: Mapping[str, Any], source: Located) -> Problem:
    path: Path = tuple(error["loc"])
    if error["type"] == "extra_forbidden":
        key = str(path[-1])
        words = "unknown key" if looks_like_secret(key) else f"unknown key '{clean(key)}'"
        return source.problem(
            path, prefixed(source, path[:-1], words + suggest(key, _known(schema, path))), at_key=True
        )
    if error["type"] == "missing":
        words = f"the key '{path[-1]}' is missing"
        return source.problem(path[:-1], prefixed(source, path[:-1], words))
    if error["type"] == "value_error":
        words = str(error["ctx"]["error"])
    elif error["type"] == "string_too_short":
        words = "must not be empty"
    elif error["type"] == "string_type" and isinstance(error["input"], int | float):
        words = f"must be a text, not {show(error['input'])}; put it in quotes"
    else:
        words = f"must be {wanted(_at(schema, path))}, not {show(error['input'])}"
    return source.problem(path, prefixed(source, path, words))


def prefixed(source: Located, path: Path, words: str) -> str:
    """The words after the name of what they are about."""
    name = name_of(source, path)
    return f"{name}: {words}" if name else words


def _at(schema: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """The part of a JSON Schema that describes the value at a path."""
    found: Mapping[str, Any] = schema
    for part in path:
        found = _mapping(schema, found)
        if isinstance(part, int):
            found = found.get("items", {})
        else:
            found = found.get("properties", {}).get(part) or found.get("additionalProperties") or {}
    reference = found.get("$ref")
    return _mapping(schema, found) if reference else found


def _mapping(schema: Mapping[str, Any], found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The alternative that has parts, its references followed."""
    while "$ref" in found or "anyOf" in found:
        if "$ref" in found:
            found = schema["$defs"][str(found["$ref"]).rpartition("/")[2]]
        else:
            parts = [o for o in found["anyOf"] if "$ref" in o or o.get("type") in ("object", "array")]
            if not parts:
                return {}
            found = parts[0]
    return found
