"""What a model reads of a Markdown text and a person does not see on its page."""

import re
from collections.abc import Iterator
from functools import lru_cache

from skillopt_ci.core.page import page

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
_NOTE = re.compile(r"\[\^([^\]\s]{1,99})\](?!:)")
_NOTED = re.compile(r"\[\^([^\]\s]{1,99})\]:.*")
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


@lru_cache(maxsize=64)
def unseen(text: str) -> frozenset[str]:
    """What of Markdown no page shows: comments, hidden elements, attributes, titles of links, what nothing refers to.

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
    noted = {label for words in shown.prose for label in _NOTE.findall(words)}  # GitHub shows these footnotes alone
    found |= {words for words in shown.prose if (note := _NOTED.match(words)) and note[1] not in noted}
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
