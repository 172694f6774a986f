"""YAML by events: lists of tasks and whole documents, with lines and columns, bounded aliases, no objects."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.reader import Reader as YamlReader

from skillopt_ci.core.skill import yaml_words
from skillopt_ci.errors import Problem
from skillopt_ci.suites.source import FOREIGN, MAX_DEPTH, MAX_PROBLEMS, Item, kind, place_of, plain_scalar

Places = dict[tuple[str | int, ...], tuple[int, int]]
"""Line and column of values by their path: the key of a mapping, the beginning of a list's element."""
MAX_NODES = 1_000_000
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_TAGS = {"!", "tag:yaml.org,2002:str"}
_COLLECTION_TAGS = {None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}


def parse_yaml_list(path: str, text: str, *, loader: Any = LOADER) -> tuple[list[Item], list[Problem]]:
    """A YAML list of mappings. What stands behind a syntax error is not read.

    Aliases and merge keys work; together they may stand for at most `MAX_NODES` values. `loader` only parses.
    """
    items: list[Item] = []
    problems: list[Problem] = []
    odd = _odd_character(path, text)
    if odd:
        return [], [odd]
    try:
        for found in _Builder(text, loader, record=1).items():
            if isinstance(found, Item):
                items.append(found)
            elif len(problems) < MAX_PROBLEMS:
                problems.append(Problem(path, found.line, found.column, found.message))
    except (_YamlError, yaml.MarkedYAMLError) as error:
        problems.append(_problem(path, error))
    return items, problems


def parse_yaml_document(path: str, text: str) -> tuple[object, Places, list[Problem]]:
    """The value of a file with one YAML document (null when it is empty), and where everything in it stands."""
    odd = _odd_character(path, text)
    if odd:
        return None, {}, [odd]
    builder = _Builder(text, LOADER, record=MAX_DEPTH)
    try:
        return builder.document(), builder.places, []
    except (_YamlError, yaml.MarkedYAMLError) as error:
        return None, {}, [_problem(path, error)]


def _odd_character(path: str, text: str) -> Problem | None:
    odd = YamlReader.NON_PRINTABLE.search(text)
    if not odd:
        return None
    message = f"not valid YAML: the character U+{ord(odd.group()):04X} is not allowed"
    return Problem(path, *place_of(text, odd.start()), message)


def _problem(path: str, error: "_YamlError | yaml.MarkedYAMLError") -> Problem:
    if isinstance(error, _YamlError):
        return Problem(path, error.line, error.column, error.message)
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    return Problem(path, line, column, f"not valid YAML: {yaml_words(error)}")


@dataclass(frozen=True, slots=True)
class _Found:
    """Something in the list that is not a task."""

    line: int
    column: int
    message: str


class _YamlError(Exception):
    def __init__(self, event: Any, message: str) -> None:
        self.line, self.column = _place(event)
        self.message = message
        super().__init__(message)


class _Builder:
    """Builds values from parser events, and records the places of what is at most `record` levels deep."""

    def __init__(self, text: str, loader: Any, *, record: int) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=loader)
        self._record = record
        self.places: Places = {}
        self._anchors: dict[str, tuple[object, int]] = {}
        self._nodes = 0

    def items(self) -> Iterator[Item | _Found]:
        """Every element: a task, or what is wrong with it."""
        event = self._next()
        while isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            return
        if not isinstance(event, yaml.SequenceStartEvent):
            unknown = FOREIGN if isinstance(event, yaml.MappingStartEvent) else ""
            raise _YamlError(event, f"must be a list of tasks: every task starts with '- '{unknown}")
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            self.places = {}
            value = self._value(event, 1, ())
            line, column = _place(event)
            if isinstance(value, dict):
                yield Item(value=value, line=line, places={str(k): at for (k, *_), at in self.places.items()})
            else:
                yield _Found(line, column, f"a task must be a mapping of fields, not {kind(value)}")
        self._end()

    def document(self) -> object:
        """The file's only document; null when there is none."""
        event = self._next()
        while isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            return None
        value = self._value(event, 1, ())
        self._end()
        return value

    def _end(self) -> None:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                raise _YamlError(event, "a second document ('---'); keep everything in one")

    def _next(self) -> Any:
        return next(self._events)

    def _value(self, event: Any, depth: int, at: tuple[str | int, ...]) -> object:
        if depth > MAX_DEPTH:
            raise _YamlError(event, f"nested deeper than {MAX_DEPTH} levels")
        before = self._nodes
        self._nodes += 1
        value: object
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise _YamlError(event, f"the alias '*{event.anchor}' has no anchor before it")
            value, size = self._anchors[event.anchor]
            self._nodes += size
        elif isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif event.tag not in _COLLECTION_TAGS:
            raise _YamlError(event, f"the tag {event.tag[:60]!r} is not supported")
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._list(depth, at)
        else:
            value = self._mapping(depth, at)
        if self._nodes > MAX_NODES:
            raise _YamlError(event, f"more than {MAX_NODES} values, aliases included")
        if event.anchor and not isinstance(event, yaml.AliasEvent):
            self._anchors[event.anchor] = (value, self._nodes - before)
        return value

    def _list(self, depth: int, at: tuple[str | int, ...]) -> list[object]:
        made: list[object] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            here = (*at, len(made))
            if len(here) <= self._record and self._record > 1:
                self.places[here] = _place(event)
            made.append(self._value(event, depth + 1, here))
        return made

    def _mapping(self, depth: int, at: tuple[str | int, ...]) -> dict[str, object]:
        made: dict[str, object] = {}
        sources: list[dict[str, object]] = []  # merged: the mapping's own keys win, then those of earlier sources
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _YamlError(event, "a key must be a plain word or a string")
            key = event.value
            if key in made:
                raise _YamlError(event, f"the key {key[:60]!r} is there twice")
            here = (*at, key)
            value = self._value(self._next(), depth + 1, here)
            if key == "<<" and not event.style:
                for source in value if isinstance(value, list) else [value]:
                    if not isinstance(source, dict):
                        raise _YamlError(event, "'<<' must be followed by an alias of a mapping")
                    sources.append(source)
                continue
            made[key] = value
            if len(here) <= self._record:
                self.places[here] = _place(event)
        merged: dict[str, object] = {}
        for one in (*reversed(sources), made):
            merged.update(one)
        return merged


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _scalar(event: Any) -> object:
    if event.tag is not None and event.tag not in _PLAIN_TAGS:
        raise _YamlError(event, f"the tag {event.tag[:60]!r} is not supported; put the value in quotes")
    if not event.style and event.tag is None:  # plain: libyaml says "", PyYAML None
        return plain_scalar(event.value)
    if any("\ud800" <= char <= "\udfff" for char in event.value):  # libyaml refuses them itself
        raise _YamlError(event, "an unpaired surrogate is not a character")
    return event.value
