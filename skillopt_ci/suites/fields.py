"""One item of a task file taken apart, field by field; everything wrong with it is collected."""

import posixpath
from collections.abc import Collection, Sequence

from skillopt_ci.core.characters import hidden_characters
from skillopt_ci.core.suggestion import suggest
from skillopt_ci.errors import Problem
from skillopt_ci.suites.source import Item, WrittenFloat, kind

MAX_ID_CHARS = 200


class Fields:
    """The fields of one item. A field that is null counts as absent: tables exported as JSON are full of them."""

    def __init__(self, path: str, item: Item, problems: list[Problem]) -> None:
        self.path = path
        self.item = item
        self.ok = True
        self._problems = problems

    def wrong(self, message: str, key: str | None = None) -> None:
        """Note an error, at the field's place where it is known, else at the item's line."""
        self.ok = False
        self._note(message, key, warning=False)

    def warn(self, message: str, key: str | None = None) -> None:
        """Note a warning; the task stays."""
        self._note(message, key, warning=True)

    def _note(self, message: str, key: str | None, *, warning: bool) -> None:
        line, column = self.item.places.get(key or "", (self.item.line, 0))
        self._problems.append(Problem(self.path, line, column, message, warning))

    def get(self, key: str) -> object:
        """The value as written; None when absent."""
        return self.item.value.get(key)

    def present(self, keys: Sequence[str]) -> list[str]:
        """Which of these fields have a value."""
        return [key for key in keys if self.item.value.get(key) is not None]

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Every field that is not known is an error, with what was perhaps meant."""
        for key in self.item.value:
            if key not in known:
                self.wrong(f"unknown field {key[:60]!r}{suggest(key, known)}", key)

    def one_of(self, keys: Sequence[str]) -> str | None:
        """The one field of several spellings that is there; an error when there are two."""
        found = self.present(keys)
        if len(found) > 1:
            self.wrong(f"both '{found[0]}' and '{found[1]}' are given; they mean the same, keep one", found[1])
        return found[0] if found else None

    def text(self, key: str, default: str = "") -> str:
        """A string."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            self.wrong(f"'{key}' must be a string, not {kind(value)}", key)
            return default
        return value

    def flag(self, key: str) -> bool | None:
        """True, false, or None when absent."""
        value = self.get(key)
        if value is not None and not isinstance(value, bool):
            self.wrong(f"'{key}' must be true or false, not {kind(value)}", key)
            return None
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of strings that are not empty."""
        value = self.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(v, str) and v.strip() for v in value):
            self.wrong(f"'{key}' must be a list of strings that are not empty", key)
            return ()
        return tuple(value)

    def mapping(self, key: str) -> dict[str, object]:
        """A mapping of names to values."""
        value = self.get(key)
        if value is not None and not isinstance(value, dict):
            self.wrong(f"'{key}' must be a mapping, not {kind(value)}", key)
            return {}
        return value or {}

    def id(self, key: str) -> str | None:
        """A task's id: a string or a number as written, printable, at most `MAX_ID_CHARS` characters."""
        value = self.get(key)
        if value is None:
            return None
        text = _written(value)
        if text is None:
            self.wrong(f"'{key}' must be a string, not {kind(value)}", key)
            return None
        if not text.strip() or text != text.strip() or len(text) > MAX_ID_CHARS:
            self.wrong(f"'{key}' must have 1 to {MAX_ID_CHARS} characters and no space at its ends", key)
        elif hidden_characters(text) or not text.replace(" ", "").isprintable():
            self.wrong(f"'{key}' has characters that cannot be seen: {ascii(text)[:80]}", key)
        return text

    def prompt(self, key: str) -> str:
        """The prompt: a string with something in it."""
        text = self.text(key)
        if isinstance(self.get(key), str) and not text.strip():
            self.wrong(f"'{key}' is empty", key)
        return text

    def answers(self, key: str) -> tuple[str, ...]:
        """Every accepted answer of a field that is there: a string or number, or a list of them."""
        value = self.get(key)
        texts = as_answers(value)
        if texts is None:
            hint = "; put true and false in quotes" if isinstance(value, bool) else ""
            self.wrong(f"'{key}' must be a string or a list of strings, none of them empty{hint}", key)
            return ()
        return texts


def as_answers(value: object) -> tuple[str, ...] | None:
    """Accepted answers as strings, numbers as they were written; None when the value cannot be read as answers."""
    texts = [_written(one) for one in (value if isinstance(value, list) else [value])]
    found = tuple(t for t in texts if t is not None and t.strip())
    return found if found and len(found) == len(texts) else None


def _written(value: object) -> str | None:
    """A string, or a number with the digits of the file (a hexadecimal id may look like one); None for the rest."""
    if isinstance(value, bool) or not isinstance(value, str | int | WrittenFloat):
        return None
    return value.text if isinstance(value, WrittenFloat) else str(value)


def safe_name(name: str) -> bool:
    """Whether an attachment may have this name: a relative path without `..`, backslashes or hidden characters."""
    parts = name.split("/")
    plain = name.isprintable() and "\\" not in name and ":" not in name and len(name) <= 255
    return plain and all(part not in ("", ".", "..") for part in parts)


def beside(path: str, relative: str) -> str | None:
    """A path relative to the file at `path`, from the root; None when it leads outside the root."""
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), relative))
    return None if joined.startswith(("/", "..")) or joined == "." else joined
