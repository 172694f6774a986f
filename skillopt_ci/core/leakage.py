"""The leakage lint: an edit may teach a rule, never carry what single tasks, hidden criteria or answers say.

The lint is made once from the whole suite, outside of the loop, and holds hashes only: training can be told that an
edit leaks without ever having been shown a held-out task.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from skillopt_ci.core.hidden import hidden_texts, visible_texts
from skillopt_ci.core.readings import readings, turned
from skillopt_ci.core.shared import context_and_files, divided, few, label
from skillopt_ci.core.short_answers import Own, Short, short_answers, told_shortly
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.telling import (
    RUN,
    SHORT,
    amount,
    characters,
    file_names,
    full_names,
    grams,
    is_german,
    name,
    names,
    parts,
    pieces,
    signs,
    telling,
    tokens,
    told_inside,
    words,
)

MOST_WORDS = 5000  # read of one task's text; longer ones are read so far
CHARACTERS = 10  # in a row, of scripts that put no space between words
SHORT_CHARACTERS = 4  # of a short answer or criterion in such a script that is compared as a whole
LETTERS_TURNED = 6  # of what is told backwards or in rot13: "net" and "part" are "ten" and "trap", and mean themselves
_META = re.compile(r"\\[a-zA-Z]|[\[\](){}*+?^$]")
_ANCHORS = re.compile(r"^(?:\(\?[a-z]+\)|\^|\\[AbB])+|(?:\$|\\[bBzZ])+$")  # what a copied pattern may well lack
_STANDS, _BELONGS = "stands in an answer, a hidden criterion or a single task", "belongs to single tasks"
_ANSWERS = "is a short answer, told as one or beside what is asked"


@dataclass(frozen=True, slots=True)
class Leakage:
    """Hashes of what an edit must not say; made by `leakage_of`, empty when nothing is known.

    Attributes:
        runs: of word sequences, in lower case.
        signs: of sources of patterns, with their signs.
        names: of single words, with their case.
        sizes: lengths that occur: of `runs` of words, of `signs`, and of `runs` of characters without spaces.
        short: answers and names that tell nothing by themselves, by their hash.
    """

    runs: frozenset[int] = frozenset()
    signs: frozenset[int] = frozenset()
    names: frozenset[int] = frozenset()
    sizes: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] = ((), (), ())
    short: Mapping[int, Short] = field(default_factory=dict)

    def find(self, text: str, known: str = "") -> str | None:
        """Why a text leaks, with the words of it that do, or None. What `known` (the skill) says is not new.

        Words that the text and `known` make together count, too: give the skill as it would be, not a piece of it.
        """
        said = self._told(_fresh(text, known))
        if said and known:
            said = {key: why for key, why in said.items() if key not in self._told(known)}
        return next(iter(said.values()), None)

    def _told(self, text: str) -> dict[tuple[str, ...], str]:
        """What a text gives away, with the reason, in whatever way it is read."""
        found: dict[tuple[str, ...], str] = {}
        for reading in readings(text):
            for gram, why in self._read(reading):
                found.setdefault(gram, why)
        for reading in turned(text):
            for gram, why in self._read(reading):
                if len("".join(gram)) >= LETTERS_TURNED:
                    found.setdefault(gram, why)
        return found

    def _read(self, text: str) -> Iterator[tuple[tuple[str, ...], str]]:
        """What a text gives away as it is written, with the reason."""
        for hashes, sizes, read, space in (
            (self.runs, self.sizes[0], words, " "),
            (self.signs, self.sizes[1], signs, " "),
            (self.runs, self.sizes[2], characters, ""),
        ):
            said = read(text)
            for gram in chain.from_iterable(grams(said, size) for size in sizes):
                if hash(gram) in hashes:
                    yield gram, f'leakage: "{space.join(gram)[:80]}" {_STANDS}'
        for token in tokens(text):
            for part in parts(token):
                if hash(name(part)) in self.names:
                    yield (name(part),), f'leakage: "{part[:80]}" {_BELONGS}'
        for gram in told_shortly(text, self.short):
            yield ("", *gram), f'leakage: "{" ".join(gram)[:80]}" {_ANSWERS}'


def _fresh(text: str, known: str) -> str:
    """The lines of a text that are not lines of `known`, each between as many words as may make a run with its own."""
    if not known:
        return text
    old = set(known.splitlines())
    lines = text.splitlines()
    new = [at for at, line in enumerate(lines) if line not in old]
    kept = set(new)
    for at in new:
        for way in (-1, 1):
            near, beside = at + way, 0
            # What is kept has its neighbours: every line is looked at once.
            while beside < RUN and 0 <= near < len(lines) and near not in kept:
                kept.add(near)
                beside += len(words(lines[near]))
                near += way
    return "\n".join(lines[at] for at in sorted(kept))


def leakage_of(tasks: Sequence[Task], graders: Sequence[GraderSpec], body: str) -> Leakage:
    """The lint of a suite.

    Args:
        tasks: of all splits.
        graders: the skill's, for tasks that bring none.
        body: the skill that training starts from; what it says is no secret.
    """
    specs = {id(s): s for t in tasks for s in (t.graders if t.graders is not None else graders)}
    visible = [body, *(text for s in specs.values() for text in visible_texts(s))]
    rare = few(len(tasks))
    german = is_german(_texts(tasks))
    answers = Counter(
        gram for t in tasks for gram in {g for e in _answers(t, graders) for g in telling(e, nouns=german)}
    )
    # Of files no names: in code every identifier would be one.
    quotes, _ = divided(tasks, lambda text: {hash(g) for g in grams(words(text)[:MOST_WORDS], RUN)}, context_and_files)
    criteria = [text for s in specs.values() for text in hidden_texts(s)]
    secret = {gram for gram, count in answers.items() if count <= (rare if len(gram) > 1 else label(len(tasks)))}
    secret |= _inside(tasks, graders, nouns=german)
    runs = {gram for gram in secret if len(gram) > 1 or gram[0].isdigit()}
    runs |= {gram for text in criteria for gram in telling(text) if len(gram) >= SHORT}
    wanted = _wanted(tasks, nouns=german)
    runs |= {(said,) for said in wanted if said.isdigit()}
    if german:
        runs |= divided(tasks, full_names)[0]
    patterns = {part for text in criteria if _META.search(text) for part in (text, _ANCHORS.sub("", text))}
    sources = {gram for text in patterns for gram in pieces(signs(text), 2 * RUN) if len(gram) >= 4}
    unspaced = _unspaced(tasks, graders, visible)
    found = {text: names(text, nouns=german) for text in _texts(tasks)}
    rare_names = _names(tasks, visible, {gram[0] for gram in secret - runs} | _files(tasks) | wanted, found)
    own = [Own(t, _shortest(t, graders), frozenset(rare_names & (found[t.prompt] | found[t.context]))) for t in tasks]
    hashes = {hash(g) for g in runs} | quotes
    hashes -= {hash(g) for text in visible for size in {len(g) for g in runs} | {RUN} for g in grams(words(text), size)}
    return Leakage(
        runs=frozenset(hashes) | {hash(g) for g in unspaced},
        signs=frozenset(map(hash, sources)),
        names=frozenset(hash(name(n)) for n in rare_names),
        sizes=(
            tuple(sorted({RUN} | {len(g) for g in runs})),
            tuple(sorted({len(g) for g in sources})),
            tuple(sorted({len(g) for g in unspaced})),
        ),
        short=short_answers(own, visible),
    )


def _inside(tasks: Sequence[Task], graders: Sequence[GraderSpec], *, nouns: bool) -> set[tuple[str, ...]]:
    """Names, codes and numbers in longer answers of single tasks: "EUR 1249.50" is told by its number alone.

    What more texts have than few tasks with their passages is no single task's.
    """
    found = Counter(
        gram for t in tasks for gram in {g for e in _answers(t, graders) for g in told_inside(e, nouns=nouns)}
    )
    texts = Counter(gram for text in _texts(tasks) for gram in told_inside(text, nouns=nouns))
    rare, single = few(len(tasks)), label(len(tasks))
    return {gram for gram, n in found.items() if n <= (rare if len(gram) > 1 else single) and texts[gram] <= 2 * rare}


def _wanted(tasks: Sequence[Task], *, nouns: bool) -> set[str]:
    """Names, codes and numbers in hidden criteria of single tasks: what their answers must say, as expected ones do."""
    found = Counter[str]()
    for task in tasks:
        texts = [text for spec in task.graders or () for text in hidden_texts(spec)]
        said = {name for text in texts for name in names(text, nouns=nouns)}
        said |= {word for text in texts for word in words(text) if word.isdigit() and telling(word)}
        found.update(said)
    return {said for said, count in found.items() if count <= label(len(tasks))}


def _unspaced(tasks: Sequence[Task], graders: Sequence[GraderSpec], visible: Sequence[str]) -> set[tuple[str, ...]]:
    """Runs of characters that leak, of scripts without spaces (Chinese, Japanese, Thai): a line is one word there."""
    specs = {id(s): s for t in tasks for s in (t.graders if t.graders is not None else graders)}
    found, common = divided(tasks, lambda text: set(grams(characters(text)[:MOST_WORDS], CHARACTERS)))
    answers = Counter(
        g for t in tasks for g in {g for a in _answers(t, graders) for g in pieces(characters(a), CHARACTERS)}
    )
    found |= {gram for gram, count in answers.items() if count <= few(len(tasks))} - common
    found |= {g for s in specs.values() for t in hidden_texts(s) for g in pieces(characters(t), CHARACTERS)}
    open_ones = [characters(text) for text in visible]
    known = {g for size in {len(g) for g in found} for text in open_ones for g in grams(text, size)}
    return {gram for gram in found - known if len(gram) >= SHORT_CHARACTERS}


def _files(tasks: Sequence[Task]) -> set[str]:
    """Names of files that few tasks have."""
    own, _ = divided(tasks, file_names, _attached)
    return own & {said for task in tasks for said in file_names(_attached(task))}


def _attached(task: Task) -> str:
    return "\n".join(file.name for file in task.files)


def _texts(tasks: Sequence[Task]) -> Iterator[str]:
    """Every prompt and every passage, once."""
    return chain((t.prompt for t in tasks), {t.context for t in tasks})


def _answers(task: Task, graders: Sequence[GraderSpec]) -> tuple[str, ...]:
    """A task's expected answers; none where every grader of a train task tells them anyway."""
    specs = task.graders if task.graders is not None else graders
    told = task.split == "train" and all(s.hidden is False for s in specs)
    return () if told else task.expected


def _shortest(task: Task, graders: Sequence[GraderSpec]) -> tuple[str, ...]:
    """A task's expected answers, and their numbers without the unit."""
    answers = _answers(task, graders)
    return (*answers, *filter(None, map(amount, answers)))


def _names(tasks: Sequence[Task], visible: Sequence[str], answers: set[str], found: Mapping[str, set[str]]) -> set[str]:
    """Names that few tasks have, and that are never written small anywhere; `found` are those of every text."""
    own, _ = divided(tasks, found.__getitem__)
    small = {token for text in _texts(tasks) for token in tokens(text) if token.islower()}
    known = {token.casefold() for text in visible for token in tokens(text)}
    return {t for t in own | answers if t.casefold() not in known and (t.islower() or t.casefold() not in small)}
