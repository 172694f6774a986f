"""The rules of the Agent Skills specification for a `SKILL.md`, as errors and warnings with their lines.

Source: agentskills `docs/specification.mdx` and its reference validator. Only what makes the file unreadable is an
error: real skills carry keys of their own, which are kept and warned about.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import yaml

from skillopt_ci.core.blocks import leaves
from skillopt_ci.core.characters import hidden_characters
from skillopt_ci.core.conflicts import UNMERGED, conflict_line
from skillopt_ci.core.description import MAX_DESCRIPTION
from skillopt_ci.core.edit import PROTECT_END, PROTECT_START, SLOW_END, SLOW_START
from skillopt_ci.core.skill import decode_skill, estimate_tokens, parse_frontmatter, split_text, yaml_words
from skillopt_ci.errors import ConfigError, Problem

KEYS = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
MAX_NAME, MAX_COMPATIBILITY = 64, 500
MAX_LINES, MAX_TOKENS = 500, 5000
_MAX_DEPTH = 32
_TAGS = {"!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_Said = tuple[int, int, str]  # line, column, message


def check_skill(data: bytes, *, path: str, directory: str) -> list[Problem]:
    """Everything to say about a skill file, ordered by line.

    Args:
        data: the file's bytes.
        path: for messages.
        directory: name or path of the skill's folder, its last name must be the skill's; empty when it has none.
    """
    try:
        text = decode_skill(data, path=path)
        conflict = conflict_line(text)
        if conflict and not _in_fence(text, conflict):
            return [Problem(path, conflict, 0, UNMERGED)]  # what else is wrong may be of one side alone
        frontmatter, body = split_text(text)
    except ConfigError as error:
        return list(error.problems)
    except ValueError as error:
        return [Problem(path, 1, 1, str(error))]
    try:
        fields = _fields(frontmatter)
        parse_frontmatter(frontmatter)
    except ValueError as error:  # a value that is none, such as the date 2026-02-31
        return [Problem(path, 1, 1, str(error))]
    except _FrontmatterError as error:
        return [Problem(path, error.line, error.column, f"the frontmatter cannot be read: {error}")]
    offset = frontmatter.count("\n")
    found: list[_Said] = []
    if frontmatter:
        found += _frontmatter(fields, directory.rstrip("/").rpartition("/")[2])
    else:
        found.append((1, 0, "no frontmatter; agents find a skill by its 'name' and 'description'"))
    found += _body(body, offset)
    found += _hidden(text)
    if conflict:
        found.append((conflict, 0, "conflict marks of a merge stand in a fence; if it is no example, choose a side"))
    return sorted(Problem(path, line, column, message, True) for line, column, message in found)


class _FrontmatterError(Exception):
    def __init__(self, message: str, mark: Any) -> None:
        self.line: int = mark.line + 1 if mark else 1
        self.column: int = mark.column + 1 if mark else 1
        super().__init__(message)


_Fields = dict[str, tuple[yaml.ScalarNode, yaml.Node]]


def _fields(frontmatter: str) -> _Fields:
    """Keys and values as YAML nodes, which know their lines: nothing is constructed."""
    if not frontmatter:
        return {}
    # The opening fence becomes an empty line, so that marks count from the file's first line.
    inner = "\n" + "".join(frontmatter.splitlines(keepends=True)[1:-1])
    try:
        depth = 0
        for event in yaml.parse(inner, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_DEPTH:
                raise _FrontmatterError(f"nested deeper than {_MAX_DEPTH} levels", event.start_mark)
            tag: str | None = getattr(event, "tag", None)
            if tag is not None and tag not in _TAGS:
                raise _FrontmatterError(f"the tag {tag[:60]!r} is not supported", event.start_mark)
        root = yaml.compose(inner, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise _FrontmatterError(f"not valid YAML: {yaml_words(error)}", error.problem_mark) from error
    except yaml.reader.ReaderError as error:
        before = inner[: error.position]
        line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
        mark = yaml.Mark("", error.position, line, column, None, 0)
        words = f"not valid YAML: the control character U+{ord(inner[error.position]):04X}; delete it"
        raise _FrontmatterError(words, mark) from error
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise _FrontmatterError("it must be a mapping of keys to values", root.start_mark)
    found: _Fields = {}
    for key, value in root.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _FrontmatterError("a key must be a word", key.start_mark)
        if key.value in found:
            raise _FrontmatterError(f"the key {key.value[:60]!r} is there twice", key.start_mark)
        found[key.value] = (key, value)
    return found


def _frontmatter(fields: _Fields, folder: str) -> Iterator[_Said]:
    for key, (node, _) in fields.items():
        if key not in KEYS:
            close = get_close_matches(key.lower(), KEYS, n=1, cutoff=0.8)
            hint = f"perhaps you meant '{close[0]}'?" if close else "it is kept as it is"
            yield *_place(node), f"unknown key {key[:60]!r}; {hint}"
    name, description = _text(fields, "name"), _text(fields, "description")
    if name is None:
        yield *_key(fields, "name"), "'name' is missing or not a string"
    else:
        for message in _name(name, folder):
            yield *_key(fields, "name"), message
    if description is None or not description.strip():
        yield *_key(fields, "description"), "'description' is missing, empty or not a string"
    elif len(description) > MAX_DESCRIPTION:
        message = f"'description' has {len(description)} characters; at most {MAX_DESCRIPTION} are allowed"
        yield *_key(fields, "description"), message
    elif "<" in description or ">" in description:
        yield *_key(fields, "description"), "'description' has '<' or '>'; some agents refuse that"
    compatibility = _text(fields, "compatibility")
    if compatibility is not None and len(compatibility) > MAX_COMPATIBILITY:
        message = f"'compatibility' has {len(compatibility)} characters; at most {MAX_COMPATIBILITY} are allowed"
        yield *_key(fields, "compatibility"), message


def _name(name: str, folder: str) -> Iterator[str]:
    if not 1 <= len(name) <= MAX_NAME:
        yield f"'name' has {len(name)} characters; 1 to {MAX_NAME} are allowed"
    plain = all(c.isalnum() or c == "-" for c in name) and name == name.lower()
    if not plain or name.startswith("-") or name.endswith("-") or "--" in name:
        yield "'name' must be lower-case letters and digits, joined by single hyphens"
    if folder and name != folder:
        yield f"'name' is {name[:64]!r}, the folder is {folder[:64]!r}; they should be equal"


def _text(fields: _Fields, key: str) -> str | None:
    """The string at a key; None when it is missing or something else."""
    value = fields[key][1] if key in fields else None
    if isinstance(value, yaml.ScalarNode) and value.tag == "tag:yaml.org,2002:str":
        return str(value.value)
    return None


def _key(fields: _Fields, key: str) -> tuple[int, int]:
    return _place(fields[key][0]) if key in fields else (1, 0)


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _body(body: str, offset: int) -> Iterator[_Said]:
    """Size and protected regions; `offset` lines stand before the body."""
    lines = body.count("\n") + (not body.endswith("\n") and bool(body))
    if lines >= MAX_LINES:
        yield offset + 1, 0, f"the body has {lines} lines; below {MAX_LINES} are recommended"
    tokens = estimate_tokens(body)
    if tokens >= MAX_TOKENS:
        yield offset + 1, 0, f"the body has about {tokens} tokens; below {MAX_TOKENS} are recommended"
    for start, end in ((SLOW_START, SLOW_END), (PROTECT_START, PROTECT_END)):
        at = body.find(start)
        while at >= 0:
            closed = body.find(end, at + len(start))
            if closed < 0:
                message = f"the protected region {start} is never closed by {end}; the rest of the file is protected"
                yield offset + body.count("\n", 0, at) + 1, 0, message
                break
            at = body.find(start, closed)


def _in_fence(text: str, line: int) -> bool:
    """Whether a line is shown as code, as in a skill that is about merging."""
    blocks = leaves(text.replace("\r\n", "\n"))
    return any(kind == "fence" and first < line <= end for first, end, kind in blocks)


def _hidden(text: str) -> Iterator[_Said]:
    """The first line of each kind of hidden character."""
    told: set[str] = set()
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        fresh = [] if line.isascii() and line.isprintable() else hidden_characters(line)
        for name in fresh:
            if name not in told:
                told.add(name)
                yield number, 0, f"hidden character {name}; a reader does not see it, a model does"
