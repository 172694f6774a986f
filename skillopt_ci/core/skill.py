"""The trained artifact: frontmatter and Markdown body of a `SKILL.md`, kept byte for byte."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Literal

import yaml

from skillopt_ci.core.digest import digest, text_digest
from skillopt_ci.errors import ConfigError, Problem

Trained = Literal["body", "description"]
"""The part of a skill that is trained."""
MAX_BYTES = 1_000_000  # of a skill's file

_OPEN = re.compile(r"\A\ufeff?---[ \t]*\r?\n")
_CLOSE = re.compile(r"^---[ \t]*(?:\r?\n|\Z)", re.MULTILINE)
# What PyYAML lets through: a date such as 2026-02-31, `!!bool x`, `!!int ""`, `!!timestamp x`, a thousand brackets.
_BAD_VALUES = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError, RecursionError)
_MAX_DIGITS = 300
_MISTAKES: Mapping[str, str] = {  # words of the parser, what to do
    "mapping values are not allowed": "quote a text that holds a ':', or check the indent",
    "expected a comment or a line break": "the text after '>' or '|' begins on the next line",
    "expected alphabetic or numeric character": "quote a text that begins with '*' or '&'",
    "sequence entries are not allowed": "quote a text that begins with '-'",
    "but found '<scalar>'": "quote the whole of a text that begins with '[' or a quotation mark, or check the indent",
    "but found '-'": "indent every '-' of a list alike, or write a text of several lines below '|'",
    "'\\t'": "indent with spaces, not with tabs",
    "cannot start any token": "quote a text that begins with '@', '`' or '%'",
}


class _Loader(yaml.SafeLoader):
    """Without aliases of lists and mappings, by which a few lines stand for more values than can be counted, and
    without huge numbers.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        alias = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        if alias and not isinstance(node, yaml.ScalarNode):
            problem = (
                "in a frontmatter an alias ('*') can only stand for a single value; write the mapping or list again"
            )
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark if node else None)
        return node

    def compose_scalar_node(self, anchor: dict[Any, yaml.Node]) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        if node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float") and len(node.value) > _MAX_DIGITS:
            problem = f"a number of more than {_MAX_DIGITS} characters; quote it"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return node


@dataclass(frozen=True, kw_only=True)
class Skill:
    """One skill: `frontmatter` (raw, with its `---` lines), `body`, and digests of bundled files by relative path.

    `bundle` has the bytes of the bundled files, for agents; the digests stand for them wherever skills are compared.
    """

    name: str
    frontmatter: str
    body: str
    resources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    bundle: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False, compare=False)

    @property
    def text(self) -> str:
        """The file as it was read."""
        return self.frontmatter + self.body

    @property
    def declared(self) -> str:
        """The name that its frontmatter says, which agents may know it by; else its own."""
        said = parse_frontmatter(self.frontmatter).get("name") if self.frontmatter else None
        return said.strip() if isinstance(said, str) and said.strip() else self.name

    @cached_property
    def digest(self) -> str:
        """Identity of everything that ships: text and bundled files."""
        return digest({"text": text_digest(self.text), "resources": dict(self.resources)})

    @property
    def tokens(self) -> int:
        """Rough size of the body for a model: four characters a token."""
        return estimate_tokens(self.body)

    def with_body(self, body: str) -> "Skill":
        """The same skill with another body; the frontmatter stays byte-identical.

        A frontmatter that ended the file without a line end gets one, as the body's first characters.
        """
        if self.frontmatter and body and not self.frontmatter.endswith("\n") and not body.startswith(("\n", "\r\n")):
            body = ("\r\n" if "\r\n" in self.frontmatter else "\n") + body
        return replace(self, body=body)


def estimate_tokens(text: str) -> int:
    """Tokens of a text at four characters each, rounded up; used for limits and plans, never for prices paid."""
    return -(-len(text) // 4)


def split_text(text: str) -> tuple[str, str]:
    """Split a `SKILL.md` into (frontmatter with its fences, body). No frontmatter gives an empty first part.

    Raises:
        ValueError: the frontmatter is opened and never closed.
    """
    opened = _OPEN.match(text)
    if not opened:
        return "", text
    closed = _CLOSE.search(text, opened.end())
    if not closed:
        raise ValueError("the frontmatter is opened with '---' and never closed; end it with a line '---'")
    return text[: closed.end()], text[closed.end() :]


def opens_frontmatter(text: str) -> bool:
    """Whether a text begins with the line that opens a frontmatter."""
    return _OPEN.match(text) is not None


def yaml_words(error: yaml.YAMLError) -> str:
    """What the parser says of YAML, on one line; for the usual mistakes with what to do."""
    said = " ".join(str(getattr(error, "problem", None) or getattr(error, "context", None) or error).split())
    return next((f"{said}; {advice}" for mistake, advice in _MISTAKES.items() if mistake in said), said)


def parse_frontmatter(frontmatter: str) -> dict[str, object]:
    """The frontmatter's mapping; empty when there is none.

    Raises:
        ValueError: not YAML, or not a mapping.
    """
    inner = "\n".join(frontmatter.removesuffix("\n").split("\n")[1:-1])
    try:
        value = yaml.load(inner, Loader=_Loader)  # noqa: S506 - a safe one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 2})" if mark else ""
        raise ValueError(f"the frontmatter is not valid YAML{where}: {yaml_words(error)}") from error
    except _BAD_VALUES as error:
        problem = "nested too deeply" if isinstance(error, RecursionError) else f"a value cannot be read: {error}"
        raise ValueError(f"the frontmatter is not valid YAML: {problem}") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("the frontmatter must be a mapping of keys to values")
    return {str(key): item for key, item in value.items()}


def decode_skill(data: bytes, *, path: str) -> str:
    """The text of a skill file. Raises `ConfigError`: too large to be one, or not UTF-8 (with the byte's line)."""
    if len(data) > MAX_BYTES:  # it would be sent, and paid for, with every call
        raise ConfigError([Problem(path, 1, 1, f"{len(data):,} bytes; a skill has at most {MAX_BYTES:,}")])
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        message = f"not valid UTF-8 (byte 0x{data[error.start]:02x}); save the file as UTF-8"
        raise ConfigError([Problem(path, line, column, message)]) from error


def parse_skill(data: bytes, *, path: str, name: str, bundle: Mapping[str, bytes] | None = None) -> Skill:
    """Read a `SKILL.md`.

    Args:
        data: the file's bytes.
        path: for messages.
        name: used when the frontmatter has no `name`.
        bundle: bundled files by path relative to the skill's folder.

    Raises:
        ConfigError: not UTF-8, or frontmatter that cannot be read.
    """
    text = decode_skill(data, path=path)
    try:
        frontmatter, body = split_text(text)
        keys = parse_frontmatter(frontmatter) if frontmatter else {}
    except ValueError as error:
        raise ConfigError([Problem(path, 1, 1, str(error))]) from error
    declared = keys.get("name")
    named = declared if isinstance(declared, str) and declared.strip() else name
    files = MappingProxyType(dict(bundle or {}))
    resources = MappingProxyType({path: sha256(data).hexdigest() for path, data in files.items()})
    return Skill(name=named, frontmatter=frontmatter, body=body, resources=resources, bundle=files)
