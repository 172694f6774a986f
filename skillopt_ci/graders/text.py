"""Graders that compare text: exact, contains, startswith, regex and f1."""

import re
import string
import unicodedata
from collections import Counter
from dataclasses import dataclass

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.texts import folded, plural
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders import patterns, wording
from skillopt_ci.graders.base import Grader, JudgeModel, check_options, reaches, strings

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_SPACES = str.maketrans("\u00a0\u202f", "  ")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True)
class _Fold:
    """How texts are made comparable."""

    ignore_case: bool
    strip: bool = False
    squad: bool = False

    def __call__(self, text: str) -> str:
        text = same_looking(text)
        if self.squad:
            return " ".join(squad_tokens(text))
        kept = text.strip() if self.strip else text
        return kept.casefold() if self.ignore_case else kept


@dataclass(frozen=True, slots=True)
class _Texts:
    """What the graders of texts have in common: `values` of the suite win over those of the task."""

    spec: GraderSpec
    values: tuple[str, ...]
    fold: _Fold

    def problem(self, task: Task) -> str | None:
        return None if self.values else wording.no_expected(self.spec, task)


@dataclass(frozen=True, slots=True)
class _Exact(_Texts):
    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        answer = wording.answer_of(trajectory, self.problem(task))
        wanted = self.values or task.expected
        if self.fold(answer) in {self.fold(e) for e in wanted}:
            return wording.right(self.spec, answer)
        why = f"expected {wording.either(wanted)}, got {wording.quoted(answer)}"
        return wording.scored(self.spec, 0.0, False, why=why, hint=self._hint(wanted, answer), bare="wrong")

    def _hint(self, wanted: tuple[str, ...], answer: str) -> str:
        loose = folded(answer)
        if any(loose == folded(e) for e in wanted):
            return "the answer differs from an accepted answer only in white space or in upper and lower case"
        if wording.say_more(wanted, answer):
            return wording.SAYS_MORE
        return wording.compare_forms(wanted, answer)


@dataclass(frozen=True, slots=True)
class _Contains(_Texts):
    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        answer = wording.answer_of(trajectory, self.problem(task))
        text = self.fold(answer)
        if not self.values:  # one of the accepted answers
            hit = next((e for e in task.expected if self.fold(e) in text), None)
            if hit is not None:
                return wording.right(self.spec, answer, f"contains {wording.quoted(hit)}")
            why = f"does not contain {wording.either(task.expected)}"
            hint = f"no accepted answer found in the answer; {wording.compare_forms(task.expected, answer)}"
            return wording.scored(self.spec, 0.0, False, why=why, hint=hint, bare="wrong")
        missing = [v for v in self.values if self.fold(v) not in text]
        if not missing:
            return wording.right(self.spec, answer, f"contains {', '.join(map(wording.quoted, self.values[:3]))}")
        met = len(self.values) - len(missing)
        why = f"does not contain {', '.join(map(wording.quoted, missing[:3]))}"
        hint = f"{met} of {plural(len(self.values), 'required text')} found in the answer"
        if any(v.casefold() in text.casefold() for v in missing):
            hint += "; one is there in another mix of upper and lower case"
        return wording.scored(self.spec, met / len(self.values), False, why=why, hint=hint, bare=hint.split(";")[0])


@dataclass(frozen=True, slots=True)
class _StartsWith(_Texts):
    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        answer = wording.answer_of(trajectory, self.problem(task))
        wanted = self.values or task.expected
        text = self.fold(answer.lstrip())
        hit = next((v for v in wanted if text.startswith(self.fold(v))), None)
        if hit is not None:
            return wording.right(self.spec, answer, f"starts with {wording.quoted(hit)}")
        why = f"does not start with {wording.either(wanted)}, but with {wording.quoted(answer.lstrip()[:60])}"
        hint = "the answer does not start as required"
        if any(self.fold(v) in text for v in wanted):
            hint += ": the required beginning stands further on; put nothing before it"
        elif any(text.casefold().startswith(v.casefold()) for v in wanted):
            hint += ": it differs only in upper and lower case"
        return wording.scored(self.spec, 0.0, False, why=why, hint=hint, bare="wrong")


@dataclass(frozen=True, slots=True)
class _Regex:
    spec: GraderSpec
    pattern: patterns.Pattern

    def grade(self, _task: Task, trajectory: Trajectory, /) -> Score:
        answer = trajectory.answer
        shown = wording.clip(self.pattern.pattern)
        if patterns.found(self.pattern, answer, self.spec.type):
            return wording.right(self.spec, answer, f"matches /{shown}/")
        hint = "a required pattern was not found"
        why = f"does not match /{shown}/: {wording.quoted(answer)}"
        return wording.scored(self.spec, 0.0, False, why=why, hint=hint, bare=hint)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Shared words of an answer and an accepted answer: F1 and its two parts, each in [0, 1]."""

    f1: float
    precision: float
    recall: float


def same_looking(text: str) -> str:
    """One form of letters with accents and of spaces: nobody can see that `é` is two characters, or does not break."""
    return text if text.isascii() else unicodedata.normalize("NFC", text).translate(_SPACES)


def squad_tokens(text: str) -> list[str]:
    """Words after SQuAD's normalisation: lower case, no ASCII punctuation, no articles (Rajpurkar et al. 2016).

    Unlike there they are kept in a text of nothing else: `The` is not `a`, nor `!!!` an empty answer.
    """
    said = same_looking(text).lower()
    plain = said.translate(_NO_PUNCTUATION)
    return _ARTICLES.sub(" ", plain).split() or plain.split() or said.split()


def overlap(answer: str, expected: str) -> Overlap:
    """SQuAD's F1 of two texts; when one is empty it is 1 if the other is empty, too (as in SQuAD 2.0)."""
    ours, theirs = squad_tokens(answer), squad_tokens(expected)
    if not ours or not theirs:
        same = float(ours == theirs)
        return Overlap(same, same, same)
    shared = sum((Counter(ours) & Counter(theirs)).values())
    if not shared:
        return Overlap(0.0, 0.0, 0.0)
    precision, recall = shared / len(ours), shared / len(theirs)
    return Overlap(2 * precision * recall / (precision + recall), precision, recall)


@dataclass(frozen=True, slots=True)
class _F1:
    spec: GraderSpec
    threshold: float

    def problem(self, task: Task) -> str | None:
        return wording.no_expected(self.spec, task)

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        answer = wording.answer_of(trajectory, self.problem(task))
        best = max((overlap(answer, e) for e in task.expected), key=lambda o: o.f1)
        value = min(1.0, best.f1)
        passed = reaches(value, self.threshold)
        said = f"word overlap {value:.2f} (F1)"
        why = f"{said} of {wording.quoted(answer)} with {wording.either(task.expected)}"
        hint = said if passed else f"{said}: {self._hint(task, answer, best)}"
        return wording.scored(self.spec, value, passed, why=why, hint=hint, bare=said)

    def _hint(self, task: Task, answer: str, best: Overlap) -> str:
        if best.recall == 1.0:
            return wording.SAYS_MORE
        if best.precision == 1.0:
            return "every word is right, but words are missing"
        return wording.compare_forms(task.expected, answer)


def exact(spec: GraderSpec, judge: JudgeModel | None, /) -> Grader:
    """The answer is one of `values`, without them an expected answer.

    `ignore_case` (false), `strip` (true: space around it does not count), `squad` (false): case, punctuation and the
    articles a, an, the do not count, as SQuAD and SearchQA compare: 1.5 is 15 there, so grade numbers by `numeric`.
    """
    del judge
    check_options(spec, {"values": (str, list), "ignore_case": bool, "strip": bool, "squad": bool})
    fold = _Fold(_flag(spec, "ignore_case"), _flag(spec, "strip", True), _flag(spec, "squad"))
    return _Exact(spec, _values(spec), fold)


def contains(spec: GraderSpec, judge: JudgeModel | None, /) -> Grader:
    """Every one of `values` stands in the answer (value: their share); without `values`, one expected answer does.

    Inside of words, too: 42 stands in 142. For whole words take `regex` (`\\b42\\b`), for numbers `numeric`.
    `ignore_case` (false): upper and lower case are the same.
    """
    del judge
    check_options(spec, {"values": (str, list), "ignore_case": bool})
    return _Contains(spec, _values(spec), _Fold(_flag(spec, "ignore_case")))


def startswith(spec: GraderSpec, judge: JudgeModel | None, /) -> Grader:
    """The answer starts with one of `values`, or without them with an expected answer; leading space aside.

    "November" starts with "No": for whole words take `regex` (`^No\\b`).
    `ignore_case` (false): upper and lower case are the same.
    """
    del judge
    check_options(spec, {"values": (str, list), "ignore_case": bool})
    return _StartsWith(spec, _values(spec), _Fold(_flag(spec, "ignore_case")))


def regex(spec: GraderSpec, judge: JudgeModel | None, /) -> Grader:
    """`pattern` is found in the answer. `flags`: letters of `aimsx`, as in Python."""
    del judge
    check_options(spec, {"pattern": str, "flags": str})
    if "pattern" not in spec.options:
        raise ConfigError("grader 'regex': option 'pattern' is required")
    return _Regex(spec, patterns.compiled(spec.type, str(spec.options["pattern"]), str(spec.options.get("flags", ""))))


def f1(spec: GraderSpec, judge: JudgeModel | None, /) -> Grader:
    """SQuAD's word F1 with the best accepted answer; passed from `threshold` (1.0) on. Not for numbers: 1.5 is 15."""
    del judge
    check_options(spec, {"threshold": (int, float)})
    threshold = spec.options.get("threshold", 1.0)
    if not isinstance(threshold, (int, float)) or not 0 < threshold <= 1:
        raise ConfigError(f"grader 'f1': option 'threshold' must lie above 0 and at most at 1, not {threshold}")
    return _F1(spec, float(threshold))


def _flag(spec: GraderSpec, key: str, default: bool = False) -> bool:
    return bool(spec.options.get(key, default))


def _values(spec: GraderSpec) -> tuple[str, ...]:
    values = strings(spec, "values")
    if "values" in spec.options and not all(v.strip() for v in values or ("",)):
        raise ConfigError(f"grader '{spec.type}': option 'values' must hold texts that are not empty")
    return values
