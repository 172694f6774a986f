"""The simulated optimizer: reads failures, proposes edits, some of them useless or harmful."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from skillopt_ci.core.digest import fraction
from skillopt_ci.core.edit import protected_spans
from skillopt_ci.providers.simulated_findings import Finding, find, wordings
from skillopt_ci.providers.simulated_grammar import Rule, Rulebook, read_rules
from skillopt_ci.providers.simulated_prompts import Briefing, Listed, read_briefing

RIGHT, USELESS = 0.6, 0.2  # shares of proposals; the rest does harm
_USELESS = (
    "Read the request carefully before answering.",
    "Double-check the result before you reply.",
    "Keep a friendly and professional tone.",
    "Think about what the reader needs.",
    "Use clear and simple words.",
    "Stay focused on the task.",
)
_HARMFUL = (
    "Restate the question before the answer.",
    "Explain your reasoning step by step before the answer.",
    "Round numbers to the nearest whole number.",
    "Be thorough and look at every angle.",
    "Answer in French.",
)
_HARMFUL_KINDS = ("restate", "reason", "round", "verbose", "language")
# Rules that stand in the way of another one.
_AGAINST = {
    "only": ("restate", "reason", "language", "verbose"),
    "max_characters": ("verbose", "min_characters", "min_words", "restate", "reason"),
    "max_words": ("verbose", "min_characters", "min_words", "restate", "reason"),
    "currency": ("round",),
    "plain": ("round",),
    "date": ("language",),
    "missing": ("language",),
}
_WEAK = {"only": ("sentence", "brief"), "max_characters": ("brief",)}
Edit = dict[str, object]


@dataclass(slots=True)
class _Draft:
    """An answer in the making: the edits so far, and the texts that must not be said again."""

    briefing: Briefing
    book: Rulebook
    seed: str
    edits: list[Edit]
    said: set[str]

    def add(self, text: str, rationale: str, evidence: Sequence[str]) -> bool:
        """Add a line after the skill's last list item, else at the end; False when it was said before."""
        if _plain(text) in self.said:
            return False
        target = _last_item(self.briefing.skill)
        self._put("add", target, f"- {text}", rationale, evidence)
        self.said.add(_plain(text))
        return True

    def replace(self, target: str, text: str, rationale: str, evidence: Sequence[str]) -> bool:
        """Put a text in the place of a sentence; with an empty text, delete it."""
        if not text:
            target = _with_surroundings(self.briefing.skill, target)
        if not _editable(self.briefing.skill, target) or (text and _plain(text) in self.said):
            return False
        self._put("replace" if text else "delete", target, text, rationale, evidence)
        self.said.add(_plain(text))
        return True

    def _put(self, op: str, target: str, content: str, rationale: str, evidence: Sequence[str]) -> None:
        self.edits.append(
            {"op": op, "target": target, "content": content, "rationale": rationale, "evidence": list(evidence)}
        )


def reflect(prompt: str, seed: str) -> dict[str, object]:
    """Edits for a minibatch, or the merge of edits that were proposed."""
    briefing = read_briefing(prompt)
    if briefing.listed:
        return {"reasoning": "One edit for each place.", "edits": [_as_edit(e) for e in _merged(briefing.listed)]}
    book = read_rules(briefing.skill)
    said = {_plain(t.content) for t in briefing.tried} | {_plain(line) for line in _lines(briefing.skill)}
    draft = _Draft(briefing, book, seed, [], said)
    failing = [s for s in briefing.shown if s.score < 1]
    ids = [s.task_id for s in (failing or briefing.shown)]
    if not failing:
        if fraction(seed, "success") < 0.15:
            _say_one(draft, _USELESS, "It keeps what works.", ids)
        return {"reasoning": "These answers pass.", "edits": draft.edits}
    failed = read_rules("\n\n".join(t.content for t in briefing.tried if t.alone))
    findings = find(failing, (book, failed), seed)
    for slot in range(briefing.limit):
        luck = fraction(seed, "slot", slot)
        if luck < RIGHT:
            while findings and not _answer(draft, findings.pop(0)):
                pass
        elif luck < RIGHT + USELESS:
            _say_one(draft, _USELESS, "Care avoids mistakes.", ids[:2])
        else:
            _say_one(draft, _HARMFUL, "It may help the reader.", ids[:2])
    reasoning = f"{len(failing)} answers fail; {len(draft.edits)} edits answer what they have in common."
    return {"reasoning": reasoning, "edits": draft.edits}


def _answer(draft: _Draft, finding: Finding) -> bool:
    """One edit for a finding: repair a line that stands in the way, else say what is missing."""
    text = next((w for w in _ways(draft, finding) if _plain(w) not in draft.said), "")
    there = draft.book.has(finding.kind, "" if finding.kind in ("missing", "date", "json") else finding.value)
    there = there or (finding.kind.startswith(("max_", "min_")) and draft.book.has(finding.kind))
    count = len(finding.evidence)
    rationale = f"{count} answers fail for this reason." if count > 1 else "One answer fails for this reason."
    wrong = [r for r in _in_the_way(draft.book, finding) if _editable(draft.briefing.skill, r.text)]
    if wrong:
        settled = there and not any(r.kind == finding.kind for r in wrong)
        return draft.replace(wrong[0].text, "" if settled else text, rationale, finding.evidence)
    if there or not text:
        return False
    if any(t.alone and _same_rule(t.content, finding) for t in draft.briefing.tried):
        return False  # tried by itself and not kept: the same in other words is no new idea
    weak = [r for kind in _WEAK.get(finding.kind, ()) for r in draft.book.all(kind)]
    if weak and draft.replace(weak[0].text, text, rationale, finding.evidence):
        return True
    return draft.add(text, rationale, finding.evidence)


def _ways(draft: _Draft, finding: Finding) -> list[str]:
    """The wordings of a finding; every minibatch starts with the same one, so that readers agree."""
    ways = list(wordings(finding.kind, finding.value))
    first = int(fraction("wording", finding.kind, len(draft.briefing.skill)) * 2)
    return [*ways[first:], *ways[:first]]


def _in_the_way(book: Rulebook, finding: Finding) -> list[Rule]:
    against = [r for kind in _AGAINST.get(finding.kind, ()) for r in book.all(kind)]
    if finding.kind in ("missing", "date"):
        against += [r for r in book.all(finding.kind) if r.value != finding.value]
    return against


def _same_rule(text: str, finding: Finding) -> bool:
    return read_rules(text).has(finding.kind, finding.value if finding.kind != "json" else "")


def _say_one(draft: _Draft, texts: Sequence[str], rationale: str, evidence: Sequence[str]) -> None:
    start = int(fraction(draft.seed, "text", len(draft.edits), texts[0]) * len(texts))
    for text in [*texts[start:], *texts[:start]]:
        if draft.add(text, rationale, evidence):
            return


def rank(prompt: str, seed: str) -> dict[str, object]:
    """Numbers of the edits, best first: what many ask for, then what names a rule, then by taste."""
    listed = read_briefing(prompt).listed

    def worth(edit: Listed) -> float:
        kinds = {r.kind for r in read_rules(edit.content or edit.target).rules}
        repairs = edit.op == "delete" and bool(kinds & set(_HARMFUL_KINDS))
        names_a_rule = bool(kinds) and not kinds & set(_HARMFUL_KINDS[:3])
        return edit.support + (0.8 if names_a_rule or repairs else 0.0) + fraction(seed, "taste", edit.content)

    return {"order": [e.number for e in sorted(listed, key=lambda e: -worth(e))]}


def slow_update(prompt: str, seed: str) -> dict[str, object]:
    """Guidance on what still fails; empty when nothing does or the skill says it."""
    briefing = read_briefing(prompt)
    book = read_rules(briefing.skill)
    failing = [s for s in briefing.shown if s.score < 1]
    lines = []
    for finding in find(failing, (book,), seed)[:3]:
        known = book.has(finding.kind, finding.value)
        refused = any(t.alone and _same_rule(t.content, finding) for t in briefing.tried)
        if not known and not refused and len(finding.evidence) > 1:
            lines.append(f"- {next(iter(wordings(finding.kind, finding.value)))}")
    worse = sum(1 for s in briefing.shown if s.before is not None and s.score < s.before)
    reasoning = f"{len(failing)} of {len(briefing.shown)} tasks fail, {worse} got worse."
    return {"reasoning": reasoning, "guidance": _within("\n".join(lines), briefing.limit)}


def meta_notes(prompt: str) -> dict[str, object]:
    """What was kept and what was rejected, from the history in the prompt."""
    kept: list[str] = []
    rejected: list[str] = []
    into: list[str] | None = None
    for line in prompt.split("\n"):
        if step := re.match(r"Step \d+, \w+: (accept|reject|skip)\b", line):
            into = kept if step[1] == "accept" else rejected if step[1] == "reject" else None
        elif line.startswith("Rejected alone"):
            into = rejected
        elif into is not None and line.startswith("- ["):
            into.append(line[2:])
    parts = [
        f"{name}: {'; '.join(dict.fromkeys(items))}"
        for name, items in (("Kept", kept), ("Rejected", rejected))
        if items
    ]
    return {"notes": _within("\n".join(parts) or "Nothing was tried yet.", read_briefing(prompt).limit)}


def _merged(listed: Sequence[Listed]) -> list[Listed]:
    """The best supported edit of each place; the first of equals."""
    best: list[Listed] = []
    for edit in sorted(listed, key=lambda e: (-e.support, e.number)):
        if not any(edit.target in other.target or other.target in edit.target for other in best):
            best.append(edit)
    return sorted(best, key=lambda e: e.number)


def _as_edit(edit: Listed) -> Edit:
    return {
        "op": edit.op,
        "target": edit.target,
        "content": edit.content,
        "rationale": f"{edit.support} readers ask for it.",
        "evidence": [],
    }


def _within(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit].rsplit("\n", 1)[0][:limit]


def _plain(text: str) -> str:
    return " ".join(text.split()).strip("-*+ .").lower()


def _lines(skill: str) -> list[str]:
    return [line for line in skill.split("\n") if line.strip()]


def _last_item(skill: str) -> str:
    """The last list item of a body, as an anchor; empty when there is none or it is not unique or protected."""
    items = [line.strip() for line in skill.split("\n") if re.match(r"[-*] \S", line)]
    return items[-1] if items and _editable(skill, items[-1]) else ""


def _with_surroundings(skill: str, sentence: str) -> str:
    """What to delete so that no empty item and no double space is left: the whole line, or the space after it."""
    for line in skill.split("\n"):
        if re.sub(r"^\s*(?:[-*+]|\d+[.)])\s+", "", line).strip() == sentence:
            return line
    return f"{sentence} " if f"{sentence} " in skill else sentence


def _editable(skill: str, target: str) -> bool:
    """Whether a text occurs exactly once, and outside protected regions."""
    at = skill.find(target)
    if not target.strip() or skill.count(target) != 1:
        return False
    return not any(at < end and start < at + len(target) for start, end in protected_spans(skill))
