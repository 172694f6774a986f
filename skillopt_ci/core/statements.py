"""What a Markdown text says, statement by statement, in a form in which wording does not count."""

import re
import unicodedata
from collections import Counter

_ITEM = re.compile(r"[-*+] +\S")
_MARKER = re.compile(r"^\s*(?:(?:[-*+>]|\d{1,9}[.)]|#{1,6})\s+)+")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”`)*_]*\s+(?=[A-Z`\"“(#*-])")
_WORD = re.compile(r"\w+(?:['’]\w+)?|[^\w\s.,;:!?*_`\"'“”‘’()-]")
# Words that change nothing about what is asked for. Negations, numbers and names are never among them.
_FILLERS = frozenset({"a", "an", "the", "always", "please", "must", "should", "your", "you", "every", "each", "make",
                      "sure", "to", "that", "of", "be", "all"})  # fmt: skip


def words(text: str) -> tuple[str, ...]:
    """Words in lower case and signs that mean something, white space and emphasis aside."""
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def unmarked(line: str) -> str:
    """A line without the markers of items, headings and quotations that it begins with."""
    return _MARKER.sub("", line).strip()


def statements(text: str) -> "Counter[tuple[str, ...]]":
    """Every sentence of every line, as the words that count; how often each is said."""
    found: Counter[tuple[str, ...]] = Counter()
    for line in text.replace("\r\n", "\n").split("\n"):
        for sentence in _SENTENCE_END.split(unmarked(line)):
            said = tuple(w for w in words(sentence) if w not in _FILLERS)
            if said:
                found[said] += 1
    return found


def repeats(before: str, after: str) -> bool:
    """Whether all that `after` says more often than `before` does was said in `before` already, and there is any."""
    old, new = statements(before), statements(after)
    more = new - old
    return bool(more) and all(said in old for said in more)


def items(content: str) -> list[str]:
    """The lines of a flat list, or the one line that a text is; else nothing."""
    lines = [line for line in content.strip("\n").split("\n") if line.strip()]
    return lines if len(lines) < 2 or all(_ITEM.match(line) for line in lines) else []


def unsaid_items(content: str, before: str) -> str:
    """A flat list without the items that `before` says; the text as it is where it is no list or nothing would be left.

    To refuse the list would lose what is new in it, to take it whole would say the rest twice.
    """
    listed, old = items(content), statements(before)
    new = [item for item in listed if not all(said in old for said in statements(item))]
    return "\n".join(new) if 0 < len(new) < len(listed) else content
