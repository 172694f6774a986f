"""The leakage lint: an edit may teach a rule, never carry what single tasks, hidden criteria or answers say.

The lint is made once from the whole suite, outside of the loop, and holds hashes only: training can be told that an
edit leaks without ever having been shown a held-out task.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from skillopt_ci.core.hidden import hidden_texts, visible_texts
from skillopt_ci.core.task import GraderSpec, Task

RUN = 6  # words in a row that no two authors write alike by chance
SHORT = 3  # words of a short text that are compared as a whole; two tell something when one is a name or a number
MOST_WORDS = 5000  # read of one task's text; longer ones are read so far
CHARACTERS = 10  # in a row, of scripts that put no space between words
SHORT_CHARACTERS = 4  # of a short answer or criterion in such a script that is compared as a whole
_WORD = re.compile(r"[^\W_]+")
_TOKEN = re.compile(r"[^\W_]+(?:[-./@_][^\W_]+)*")
_SIGN = re.compile(r"\w+|[^\w\s]")
_META = re.compile(r"\\[a-zA-Z]|[\[\](){}*+?^$]")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_ANCHORS = re.compile(r"^(?:\(\?[a-z]+\)|\^|\\[AbB])+|(?:\$|\\[bBzZ])+$")  # what a copied pattern may well lack
_STARTS = re.compile(r"(?:^|[.!?]\s|\n)[\s\W]*$")
# Words that look like names and are none of a task's own; answers that any task may have.
_GENERAL = frozenset(
    """a an and any api csv date english error eur false french gbp german html http https i id ids iso italian json jpy
    latin markdown na n no none not null number ok or pdf question answer response section sql spanish title total true
    unavailable undefined unknown url usd utc utf utf-8 xml yaml yes stated found given available applicable mentioned
    specified provided empty missing error monday tuesday wednesday thursday friday saturday sunday january february
    march april may june july august september october november december high medium low input output task user
    yyyy mm dd unicode ascii iso-8601 summary sources source note notes""".split()  # noqa: SIM905 - words
)


@dataclass(frozen=True, slots=True)
class Leakage:
    """Hashes of what an edit must not say; made by `leakage_of`, empty when nothing is known.

    Attributes:
        runs: of word sequences, in lower case.
        signs: of sources of patterns, with their signs.
        names: of single words, with their case.
        sizes: lengths that occur: of `runs` of words, of `signs`, and of `runs` of characters without spaces.
    """

    runs: frozenset[int] = frozenset()
    signs: frozenset[int] = frozenset()
    names: frozenset[int] = frozenset()
    sizes: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] = ((), (), ())

    def find(self, text: str, known: str = "") -> str | None:
        """Why a text leaks, with the words of it that do, or None. What `known` (the skill) says is not new."""
        for found, sizes, read, space in (
            (self.runs, self.sizes[0], _words, " "),
            (self.signs, self.sizes[1], _signs, " "),
            (self.runs, self.sizes[2], _characters, ""),
        ):
            said, had = read(text), read(known)
            for size in sizes:
                old = {hash(gram) for gram in _grams(had, size)}
                for gram in _grams(said, size):
                    if hash(gram) in found and hash(gram) not in old:
                        words = space.join(gram)[:80]
                        return f'leakage: "{words}" stands in an answer, a hidden criterion or a single task'
        had_names = set(map(_name, _TOKEN.findall(_plain(known))))
        for token in _TOKEN.findall(_plain(text)):
            if _name(token) not in had_names and hash(_name(token)) in self.names:
                return f'leakage: "{token[:80]}" belongs to single tasks'
        return None


def leakage_of(tasks: Sequence[Task], graders: Sequence[GraderSpec], body: str) -> Leakage:
    """The lint of a suite.

    Args:
        tasks: of all splits.
        graders: the skill's, for tasks that bring none.
        body: the skill that training starts from; what it says is no secret.
    """
    specs = {id(s): s for t in tasks for s in (t.graders if t.graders is not None else graders)}
    visible = [body, *(text for s in specs.values() for text in visible_texts(s))]
    rare = max(2, len(tasks) // 20)  # what more tasks have is theirs all, and a rule may speak of it
    answers = Counter(gram for t in tasks for gram in {g for e in _answers(t, graders) for g in _telling(e)})
    quotes = Counter(h for t in tasks for h in {hash(g) for g in _grams(_words(_text(t))[:MOST_WORDS], RUN)})
    criteria = [text for s in specs.values() for text in hidden_texts(s)]
    grams = {gram for gram, count in answers.items() if count <= rare and len(gram) > 1}
    grams |= {gram for text in criteria for gram in _telling(text) if len(gram) >= SHORT}
    patterns = {part for text in criteria if _META.search(text) for part in (text, _ANCHORS.sub("", text))}
    signs = {gram for text in patterns for gram in _pieces(_signs(text), 2 * RUN)}
    characters = _unspaced(tasks, graders, visible, rare)
    singles = {gram[0] for gram, count in answers.items() if count <= rare and len(gram) == 1}
    runs = {hash(g) for g in grams} | {h for h, count in quotes.items() if count <= rare}
    runs -= {
        hash(g) for text in visible for size in {len(g) for g in grams} | {RUN} for g in _grams(_words(text), size)
    }
    return Leakage(
        runs=frozenset(runs) | {hash(g) for g in characters},
        signs=frozenset(hash(g) for g in signs if len(g) >= 4),
        names=frozenset(hash(_name(n)) for n in _names(tasks, visible, singles, rare)),
        sizes=(
            tuple(sorted({RUN} | {len(g) for g in grams})),
            tuple(sorted({len(g) for g in signs if len(g) >= 4})),
            tuple(sorted({len(g) for g in characters})),
        ),
    )


def _unspaced(
    tasks: Sequence[Task], graders: Sequence[GraderSpec], visible: Sequence[str], rare: int
) -> set[tuple[str, ...]]:
    """Runs of characters that leak, of scripts without spaces (Chinese, Japanese, Thai): a line is one word there."""
    specs = {id(s): s for t in tasks for s in (t.graders if t.graders is not None else graders)}
    said: Counter[tuple[str, ...]] = Counter()
    for task in tasks:
        whole = {g for answer in _answers(task, graders) for g in _pieces(_characters(answer), CHARACTERS)}
        said.update(whole | set(_grams(_characters(_text(task))[:MOST_WORDS], CHARACTERS)))
    found = {gram for gram, count in said.items() if count <= rare}
    found |= {g for s in specs.values() for t in hidden_texts(s) for g in _pieces(_characters(t), CHARACTERS)}
    open_ones = [_characters(text) for text in visible]
    known = {g for size in {len(g) for g in found} for text in open_ones for g in _grams(text, size)}
    return {gram for gram in found - known if len(gram) >= SHORT_CHARACTERS}


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _words(text: str) -> tuple[str, ...]:
    return tuple(map(_base, _WORD.findall(_plain(text).casefold())))


def _base(word: str) -> str:
    """A word without the ending of "names": rubrics say what an answer does, and skills say what to do."""
    if len(word) <= 3 or not word.endswith("s") or word.endswith("ss"):
        return word
    return word[:-3] + "y" if word.endswith("ies") else word[:-2] if word.endswith("sses") else word[:-1]


def _characters(text: str) -> tuple[str, ...]:
    return tuple(_UNSPACED.findall(_plain(text)))


def _name(token: str) -> str:
    """One form of a name: KX-88213 is kx88213, MARLOW is Marlow; plain words keep their case."""
    if any(c.isdigit() for c in token) and any(c.isalpha() for c in token):
        return re.sub(r"[^\w]|_", "", token).casefold()
    return token.capitalize() if token.isupper() and len(token) > 3 else token


def _signs(text: str) -> tuple[str, ...]:
    return tuple(_SIGN.findall(_plain(text)))


def _grams(words: tuple[str, ...], size: int) -> Iterator[tuple[str, ...]]:
    return (words[at : at + size] for at in range(len(words) - size + 1))


def _pieces(words: tuple[str, ...], size: int) -> Iterable[tuple[str, ...]]:
    return [words] if 0 < len(words) <= size else _grams(words, size)


def _text(task: Task) -> str:
    return f"{task.prompt}\n{task.context}"


def _answers(task: Task, graders: Sequence[GraderSpec]) -> tuple[str, ...]:
    """A task's expected answers; none where every grader of a train task tells them anyway."""
    specs = task.graders if task.graders is not None else graders
    told = task.split == "train" and all(s.hidden is False for s in specs)
    return () if told else task.expected


def _telling(text: str) -> Iterable[tuple[str, ...]]:
    """Word sequences of a hidden text that are no accident; one word keeps its case."""
    words = _words(text)
    if all(w in _GENERAL or (w.isdigit() and len(w) < 4) for w in words):
        return []
    if len(words) >= SHORT:
        return _pieces(words, RUN)
    if len(words) == 1:
        token = _plain(text).strip()
        return [(token,)] if _is_name(token) else []
    marked = any(_is_name(token) for token in _TOKEN.findall(_plain(text)))
    return [words] if words and marked else []


def _is_name(token: str) -> bool:
    """A capitalised word, a code of letters and digits, or a long number; not what any text may have."""
    if token.casefold() in _GENERAL or not _TOKEN.fullmatch(token):
        return False
    digits = sum(c.isdigit() for c in token)
    letters = sum(c.isalpha() for c in token)
    if digits:
        return len(token) >= 4 if letters else digits >= 4
    return letters >= 3 and token[0].isupper() and not (token.isupper() and letters <= 4)


def _names(tasks: Sequence[Task], visible: Sequence[str], singles: set[str], rare: int) -> set[str]:
    """Names that few tasks have: never written small anywhere, and not only at the beginning of a sentence."""
    found: Counter[str] = Counter()
    small: set[str] = set()
    for task in tasks:
        own = set()
        text = _plain(_text(task))
        for match in _TOKEN.finditer(text):
            token = match.group()
            if token.islower():
                small.add(token)
            if _is_name(token) and not token.isdigit() and not _starts_sentence(text, match.start()):
                own.add(token)
        found.update(own)
    known = {token.casefold() for text in visible for token in _TOKEN.findall(_plain(text))}
    rarely = {token for token, count in found.items() if count <= rare} | singles
    return {t for t in rarely if t.casefold() not in known and (t.islower() or t.casefold() not in small)}


def _starts_sentence(text: str, at: int) -> bool:
    return _STARTS.search(text[max(0, at - 12) : at]) is not None if at else True
