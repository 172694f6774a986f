"""A skill's body written anew as a whole: what may be rewritten, what a rewrite may bring, what it changed."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import takewhile, zip_longest

from skillopt_ci.core.blocks import parse_blocks
from skillopt_ci.core.edit import Edit, line_end, protected_spans, protected_texts
from skillopt_ci.core.leakage import Leakage
from skillopt_ci.core.policy import EditPolicy, refuse_change, too_long
from skillopt_ci.core.skill import Skill, opens_frontmatter
from skillopt_ci.core.statements import repeats, statements
from skillopt_ci.core.texts import lf

_ENDS = re.compile(r"\r\n|\r|\n")
_LINES = {"list_item_open", "paragraph_open"}
MOST_ALIKE = 250_000  # pairs of like lines, as blank ones are, among which the ones that stay are looked for


def editable(skill: Skill) -> str:
    """The text that a rewrite replaces: the body without the protected regions at its end, with LF line ends."""
    return _bare(skill.body[: _tail(skill.body)])


def rewritten(skill: Skill, text: str) -> Skill:
    """The skill with that text in place of what is editable; protected regions at the end stay.

    Lines that stay keep their line ends, new ones get that of most lines of the body. So do lines that end in a lone
    CR: it would join an LF that comes to stand behind it. A text that says the same gives the same skill, byte for
    byte.
    """
    text = _bare(text)
    if text.strip() == editable(skill).strip():
        return skill
    at = _tail(skill.body)
    lead = skill.body[: len(skill.body) - len(skill.body.lstrip("\ufeff\r\n"))]
    newline = line_end(skill.body)
    rest = newline + skill.body[at:] if at < len(skill.body) else ""
    ends = [newline if end == "\r" else end for end in _ENDS.findall(skill.body[len(lead) : at])]
    made = ""
    for gone, came, _ in _hunks(editable(skill).split("\n"), text.split("\n")):
        own, ends = ends[: len(gone)], ends[len(gone) :]
        stay = own if gone == came else []
        made += "".join(line + end for line, end in zip_longest(came, stay, fillvalue=newline))
    return skill.with_body(lead + made + rest)


def _bare(text: str) -> str:
    """A text with LF line ends, without blank lines around it and the mark of its encoding, which nobody sees."""
    return lf(text).lstrip("\ufeff\n").rstrip("\n")


def refuse_rewrite(after: Skill, before: Skill, start: Skill, policy: EditPolicy, leakage: Leakage) -> str | None:
    """Why a rewrite may not be tried, or None: the policy of edits for the whole text, but for the size of one edit.

    Args:
        after: the skill as it would be.
        before: the skill that was rewritten.
        start: the skill that the run began with: growth is counted from it.
        policy: of the run.
        leakage: what no skill may say.
    """
    if not after.body.strip():
        return "leaves nothing of the skill"
    if opens_frontmatter(after.body.lstrip("\r\n")):
        return "would read as frontmatter"
    if protected_texts(after.body) != protected_texts(before.body):
        return "changes a protected region"
    # The size first: the other rules read all of the text.
    refused = too_long(after, before, start, policy) or refuse_change(after, before, policy)
    if refused is None and repeats(lf(before.body), lf(after.body)):
        refused = "says what the skill says already"
    return refused or leakage.find(after.body, before.body)


def leave_out(skill: Skill, text: str, rejected: Collection[str]) -> tuple[str, tuple[Edit, ...]]:
    """A rewrite's text without what was rejected for this skill, and what was left out of it.

    That is a change, or a single item or line of what it brings, that asks for the same as a rejected edit. What the
    skill says already is never left out, and no part of a longer block: the rest would say something else.

    Args:
        skill: that is rewritten.
        text: in place of what is editable.
        rejected: `Edit.advice` of every rejected edit.
    """
    if not rejected:
        return text, ()
    old, new = editable(skill), lf(text).strip("\n")
    was, now = statements(lf(skill.body)), statements(new)
    lines: list[str] = []
    found: list[Edit] = []
    at = 0
    for gone, came, above in _hunks(old.split("\n"), new.split("\n")):
        whole = _edit(gone, came, above)
        more, less = (statements("\n".join(part)) for part in (came, gone))
        moves = any(said in was for said in more - less) or any(said in now for said in less - more)
        apart = whole is not None and not moves and (whole.op != "add" or _apart(new, at, at + len(came)))
        if whole is not None and apart and whole.advice() in rejected:
            found.append(whole)
            lines += gone
        else:
            for number, line in enumerate(came, at):
                if _added(line).advice() in rejected and not statements(line) & was and _is_whole(new, number):
                    found.append(_added(line))
                else:
                    lines.append(line)
        at += len(came)
    return "\n".join(lines), tuple(found)


def changes(before: Skill, after: Skill, rationale: str = "", evidence: Sequence[str] = ()) -> tuple[Edit, ...]:
    """What a rewrite changed, for people and for the record: one edit for each run of changed lines."""
    old, new = (lf(s.body).split("\n") for s in (before, after))
    found = [_edit(gone, came, above) for gone, came, above in _hunks(old, new)]
    return tuple(replace(e, rationale=rationale, evidence=tuple(evidence)) for e in found if e is not None)


def _hunks(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[str], str]]:
    """Runs of lines that are the same or differ: those of the old text, of the new one, and the old line above them."""
    for i, j, m, n in _runs(old, new):
        yield old[i:j], new[m:n], next((line for line in reversed(old[:i]) if line.strip()), "")


def _runs(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Where the runs begin and end, in the old and in the new text.

    Of texts with too many like lines only the first and the last ones are told to stay: a model may answer with blank
    lines by the ten thousand.
    """
    alike = Counter(new)
    if sum(alike[line] for line in old) <= MOST_ALIKE:
        for _, *run in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            yield run[0], run[1], run[2], run[3]
        return
    head = _same(old, new)
    tail = _same(old[head:][::-1], new[head:][::-1])
    at, to = len(old) - tail, len(new) - tail
    yield 0, head, 0, head
    yield head, at, head, to
    yield at, len(old), to, len(new)


def _same(old: Sequence[str], new: Sequence[str]) -> int:
    """How many lines two texts begin with together."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def _edit(old: Sequence[str], new: Sequence[str], above: str) -> Edit | None:
    """The edit that makes new lines of old ones; None where they are the same, or blank."""
    gone, came = "\n".join(old), "\n".join(new)
    if gone == came or not (gone.strip() or came.strip()):
        return None
    if not gone.strip():
        return Edit(op="add", target=above, content=came.strip("\n"))
    if not came.strip():
        return Edit(op="delete", target=gone.strip("\n"), content="")
    return Edit(op="replace", target=gone.strip("\n"), content=came.strip("\n"))


def _added(line: str) -> Edit:
    return Edit(op="add", target="", content=line.strip())


def _apart(text: str, first: int, end: int) -> bool:
    """Whether lines [first, end) can go: no block reaches out of them, and none into them but a list or a table."""
    touched = [b for b in parse_blocks(text) if b.first < end and first < b.end]
    return all(b.end <= end if b.first >= first else b.is_item or b.kind == "table_open" for b in touched)


def _is_whole(text: str, line: int) -> bool:
    """Whether a line is an item without children, or a paragraph, and announces nothing that follows."""
    kinds = {b.kind for b in parse_blocks(text) if b.first == line}
    announces = text.split("\n")[line].rstrip().endswith(":")
    return bool(kinds) and kinds <= _LINES and not announces and _apart(text, line, line + 1)


def _tail(body: str) -> int:
    """Where the protected regions at the end begin: after them there is nothing but white space."""
    at = len(body)
    for start, end in reversed(protected_spans(body)):
        if body[end:at].strip():
            break
        at = start
    return at
