"""The grader `choice`: which letter of a multiple-choice question the answer chose."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders import wording
from skillopt_ci.graders.base import Grader, JudgeModel, check_options, strings

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OPEN, _CLOSE = r"[*_(\[{\"'`“]*", r"[*_)\]}\"'`”.:,;!]*"
_ALONE = re.compile(rf"\s*{_OPEN}([A-Za-z]){_CLOSE}\s*")
_MARKED = re.compile(
    rf"\b(?:(?P<verb>choose|chose|select)|answer|choice|option)\b[*_]*(?P<is>\s+(?:is|(?:would|must|should|has\s+to)\s+be)\b)?\s*(?P<colon>[:=])?"
    rf"\s*(?:(?:option|choice|letter)\s+)?{_OPEN}(?P<letter>[A-Za-z])(?![\w'’])",
    re.IGNORECASE,
)
# What makes a second choice of the letter before it: `B or C`, `B/C`, `B, C`, `B and C` (`B and A is wrong` has one).
_ALSO = re.compile(
    rf"{_CLOSE}\s*(?:(?:/|(?i:(?:and/)?or)\b)\s*{_OPEN}(?![AI]\s+[a-z])|(?:[&+,;]|(?i:and)\b)\s*{_OPEN}(?![A-Z]\s+(?!(?:are|and|or)\b)[a-z]))"
    r"[A-Z](?![\w'’])"
)
_WRONG = r"(?:isn['’]t|aren['’]t|(?:is|are|was|were)\s+(?:\w+\s+)?(?:wrong|incorrect|false|not))\b"
_DENIED = re.compile(
    rf"\b(?i:not|nor|neither|never|isn['’]t|can(?:not|['’]t)\s+be|except|ruled?\s+out|eliminated?)\s+(?i:(?:option|choice|answer|letter)\s+)?{_OPEN}([A-Z])(?![\w'’])"
    rf"|(?<![\w'’.-])([A-Z]){_CLOSE}\s+{_WRONG}"
)
_CALLED = re.compile(
    rf"(?<![\w'’.-])([A-Z]){_CLOSE}\s+is\s+the\s+(?:only\s+)?(?:correct|right|best)\s+(?:answer|choice|option)\b"
)
_BOXED = re.compile(r"\\boxed\{\s*(?:\\[a-z]+\{)?\s*\(?([A-Za-z])(?:\)?\s*\}|[).:]\s)")
_LEADING = re.compile(rf"\s*{_OPEN}([A-Z])[*_]*[).:\]](?=\s|[*_]|$)")
_BRACKETED = re.compile(r"\(([A-Za-z])\)|\*\*([A-Za-z])\*\*")
_STANDING = re.compile(r"(?<![\w'’.-])([A-Z])(?![\w'’-]|\.\w)")
_OPTION_LINE = re.compile(r"^[ \t]{0,20}(?:[-*][ \t]{1,4})?\(?([A-Z])[).:][ \t]{1,20}(\S.*)$", re.MULTILINE)
_SPACE = re.compile(r"\s{2,}")  # shortened: the patterns above would try every way to divide a long run


def options_in(prompt: str) -> dict[str, str]:
    """Choices written in a prompt as lines `A) text`, by letter: the last run that starts with A."""
    found: dict[str, str] = {}
    for match in _OPTION_LINE.finditer(prompt):
        if match[1] == "A":
            found = {"A": match[2].strip()}
        elif found and match[1] == _LETTERS[min(len(found), 25)]:
            found[match[1]] = match[2].strip()
    return found if len(found) > 1 else {}


def chosen(answer: str, choices: Mapping[str, str]) -> str | None:
    """The letter an answer chose; None when it chose none or it cannot be told.

    In this order: nothing but a letter; the last `answer is B`, `B is the right answer` or `\\boxed{B}`, else the one
    `option B`; a last or first line that is a letter; the one letter that begins lines as `B)`; the text of exactly one
    choice; the one bracketed or bold letter; the one letter that stands alone. `B or C` and `B, C` are no choice; a
    letter or a text that is only called wrong is none.
    """
    known = set(choices) or set(_LETTERS)
    answer = _SPACE.sub(lambda m: "\n" if "\n" in m.group() else " ", answer)
    for letter in (
        _alone(answer),
        _marked(answer),
        _leading(answer),
        _by_text(answer, choices),
        _single(answer, known),
    ):
        if letter is not None and letter.upper() in known:
            return letter.upper()
    return None


def _alone(answer: str) -> str | None:
    match = _ALONE.fullmatch(answer)
    return match[1] if match else None


def _marked(answer: str) -> str | None:
    # `the answer is a matter of taste`: a small letter counts only where nothing but punctuation follows on its line.
    answer = _CALLED.sub(r"answer is \1", answer)
    hits = [
        m
        for m in _MARKED.finditer(answer)
        if m["letter"].isupper() or re.match(rf"{_CLOSE}\s*(?:\n|$)", answer[m.end() : m.end() + 40])
    ]
    given = [(m.end(), m["letter"]) for m in hits if m["verb"] or m["is"] or m["colon"]]
    given += [(m.end(), m[1]) for m in _BOXED.finditer(answer)]
    if given:
        end, letter = max(given)
        return None if _ALSO.match(answer, end) else letter
    named = {m["letter"].upper() for m in hits} - _denied(answer)  # `option C is too long`: not given as the answer
    return named.pop() if len(named) == 1 else None


def _denied(answer: str) -> set[str]:
    """Letters that an answer says are wrong: `not B`, `B is incorrect`."""
    return {m[1] or m[2] for m in _DENIED.finditer(answer)}


def _leading(answer: str) -> str | None:
    lines = [line for line in answer.splitlines() if line.strip()]
    for line in (lines[-1], lines[0]) if lines else ():
        match = _ALONE.fullmatch(line)
        if match:
            return match[1]
    leads = {
        m[1]
        for line in lines
        if (m := _LEADING.match(line)) and not _BRACKETED.search(line, m.end()) and not _ALSO.match(line, m.end(1))
    }
    return leads.pop() if len(leads) == 1 else None


def _by_text(answer: str, choices: Mapping[str, str]) -> str | None:
    even = _fold(choices.values())
    said = even(answer)
    whole = [letter for letter, text in choices.items() if even(text) == said]
    if len(whole) == 1:
        return whole[0]
    inside = {letter: text for letter, text in choices.items() if wording.holds(answer, text)}
    # "New York" also holds "York": the longer one was meant
    best = [a for a, t in inside.items() if not any(a != b and wording.holds(u, t) for b, u in inside.items())]
    if len(best) != 1:
        return None
    text = re.escape(choices[best[0]])
    denied = re.compile(
        rf"(?:\b(?:not|nor|neither|never)|n['’]t)\s+(?:(?:the|an?)\s+)?{text}|{text}\s+{_WRONG}", re.IGNORECASE
    )
    return best[0] if wording.holds(denied.sub(" ", answer), choices[best[0]]) else None


def _single(answer: str, known: set[str]) -> str | None:
    given = [m for m in _BRACKETED.finditer(answer) if (m[1] or m[2]).upper() in known]
    if not given:  # A and I are words, except beside another choice
        standing = [m for m in _STANDING.finditer(answer) if m[1] not in "AI" or _ALSO.match(answer, m.end(1))]
        given = [m for m in standing if m[1] in known]
    found = {m[m.lastindex or 0].upper() for m in given}
    if len(found) == 1 or not any(_ALSO.match(answer, m.end()) for m in given):  # `it is not C or D` chooses neither
        found -= _denied(answer)
    return found.pop() if len(found) == 1 else None


def _fold(texts: Iterable[str]) -> Callable[[str], str]:
    """The loosest comparison that still tells the texts apart: `n > 2` and `n < 2` differ in punctuation alone."""
    listed = list(texts)
    return next((f for f in (_plain, _cased) if len({f(t) for t in listed}) == len(listed)), _spaced)


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _cased(text: str) -> str:
    return _spaced(text).casefold()


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text.casefold()).split()) or text.strip()


@dataclass(frozen=True, slots=True)
class _Choice:
    spec: GraderSpec
    choices: tuple[str, ...]

    def problem(self, task: Task) -> str | None:
        choices = self._choices(task)
        bad = next((e for e in task.expected if _letter(e, choices) is None), None)
        if bad is not None:
            where = "one of the choices" if choices else "a letter (the prompt lists no choices `A) ...`)"
            return f"grader '{self.spec.type}': the expected answer {wording.quoted(bad)} is not {where}"
        return wording.no_expected(self.spec, task)

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        answer = wording.answer_of(trajectory, self.problem(task))
        choices = self._choices(task)
        wanted = [letter for e in task.expected if (letter := _letter(e, choices))]
        letter = chosen(answer, choices)
        if letter is None:
            why = f"no choice found in {wording.quoted(answer)}; expected {wording.either(wanted)}"
            hint = "no choice found in the answer: end with the letter of one choice"
            return wording.scored(self.spec, 0.0, False, why=why, hint=hint, bare="no choice found in the answer")
        if letter in wanted:
            return wording.right(self.spec, answer, f"right: chose {letter}")
        why = f"expected {wording.either(wanted)}, chose {letter}"
        return wording.scored(self.spec, 0.0, False, why=why, hint="the wrong choice", bare="wrong")

    def _choices(self, task: Task) -> dict[str, str]:
        return dict(zip(_LETTERS, self.choices, strict=False)) if self.choices else options_in(task.prompt)


def _letter(expected: str, choices: Mapping[str, str]) -> str | None:
    """The letter of an expected answer that is a letter, a choice, or both (`B) Paris`)."""
    known: Sequence[str] = list(choices) or list(_LETTERS)
    even = _fold(choices.values())
    same = [letter for letter, text in choices.items() if even(text) == even(expected)]
    match = _ALONE.fullmatch(expected) or _LEADING.match(expected)
    letter = same[0] if same else match[1].upper() if match else None
    return letter if letter in known else None


def choice(spec: GraderSpec, judge: JudgeModel | None, /) -> Grader:
    """The choice an answer made is the expected one, by letter or by text.

    Option `choices`: the texts of A, B, ...; without it they are read from the prompt, where it lists them.
    """
    del judge
    check_options(spec, {"choices": list})
    choices = strings(spec, "choices")
    if "choices" in spec.options and not 2 <= len(choices) <= len(_LETTERS):
        raise ConfigError(f"grader '{spec.type}': option 'choices' must list 2 to {len(_LETTERS)} texts")
    if len({_spaced(c) for c in choices}) < len(choices) or not all(c.strip() for c in choices):
        raise ConfigError(f"grader '{spec.type}': option 'choices' must hold different texts, none of them empty")
    return _Choice(spec, choices)
