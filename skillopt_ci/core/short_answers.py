"""Answers of a word or two that tell nothing by themselves: 43, blue, and names in small letters.

Any text may hold the word. It is told as an answer where it stands by itself in marks, where a short clause ends with
it, or where it stands near to words of its own task's question.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from skillopt_ci.core.hidden import hidden_texts
from skillopt_ci.core.readings import without_items
from skillopt_ci.core.shared import divided, few, label
from skillopt_ci.core.task import Task
from skillopt_ci.core.telling import general, grams, normal, words

MOST = 2  # words of a short answer
NEAR = 12  # words around it in which its question may stand
CLAUSE = 6  # words of a clause that is hardly more than the answer
ASKED = 40  # words of a prompt's beginning, and of its end, where the question is
_WANTED = ("contains", "startswith")  # graders of a single task whose numbers and codes are what is expected of it
_FEWEST_LETTERS = 4  # of a word that tells which question it is
_MARKS = re.compile(r"[`\"“”„«»|*\n:=→>]+|(?<=[.!?;])\s")
# What stands before a limit or a step: "below 1000", "to the nearest 1000".
_BOUNDS = frozenset(
    "about above after before below exceed least most nearest over past than under until".split()  # noqa: SIM905
)
_CLAUSE = re.compile(r"[,;]\s|[(){}\[\]]|[–—]")


@dataclass(frozen=True, slots=True)
class Short:
    """What makes a short answer telling.

    Attributes:
        asked: for each task that has it, the hashes of words that hardly another question has.
        rare: hardly another task's text has it, nor the skill, so that it tells something wherever it is an answer.
    """

    asked: tuple[frozenset[int], ...]
    rare: bool


@dataclass(frozen=True, slots=True)
class Own:
    """What is a task's own: its secret answers, and the names in its text that few other tasks have."""

    task: Task
    answers: tuple[str, ...]
    names: frozenset[str]


def short_answers(tasks: Sequence[Own], visible: Sequence[str]) -> Mapping[int, Short]:
    """Short answers, and names, by the hash of their words in lower case.

    Args:
        tasks: of all splits, each with what is its own.
        visible: what is no secret.
    """
    _, common = divided([own.task for own in tasks], _all_grams)
    common |= {gram for text in visible for gram in _all_grams(text)}

    def asked(own: Own) -> frozenset[str]:
        said = _asked(own.task.prompt) | {word for token in own.names for word in words(token)}
        return frozenset(w for w in said if len(w) >= _FEWEST_LETTERS and (w,) not in common)

    questions = {id(own): asked(own) for own in tasks}
    made = {}
    named = _having(tasks, _names)
    for source in (named, _having(tasks, _wanted)):
        for gram, having in source.items():
            if len(having) <= (few if source is named else label)(len(tasks)):
                alone = gram not in common and len("".join(gram)) > 1
                about = tuple(frozenset(map(hash, questions[id(own)] - set(gram))) for own in having)
                made[hash(gram)] = Short(asked=about, rare=alone and any(gram in _wanted(own) for own in having))
    return made


def _having(tasks: Sequence[Own], told: Callable[[Own], set[tuple[str, ...]]]) -> dict[tuple[str, ...], list[Own]]:
    found: defaultdict[tuple[str, ...], list[Own]] = defaultdict(list)
    for own in tasks:
        for gram in told(own):
            found[gram].append(own)
    return found


def _names(own: Own) -> set[tuple[str, ...]]:
    return {gram for token in own.names if 0 < len(gram := words(token)) <= MOST}


def _wanted(own: Own) -> set[tuple[str, ...]]:
    specs = [spec for spec in own.task.graders or () if spec.type in _WANTED]
    codes = [text for spec in specs for text in hidden_texts(spec) if any(map(str.isdigit, text))]
    return {gram for text in (*own.answers, *codes) if 0 < len(gram := words(text)) <= MOST and not general(gram)}


def told_shortly(text: str, short: Mapping[int, Short]) -> Iterator[tuple[str, ...]]:
    """Every short answer that a text tells."""
    if not short:
        return
    listed = without_items(normal(text))
    said = words(listed)
    for size in range(1, MOST + 1):
        for at, gram in enumerate(grams(said, size)):
            answer = short.get(hash(gram))
            if not answer:
                continue
            around = {hash(w) for w in (*said[max(0, at - NEAR) : at], *said[at + size : at + size + NEAR])}
            if any(len(asked & around) >= _enough(answer, asked) for asked in answer.asked if asked):
                yield gram
    for gram in _answering(listed):
        answer = short.get(hash(gram))
        if answer and answer.rare:
            yield gram


def _enough(answer: Short, asked: frozenset[int]) -> int:
    """Words of the question that must stand near: one where neither it nor the answer is common."""
    return 1 if answer.rare and len(asked) <= NEAR else 2


def _answering(text: str) -> Iterator[tuple[str, ...]]:
    """What stands where answers stand: alone between marks, and at the end of a short clause."""
    for piece in _MARKS.split(text):
        whole = words(piece)
        if 0 < len(whole) <= MOST:
            yield whole
        for clause in _CLAUSE.split(piece):
            said = words(clause)
            for size in range(1, min(MOST, len(said) - 1) + 1 if len(said) <= CLAUSE else 0):
                if not _is_bound(said):
                    yield said[-size:]


def _is_bound(said: tuple[str, ...]) -> bool:
    """Whether a clause ends with a round number that limits something."""
    return said[-1].isdigit() and said[-1].endswith("0") and said[-2] in _BOUNDS


def _asked(prompt: str) -> frozenset[str]:
    said = words(prompt)
    return frozenset((*said[:ASKED], *said[-ASKED:]))


def _all_grams(text: str) -> set[tuple[str, ...]]:
    said = words(text)
    return {gram for size in range(1, MOST + 1) for gram in grams(said, size)}
