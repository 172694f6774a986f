"""Merging edits of several readers: what needs no model is decided by rule, with support counts that are counts."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.statements import items, statements

_NUMBER = re.compile(r"\d+")
# A rule that goes on with one of these says something else than the rule without.
_TURNS = frozenset({"not", "never", "no", "unless", "except", "only", "without", "instead", "but", "if", "when"})


def merge_by_rule(reads: Sequence[Sequence[Edit]]) -> list[Edit]:
    """Identical edits, those that differ in wording alone, and those another begins with become one; the earlier stays.

    Of lists that are added, the items that another edit adds too become edits of their own. Support is the number of
    readers whose edits became one, evidence the union of theirs; what one reader says twice is said by one.

    Args:
        reads: the edits of each reader.
    """
    found = _merged([(edit, reader) for reader, edits in enumerate(reads) for edit in edits])
    return [replace(edit, support=len(set(readers))) for edit, readers in found]


def merge_settled(edits: Sequence[Edit]) -> list[Edit]:
    """The same of edits whose support is known: one that a model made brings no reader to another that says it, too."""
    return [replace(edit, support=max(supports)) for edit, supports in _merged([(e, e.support) for e in edits])]


def _merged(edits: Sequence[tuple[Edit, int]]) -> list[tuple[Edit, list[int]]]:
    """What the edits become, each with the numbers of those that it stands for."""
    merged: list[tuple[Edit, list[int]]] = []
    for edit, number in _apart(edits):
        for at, (other, numbers) in enumerate(merged):
            if _same(other, edit):
                merged[at] = _joined(other, edit), [*numbers, number]
                break
        else:
            merged.append((edit, [number]))
    return merged


def _apart(edits: Sequence[tuple[Edit, int]]) -> list[tuple[Edit, int]]:
    """The edits, of added lists the items that others add, too, by themselves, and the other items together."""
    said = Counter(key for e, _ in edits for key in {frozenset(statements(item)) for item in _items(e)})
    found = []
    for edit, number in edits:
        listed = _items(edit)
        shared = [item for item in listed if said[frozenset(statements(item))] > 1]
        if len(listed) < 2 or not shared:
            found.append((edit, number))
            continue
        rest = [item for item in listed if item not in shared]
        pieces = [*shared, "\n".join(rest)] if rest else shared
        found += [(replace(edit, content=piece), number) for piece in pieces]
    return found


def _items(edit: Edit) -> list[str]:
    """The items that an `add` brings when it is a flat list, or the one line it is; else nothing."""
    return items(edit.content) if edit.op == "add" else []


def ranked(edits: Sequence[Edit]) -> list[Edit]:
    """The edits that most readers want first, else as they stand.

    The tasks that an edit says it answers are a claim; screening finds out which it does answer.
    """
    return sorted(edits, key=lambda e: -e.support)


def undecided(order: Sequence[Edit], places: int) -> bool:
    """Whether edits that as many readers want would be told apart by the end of the places alone."""
    return 0 < places < len(order) and order[places - 1].support == order[places].support


def conflicts(edits: Sequence[Edit]) -> tuple[list[Edit], list[list[Edit]]]:
    """Split into (edits that stand alone, groups that change overlapping text)."""
    groups: list[list[Edit]] = []
    for edit in edits:
        touching = [g for g in groups if any(_collide(edit, other) for other in g)]
        for group in touching:
            groups.remove(group)
        groups.append([*(e for g in touching for e in g), edit])
    return [g[0] for g in groups if len(g) == 1], [g for g in groups if len(g) > 1]


def settled(answer: Sequence[Edit], clashing: Sequence[Edit], reads: Sequence[Sequence[Edit]]) -> list[Edit]:
    """Edits that a model made of clashing ones, with the evidence of those they stand for.

    Support is the number of readers that wanted this text changed: one reader's edits may clash with each other.
    """
    made = []
    for edit in answer:
        sources = [e for e in clashing if _collide(edit, e)]
        readers = sum(any(_collide(edit, e) for e in edits) for edits in reads) if sources else 1
        known = {i for e in sources or clashing for i in e.evidence}
        evidence = tuple(
            i for i in dict.fromkeys((*(i for e in sources for i in e.evidence), *edit.evidence)) if i in known
        )
        made.append(replace(edit, support=readers, evidence=evidence))
    return made


def _same(one: Edit, other: Edit) -> bool:
    if one.op != other.op or (one.op != "add" and one.target.strip() != other.target.strip()):
        return False
    if one.op == "delete":
        return True
    # One word decides what a rule says ("at most 50 words", "the amber form"), so likeness of letters proves nothing.
    if statements(one.content) == statements(other.content):
        return True
    first, second = sorted((_plain(one.content), _plain(other.content)), key=len)
    return len(first) > 20 and _goes_on(first, second) and _NUMBER.findall(first) == _NUMBER.findall(second)


def _goes_on(first: str, second: str) -> bool:
    """Whether the second says what the first does, and adds to it."""
    rest = second.removeprefix(first)
    return rest != second and not rest[:1].isalnum() and not _TURNS & set(re.findall(r"\w+", rest))


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).strip("-*+ .")


def _joined(kept: Edit, other: Edit) -> Edit:
    evidence = tuple(dict.fromkeys((*kept.evidence, *other.evidence)))
    return replace(kept, evidence=evidence)


def _collide(one: Edit, other: Edit) -> bool:
    if "add" in (one.op, other.op):
        return False
    first, second = one.target.strip(), other.target.strip()
    return bool(first and second) and (first in second or second in first)
