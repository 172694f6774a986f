"""Characters that a model reads and a person does not see."""

import re
import unicodedata
from collections import Counter

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
