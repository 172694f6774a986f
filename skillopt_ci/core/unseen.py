"""What a model reads of a text and a person does not see: characters that show nothing, Markdown that no page shows."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from skillopt_ci.core.page import page

_JOINER, _EMOJI_STYLE = "\u200d", "\ufe0f"
# What shows nothing: fillers, joiners, variation selectors (which can carry a whole message), and what Unicode sets
# aside for such characters and for no character at all.
_SHOW_NOTHING = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2065\u2800\u3164\ufdd0-\ufdef\ufe00-\ufe0f\uffa0"
    "\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
# Scripts in which letters join, so that a joiner or its opposite changes what is seen: Arabic and those of India.
_JOINING = re.compile("[\u0600-\u08ff\u0900-\u0dff]")
_BREAKS = dict.fromkeys(map(ord, "\t\n\r"))
_KEYCAPS = "0123456789#*\u2139"  # with the emoji selector they are signs
# Markup whose text a page leaves out.
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<[?!](?!--).*?(?:>|\Z)", re.DOTALL)
_LEFT_OUT = re.compile(
    r"<(?:script|style|noscript|template|datalist|dialog|canvas|audio|video|object|iframe|noframes|noembed|rp|svg)\b",
    re.IGNORECASE,
)
_OPENS, _HIDES = re.compile(r"<[a-z]", re.IGNORECASE), re.compile(r"\s(?:hidden|style)\b", re.IGNORECASE)
_TAG = re.compile(
    r"<[a-z][\w:-]*((?:\s+[^\s\"'<>/=]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'=<>`]+))?)+)\s*(?:/?>|\Z)", re.IGNORECASE
)
_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'=<>`]+))?")
# What a page shows by its look or by where it leads; the values of all others are for machines.
_SHOWN = frozenset({"align", "valign", "width", "height", "open", "src", "href", "alt", "colspan", "rowspan", "start",
                    "type", "id", "class", "lang", "dir"})  # fmt: skip
_OWN_RULES = frozenset({"src", "href", "alt"})  # of URLs
_NAME = re.compile(r"\S{1,30}")
_BARE_WORDS = 5  # attributes without a value that are a sentence in angle brackets
_LANGUAGE = re.compile(r"\S{0,30}(?:\s*\{(?:\s*(?:[.#][\w-]+|[\w-]+=[\w\"'.-]+|[\d,-]+))*\s*\})?")
# Letters that look like Latin ones, inside a Latin word or the other way round: Cyrillic ones, and Greek ones that are
# no signs of formulas, as these are (2\u03c0r, \u0394t, cos\u03c9t) unless they stand in the middle of a word.
_GREEK = "\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03b9\u03bf\u03c5"
_MIXED = re.compile(
    rf"\b\w*(?:[a-z][\u0400-\u052f]|[\u0400-\u052f][a-z]|(?-i:[A-Za-z][{_GREEK}]|[{_GREEK}][A-Za-z]"
    r"|[A-Za-z]{2}(?<!sin|cos|tan|cot|exp|log)[\u03b1-\u03c9]+[A-Za-z]))\w*",
    re.IGNORECASE,
)


def hidden_characters(text: str) -> list[str]:
    """Names of control, bidirectional, zero-width and tag characters in a text, in order, without repeats.

    A joiner is none in an emoji or a joining script, nor is a space of any width: French has narrow ones that do not
    break, and every rule reads them as spaces.
    """
    return list(hidden_counts(text))


def hidden_counts(text: str) -> Counter[str]:
    """How many of each of the `hidden_characters` a text has, by their names."""
    hidden = Counter(char for at, char in enumerate(text) if _is_hidden(text, at))
    return Counter({unicodedata.name(char, f"U+{ord(char):04X}"): count for char, count in hidden.items()})


def visible(text: str) -> str:
    """The text as a person sees it: without hidden characters."""
    if text.isascii() and text.translate(_BREAKS).isprintable():
        return text
    return "".join(char for at, char in enumerate(text) if not _is_hidden(text, at))


def _is_hidden(text: str, at: int) -> bool:
    char = text[at]
    if char.isascii():
        return not char.isprintable() and char not in "\n\t\r"
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if char == _EMOJI_STYLE:
        return not (_is_sign(before) or (before and before in _KEYCAPS))
    if char == _JOINER and _is_sign(after):
        return not _is_sign(text[at - 2 : at - 1] if before == _EMOJI_STYLE else before)
    if char in "\u200c\u200d":
        return not (_joins(before) and _joins(after))
    if ord(char) & 0xFFFE == 0xFFFE:  # the last two of every plane are no characters
        return True
    category = unicodedata.category(char)
    return category in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") or _SHOW_NOTHING.match(char) is not None


def _is_sign(char: str) -> bool:
    return bool(char) and not char.isascii() and unicodedata.category(char) in ("So", "Sk", "Sm", "Po", "Pd")


def _joins(char: str) -> bool:
    return _JOINING.match(char) is not None and unicodedata.category(char)[0] in "LM"


@lru_cache(maxsize=64)
def unseen(text: str) -> frozenset[str]:
    """What of Markdown no page shows: comments, hidden elements, attributes, titles of links, unused definitions.

    Words of mixed alphabets are seen and not read for what they are. Code shows everything that is in it.
    """
    shown = page(text)
    found = {m.group().strip() for html in shown.html for m in _COMMENT.finditer(html)}
    found |= {tag for html in shown.html for tag in _left_out(html)}
    found |= {f"<{said}>" for html in shown.html for said in _unsaid(html)}
    found |= {link.title for link in shown.links if link.title}
    found |= {link.target for link in shown.links if link.empty or re.search(r"^#.*\s", link.target)}
    found |= {info.strip() for info in shown.infos if not _LANGUAGE.fullmatch(info.strip())}
    used = {link.label for link in shown.links}
    found |= {f"[{label}]: {target}" for label, target in shown.definitions.items() if label not in used}
    return frozenset(found | {m.group() for words in shown.words for m in _MIXED.finditer(words)})


def _left_out(html: str) -> Iterator[str]:
    """Tags whose element a page does not show. Piece by piece: a pattern would look from every `<` to the end."""
    for piece in html.split(">"):
        tag = _OPENS.search(piece)
        first = tag if tag and _HIDES.search(piece, tag.end()) else _LEFT_OUT.search(piece)
        if first:
            yield piece[first.start() :].strip()


def _unsaid(html: str) -> Iterator[str]:
    """What stands in the attributes of tags and is not seen."""
    for tag in _TAG.finditer(html):
        found = [(name.lower(), value.strip("\"'")) for name, value in _ATTRIBUTE.findall(tag.group(1))]
        if sum(not value for _, value in found) >= _BARE_WORDS:
            yield " ".join(tag.group().strip("<>/").split())
        for name, value in found:
            if value and (name not in _SHOWN or (name not in _OWN_RULES and not _NAME.fullmatch(value))):
                yield f"{name}={value}"
