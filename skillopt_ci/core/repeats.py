"""How large a regular expression becomes: when it is compiled, what must be repeated is written out."""

import re

MOST = 50_000  # parts; about 15 to 40 MB while they are compiled
_REPEAT = re.compile(r"(.?)\{([\d\s]*)(#?)", re.DOTALL)
_VERBOSE = re.compile(r"\(\?[a-zA-Z0-9]*x")


def too_large(pattern: str, flags: str = "") -> bool:
    """Whether the pattern has more than `MOST` parts when its repeats, `{n}` and `{n,}`, are written out.

    Too many are assumed, never too few: what repeats a group (or anything with space or a comment before its brace, as
    the verbose form may have) may repeat all the others. In that form space stands between digits, too, and a comment
    there is not read: such a pattern is too large.
    """
    verbose = "x" in flags or _VERBOSE.search(pattern) is not None
    parts, times = len(pattern), 1
    for before, told, comment in _REPEAT.findall(pattern):
        number = "".join(told.split())
        if len(number) > len(str(MOST)) or (comment and verbose):
            return True
        least = max(1, int(number or 1))
        if before in ("", ")", "}") or before.isspace():
            times *= least
        else:
            parts += least
    return parts * times > MOST
