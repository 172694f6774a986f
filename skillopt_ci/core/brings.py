"""What a text would have an agent reach for: URLs, commands, tools it was not given."""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

from skillopt_ci.core.addresses import addresses, linked, shares
from skillopt_ci.core.blocks import code_blocks, paragraphs
from skillopt_ci.core.permits import listed, permits
from skillopt_ci.core.programs import command_in, commands_of, comments_of, elements_of
from skillopt_ci.core.readings import literal, plain, undone
from skillopt_ci.core.texts import lf

_EMPHASIS = re.compile(r"(\*{1,3})(?=[^\s*])([^*\n]+)(?<=\S)\1")


def _read(text: str) -> dict[str, None]:
    """The readings that every rule is held against: what markup hides from one the other has."""
    shown = plain(text)
    return dict.fromkeys("\n".join(read.splitlines()) for read in (shown, literal(text), undone(shown)))


@lru_cache(maxsize=64)
def urls(text: str) -> frozenset[str]:
    """Every URL and link target, whole: another path or host is another URL."""
    found = (*(url for read in _read(text) for url in addresses(read)), *linked(lf(text)), *shares(text))
    return frozenset(url.strip().rstrip(".,;:!?)]>\"'`*_") for url in found)


@lru_cache(maxsize=64)
def commands(text: str) -> frozenset[str]:
    """Every line that holds a command or stands in a shell's fence, without the space around it."""
    return frozenset(_key(line) for read in _read(text) for line in _command_lines(read))


def _command_lines(text: str) -> Iterator[str]:
    blocks = code_blocks(text)
    comments = Counter(line.strip() for block in blocks for line in comments_of(*block))
    stands = Counter(line.strip() for line in text.split("\n"))  # elsewhere the same words are no comment
    yield from (line for line in _lines(text, _commands) if not 0 < stands[line.strip()] <= comments[line.strip()])
    for block in blocks:
        yield from commands_of(*block)
    yield from elements_of(text)


def _key(line: str) -> str:
    """What a line is known by: emphasis makes no other line of it, a star that stands for files does."""
    return _EMPHASIS.sub(r"\2", line).strip()


@lru_cache(maxsize=4096)  # a body is read again with every edit, and an edit touches a line or two
def _commands(line: str) -> tuple[tuple[int, int], ...]:
    return tuple(command_in(line))


@lru_cache(maxsize=64)
def permissions(text: str) -> frozenset[str]:
    """Every line that speaks of tool permissions, without the space around it."""
    return frozenset(_key(line) for read in _read(text) for line in (*_lines(read, _permits), *listed(read)))


@lru_cache(maxsize=4096)
def _permits(line: str) -> tuple[tuple[int, int], ...]:
    return tuple(permits(line))


def _lines(text: str, spans: Callable[[str], Sequence[tuple[int, int]]]) -> Iterator[str]:
    """The lines in which something is found; of a paragraph also what is found across the end of a line."""
    yield from (line for line in text.split("\n") if spans(line))
    for paragraph in paragraphs(text):
        lines = [line.strip(" \t\\") for line in paragraph.split("\n")]  # a backslash ends a line, too
        ends = list(accumulate(len(line) + 1 for line in lines))
        for start, end in spans(" ".join(lines)) if len(lines) > 1 else ():
            first, last = bisect_right(ends, start), bisect_left(ends, end)
            if first < last:
                yield " ".join(lines[first : last + 1])
