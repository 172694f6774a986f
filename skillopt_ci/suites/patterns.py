"""Regular expressions of other dialects in the words of Python's `regex`, or not at all.

A pattern that means something slightly different would grade differently without anybody noticing: what cannot be
translated exactly is None. Dialects: `javascript` (ECMAScript, no `u` flag), `go` (RE2), `python` (re), `dotnet`,
`ere` (POSIX extended, as `grep -E` applies it: line by line).
"""

import re
import warnings
from collections.abc import Mapping
from types import MappingProxyType

import regex

from skillopt_ci.core.repeats import too_large

_INLINE = re.compile(r"\(\?([a-zA-Z]+)\)")
_GROUP = re.compile(r"\(\?(?::|=|!|<=|<!|P?<[A-Za-z_]\w*>|P=\w+\)|-?i:|>)")
_PROPERTY = re.compile(r"\{\^?\w+\}|[A-Za-z]")
_QUANTIFIER: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {d: re.compile(r"\{[0-9]+(?:,[0-9]*)?\}") for d in ("javascript", "go", "dotnet", "ere")}
    | {"python": re.compile(r"\{(?:[0-9]+(?:,[0-9]*)?|,[0-9]+)\}")}
)
_ASCII = ("javascript", "go")
_WORD, _DIGIT = "A-Za-z0-9_", "0-9"
_NOT_WORD, _NOT_DIGIT = r"\x00-/:-@\[-\^\x60\{-\U0010FFFF", r"\x00-/:-\U0010FFFF"
_EDGE = f"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))"
_NO_EDGE = f"(?:(?<=[{_WORD}])(?=[{_WORD}])|(?<![{_WORD}])(?![{_WORD}]))"
_LETTERS = frozenset("nrtvfx0123456789")  # the same everywhere


def translate(pattern: str, flags: str, dialect: str) -> tuple[str, str] | None:
    """The pattern and its flags (letters of `ims`) for a search with `regex`; None without an exact equivalent."""
    if dialect != "javascript":  # there it is an error of syntax
        pattern, given = inline_flags(pattern)
        flags += given
    flags = "".join(sorted(set(flags) - set("gyu") if dialect == "javascript" else set(flags)))
    if not set(flags) <= set("ims") or not pattern:
        return None
    if dialect == "ere":
        flags = "".join(sorted({*flags, "m"}))
    made = _Translator(pattern, flags, dialect).run()
    if made is None or too_large(made):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            regex.compile(made)
    except (regex.error, OverflowError, RecursionError, ValueError, MemoryError):
        return None
    return made, flags


def inline_flags(pattern: str) -> tuple[str, str]:
    """A pattern without the flags in front of it, `(?i)`, and those flags."""
    found = _INLINE.match(pattern)
    return (pattern[found.end() :], found[1]) if found else (pattern, "")


class _Translator:
    def __init__(self, pattern: str, flags: str, dialect: str) -> None:
        self._text = pattern
        self._flags = flags
        self._dialect = dialect
        self._at = 0

    def run(self) -> str | None:
        made: list[str] = []
        while self._at < len(self._text):
            piece = self._piece()
            if piece is None:
                return None
            made.append(piece)
        return "".join(made)

    def _take(self, text: str) -> str:
        self._at += len(text)
        return text

    def _piece(self) -> str | None:
        rest = self._text[self._at :]
        char = rest[0]
        if char == "\\":
            return self._escape()
        if char == "[":
            return self._class()
        if char == "(" and rest.startswith("(?"):
            group = _GROUP.match(rest)
            return self._take(group[0]) if group else None
        if char == "{":
            quantifier = _QUANTIFIER[self._dialect].match(rest)
            if quantifier:
                return self._take(quantifier[0])
            return None if self._dialect == "ere" else self._literal("\\{")
        if char == "$" and "m" not in self._flags:
            return self._literal(r"\Z" if self._dialect in _ASCII else r"(?=\n?\Z)")
        if char == "." and self._dialect == "javascript" and "s" not in self._flags:
            return self._literal(r"[^\n\r\u2028\u2029]")
        return self._take(char)

    def _literal(self, made: str) -> str:
        self._at += 1
        return made

    def _escape(self) -> str | None:
        if self._at + 1 >= len(self._text):
            return None
        letter = self._text[self._at + 1]
        self._at += 2
        if not letter.isalnum():
            return self._mark(letter)
        if letter in _LETTERS:
            return None if self._dialect == "ere" and letter in "nrtvfx0" else f"\\{letter}"
        if letter in "dDwWsSbB":
            return self._shorthand(letter)
        if letter == "u" and re.match(r"[0-9a-fA-F]{4}", self._text[self._at :]) and self._dialect != "go":
            return "\\u"
        if letter in "AzZ" and self._dialect != "javascript":
            return self._anchor(letter)
        if letter in "pP" and self._dialect in ("go", "dotnet"):
            return f"\\{letter}{self._property()}"
        if letter == "k" and (name := re.match(r"<(\w+)>", self._text[self._at :])):
            self._at += name.end()
            return f"(?P={name[1]})"
        return None

    def _mark(self, letter: str) -> str | None:
        if self._dialect == "ere" and letter in "<>`'":  # extensions of GNU
            return {"<": r"\b(?=\w)", ">": r"\b(?<=\w)"}.get(letter)
        return f"\\{letter}" if letter.isascii() else letter

    def _anchor(self, letter: str) -> str | None:
        if letter == "A":
            return r"\A"
        if self._dialect == "python":
            return r"\Z" if letter == "Z" else None
        if self._dialect == "dotnet":
            return r"\Z" if letter == "z" else r"(?=\n?\Z)"
        return r"\Z" if letter == "z" and self._dialect == "go" else None

    def _shorthand(self, letter: str) -> str | None:
        if self._dialect in _ASCII:
            table = {"d": "[0-9]", "D": "[^0-9]", "w": f"[{_WORD}]", "W": f"[^{_WORD}]", "b": _EDGE, "B": _NO_EDGE}
            if self._dialect == "go":
                table |= {"s": r"[\t\n\f\r ]", "S": r"[^\t\n\f\r ]"}
            return table.get(letter, f"\\{letter}")
        if self._dialect == "ere":
            return {"s": r"[^\S\n]", "W": r"[^\w\n]", "d": None, "D": None}.get(letter, f"\\{letter}")
        return f"\\{letter}"

    def _class(self) -> str | None:
        """A bracket expression."""
        self._at += 1
        made = "["
        if self._text.startswith("^", self._at):
            made += "^" + ("\\n" if self._dialect == "ere" else "")
            self._at += 1
        start = self._at
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "]" and (self._at > start or self._dialect == "javascript"):
                self._at += 1
                if self._at - 1 == start:  # JavaScript: `[]` is nothing, `[^]` is anything
                    return r"[\s\S]" if made == "[^" else "(?!)"
                return made + "]"
            piece = self._in_class(char)
            if piece is None:
                return None
            made += piece
        return None

    def _in_class(self, char: str) -> str | None:
        posix = re.compile(r"\[:\^?[a-z]+:\]").match(self._text, self._at)
        if char == "[" and posix and self._dialect in ("go", "ere"):
            return self._take(posix[0])
        if char != "\\" or self._dialect == "ere":
            return self._literal(f"\\{char}" if char in "[]\\&~|" else char)
        if self._at + 1 >= len(self._text):
            return None
        letter = self._text[self._at + 1]
        self._at += 2
        if self._dialect in _ASCII and letter in "dDwW":
            return {"d": _DIGIT, "D": _NOT_DIGIT, "w": _WORD, "W": _NOT_WORD}[letter]
        if self._dialect == "go" and letter in "sS":
            return "\\t\\n\\f\\r " if letter == "s" else None
        if letter in "dDwWsSb" or letter in _LETTERS or letter == "u" or not letter.isalnum():
            return f"\\{letter}" if letter.isascii() else letter
        return f"\\{letter}{self._property()}" if letter in "pP" and self._dialect in ("go", "dotnet") else None

    def _property(self) -> str:
        """The name of a class of characters behind `\\p`: one letter, or a word in braces."""
        found = _PROPERTY.match(self._text, self._at)
        return self._take(found[0]) if found else ""
