"""The ways a text can be read: without its markup, and with what is spelt out, turned round or encoded undone."""

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from html import unescape
from urllib.parse import unquote

from skillopt_ci.core.characters import visible

_ESCAPE = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
_MARKUP = re.compile(
    r"<!--(?:(?!<!--).)*?-->|</?[a-z][a-z0-9]*>|[*]+|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)|(?<!~)~~(?!~)",
    re.IGNORECASE | re.DOTALL,
)
_BULLET = re.compile(r"^([ \t>]*)\*(?=[ \t])", re.MULTILINE)  # a list's, no emphasis: without it what is below is code
_SPELT = re.compile(r"(?<!\w)[^\W_]([ .,|/_·-]{1,2})[^\W_](?:\1[^\W_])+(?!\w)")
_ENCODED = re.compile(r"(?<![\w+/=-])[\w+/-]{8,}={0,2}")
_BYTES = re.compile(r"(?<!\w)(?:[\da-f]{2}[ :]){5,}[\da-f]{2}(?!\w)", re.IGNORECASE)
_PIECE = re.compile(r"[\w+/-]{4,}={0,2}")
_REST = re.compile(r"[\w+/-]+={0,2}")  # the last piece may be short, and look like a word
_AROUND = ".,;:`'\"()*"
_BYTE = re.compile(r"\\x([\da-f]{2})", re.IGNORECASE)
_UNICODE = re.compile(r"\\u(?!d[89a-f])([\da-f]{4})", re.IGNORECASE)
_ESCAPED = re.compile(r"(?:%|\\x|\\u[\da-f]{2})[\da-f]{2}", re.IGNORECASE)
_ITEM = re.compile(r"(?m)^[ \t>]*(?:(?:\d{1,9}[.)]|[-+*#]+)[ \t]+)+")
# What stands inside of a word and is not seen: tags with attributes, empty code, a hyphen at the end of a line.
_DIVIDES = re.compile(r"</?[a-z][^<>]*>|`|-\r?\n\s*", re.IGNORECASE)
_DIGIT = re.compile(r"\d")


def literal(text: str) -> str:
    """The text in one form of characters, with entities and escapes undone. No sign of it is taken for markup.

    In code and after a backslash the marks of a comment are text, and so is what stands between them.
    """
    shown = visible(unescape(unicodedata.normalize("NFKC", text)))
    return _ESCAPE.sub("", shown.replace("\u2010", "-"))  # the hyphen that models like to write, breaking or not


def plain(text: str) -> str:
    """The text as a page shows it: `literal`, without comments, emphasis and bare tags."""
    return _MARKUP.sub("", _BULLET.sub(r"\1-", literal(text)))


@lru_cache(maxsize=64)
def decoded(text: str) -> tuple[str, ...]:
    """What is written in base64 or hexadecimal digits, where that is readable text of six characters at least."""
    found = []
    for token in (*_ENCODED.findall(text), *_spaced(text), *_joined(text)):
        for read in (_hexadecimal, _base64):
            try:
                said = read(token).decode()
            except (ValueError, binascii.Error):
                continue
            if len(said) >= 6 and said.isprintable():
                found.append(said)
    return tuple(found)


def _spaced(text: str) -> list[str]:
    """Hexadecimal digits by twos; a list of numbers has no letter in it."""
    return [re.sub("[ :]", "", said) for said in _BYTES.findall(text) if any(map(str.isalpha, said))]


def _joined(text: str) -> Iterator[str]:
    """What may be one code that spaces or line ends divide: pieces in a row that are written as no words are."""
    run: list[str] = []
    for piece in (*(piece.strip(_AROUND) for piece in text.split()), ""):
        if _PIECE.fullmatch(piece) and _is_coded(piece):
            run.append(piece)
            continue
        if len(run) > 1:
            yield "".join(run)
        if run and _REST.fullmatch(piece):
            yield "".join((*run, piece))
        run = []


def _is_coded(piece: str) -> bool:
    """Whether letters and digits, or small and capital letters, are mixed as in no word and no number."""
    word = piece.isalpha() and (piece.islower() or piece.istitle() or piece.isupper())
    return not word and any(map(str.isalpha, piece))


def readings(text: str) -> Iterator[str]:
    """The text, then what else it may be read as: without markup, escapes, what divides words; spelt; encoded."""
    yield text
    shown = plain(text)
    for other in dict.fromkeys((shown, undone(shown), _undivided(shown), _SPELT.sub(_run_together, shown))):
        if other != text:
            yield other
    yield from decoded(text)


def turned(text: str) -> tuple[str, str]:
    """The text as a page shows it, reversed and shifted by 13.

    Digits are no part of them: the same number stands in them, or one that nobody wrote.
    """
    said = _DIGIT.sub("", plain(text))
    return said[::-1], codecs.encode(said, "rot13")


def without_items(text: str) -> str:
    """The text without the bullets and numbers of its lists."""
    return _ITEM.sub("", text)


def _undivided(text: str) -> str:
    return _DIVIDES.sub("", without_items(text))


def undone(text: str) -> str:
    """Escapes of URLs and of programs as the characters that they stand for."""
    if not _ESCAPED.search(text):
        return text
    return unquote(_UNICODE.sub(lambda m: chr(int(m[1], 16)), _BYTE.sub(r"%\1", text)))


def _run_together(spelt: re.Match[str]) -> str:
    return spelt[0].replace(spelt[1], "")


def _hexadecimal(token: str) -> bytes:
    return bytes.fromhex(token)


def _base64(token: str) -> bytes:
    whole = token.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(whole + "=" * (-len(whole) % 4), validate=True)
