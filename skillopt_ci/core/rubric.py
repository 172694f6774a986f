"""Rubrics and verdicts: what is asked of a judge, what counts as a verdict, and what several votes say together."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skillopt_ci.core.digest import digest

MOST_CRITERIA = 100
_LETTERS, _DIGITS = "BCDFGHJKLMNPQRSTVWXZ", "23456789"  # no vowels, nothing that looks like something else
_BULLET = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\s+(?=\S)")
_EVEN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "\u00a0": " ", "–": "-", "—": "-", "‑": "-", "−": "-",
                       "*": None, "`": None, "_": None})  # fmt: skip
_FEWEST_SIGNS = 4  # letters of a quotation without a digit that is no whole line


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One thing an answer is judged by; `weight` is its share in the score, relative to the others'."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A judge's word on one criterion, with the passage of the answer that decided it."""

    met: bool
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One vote: a finding for every criterion, in the rubric's order."""

    findings: tuple[Finding, ...]
    reason: str
    advice: str


def parse_rubric(value: object) -> tuple[Criterion, ...]:
    """The criteria of a rubric.

    A list has one criterion an element: a text, or `{criterion, weight}`. A text whose lines are all items of a list is
    that list; any other text is one criterion as it stands.

    Raises:
        ValueError: in words for people.
    """
    if isinstance(value, str):
        items: Sequence[object] = _items(value) or [value]
    elif isinstance(value, list | tuple):
        items = value
    else:
        raise ValueError("must be a text or a list of criteria")
    if not items:
        raise ValueError("is required and must not be empty")
    if len(items) > MOST_CRITERIA:
        raise ValueError(f"has {len(items)} criteria; at most {MOST_CRITERIA}")
    return tuple(_criterion(item) for item in items)


def _items(text: str) -> list[str]:
    """The items of a text that is nothing but a list of two or more; continued lines are indented."""
    found: list[str] = []
    for line in text.strip().split("\n"):
        bullet = _BULLET.match(line)
        if bullet:
            found.append(line[bullet.end() :].rstrip())
        elif found and line.strip() and line[0] in " \t":
            found[-1] += "\n" + line.rstrip()
        elif line.strip():
            return []
    return found if len(found) > 1 else []


def _criterion(item: object) -> Criterion:
    text, weight = item, 1.0
    if isinstance(item, Mapping):
        unknown = sorted(str(k) for k in item if k not in ("criterion", "weight"))
        if unknown:
            raise ValueError(f"has a criterion with the unknown key '{unknown[0]}' (it takes: criterion, weight)")
        text, given = item.get("criterion"), item.get("weight", 1)
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1e6:
            raise ValueError("has a weight that is no number above 0")
        weight = float(given)
    if not isinstance(text, str):
        raise ValueError("must be texts, or mappings such as {criterion: ..., weight: 2}")
    if not text.strip():
        raise ValueError("is required and must not be empty")
    return Criterion(text=text.strip(), weight=weight)


def labelled(criteria: Sequence[Criterion], *seed: str) -> list[tuple[str, int]]:
    """(label, index of the criterion) in the order a judge is shown them; both depend on the seed alone.

    Another task or vote has another order and other labels, so that neither place nor name is a cue.
    """
    order = sorted(range(len(criteria)), key=lambda i: digest(["order", *seed, i]))
    names = sorted((a + b for a in _LETTERS for b in _DIGITS), key=lambda name: digest(["label", *seed, name]))
    return list(zip(names, order, strict=False))


def read_verdict(value: object, labels: Sequence[tuple[str, int]], answers: Sequence[str]) -> Verdict:
    """Check a verdict's JSON. One that lacks a criterion, or a quotation that occurs in the answer, is no verdict.

    `answers` are the answer as it was given and as the judge was shown it.

    Raises:
        ValueError: in words for the model.
    """
    if not isinstance(value, dict):
        raise ValueError("the verdict must be a JSON object")
    listed = value.get("criteria")
    if not isinstance(listed, list):
        raise ValueError("'criteria' must be a list")
    reason, advice = (_text(value, key, "the verdict") for key in ("reason", "advice"))
    indices = dict(labels)
    found: dict[int, Finding] = {}
    for one in listed:
        label = one.get("label") if isinstance(one, dict) else None
        index = indices.get(label.strip().strip("[]").upper()) if isinstance(label, str) else None
        if index is None:
            raise ValueError(f"every element of 'criteria' needs a 'label' that is one of: {', '.join(indices)}")
        name = f"criterion {label}"
        if index in found:
            raise ValueError(f"{name} is there twice")
        found[index] = _finding(one, name, answers)
    missing = [name for name, index in labels if index not in found]
    if missing:
        raise ValueError(f"no word on: {', '.join(missing)}; judge every criterion")
    return Verdict(findings=tuple(found[i] for i in sorted(found)), reason=reason, advice=advice)


def _finding(one: dict[str, object], name: str, answers: Sequence[str]) -> Finding:
    met = one.get("met")
    if not isinstance(met, bool):
        raise ValueError(f"{name}: 'met' must be true or false")
    evidence = _text(one, "evidence", name)
    if not any(occurs(evidence, answer) for answer in answers):
        said = "is empty" if not evidence.strip() else "does not occur in the answer, word for word"
        advice = "copy a passage of the answer: the one that decides it, or the nearest there is"
        raise ValueError(f"{name}: the evidence {said}; {advice}")
    return Finding(met=met, evidence=evidence)


def _text(value: dict[str, object], key: str, where: str) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        raise ValueError(f"{where}: '{key}' must be a text")
    return text


def occurs(quote: str, answer: str) -> bool:
    """Whether a quotation stands in the answer: whole words, and enough of them to be a passage.

    White space, emphasis marks and the form of quotation marks and dashes are set aside. Around an ellipsis the parts
    must stand in that order.
    """
    text = _even(answer)
    whole = _even(quote)
    lines = {_even(line) for line in answer.split("\n")}
    if whole and (whole in lines or whole == text):
        return True
    if _tells(whole) and _find(whole, text, 0) >= 0:
        return True
    parts = [p for raw in re.split(r"\.\.\.|…", whole) if (p := raw.strip(" \"'"))]
    if not parts or not any(map(_tells, parts)):
        return False
    at = 0
    for part in parts:
        at = _find(part, text, at)
        if at < 0:
            return False
        at += len(part)
    return True


def _even(text: str) -> str:
    return " ".join(text.translate(_EVEN).split())


def _tells(quote: str) -> bool:
    signs = [c for c in quote if c.isalnum()]
    return len(signs) >= _FEWEST_SIGNS or any(c.isdigit() for c in signs)


def _find(part: str, text: str, start: int) -> int:
    """Where a part stands as whole words; -1 when nowhere. Marks at its ends are not the quotation's."""
    for wanted in dict.fromkeys((part, part.strip(" \"'.,;:"))):
        at = text.find(wanted, start) if wanted else -1
        while at >= 0:
            end = at + len(wanted)
            before = wanted[0].isalnum() and at > 0 and text[at - 1].isalnum()
            after = wanted[-1].isalnum() and end < len(text) and text[end].isalnum()
            if not before and not after:
                return at
            at = text.find(wanted, at + 1)
    return -1


def decided(votes: Sequence[Verdict], of: int) -> tuple[bool, ...] | None:
    """Which criteria are met by the majority of `of` votes; None while the votes so far leave one open."""
    result: list[bool] = []
    for row in zip(*(v.findings for v in votes), strict=True):
        met = sum(f.met for f in row)
        if 2 * met <= of and 2 * (len(row) - met) <= of:
            return None
        result.append(2 * met > of)
    return tuple(result)


def share(criteria: Sequence[Criterion], met: Sequence[bool]) -> float:
    """Weight of the met criteria in that of all, in [0, 1]; exactly 1 when all are."""
    if all(met):
        return 1.0
    return sum(c.weight for c, yes in zip(criteria, met, strict=True) if yes) / sum(c.weight for c in criteria)
