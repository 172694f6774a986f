"""A skill's memory across runs: rejected edits of earlier runs, read from the default branch only."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from skillopt_ci.core.digest import text_digest
from skillopt_ci.core.edit import Edit, Op
from skillopt_ci.core.history import Rejected
from skillopt_ci.core.json_values import parsed_objects
from skillopt_ci.core.texts import utf8
from skillopt_ci.core.tree import Below, Tree
from skillopt_ci.errors import GitError
from skillopt_ci.forge.git import Git
from skillopt_ci.forge.proposal import HISTORY_LIMIT, history_path

MOST = 1000  # edits; the optimizer is shown the newest of them
MAX_CHARS = 8000
MOST_BYTES = 4 * HISTORY_LIMIT
_STATUS = ("rejected", "accepted")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def read_memory(root: Path, tree: Tree, name: str, more: bytes = b"") -> tuple[tuple[Rejected, ...], str]:
    """Edits that earlier runs or reviewers rejected (the newest thousand), and a digest of what was read.

    What was rejected first and kept later is none of them. In a repository the file comes from the default branch: a
    branch of somebody else's must not steer training. A line that does not fit is passed over; a file over the size
    limit is not read at all. `more` are further lines that the user of the command named.
    """
    parts = [data for data in (committed_history(root, tree, name), more) if len(data) <= MOST_BYTES]
    data = b"\n".join(parts) if more else b"".join(parts)
    entries = list(_entries(data))
    taken = {entry.edit.key(): at for at, (kept, entry) in enumerate(entries) if kept}
    found = [entry for at, (kept, entry) in enumerate(entries) if not kept and taken.get(entry.edit.key(), -1) < at]
    return tuple(found[-MOST:]), text_digest(data.decode("utf-8", "replace")) if found else ""


def committed_history(root: Path, tree: Tree, name: str) -> bytes:
    """A skill's history file as it is on the default branch, or in the tree outside of a repository; else empty."""
    path = history_path(name)
    git = Git.discover(root)
    if git is not None:
        try:
            inside = root.resolve().relative_to(git.root.resolve()).as_posix()
            tree = Below(git.tree(git.default_branch()), "" if inside == "." else inside)
        except GitError:
            return b""  # no commit yet, or no default branch: there is no memory
    return tree.read(path) if path in tree.glob(path) else b""


def _entries(data: bytes) -> Iterator[tuple[bool, Rejected]]:
    """The lines of a history, and of each whether its edit was kept."""
    for value in parsed_objects(data.splitlines()):
        if value.get("status") not in _STATUS or value.get("op") not in get_args(Op):
            continue
        texts = [t for k in ("target", "content", "rationale", "reason") if (t := _text(value.get(k, ""))) is not None]
        if len(texts) < 4:
            continue
        effect = value.get("effect")
        if effect is not None and not (type(effect) in (int, float) and -1 <= effect <= 1):  # NaN neither
            continue
        target, content, rationale, reason = texts
        edit = Edit(op=value["op"], target=target, content=content, rationale=rationale)
        base = value.get("base", "")
        base = base if isinstance(base, str) and _DIGEST.fullmatch(base) else ""
        entry = Rejected(edit=edit, reason=f"{reason} (an earlier run)", effect=effect, earlier=True, base=base)
        yield value["status"] == "accepted", entry


def _text(value: object) -> str | None:
    """A text that can be sent and stored: not endless, and without the lone surrogates that JSON can escape."""
    if not isinstance(value, str) or len(value) > MAX_CHARS:
        return None
    return utf8(value)
