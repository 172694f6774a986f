"""What was perhaps meant by a name that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 80  # characters that are compared: names are short, and what is compared may come from anybody


def closest(word: str, known: Iterable[str]) -> str:
    """The known name that is most like a word; "" when none is."""
    return next(iter(get_close_matches(word[:_LONGEST].lower(), list(known), n=1)), "")


def suggest(word: str, known: Iterable[str], *, told: str = "known") -> str:
    """`; perhaps you meant 'x'?`, or what is known: `; known: x, y`, in which `told` stands before the colon."""
    names = list(known)
    close = closest(word, names)
    return f"; perhaps you meant '{close}'?" if close else f"; {told}: {', '.join(names) or 'none'}"
