"""What the simulated optimizer makes of failures: from a grader's words and an answer to what the skill lacks."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from skillopt_ci.core.digest import fraction
from skillopt_ci.providers.simulated_grammar import Rulebook
from skillopt_ci.providers.simulated_prompts import Shown

_FORMS = re.compile(r"accepted (?:answers have the )?form ((?:`[^`]+`(?: or )?)+)")
_ONE_FORM = re.compile(r"`([^`]+)`")
_DATE_FORM = re.compile(r"9{2,4}([-./ ])9{2}\1(9{2,4})")
_AMOUNT_FORM = re.compile(r"-?9+(?:[.,]9+)*( A)?")
_UNSTATED = re.compile(
    r"\bnot (?:stated|given|mentioned|specified|provided|found|listed|available|shown|in the)\b|\bno information\b"
    r"|\bdoes not (?:say|state|mention|contain|give|list)\b|\bunknown\b",
    re.IGNORECASE,
)
_SECTION = re.compile(r'(?:missing section|section) "([^"]+)"')
_TOO_LONG = re.compile(r"too long: [\d,]+ (character|word)s?, at most ([\d,]+)")
_TOO_SHORT = re.compile(r"too short: [\d,]+ (character|word)s?, at least ([\d,]+)")
_FORBIDDEN = re.compile(r'must not contain "([^"]+)"')
_LACKS = re.compile(r"\$ lacks ((?:'[^']+'(?:, )?)+)|field '([^']+)' is missing")
_ADVISED = re.compile(r"criteria met: .*?\b[Mm]ention ([\w ,-]+)")
# Replies for "there is none", by the form that graders tell.
_REPLIES = {
    "a/a": ("n/a",),
    "A/A": ("N/A",),
    "A a": ("Not stated", "Not found", "Not given"),
    "a a": ("not stated", "not found", "not given"),
    "A": ("Unknown", "None", "Missing"),
    "a": ("unknown", "none", "missing"),
}
# What written answers are commonly asked to hold, for a pattern that nobody tells.
_CUSTOMS = (
    ("line", "Confidence: high|medium|low"),
    ("section", "Recommendation"),
    ("cite", ""),
    ("section", "Next Steps"),
    ("section", "Sources"),
    ("start", "Summary:"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the skill should say: a kind and argument of the target's grammar, and the tasks that show it."""

    kind: str
    value: str
    evidence: tuple[str, ...]


def find(shown: Sequence[Shown], known: Sequence[Rulebook], seed: str) -> list[Finding]:
    """What failing trajectories have in common, the most frequent first; `known` is not guessed again."""
    votes: dict[tuple[str, str], list[str]] = {}
    for one in shown:
        for lack in dict.fromkeys(_lacks(one, known, seed)):
            votes.setdefault(lack, []).append(one.task_id)
    ordered = sorted(votes.items(), key=lambda item: -len(item[1]))
    return [Finding(kind, value, tuple(ids)) for (kind, value), ids in ordered]


def _lacks(one: Shown, known: Sequence[Rulebook], seed: str) -> Iterator[tuple[str, str]]:
    hint = one.hint
    yield from (("section", m[1]) for m in _SECTION.finditer(hint))
    for kind, pattern in (("max", _TOO_LONG), ("min", _TOO_SHORT)):
        for match in pattern.finditer(hint):
            number = int(match[2].replace(",", ""))
            # A little inside the limit: models do not count well.
            wanted = number * (92 if kind == "max" else 110) // 100
            yield f"{kind}_{match[1]}s", str(wanted)
    yield from (("avoid", m[1]) for m in _FORBIDDEN.finditer(hint))
    if "too few citations" in hint:
        yield "cite", ""
    if "says more" in hint or "put nothing before it" in hint or "end with the answer" in hint:
        yield "only", ""
    if "end with the letter" in hint:
        yield "letter", ""
    if "upper and lower case" in hint and not one.answer.islower():
        yield "lower", ""
    yield from _json(hint)
    yield from _forms(one, known, seed)
    yield from _customs(one, known, seed)


def _json(hint: str) -> Iterator[tuple[str, str]]:
    keys = [k for m in _LACKS.finditer(hint) for k in re.findall(r"'([^']+)'", m.group())]
    if keys or "no valid JSON" in hint:
        yield "json", "|".join(dict.fromkeys(keys))


def _forms(one: Shown, known: Sequence[Rulebook], seed: str) -> Iterator[tuple[str, str]]:
    told = _FORMS.search(one.hint)
    forms = _ONE_FORM.findall(told[1]) if told else []
    fixed = known[0].find("missing") if known else None
    if forms and (_UNSTATED.search(one.answer) or (fixed and one.answer.strip() == fixed.value)):
        replies = [r for f in forms for r in _REPLIES.get(f, ()) if not any(b.has("missing", r) for b in known)]
        if replies:
            yield "missing", replies[int(fraction(seed, "reply") * len(replies))]
        return
    sentence = len(one.answer.split()) > 5
    if sentence and forms and max(map(len, forms)) <= 24:
        yield "only", ""
    for form in forms[:1]:
        if date := _DATE_FORM.fullmatch(form):
            yield "date", _date_pattern(date, seed)
        elif amount := _AMOUNT_FORM.fullmatch(form):
            if amount[1]:
                yield "currency", ""
            elif re.search(r"\d,\d{3}|[€$£¥]", one.answer):
                yield "plain", ""


def _date_pattern(form: re.Match[str], seed: str) -> str:
    mark = form[1]
    if len(form[2]) < 4:
        return mark.join(("YYYY", "MM", "DD"))
    american = mark == "/" and fraction(seed, "date order") < 0.5
    return mark.join(("MM", "DD", "YYYY") if american else ("DD", "MM", "YYYY"))


def _customs(one: Shown, known: Sequence[Rulebook], seed: str) -> Iterator[tuple[str, str]]:
    advised = _ADVISED.search(one.hint)
    if advised:
        yield "section", advised[1].strip().title()
    if re.search(r"required (?:pattern|text)", one.hint):
        left = [c for c in _CUSTOMS if not any(book.has(*c) for book in known)] or list(_CUSTOMS)
        # The first are the likeliest, as they would be for a model that has read many such rubrics.
        yield left[int(fraction(seed, "custom") ** 2 * len(left))]


# kind -> wordings; every one is read by the grammar as that kind.
WORDINGS: dict[str, tuple[str, ...]] = {
    "only": (
        "Answer with only the value itself: no sentence around it.",
        "Give only the requested value and nothing else.",
        "Reply with the bare value, with no explanation.",
    ),
    "date": (
        "Write dates as {0}.",
        "Give every date in the form {0}, however the source writes it.",
        "Convert dates to {0}.",
    ),
    "currency": (
        "Write an amount as a plain number with no thousands separators, followed by its three-letter currency code.",
        "Amounts are plain numbers with a currency code such as USD after them.",
        "For money, give a plain number, a space and the ISO 4217 code.",
    ),
    "plain": (
        "Write numbers as plain numbers: no thousands separators and no currency symbols.",
        "Use plain digits for numbers, no commas.",
    ),
    "missing": (
        "If the value is not stated, answer `{0}`.",
        "When the source does not give what is asked, reply with `{0}`.",
        "For values that are missing from the source, write `{0}`.",
    ),
    "section": (
        'Include a section titled "{0}".',
        "Add a `## {0}` section to every answer.",
        'Every answer has a section with the heading "{0}".',
    ),
    "line": (
        'End with a line "{0}".',
        "Close every answer with one line: `{0}`.",
        'Add a last line of the form "{0}".',
    ),
    "start": ('Start the answer with "{0}".',),
    "avoid": ('Never write "{0}".', 'Do not use the words "{0}".'),
    "max_characters": (
        "Keep the whole answer under {0} characters.",
        "Write at most {0} characters in total.",
        "The answer must have no more than {0} characters.",
    ),
    "max_words": ("Write at most {0} words.", "Keep the answer under {0} words."),
    "min_characters": ("Write at least {0} characters.",),
    "min_words": ("Write at least {0} words.",),
    "cite": ("Cite a source in brackets, such as [1], after every sentence.", "Add bracketed numbers as citations."),
    "letter": ("Answer with the letter only.", "Choose one option and give the letter."),
    "lower": ("Write the answer in lower case.", "Use lowercase."),
    "json": ("Answer as JSON{0}.", "Return a JSON object{0}."),
}
_AGAIN = ("{0}", "Always: {0}", "In every case: {0}", "This matters: {0}")


def wordings(kind: str, value: str) -> Iterable[str]:
    """Ways to say a finding, the plainest first."""
    shown = f" with the keys {', '.join(f'`{k}`' for k in value.split('|'))}" if kind == "json" and value else value
    for prefix in _AGAIN:
        for text in WORDINGS[kind]:
            yield prefix.format(text.format(shown))
