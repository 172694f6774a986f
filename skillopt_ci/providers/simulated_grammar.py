"""The grammar of the simulated models: which instructions they find in the text of a skill.

Tolerant of order and wording, blind to everything else: a line it does not know changes nothing but its length.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_NEGATION = re.compile(
    r"\b(?:do not|don't|never|avoid|no need to|stop|refrain from|must not|should not)\b|\bwithout\b(?=[^,]*$)",
    re.IGNORECASE,
)
# Where the reach of a negation ends. A comma ends it only before a new command: "do not explain, just answer".
_BOUNDARY = re.compile(
    r"[;—(]|: |\bbut\b|\binstead\b|\band then\b|,\s*(?=(?:and|but|then|just|only|give|answer|write|use|reply|return|"
    r"keep|end|start|include|add|state|put)\b)",
    re.IGNORECASE,
)
_QUOTE = re.compile(r'"([^"]{1,200})"|“([^”]{1,200})”|`([^`]{1,200})`|(?<!\w)\'([^\']{1,80})\'(?!\w)')
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”`)*_]*\s+(?=[A-Z`\"“(#*-])")
_BLOCK_START = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)]|>|\|)\s+")
_NOUNS = (
    r"(?:answer|value|name|number|date|amount|result|field|span|phrase|word|letter|entity|term|fact|code|figure|option)"
)
_FILLERS = (
    r"(?:with|give|write|return|output|reply|the|a|an|in|requested|asked|short|shortest|bare|final|exact|single|"
    r"possible|itself)"
)

# kind -> what says it. Kinds that a negation turns into another one stand in _NEGATED.
_STATED: dict[str, re.Pattern[str]] = {
    kind: re.compile(pattern, re.IGNORECASE)
    for kind, pattern in {
        "only": rf"\b(?:only|just|nothing but|solely|exactly)\b(?:\s+{_FILLERS})*\s+{_NOUNS}s?\b"
        r"|\bnothing (?:else|more)\b"
        r"|\bno (?:explanations?|commentary|full sentences?|other words|extra (?:words|text)|preamble|introduction"
        r"|prose|surrounding (?:text|words))\b|\b(?:bare|shortest) (?:value|answer|span|phrase)\b"
        r"|\b(?:answer|value) (?:only|alone|by itself)\b|\bvalue itself\b",
        "brief": r"\b(?:briefly|(?:be|keep \w+) brief|brief (?:answer|repl)\w*|short|concise|concisely|succinct"
        r"|succinctly|terse)\b",
        "sentence": r"\b(?:a|in|with|as|write) (?:complete|full|whole) sentences?\b",
        "plain": r"\bplain (?:number|digit|decimal|figure)s?\b|\b(?:no|without(?: any)?) (?:thousands? separators?"
        r"|commas?|separators?|currency (?:symbol|sign)s?)\b|\b(?:digits only|only digits)\b",
        "currency": r"\bcurrency codes?\b|\bISO[ -]?4217\b|\bthree-letter (?:ISO )?codes?\b",
        "decimals": r"\b(?:two|2) decimal(?:s| places| digits)\b",
        "upper": r"\b(?:upper[ -]?case|all[ -]caps|capital letters)\b",
        "lower": r"\b(?:lower[ -]?case|small letters)\b",
        "verbose": r"\b(?:thorough|thoroughly|exhaustive|exhaustively|every angle|many scenarios|multiple paragraphs"
        r"|in (?:great |full )?detail|detailed|comprehensive|comprehensively|at length|as completely as)\b",
        "json": r"\bJSON\b",
        "cite": r"\b(?:cite|citations?|bracketed (?:numbers?|references?))\b|\[1\]",
        "restate": r"\b(?:restate|repeat|rephrase)\w*\s+(?:the|each|every)?\s*(?:user's )?(?:question|request|task)\b",
        "reason": r"\bstep[ -]by[ -]step\b|\b(?:explain|show|describe|give|write out) (?:your|the|all) "
        r"(?:reasoning|work|working|thinking)\b|\bexplain how you\b",
        "round": r"\bround(?:ed)?\b(?! brackets?| parenthes)",
        "letter": r"\bletter (?:only|alone|of the)\b|\bthe letter\b|\boption letter\b",
    }.items()
}
_NEGATED = {
    "only": re.compile(
        r"\b(?:explain\w*|explanations?|(?:full |whole |complete )?sentences?|preamble|commentary|surrounding|extra"
        r"|anything else|other words|introduction)\b",
        re.IGNORECASE,
    ),
    "plain": re.compile(r"\b(?:thousands? separators?|commas?|currency (?:symbol|sign)s?)\b", re.IGNORECASE),
}
_ISO = re.compile(r"\bISO[ -]?8601\b|\bISO (?:date|format|order)s?\b", re.IGNORECASE)
_DATE = re.compile(r"\b(?:YYYY|DD|MM)(?:[-./ ](?:YYYY|DD|MM)){2}\b")
_LANGUAGE = re.compile(
    r"\b(?:answer|reply|respond|write)\w*\s+(?:\w+\s)?in (French|German|Spanish|Italian|Latin)\b", re.I
)
_LIMIT = re.compile(
    r"\b(at most|under|no more than|fewer than|less than|up to|within|maximum(?: of)?|max\.?|below|exceed(?:ing)?"
    r"|no longer than|not longer than|shorter than|limit\w*(?: \w+){0,3} to|at least|no fewer than|minimum(?: of)?"
    r"|more than)[^\d.;]{0,25}(\d[\d,. ]*\d|\d)\s*-?\s*(character|char|word|sentence|paragraph)s?\b",
    re.IGNORECASE,
)
_LIMIT_AFTER = re.compile(
    r"(\d[\d,.]*\d|\d)\s*(character|char|word|sentence)s?\s+(?:or (?:less|fewer)|at most|max)", re.IGNORECASE
)
_ONE_SENTENCE = re.compile(r"\bin (?:one|a single|1) (?:\w+ )?sentence\b", re.IGNORECASE)
_LOWER_BOUND = ("at least", "no fewer", "minimum")
_MISSING = re.compile(
    r"\b(?:if|when|where|whenever|for|unless)\b.*\b(?:not|no|isn't|doesn't|cannot|can't|missing|absent|unknown|lacks?"
    r"|without|unless|unstated|nowhere)\b",
    re.IGNORECASE,
)
_REPLY = re.compile(r"\b(?:answer|reply|write|give|say|return|output|respond|use|put)\b", re.IGNORECASE)
_NA = re.compile(r"(?<![\w/])[nN]/[aA](?![\w/])")
_ANCHOR = re.compile(
    r"\b(?P<section>sections?|headings?|headed|titled|entitled)\b|\b(?P<line>lines?)\b"
    r"|\b(?P<start>start|begin|open)\w*\b|\b(?P<end>end|finish|close|conclude)\w*\b|\b(?P<key>keys?|fields?)\b",
    re.IGNORECASE,
)
_AFTER_QUOTE = re.compile(r"\W{0,3}(?:(?P<section>section|heading)|(?P<line>line)|(?P<key>key|field))", re.IGNORECASE)
_BARE_SECTION = re.compile(
    r"(?:[Ss]ection (?:titled|called|named|headed|entitled|on) |(?<!#)#{1,4} )((?:[A-Z][\w&-]*)(?: (?:[A-Z&][\w&-]*))*)"
    r"|\b(?:[Aa]|[Aa]n|[Tt]he) ((?:[A-Z][\w&-]*)(?: [A-Z&][\w&-]*)*) section\b"
)
_CONFIDENCE = re.compile(
    r"\bconfidence (?:level|rating|line|score|statement)\b|\b(?:state|give|include|add|report|note|with|rate)\s"
    r"(?:\w+\s){0,3}confidence\b",
    re.IGNORECASE,
)
_SAY = re.compile(r"\b(?:write|use|say|include|mention|contain)\w*\b", re.IGNORECASE)
LONGEST = 1000  # characters of a sentence; what is longer is no instruction, and patterns would be slow on it
CONFIDENCE_LINE = "Confidence: high|medium|low"


@dataclass(frozen=True, slots=True)
class Rule:
    """One instruction: its kind, its argument, whether it is negated, and the sentence as the skill has it."""

    kind: str
    value: str
    negated: bool
    text: str


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules of a text in order, and how many sentences it has (dead weight costs attention)."""

    rules: tuple[Rule, ...]
    sentences: int

    def find(self, kind: str) -> Rule | None:
        """The last rule of a kind, as the last word counts; None when there is none or it forbids."""
        found = [r for r in self.rules if r.kind == kind]
        return found[-1] if found and not found[-1].negated else None

    def all(self, kind: str) -> list[Rule]:
        """Every rule of a kind, one for each value; a later line may forbid it or bring it back."""
        standing: dict[str, Rule] = {}
        for rule in self.rules:
            if rule.kind == kind:
                standing.pop(rule.value, None)
                if not rule.negated:
                    standing[rule.value] = rule
        return list(standing.values())

    def has(self, kind: str, value: str = "") -> bool:
        """Whether a rule is there; without a value, any of its kind."""
        if not value:
            return self.find(kind) is not None
        return any(r.value.lower() == value.lower() for r in self.all(kind))


@lru_cache(maxsize=256)
def read_rules(text: str) -> Rulebook:
    """Find the instructions in a text."""
    rules: list[Rule] = []
    sentences = list(split_sentences(text))
    for sentence in sentences:
        if len(sentence) <= LONGEST:
            rules += _rules_of(sentence)
    return Rulebook(rules=tuple(rules), sentences=len(sentences))


def split_sentences(text: str) -> Iterator[str]:
    """Sentences exactly as they stand in the text; headings, fences, comments and list markers are left out."""
    for block in _blocks(text):
        at = 0
        for end in _SENTENCE_END.finditer(block):
            yield block[at : end.start()].strip()
            at = end.end()
        if block[at:].strip():
            yield block[at:].strip()


def _blocks(text: str) -> Iterator[str]:
    lines: list[str] = []
    fenced = False
    for line in [*text.split("\n"), ""]:
        bare = line.strip()
        fence = bare.startswith(("```", "~~~"))
        fenced ^= fence
        marker = _BLOCK_START.match(line)
        silent = fence or fenced or not bare or bare.startswith(("#", "<!--", "---"))
        if (silent or marker) and lines:
            yield "\n".join(lines)
            lines = []
        if not silent:
            lines.append(line[marker.end() :] if marker else line)


def _rules_of(sentence: str) -> Iterator[Rule]:
    flat = " ".join(sentence.split())
    quotes = [(m.start(), next(g for g in m.groups() if g is not None)) for m in _QUOTE.finditer(flat)]
    # What is quoted is an example, not an instruction; its place is kept.
    masked = _QUOTE.sub(lambda m: m.group()[0] + "Q" * (len(m.group()) - 2) + m.group()[-1], flat)
    missing = _missing(masked, flat, quotes)
    if missing is not None:
        yield Rule("missing", missing, False, sentence)
        return
    for kind, pattern in _STATED.items():
        for match in pattern.finditer(masked):
            yield Rule(kind, "", _is_negated(masked, match.start()), sentence)
    for kind, pattern in _NEGATED.items():
        if any(_is_negated(masked, m.start()) for m in pattern.finditer(masked)):
            yield Rule(kind, "", False, sentence)
    for match in _ISO.finditer(masked):
        yield Rule("date", "YYYY-MM-DD", _is_negated(masked, match.start()), sentence)
    for match in _DATE.finditer(flat):
        yield Rule("date", match.group(), _is_negated(masked, match.start()), sentence)
    for match in _LANGUAGE.finditer(masked):
        yield Rule("language", match.group(1).capitalize(), _is_negated(masked, match.start()), sentence)
    yield from (Rule(kind, value, False, sentence) for kind, value in _limits(masked))
    for kind, value, at in _quoted(masked, quotes):
        yield Rule(kind, value, kind != "avoid" and _is_negated(masked, at), sentence)


def _is_negated(sentence: str, at: int) -> bool:
    boundaries = [m.end() for m in _BOUNDARY.finditer(sentence, 0, at)]
    return _NEGATION.search(sentence[boundaries[-1] if boundaries else 0 : at]) is not None


def _missing(masked: str, flat: str, quotes: list[tuple[int, str]]) -> str | None:
    """The fixed reply of "If ... is not stated, answer X"."""
    if not _MISSING.search(masked):
        return None
    reply = _REPLY.search(masked)
    if reply is None:
        return None
    after = [value for at, value in quotes if at > reply.start()]
    if after:
        return after[-1] if _MISSING.search(masked[: reply.start()]) else after[0]
    plain = _NA.search(flat)
    return plain.group() if plain else None


def _limits(masked: str) -> Iterator[tuple[str, str]]:
    for match in _LIMIT.finditer(masked):
        word, unit = match.group(1).lower(), match.group(3).lower()
        low = word.startswith(_LOWER_BOUND)
        if word.startswith(("more than", "exceed")):
            low = not _is_negated(masked, match.start())
        yield f"{'min' if low else 'max'}_{'character' if unit == 'char' else unit}s", re.sub(r"\D", "", match.group(2))
    for match in _LIMIT_AFTER.finditer(masked):
        unit = match.group(2).lower()
        yield f"max_{'character' if unit == 'char' else unit}s", re.sub(r"\D", "", match.group(1))
    if _ONE_SENTENCE.search(masked):
        yield "max_sentences", "1"


def _quoted(masked: str, quotes: list[tuple[int, str]]) -> Iterator[tuple[str, str, int]]:
    """(kind, value, place) of what is quoted: the nearest word before it says what it is."""
    confidence = False
    for at, value in quotes:
        before = list(_ANCHOR.finditer(masked, 0, at))
        after = _AFTER_QUOTE.match(masked, at + len(value) + 2)
        anchor = after or (before[-1] if before else None)
        confidence = confidence or "onfidence" in value
        if value.startswith("#"):
            yield "section", value.lstrip("# "), at
        elif anchor is not None and anchor.lastgroup:
            yield anchor.lastgroup, value, at
        elif _is_negated(masked, at) and _SAY.search(masked, 0, at):
            yield "avoid", value, at
    if not any(value.startswith("#") for _, value in quotes):
        for match in _BARE_SECTION.finditer(masked):
            title = match.group(1) or match.group(2)
            if not set(title) <= {"Q"}:
                yield "section", title, match.start()
    stated = _CONFIDENCE.search(masked)
    if stated and not confidence:
        yield "line", CONFIDENCE_LINE, stated.start()
