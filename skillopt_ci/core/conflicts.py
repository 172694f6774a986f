"""Marks that git leaves in a file where a merge was not finished."""

import re

_MARKS = tuple(re.compile(mark, re.MULTILINE) for mark in (r"^<{7} ", r"^={7}\r?$", r"^>{7} "))
_FIRST = "<<<<<<< "
UNMERGED = "a merge left its conflict marks (<<<<<<<, =======, >>>>>>>): choose a side, then remove them"


def conflict_line(text: str, *, quoted: bool = False) -> int | None:
    """The line of the first conflict, from 1: its three marks in order, each at the beginning of a line.

    In a table (`quoted`) cells between quotation marks may have lines of their own, which are no lines of the file.
    """
    if _FIRST not in text:
        return None
    at, first = 0, None
    for mark in _MARKS:
        found = mark.search(text, at)
        if found is None:
            return None
        at, first = found.end(), found.start() if first is None else first
    if first is None or (quoted and text.count('"', 0, first) % 2):
        return None
    return text.count("\n", 0, first) + 1
