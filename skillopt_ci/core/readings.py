"""The ways a text can be read: without its markup, and with what is spelt out, turned round or encoded undone."""

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Iterator
from html import unescape

from skillopt_ci.core.unseen import visible

_ESCAPE = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
_MARKUP = re.compile(r"<!--(?:(?!<!--).)*?-->|</?[a-z][a-z0-9]*>|[*]+|(?<!~)~~(?!~)", re.IGNORECASE | re.DOTALL)
_SPELT = re.compile(r"(?<!\w)[^\W_]([ .,|/_·-]{1,2})[^\W_](?:\1[^\W_])+(?!\w)")
_ENCODED = re.compile(r"(?<![\w+/=-])[\w+/-]{8,}={0,2}")
_DIGIT = re.compile(r"\d")


def plain(text: str) -> str:
    """The text as a page shows it: one form of characters, entities and escapes undone, emphasis and bare tags gone."""
    return _MARKUP.sub("", _ESCAPE.sub("", visible(unescape(unicodedata.normalize("NFKC", text)))))


def decoded(text: str) -> list[str]:
    """What is written in base64 or hexadecimal digits, where that is readable text of six characters at least."""
    found = []
    for token in _ENCODED.findall(text):
        for read in (_hexadecimal, _base64):
            try:
                said = read(token).decode("ascii")
            except (ValueError, binascii.Error):
                continue
            if len(said) >= 6 and said.isprintable():
                found.append(said)
    return found


def readings(text: str) -> Iterator[str]:
    """The text, then what else it may be read as: without markup, spelt out, encoded, reversed, shifted by 13.

    Digits are no part of the last two: the same number stands in them, or one that nobody wrote.
    """
    yield text
    shown = plain(text)
    if shown != text:
        yield shown
    joined = _SPELT.sub(lambda m: m[0].replace(m[1], ""), shown)
    if joined != shown:
        yield joined
    yield from decoded(text)
    words = _DIGIT.sub("", shown)
    yield words[::-1]
    yield codecs.encode(words, "rot13")


def _hexadecimal(token: str) -> bytes:
    return bytes.fromhex(token)


def _base64(token: str) -> bytes:
    whole = token.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(whole + "=" * (-len(whole) % 4), validate=True)
