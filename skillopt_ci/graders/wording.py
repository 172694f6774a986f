"""The words of graders: what a person is told, and what the optimizer may be told.

`why` quotes freely. `hint` helps without giving away what `hidden` protects: it speaks of forms and sizes instead.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence

from skillopt_ci.core.rollout import Check, Score
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.texts import folded, plural, utf8
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import CallFailedError

QUOTED_CHARS = 200
MASKED_CHARS = 40
SAYS_MORE = "the answer contains an accepted answer but says more: give only the answer"


def clip(text: str, limit: int = QUOTED_CHARS) -> str:
    """One line of at most `limit` characters that can be written as UTF-8."""
    line = utf8(" ".join(text[: 4 * limit].split()))
    cut = len(line) > limit or len(text) > 4 * limit
    return line[: limit - 1] + "…" if cut else line


def quoted(text: str) -> str:
    """The text clipped, between double quotes."""
    return f'"{clip(text)}"'


def either(texts: Sequence[str]) -> str:
    """Accepted answers for people: the first three, quoted."""
    said = " or ".join(quoted(t) for t in texts[:3])
    return said if len(texts) <= 3 else f"{said} or {len(texts) - 3} more"


def size(text: str) -> str:
    """How long a text is: words and characters."""
    return f"{plural(len(text.split()), 'word')} ({plural(len(text.strip()), 'character')})"


def shape(text: str) -> str:
    """The form of a short text: a digit is 9, a run of letters is A (starts upper) or a, punctuation stays.

    `2024-03-01` is `9999-99-99`, `3 March 2024` is `9 A 9999`. Whatever else (emoji, control characters) is `*`.
    """
    out: list[str] = []
    in_letters = False
    for char in text.strip():
        kind = unicodedata.category(char)
        letter = kind[0] == "L" or (kind[0] == "M" and in_letters)
        if letter and not in_letters:
            out.append("A" if kind in ("Lu", "Lt") else "a")
        elif not letter:
            out.append(_mask(char, kind))
        in_letters = letter
    return "".join(out)


def _mask(char: str, kind: str) -> str:
    if kind[0] == "N":
        return "9"
    if char.isspace():
        return " "
    if char == "`":  # forms stand between backticks
        return "'"
    return char if kind[0] == "P" or kind in ("Sc", "Sm") else "*"


def compare_forms(expected: Sequence[str], answer: str) -> str:
    """How the answer looks and how accepted answers look; never an accepted answer itself."""
    masks = list(dict.fromkeys(m for m in map(_telling_mask, expected) if m))[:3]
    short = len(answer.strip()) <= MASKED_CHARS
    if not masks:
        sizes = list(dict.fromkeys(size(e) for e in expected))[:3]
        return f"accepted answers have {' or '.join(sizes)}, this answer has {size(answer)}"
    own = shape(answer) if short else ""
    if own in masks:
        return f"wrong, though of the accepted form `{own}`"
    known = f"accepted answers have the form {' or '.join(f'`{m}`' for m in masks)}"
    return f"{known}, this answer has {f'the form `{own}`' if short else size(answer)}"


def _telling_mask(expected: str) -> str | None:
    """The form of an accepted answer; None when the text is long or its form gives it away (`?!`, `A`)."""
    if len(expected) > MASKED_CHARS:
        return None
    mask = shape(expected)
    gives_away = mask.casefold() == expected.strip().casefold() or not set(mask) & set("9Aa")
    return None if gives_away else mask


def holds(text: str, part: str) -> bool:
    """Whether `part` occurs in `text` as whole words, whatever the case and white space."""
    whole, wanted = folded(text), folded(part)
    at = whole.find(wanted) if wanted else -1
    while at >= 0:
        end = at + len(wanted)
        before = wanted[0].isalnum() and at > 0 and whole[at - 1].isalnum()
        after = wanted[-1].isalnum() and end < len(whole) and whole[end].isalnum()
        if not before and not after:
            return True
        at = whole.find(wanted, at + 1)
    return False


def between(answer: str, tag: str) -> str | None:
    """What stands between the last pair of tags, whatever their case; None without a pair."""
    first, last = (re.compile(re.escape(t), re.IGNORECASE) for t in (f"<{tag}>", f"</{tag}>"))
    # one pattern for both tags would look for a missing end again and again
    found, at = None, 0
    while (start := first.search(answer, at)) and (end := last.search(answer, start.end())):
        *_, start = first.finditer(answer, start.start(), end.start())  # a tag that is only spoken of has no end
        found, at = answer[start.end() : end.start()].strip(), end.end()
    return found


def say_more(expected: Iterable[str], answer: str) -> bool:
    """Whether an accepted answer stands somewhere in the answer."""
    return any(holds(answer, e) for e in expected)


def scored(spec: GraderSpec, value: float, passed: bool, *, why: str, hint: str, bare: str) -> Score:
    """A score with the hint that `hidden` allows: `why` (false), `hint` (not set) or `bare` (true)."""
    allowed = hint if spec.hidden is None else bare if spec.hidden else why
    return Score(
        value=value,
        passed=passed,
        why=why,
        hint=allowed,
        checks=(Check(text=named(spec), passed=passed, evidence=why),),
    )


def named(spec: GraderSpec) -> str:
    """A grader in a few words for people: its type and what it was told."""
    told = ", ".join(f"{k}: {v if isinstance(v, str) else json.dumps(v, default=str)}" for k, v in spec.options.items())
    return f"{spec.type} ({clip(told)})" if told else spec.type


def right(spec: GraderSpec, answer: str, why: str = "") -> Score:
    """A full score."""
    said = why or f"right: {quoted(answer)}"
    return scored(spec, 1.0, True, why=said, hint="right", bare="right")


def no_expected(spec: GraderSpec, task: Task) -> str | None:
    """Words for a task that lacks the expected answer its grader needs; None when all is well."""
    if task.expected:
        return None
    return f"grader '{spec.type}' needs 'expected', and task '{clip(task.id, 80)}' has none"


def answer_of(trajectory: Trajectory, problem: str | None) -> str:
    """The answer to grade.

    Raises:
        CallFailedError: kind `grader`, when the task itself cannot be graded (`problem`).
    """
    if problem is not None:
        raise CallFailedError("grader", problem)
    return trajectory.answer
