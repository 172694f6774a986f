"""Whole files of other tools, JSON or YAML, as values that know the line and column of everything in them."""

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skillopt_ci.errors import Problem
from skillopt_ci.suites.source import MAX_DEPTH, JsonError, decode_at, place_of, skip_space
from skillopt_ci.suites.yaml_items import Places, parse_yaml_document

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file's value. `places` holds line and column by path; `first` is the line it starts at."""

    path: str
    value: object
    places: Mapping[Path, tuple[int, int]]
    first: int = 1

    def place(self, at: Path) -> tuple[int, int]:
        """Line and column of what stands at a path, or of the nearest thing around it."""
        for end in range(len(at), 0, -1):
            found = self.places.get(at[:end])
            if found:
                return found
        return self.first, 0

    def look_up(self, at: Path) -> object:
        """The value at a path that exists."""
        value: Any = self.value
        for key in at:
            value = value[key]
        return value


def parse_document(path: str, text: str) -> tuple[Document | None, list[Problem]]:
    """A `.json` file as JSON, any other as YAML; problems instead when it cannot be parsed."""
    if posixpath.splitext(path)[1].lower() == ".json":
        value, places, problems = _json(path, text)
    else:
        value, places, problems = parse_yaml_document(path, text)
    return (None if problems else Document(path=path, value=value, places=places)), problems


def _json(path: str, text: str) -> tuple[object, Places, list[Problem]]:
    reader = _JsonReader(text)
    try:
        return reader.document(), reader.places, []
    except JsonError as error:
        return None, {}, [Problem(path, *place_of(text, error.position), str(error))]


class _JsonReader:
    """Reads mappings and lists itself, to know where their parts stand; the standard library reads the rest."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._seen, self._line, self._start = 0, 1, 0
        self.places: Places = {}

    def document(self) -> object:
        value, end = self._value(skip_space(self._text, 0), ())
        end = skip_space(self._text, end)
        if end < len(self._text):
            raise JsonError("not valid JSON: more text after the end", end)
        return value

    def _value(self, at: int, path: Path) -> tuple[object, int]:
        opening = self._text[at : at + 1]
        if opening not in ("{", "["):
            return decode_at(self._text, at)
        if len(path) >= MAX_DEPTH:
            raise JsonError(f"nested deeper than {MAX_DEPTH} levels", at)
        return self._mapping(at + 1, path) if opening == "{" else self._list(at + 1, path)

    def _mapping(self, at: int, path: Path) -> tuple[dict[str, object], int]:
        made: dict[str, object] = {}
        at = skip_space(self._text, at)
        while self._text[at : at + 1] != "}":
            key, end = decode_at(self._text, at)
            if not isinstance(key, str):
                raise JsonError("not valid JSON: a key must be a string", at)
            if key in made:
                raise JsonError(f"not valid JSON: the key {key[:60]!r} is there twice", at)
            self._note((*path, key), at)
            at = skip_space(self._text, end)
            if self._text[at : at + 1] != ":":
                raise JsonError("not valid JSON: expected ':'", at)
            made[key], end = self._value(skip_space(self._text, at + 1), (*path, key))
            at = self._next(end, "}")
        return made, at + 1

    def _list(self, at: int, path: Path) -> tuple[list[object], int]:
        made: list[object] = []
        at = skip_space(self._text, at)
        while self._text[at : at + 1] != "]":
            here = (*path, len(made))
            self._note(here, at)
            value, end = self._value(at, here)
            made.append(value)
            at = self._next(end, "]")
        return made, at + 1

    def _next(self, end: int, closing: str) -> int:
        """Where the next element, or the closing bracket, stands."""
        at = skip_space(self._text, end)
        if self._text[at : at + 1] == ",":
            at = skip_space(self._text, at + 1)
            if self._text[at : at + 1] == closing:
                raise JsonError(f"not valid JSON: a comma before '{closing}'", at)
        elif self._text[at : at + 1] != closing:
            raise JsonError(f"not valid JSON: expected ',' or '{closing}'", at)
        return at

    def _note(self, path: Path, at: int) -> None:
        """Record a place; they come in order, so that lines are counted once."""
        breaks = self._text.count("\n", self._seen, at)
        if breaks:
            self._line += breaks
            self._start = self._text.rfind("\n", 0, at) + 1
        self._seen = at
        self.places[path] = (self._line, at - self._start + 1)


def parse_json(text: str) -> object:
    """A JSON value inside another file. Raises `ValueError`."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
