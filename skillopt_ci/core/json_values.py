"""JSON of strangers: a value of another kind than the one asked for is an empty one, never an error."""

import json
from collections.abc import Iterable, Iterator
from typing import Any


def parsed_object(text: str | bytes) -> dict[str, Any] | None:
    """The JSON object that a text holds; None when it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def parsed_objects(lines: Iterable[str | bytes]) -> Iterator[dict[str, Any]]:
    """The objects of JSON Lines; lines that are none are passed over."""
    return (value for line in lines if (value := parsed_object(line)) is not None)


def mapping(value: object) -> dict[str, Any]:
    """The value when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """The value when it is a JSON list, else an empty one."""
    return value if isinstance(value, list) else []


def items(value: object) -> list[dict[str, Any]]:
    """The objects of a JSON list; empty when it is none."""
    return [v for v in sequence(value) if isinstance(v, dict)]


def string(value: object) -> str:
    """The value when it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    """The value when it is a number of tokens or the like, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12 else 0
