"""Task files as plain items with their places: JSON Lines, JSON lists and YAML lists.

Values are JSON values only. YAML is read by events with the plain-scalar rules of JSON: `yes`, `12:30`, `0x1F` and
dates stay the strings they were written as, tags that would make objects are refused, and nothing is executed.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from skillopt_ci.errors import Problem

UNREVIEWED = "BOOTSTRAP_PENDING_REVIEW"
MAX_DEPTH = 64
MAX_PROBLEMS = 100
FOREIGN = "; it has no format of another tool that is known here: write its rows as such a list"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NONE: Mapping[str, tuple[int, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One task as written. `places` holds (line, column) of its fields, where the format can tell them."""

    value: Mapping[str, object]
    line: int
    places: Mapping[str, tuple[int, int]] = field(default_factory=lambda: _NONE)


class WrittenFloat(float):
    """A number that remembers its digits, so that an expected `4.50` is compared as `4.50`."""

    text: str

    def __new__(cls, text: str) -> "WrittenFloat":
        """Parse a JSON number. Raises `ValueError` when it is too large for a float."""
        made = super().__new__(cls, text)
        if made in (float("inf"), float("-inf")):
            raise ValueError(f"number too large: {text[:40]}")
        made.text = text
        return made


_OPENED = {
    "{": "an object stands on several lines; write each {...} on a line of its own",
    "[": "a list is not JSON Lines; name the file .json, or leave out the brackets and the commas between objects",
}


def parse_jsonl(path: str, text: str) -> tuple[list[Item], list[Problem]]:
    """One object a line; blank lines are fine. A line that is wrong does not hide the others.

    But for a text that begins with a bracket alone: every line of it would be wrong.
    """
    items: list[Item] = []
    problems: list[Problem] = []
    first = re.search(r"\S[^\n]*", text)
    if first and (wrong := _OPENED.get(first[0].rstrip())):
        return [], [Problem(path, 1 + text.count("\n", 0, first.start()), 1, wrong)]
    # Only LF ends a line: JSON strings may hold other separators (U+2028) as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if len(problems) >= MAX_PROBLEMS:
            problems.append(Problem(path, number, 0, "too many problems before this line; the rest was not read"))
            break
        if line.lstrip().startswith("#"):
            problems.append(_comment(path, number, line))
            continue
        try:
            value = _json_value(line)
        except JsonError as error:
            problems.append(Problem(path, number, error.position + 1, str(error)))
            continue
        if isinstance(value, dict):
            items.append(Item(value=value, line=number))
        else:
            problems.append(Problem(path, number, 0, f"each line must be one object {{...}}, not {kind(value)}"))
    return items, problems


def parse_json_list(path: str, text: str) -> tuple[list[Item], list[Problem]]:
    """A JSON list of objects. What stands behind a syntax error is not read."""
    items: list[Item] = []
    problems: list[Problem] = []
    line, counted = 1, 0
    try:
        for at, value in _elements(text):
            line, counted = line + text.count("\n", counted, at), at
            if isinstance(value, dict):
                items.append(Item(value=value, line=line))
            else:
                problems.append(Problem(path, line, 0, f"a task must be an object {{...}}, not {kind(value)}"))
            if len(problems) >= MAX_PROBLEMS:
                break
    except JsonError as error:
        line, column = place_of(text, error.position)
        problems.append(Problem(path, line, column, str(error)))
    return items, problems


def kind(value: object) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    names = {bool: "true or false", dict: "a mapping", list: "a list", str: "a string"}
    return names.get(type(value), "a number")


def plain_scalar(text: str) -> object:
    """The value of an unquoted YAML scalar by JSON's rules; anything else is the string itself."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    number = _NUMBER.fullmatch(text)
    if not number or len(text) > 300:
        return text
    try:
        return WrittenFloat(text) if number.group(1) or number.group(2) else int(text)
    except ValueError:
        return text


def unusable(value: object, raw: str) -> str | None:
    """Why a value cannot be worked with: nested too deeply, or half a UTF-16 character. `raw` is its source."""
    if raw.count("[") + raw.count("{") > MAX_DEPTH and _deeper(value, MAX_DEPTH):
        return f"nested deeper than {MAX_DEPTH} levels"
    if "\\u" in raw:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return "an unpaired surrogate (\\ud800 to \\udfff) is not a character"
    return None


class JsonError(Exception):
    """What is wrong with a JSON text, and at which character."""

    def __init__(self, message: str, position: int) -> None:
        self.position = position
        super().__init__(message)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise ValueError(f"the key {counts.most_common(1)[0][0][:60]!r} is there twice")
    return made


def _constant(text: str) -> object:
    raise ValueError(f"{text} is not a JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=WrittenFloat, parse_constant=_constant)


def decode_at(text: str, at: int) -> tuple[object, int]:
    """The JSON value at a position, and where it ends."""
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise JsonError(f"not valid JSON: {error.msg}", error.pos) from error
    except ValueError as error:
        raise JsonError(f"not valid JSON: {error}", at) from error
    except RecursionError as error:
        raise JsonError(f"nested deeper than {MAX_DEPTH} levels", at) from error
    wrong = unusable(value, text[at:end])
    if wrong:
        raise JsonError(wrong, at)
    return value, end


def _json_value(line: str) -> object:
    start = len(line) - len(line.lstrip())
    value, end = decode_at(line, start)
    rest = line[end:]
    if rest.strip():
        raise JsonError("not valid JSON: more text after the object", end + len(rest) - len(rest.lstrip()))
    return value


def _elements(text: str) -> Iterator[tuple[int, object]]:
    """The elements of a JSON list with their positions."""
    at = skip_space(text, 0)
    if text[at : at + 1] != "[":
        unknown = FOREIGN if text[at : at + 1] == "{" else ""
        raise JsonError(f"must be a list of tasks: [{{...}}, ...]{unknown}", at)
    at = skip_space(text, at + 1)
    while text[at : at + 1] != "]":
        value, end = decode_at(text, at)
        yield at, value
        at = skip_space(text, end)
        if text[at : at + 1] == ",":
            at = skip_space(text, at + 1)
            if text[at : at + 1] == "]":
                raise JsonError("not valid JSON: a comma before the end of the list", at)
        elif text[at : at + 1] != "]":
            raise JsonError("not valid JSON: expected ',' or ']'", at)
    if text[at + 1 :].strip():
        raise JsonError("not valid JSON: more text after the list", at + 1)


_SPACE = re.compile(r"[ \t\r\n]*")


def skip_space(text: str, at: int) -> int:
    """Where the next character stands that is no JSON white space."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def place_of(text: str, at: int) -> tuple[int, int]:
    """Line and column of a character, both from 1."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _deeper(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper(v, levels - 1) for v in inner)


def _comment(path: str, number: int, line: str) -> Problem:
    if UNREVIEWED in line:
        message = f"the file is marked as not reviewed ({UNREVIEWED}); review its tasks, then remove this line"
    else:
        message = "JSON Lines has no comments; remove this line"
    return Problem(path, number, 0, message)
