"""YAML as plain values, with the line and column of every key and value.

The file is read event by event: depth and size are bounded before anything is built, tags construct nothing, and an
alias can repeat only as much as the budget allows.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from skillopt_ci.config.words import clean, looks_like_secret
from skillopt_ci.errors import ConfigError, Problem

Path = tuple[str | int, ...]
Mark = tuple[int, int]

MAX_BYTES = 1 << 20
MAX_VALUES = 50_000
MAX_DEPTH = 40
MAX_DIGITS = 300
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONSTRUCTOR: Any = yaml.constructor.SafeConstructor()
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_CORE = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Located:
    """Plain values of a file. `keys` and `values` map a path to (line, column), both from 1."""

    file: str = ""
    value: Any = None
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def problem(self, path: Path, message: str, *, at_key: bool = False) -> Problem:
        """A problem at a path's value (or key), or at the nearest place above it that was written."""
        marks = (self.keys, self.values) if at_key else (self.values, self.keys)
        for end in range(len(path), -1, -1):
            for found in marks:
                if path[:end] in found:
                    return Problem(self.file, *found[path[:end]], message)
            marks = (self.keys, self.values)
        return Problem(self.file, 0, 0, message)


@dataclass(slots=True)
class _Node:
    """A value as written. `content` is a scalar's plain value, a list's nodes, or a mapping's (key, node) pairs."""

    kind: str
    mark: Mark
    content: Any = None
    text: str = ""
    complete: bool = False


def locate(data: bytes, file: str) -> Located:
    """Read a YAML file.

    Args:
        data: the file's bytes.
        file: its name, for messages.

    Raises:
        ConfigError: it cannot be read as YAML, or is too big. Duplicate keys are returned as `problems`.
    """
    if len(data) > MAX_BYTES:
        raise ConfigError.about(file, "the file is larger than 1 MiB, the most a configuration may have")
    text = _decode(data, file)
    loader = _LOADER(text)
    try:
        root = _Reader(loader, file).document()
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax(error, text, file)]) from error
    except yaml.YAMLError as error:
        raise ConfigError.about(file, "not valid YAML") from error
    finally:
        loader.dispose()
    if root is None:
        raise ConfigError.about(file, "the file is empty; `skillopt-ci init` writes one to start from")
    expansion = _Expansion(file)
    value = expansion.plain(root, ())
    return Located(file, value, expansion.keys, expansion.values, tuple(expansion.problems))


def _decode(data: bytes, file: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"not valid UTF-8 (byte 0x{data[error.start]:02x}); save the file as UTF-8"
        raise ConfigError([Problem(file, line, 0, message)]) from error
    bad = _UNREADABLE.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        column = bad.start() - text.rfind("\n", 0, bad.start())
        message = f"the control character U+{ord(bad.group()):04X} is not allowed in YAML; remove it"
        raise ConfigError([Problem(file, line, column, message)])
    return text


def _mark(event: Any) -> Mark:
    return event.start_mark.line + 1, event.start_mark.column + 1


class _Reader:
    """Builds nodes from the events of one document."""

    def __init__(self, loader: Any, file: str) -> None:
        self._loader = loader
        self._file = file
        self._anchors: dict[str, _Node] = {}

    def document(self) -> _Node | None:
        """The root; None for a file without a document."""
        self._next(yaml.StreamStartEvent)
        if isinstance(self._loader.peek_event(), yaml.StreamEndEvent):
            return None
        self._next(yaml.DocumentStartEvent)
        root = self._node(0)
        self._next(yaml.DocumentEndEvent)
        after = self._loader.get_event()
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._error(_mark(after), "a second YAML document begins here ('---'); a configuration has one")
        return None if root.kind == "scalar" and root.content is None else root

    def _error(self, mark: Mark, message: str) -> ConfigError:
        return ConfigError([Problem(self._file, *mark, message)])

    def _next(self, kind: type) -> None:
        event = self._loader.get_event()
        if not isinstance(event, kind):
            raise AssertionError(f"the YAML parser gave {event!r}")

    def _node(self, depth: int) -> _Node:
        event = self._loader.get_event()
        mark = _mark(event)
        if depth > MAX_DEPTH:
            raise self._error(mark, f"nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor, mark)
        if event.tag is not None and event.tag != "!":
            tag = event.tag.replace(_CORE, "!!")
            raise self._error(mark, f"the YAML tag '{clean(tag)}' is not allowed; remove it")
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, mark)
        else:
            is_map = isinstance(event, yaml.MappingStartEvent)
            node = _Node("map" if is_map else "list", mark, [])
        if event.anchor:
            self._anchors[event.anchor] = node
        if node.kind == "map":
            node.content.extend(self._pairs(depth))
        elif node.kind == "list":
            node.content.extend(self._items(depth))
        node.complete = True
        return node

    def _alias(self, name: str | None, mark: Mark) -> _Node:
        name = name or ""
        node = self._anchors.get(name)
        if node is None:
            raise self._error(mark, f"'*{clean(name)}' refers to an anchor that is not defined above it")
        if not node.complete:
            raise self._error(mark, f"'*{clean(name)}' stands inside the value it refers to")
        return node

    def _items(self, depth: int) -> Iterator[_Node]:
        while not isinstance(self._loader.peek_event(), yaml.SequenceEndEvent):
            yield self._node(depth + 1)
        self._loader.get_event()

    def _pairs(self, depth: int) -> Iterator[tuple[str, Mark, _Node]]:
        while not isinstance(self._loader.peek_event(), yaml.MappingEndEvent):
            at = _mark(self._loader.peek_event())
            key = self._node(depth + 1)
            if key.kind != "scalar":
                raise self._error(at, "a key must be a plain word, not a list or a mapping")
            yield key.text, at, self._node(depth + 1)
        self._loader.get_event()

    def _scalar(self, event: Any, mark: Mark) -> _Node:
        bad = _CONTROL.search(event.value)
        if bad:
            raise self._error(mark, f"the text holds the control character U+{ord(bad.group()):04X}; remove it")
        tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        # A version-1.1 date stays the text it was written as.
        kind = tag.removeprefix(_CORE) if event.tag is None else "str"
        value: Any = event.value
        if kind in ("int", "float") and len(event.value) > MAX_DIGITS:  # Python reads some in ages, and writes no such
            raise self._error(mark, f"a number of more than {MAX_DIGITS} characters; put it in quotes if it is a text")
        if kind in ("null", "bool", "int", "float"):
            try:
                value = getattr(_CONSTRUCTOR, f"construct_yaml_{kind}")(yaml.ScalarNode(tag, event.value))
            except (ValueError, OverflowError) as error:
                raise self._error(mark, f"'{clean(event.value)}' is not a number that can be read") from error
        return _Node("scalar", mark, value, event.value)


class _Expansion:
    """Plain values and positions of a node tree: aliases repeated, merge keys merged."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.keys: dict[Path, Mark] = {}
        self.values: dict[Path, Mark] = {}
        self.problems: dict[Problem, None] = {}
        self._count = 0

    def plain(self, node: _Node, path: Path) -> Any:
        """The node's value; its places go into `keys` and `values`."""
        self._charge(node)
        self.values[path] = node.mark
        if node.kind == "list":
            return [self.plain(item, (*path, index)) for index, item in enumerate(node.content)]
        if node.kind == "map":
            found: dict[str, Any] = {}
            for key, (at, value) in self._entries(node).items():
                self.keys[(*path, key)] = at
                found[key] = self.plain(value, (*path, key))
            return found
        return node.content

    def _problem(self, mark: Mark, message: str) -> Problem:
        return Problem(self.file, mark[0], mark[1], message)

    def _charge(self, node: _Node, values: int = 1) -> None:
        self._count += values
        if self._count > MAX_VALUES:
            message = f"the file has more than {MAX_VALUES} values once its aliases are expanded"
            raise ConfigError([self._problem(node.mark, message)])

    def _entries(self, node: _Node, depth: int = 0) -> dict[str, tuple[Mark, _Node]]:
        """A mapping's keys; its own win over merged ones, earlier merged ones over later."""
        if depth > MAX_DEPTH:
            raise ConfigError([self._problem(node.mark, f"merged more than {MAX_DEPTH} levels deep")])
        own: dict[str, tuple[Mark, _Node]] = {}
        sources: list[dict[str, tuple[Mark, _Node]]] = []
        for key, at, value in node.content:
            if key == "<<":
                for source in value.content if value.kind == "list" else [value]:
                    if source.kind != "map":
                        raise ConfigError([self._problem(at, "'<<' takes a mapping or a list of mappings")])
                    self._charge(node, 1 + len(source.content))
                    sources.append(self._entries(source, depth + 1))
            elif key in own:
                shown = "this key" if looks_like_secret(key) else f"the key '{clean(key)}'"
                problem = self._problem(at, f"{shown} stands here a second time (first on line {own[key][0][0]})")
                self.problems[problem] = None
            else:
                own[key] = (at, value)
        merged: dict[str, tuple[Mark, _Node]] = {}
        for entries in (*reversed(sources), own):
            merged.update(entries)
        return merged


# (what the parser says, our words, whether the place is where the construct began)
_WORDS = (
    ("mapping values are not allowed", "a ':' stands where no key can be; quote the text, or check the indent", False),
    ("expected ':'", "a line that is neither 'key: value' nor '- item'", True),
    ("escape", "a backslash in double quotes begins an escape; double it, or use single quotes", False),
    ("while scanning a quoted scalar", "a quote is opened and never closed", True),
    ("while parsing a flow sequence", "a '[' is not closed, a ',' is missing, or a text needs quotes", True),
    ("while parsing a flow mapping", "a '{' is not closed, a ',' is missing, or a text needs quotes", True),
    ("while parsing a block", "the indentation does not fit the lines above, or a quote is missing", False),
    ("alphabetic or numeric", "'*' and '&' begin an alias or an anchor in YAML; quote the text", False),
)
_SIGNS = {"\t": "a tab is used for indentation; use spaces"} | {
    sign: f"a text cannot begin with '{sign}'; quote it" for sign in "@`%"
}


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    """The parser's complaint in plain words, where a person would look for the mistake."""
    said = f"{error.context or ''} {error.problem or ''}"
    mark = error.problem_mark
    words = clean(error.problem or "it cannot be parsed", 120)
    known = next(((w, at_start) for sign, w, at_start in _WORDS if sign in said), None)
    sign = _character(text, mark.line, mark.column) if mark else ""
    if sign in _SIGNS and ("cannot start" in said or "a tab" in said):
        words = _SIGNS[sign]
    elif known:
        words = known[0]
        mark = error.context_mark or mark if known[1] else mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    return Problem(file, line, column, f"not valid YAML: {words}")


def _character(text: str, line: int, column: int) -> str:
    lines = text.split("\n")
    return lines[line][column : column + 1] if line < len(lines) else ""
