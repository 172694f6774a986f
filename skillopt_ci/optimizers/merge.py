"""Merging edits of several readers: what needs no model is decided by rule, with support counts that are counts."""

import re
from collections.abc import Sequence
from dataclasses import replace

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.statements import statements

_NUMBER = re.compile(r"\d+")


def merge_by_rule(edits: Sequence[Edit]) -> list[Edit]:
    """Identical edits, those that differ in wording alone, and those another begins with become one; the earlier stays.

    Support is the number of readers' edits that became one, evidence the union of theirs.
    """
    merged: list[Edit] = []
    for edit in edits:
        for at, other in enumerate(merged):
            if _same(other, edit):
                merged[at] = _joined(other, edit)
                break
        else:
            merged.append(edit)
    return merged


def conflicts(edits: Sequence[Edit]) -> tuple[list[Edit], list[list[Edit]]]:
    """Split into (edits that stand alone, groups that change overlapping text)."""
    groups: list[list[Edit]] = []
    for edit in edits:
        touching = [g for g in groups if any(_collide(edit, other) for other in g)]
        for group in touching:
            groups.remove(group)
        groups.append([*(e for g in touching for e in g), edit])
    return [g[0] for g in groups if len(g) == 1], [g for g in groups if len(g) > 1]


def settled(answer: Sequence[Edit], clashing: Sequence[Edit]) -> list[Edit]:
    """Edits that a model made of clashing ones, with the support and the evidence of those they stand for."""
    made = []
    for edit in answer:
        sources = [e for e in clashing if _collide(edit, e)]
        support = sum(e.support for e in sources) or 1
        known = {i for e in sources or clashing for i in e.evidence}
        evidence = tuple(
            i for i in dict.fromkeys((*(i for e in sources for i in e.evidence), *edit.evidence)) if i in known
        )
        made.append(replace(edit, support=support, evidence=evidence))
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
    return len(first) > 20 and second.startswith(first) and _NUMBER.findall(first) == _NUMBER.findall(second)


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).strip("-*+ .")


def _joined(kept: Edit, other: Edit) -> Edit:
    evidence = tuple(dict.fromkeys((*kept.evidence, *other.evidence)))
    return replace(kept, support=kept.support + other.support, evidence=evidence)


def _collide(one: Edit, other: Edit) -> bool:
    if "add" in (one.op, other.op):
        return False
    first, second = one.target.strip(), other.target.strip()
    return bool(first and second) and (first in second or second in first)
