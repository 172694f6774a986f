"""A workspace's changes as a unified diff. Names and contents are of strangers: a name stays on its line."""

import difflib

_LINES = 5_000
_CHARS = 64 * 1024


def shown(name: str) -> str:
    """A file name on one line."""
    return name if name.isprintable() else ascii(name)


def difference(name: str, before: bytes | None, after: bytes | None, *, known: bool) -> str:
    """The change of one file.

    Args:
        name: of the file.
        before: its bytes before; None when it was not there, or they are not known.
        after: its bytes now; None when it is gone.
        known: it was there before.
    """
    old, new = (shown(f"a/{name}") if known else "/dev/null"), ("/dev/null" if after is None else shown(f"b/{name}"))
    one, other = _lines(before if known else b""), _lines(b"" if after is None else after)
    if one is None or other is None:
        size = "it is gone" if after is None else f"now {len(after)} bytes"
        return f"--- {old}\n+++ {new}\nnot shown: binary or large ({size})\n"
    lines = difflib.unified_diff(one, other, old, new, lineterm="")
    text = "\n".join(line.rstrip("\n") for line in lines)
    return text + "\n" if text else f"--- {old}\n+++ {new}\n"


def clipped(diff: str) -> str:
    """A diff of at most 64 Ki characters; what is left out is said."""
    if len(diff) <= _CHARS:
        return diff
    return f"{diff[:_CHARS]}\n[... {len(diff) - _CHARS} characters of the diff left out ...]\n"


def _lines(data: bytes | None) -> list[str] | None:
    """The lines of a text; None for what cannot be shown."""
    if data is None or b"\0" in data:
        return None
    try:
        lines = data.decode("utf-8").splitlines(keepends=True)
    except UnicodeDecodeError:
        return None
    return lines if len(lines) <= _LINES else None
