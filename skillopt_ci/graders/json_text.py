"""JSON in the answers of models: alone, in a code fence or in the middle of prose."""

import json
import re
from collections.abc import Iterator
from itertools import islice

_FENCE = re.compile(r"^[ \t]*(```+|~~~++)[^\n`]*\n(.*?)^[ \t]*\1", re.MULTILINE | re.DOTALL)
_MAX_STARTS = 50  # places in prose where a JSON value may begin: a hostile `[[[[...` costs no more than this


def find_json(answer: str) -> object:
    """The JSON value of an answer: all of it, else the last fenced block that is JSON, else the longest in the prose.

    Raises:
        ValueError: there is none.
    """
    for text in (answer, *(m[2] for m in reversed(list(_FENCE.finditer(answer))))):
        try:
            return loads(text)
        except ValueError:
            continue
    found = list(_inside(answer, r"[\[{]"))
    if not found:
        raise ValueError("no JSON found")
    return max(reversed(found), key=lambda item: item[0])[1]  # of equally long ones the last


def find_objects(answer: str) -> list[object]:
    """Every JSON object of an answer that is inside no other, in order."""
    return [value for _, value in _inside(answer, r"\{")]


def _inside(answer: str, opening: str) -> Iterator[tuple[int, object]]:
    """Lengths and values of the JSON in an answer that begins with `opening` and is inside no other, in order."""
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    end = 0
    for start in islice((m.start() for m in re.finditer(opening, answer)), _MAX_STARTS):
        if start < end:
            continue
        try:
            value, end = decoder.raw_decode(answer, start)
        except (ValueError, RecursionError):
            continue
        yield end - start, value


def loads(text: str) -> object:
    """A text that is nothing but JSON. Raises `ValueError`."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
