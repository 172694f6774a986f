"""Hostile text inside a prompt: marks that it cannot forge, and nothing in it that a person would not see."""

import re
from collections.abc import Sequence

from skillopt_ci.core.characters import visible
from skillopt_ci.core.digest import digest

# What chat templates of open models read as the end of a message; servers of such models may not escape it.
_CONTROL = re.compile(
    r"<(?=[|｜])|(?<=[|｜])>|<(?=/?s>)|<(?=/?(?:start|end)_of_turn>)|<(?=<?/?SYS>)|\[(?=/?INST\])|<(?=/?(?:bos|eos)>)",
    re.IGNORECASE,
)


def contained(text: str) -> str:
    """The text without characters that show nothing, and with a space inside the control marks of chat templates."""
    return _CONTROL.sub(lambda m: f" {m[0]}" if m[0] == ">" else f"{m[0]} ", visible(text))


def mark(texts: Sequence[str]) -> str:
    """A word for the marks around texts: a digest of them, so that none of them can hold it."""
    made = digest(list(texts))[:16]
    while any(made in text for text in texts):
        made = digest([made, *texts])[:16]
    return made
