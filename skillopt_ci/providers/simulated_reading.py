"""How the simulated target reads a task: the question, the records and the sentences it may answer from."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skillopt_ci.providers.simulated_values import DATE_ANYWHERE, NUMBER_ANYWHERE

LONGEST = 2000  # characters of a question that are read
_RECORD = re.compile(
    r"^[ \t]*(?:[-*] )?[\"*|]{0,2}([A-Za-z][\w .#/()'-]{0,40}?)[\"*]{0,2}[ \t]*[:=|][\"* \t]*(\S.*?)?[\"*|, \t]*$",
    re.MULTILINE,
)
_CHOICE = re.compile(r"^[ \t]*\(?([A-H])[).:][ \t]+(\S.*?)[ \t]*$", re.MULTILINE)
_FILE_TAG = re.compile(r"</?file\b[^>]*>")
_QUESTION_MARK = re.compile(r"^[ \t]*(?:Question|Q|Task)[ \t]*:[ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)
_ORDER = re.compile(
    r"(?:please )?(?:write|analy[sz]e|draft|explain|describe|compose|summari[sz]e|compare|discuss|outline|prepare|what|"
    r"who|when|where|which|how|why|find|give|name|extract|list|answer|is|are|does|do|did|was|were|on|in|to|from)\b",
    re.IGNORECASE,
)
_WRITING = re.compile(
    r"\s*(?:please )?(?:write|analy[sz]e|draft|explain|describe|compose|summari[sz]e|discuss|outline|prepare)\b"
    r"(?! (?:the )?(?:name|number|date|amount|value)\b)",
    re.IGNORECASE,
)
_SUM = re.compile(r"(-?\d[\d,]*(?:\.\d+)?)\s*([-+*/x×÷])\s*(-?\d[\d,]*(?:\.\d+)?)")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_STOP_WORDS = """a an the of on in at to for from by with and or is are was were be been do does did has have had it its
    this that these those what which who whom whose when where why how much many i you we they he she there as into than
    then not please find give me name tell answer question text document according following based above below your our
    their his her"""
_STOP = frozenset(_STOP_WORDS.split())
_ASKED = {  # what a question word asks for, when the question says it in no other way
    "when": ("date",),
    "who": ("name", "person", "customer", "author"),
    "where": ("address", "city", "place", "location"),
    "how much": ("amount", "total", "price", "cost"),
    "how many": ("number", "quantity", "count"),
}
_NAME = re.compile(r"\b[A-Z][\w'’-]*(?:\s+(?:(?:of|de|van|von|the|and|&)\s+)?[A-Z][\w'’-]*)*")


@dataclass(frozen=True, slots=True)
class Reading:
    """A task as read: the question, and everything else."""

    question: str
    material: str
    records: tuple[tuple[str, str], ...]
    choices: tuple[tuple[str, str], ...]

    @property
    def is_writing(self) -> bool:
        """A text is wanted, not a fact: a writing order without material to look things up in."""
        return _WRITING.match(self.question) is not None and len(self.records) < 2


@dataclass(frozen=True, slots=True)
class Found:
    """An answer: the value, what it is called, and the words it stands in; an empty value is "not stated"."""

    value: str
    name: str
    sentence: str = ""


def read_task(text: str) -> Reading:
    """Split a user's message into the question and its material."""
    bare = _FILE_TAG.sub("", text)
    choices = tuple((m[1], m[2]) for m in _CHOICE.finditer(bare))
    marked = _QUESTION_MARK.search(bare)
    if marked:
        question, material = marked[1], bare.replace(marked.group(), "")
    else:
        parts = [p for p in re.split(r"\n\s*\n", bare.strip()) if p.strip()]
        at = _question_at(parts)
        question = parts[at] if parts else ""
        material = "\n\n".join(parts[:at] + parts[at + 1 :])
    records = tuple((m[1].strip(), (m[2] or "").strip()) for m in _RECORD.finditer(material))
    return Reading(" ".join(question[:LONGEST].split()), material, records, choices if len(choices) > 1 else ())


def _question_at(parts: Sequence[str]) -> int:
    if not parts or parts[0].rstrip().endswith("?") or _ORDER.match(parts[0].strip()):
        return 0
    return next((i for i, p in enumerate(parts) if p.rstrip().endswith("?")), 0)


def words(text: str) -> list[str]:
    """Content words of a text: lower case, plural s cut off, stop words left out."""
    plain = (w.lower().removesuffix("'s") for w in _WORD.findall(text))
    return [w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w for w in plain if w not in _STOP]


def topic_of(question: str) -> str:
    """What a writing task is about: the question without its order."""
    about = re.split(r"\b(?:on|about|of|whether|why|how)\b", question, maxsplit=1)[-1]
    return re.sub(r"^\s*(?:whether|if|the|of)\s+", "", about).strip(" .?!") or "the question"


def look_up(task: Reading) -> Found:
    """The answer as the text has it: arithmetic, a choice, a record or a passage."""
    total = _SUM.search(task.question)
    if total and not task.material.strip():
        return Found(_calculated(total), "result")
    if task.choices:
        return _choose(task)
    if len(task.records) > 1:
        found = _record(task)
        if found is not None:
            return found
        prose = _RECORD.sub("", task.material)
        if len(words(prose)) < 12:
            return Found("", _asked_for(task.question))
        return _passage(task.question, prose)
    return _passage(task.question, task.material)


def another(task: Reading, found: Found, luck: float) -> Found:
    """A misreading: a neighbouring record or sentence. `luck` in [0, 1) chooses it."""
    others = [Found(v, k) for k, v in task.records if v and v != found.value]
    if not others:
        others = [
            Found(shortest(task.question, s), "answer", s) for s in sentences(task.material) if s != found.sentence
        ]
    return others[int(luck * len(others))] if others else Found("", found.name)


def sentences(text: str) -> list[str]:
    """Sentences of a prose text."""
    return [s.strip() for s in re.split(r"(?<=[.!?])\s+(?=[A-Z“\"])|\n\s*\n", text) if s and s.strip()]


def _record(task: Reading) -> Found | None:
    asked = _with_asked(task.question)
    own = set(words(task.question))
    keys = [set(words(k)) for k, _ in task.records]
    common = Counter(w for k in keys for w in k)
    best: tuple[float, int] | None = None
    for at, key in enumerate(keys):
        shared = key & asked
        if not shared or len(shared) < 0.6 * len(key) or not shared & own:
            continue
        score = sum((1.0 if w in own else 0.4) / common[w] for w in shared) + 0.1 * len(shared) / len(key)
        if best is None or score > best[0]:
            best = (score, at)
    if best is None:
        return None
    name, value = task.records[best[1]]
    empty = value.lower() in ("", "-", "–", "—", "none", "n/a")
    return Found("" if empty else value, name)


def _with_asked(question: str) -> set[str]:
    lowered = question.lower()
    return {*words(question), *(w for q, ws in _ASKED.items() if q in lowered for w in ws)}


def _asked_for(question: str) -> str:
    named = re.search(
        r"\b(?:the|this|its|any) ((?:[\w-]+ ){0,3}?[\w-]+)(?= (?:on|of|in|for|is|was|does)\b|[?.]|$)", question
    )
    return named[1] if named else "answer"


def _passage(question: str, text: str) -> Found:
    candidates = sentences(text)
    own = set(words(question))
    rare = Counter(w for s in candidates for w in set(words(s)))
    scored = [(sum(1 / rare[w] for w in own & set(words(s))), -i) for i, s in enumerate(candidates)]
    best = max(scored, default=(0.0, 0))
    if best[0] <= 0.0:
        return Found("", _asked_for(question))
    sentence = candidates[-best[1]]
    return Found(shortest(question, sentence), "answer", sentence)


def shortest(question: str, sentence: str) -> str:
    """The span of a sentence that answers a question: a date, a number, a name, else the words that are new."""
    lowered = question.lower()
    spans: list[str] = []
    if re.search(r"\bwhen\b|\b(?:what|which) (?:year|date|day)\b", lowered):
        spans = DATE_ANYWHERE.findall(sentence) or re.findall(r"\b(?:1[0-9]|20)\d\d\b", sentence)
    elif re.search(r"\bhow (?:much|many|long|far|tall|old|high|deep|often|big|heavy)\b", lowered):
        spans = NUMBER_ANYWHERE.findall(sentence)
    if not spans:
        opening = sentence.split(" ", 1)[0]
        found = (m.group() for m in _NAME.finditer(sentence) if m.group() != opening or m.group().lower() not in _STOP)
        spans = [re.sub(r"^(?:The|A|An|In|On|At|Its?|He|She|They)\s+", "", s) for s in found]
    fresh = [s for s in spans if not set(words(s)) & set(words(question)) and words(s)]
    return fresh[0] if fresh else _new_words(question, sentence)


def _new_words(question: str, sentence: str) -> str:
    known = set(words(question))
    runs: list[list[str]] = [[]]
    for token in sentence.rstrip(".!?").split():
        plain = words(token)
        if plain and set(plain) <= known:
            runs.append([])
        elif plain or runs[-1]:
            runs[-1].append(token)
    longest = max(reversed(runs), key=len)
    while longest and not words(longest[-1]):
        longest.pop()
    return " ".join(longest).strip(",;: ") or sentence


def _choose(task: Reading) -> Found:
    own = words(task.question) + words(_CHOICE.sub("", task.material))
    counts = Counter(own)
    letter, text = max(task.choices, key=lambda c: (sum(counts[w] for w in set(words(c[1]))), -ord(c[0])))
    return Found(text, "answer", letter)


def _calculated(match: re.Match[str]) -> str:
    first, second = (float(match[i].replace(",", "")) for i in (1, 3))
    sign = match[2]
    if sign in "/÷":
        result = first / second if second else 0.0
    else:
        result = first + second if sign == "+" else first - second if sign == "-" else first * second
    return f"{result:.6f}".rstrip("0").rstrip(".")


def joined(parts: Iterable[str]) -> str:
    """Parts with a blank line between them, empty ones left out."""
    return "\n\n".join(p for p in parts if p)
