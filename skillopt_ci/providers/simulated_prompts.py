"""How the simulated optimizer reads its prompts: the blocks between tags, as a model would see them."""

import re
from dataclasses import dataclass

_ROLLOUT = re.compile(r"<rollout\b([^>]*)>\n?(.*?)\n?</rollout>", re.DOTALL)
_REJECTED = re.compile(r"<rejected\b([^>]*)>\n?(.*?)\n?</rejected>", re.DOTALL)
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
_NUMBERED = re.compile(
    r"^(\d+)\. \[(add|replace|delete)\](?P<head>[^\n]*?)(?:\n|(?= target: ))\s*target: (?P<target>.*?)\s*\bcontent:"
    r" (?P<content>.*?)(?=\n\d+\. \[(?:add|replace|delete)\]|\Z)",
    re.MULTILINE | re.DOTALL,
)
_AT_MOST = re.compile(r"\bat most (\d+) (edit|character)s?")
_SUPPORT = re.compile(r"\(support (\d+)\)")


@dataclass(frozen=True, slots=True)
class Shown:
    """One trajectory as the prompt shows it; `score` is the later one of a pair."""

    task_id: str
    score: float
    before: float | None
    answer: str
    hint: str


@dataclass(frozen=True, slots=True)
class Tried:
    """One rejected edit; `alone` when it was not judged together with others."""

    content: str
    alone: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """One numbered edit of a merge or rank prompt."""

    number: int
    op: str
    target: str
    content: str
    support: int


@dataclass(frozen=True, slots=True)
class Briefing:
    """Everything an optimizer's prompt tells. `limit` counts edits or characters, whichever it names first."""

    skill: str
    shown: tuple[Shown, ...]
    tried: tuple[Tried, ...]
    listed: tuple[Listed, ...]
    limit: int


def read_briefing(prompt: str) -> Briefing:
    """Read a prompt; what it does not have is empty."""
    limit = _AT_MOST.search(prompt)
    edits = inside(prompt, "edits")
    return Briefing(
        skill=inside(prompt, "skill"),
        shown=tuple(_shown(m[1], m[2]) for m in _ROLLOUT.finditer(prompt)),
        tried=tuple(_tried(m[1], m[2]) for m in _REJECTED.finditer(prompt)),
        listed=tuple(_listed(m) for m in _NUMBERED.finditer(edits)),
        limit=int(limit[1]) if limit else 4,
    )


def inside(text: str, tag: str) -> str:
    """What stands in the first element with this tag; empty when there is none."""
    match = re.search(rf"<{tag}>\n?(.*?)\n?</{tag}>", text, re.DOTALL)
    return match[1] if match else ""


def _shown(head: str, body: str) -> Shown:
    values = dict(_ATTRIBUTE.findall(head))
    before = values.get("before")
    return Shown(
        task_id=values.get("task", ""),
        score=_number(values.get("after") or values.get("score") or "0"),
        before=None if before is None else _number(before),
        answer=inside(body, "answer"),
        hint=inside(body, "grader"),
    )


def _number(text: str) -> float:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else 0.0


def _tried(head: str, body: str) -> Tried:
    parts = re.match(r"op:[^\n]*\ntarget: .*?\ncontent: (.*)", body, re.DOTALL)
    content = parts[1] if parts else body
    alone = "in its bundle" not in dict(_ATTRIBUTE.findall(head)).get("reason", "")
    return Tried(content=content.strip(), alone=alone)


def _listed(match: re.Match[str]) -> Listed:
    support = _SUPPORT.search(match.group())
    content = _SUPPORT.sub("", match["content"]).strip()
    return Listed(int(match[1]), match[2], match["target"].strip(), content, int(support[1]) if support else 1)
