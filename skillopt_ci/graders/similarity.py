"""Graders that measure how alike two texts are, without a model: `similarity` and `anls`."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders import wording
from skillopt_ci.graders.base import Grader, JudgeModel, check_options, reaches

_LONGEST = 50_000  # characters that are compared: the rest of a longer answer cannot make it alike
_TOKEN = re.compile(r"[^\W_]+")
_CHRF_ORDER, _CHRF_BETA = 6, 2
_CUTOFF = 0.5


def edit_ratio(answer: str, expected: str) -> float:
    """1 minus the Levenshtein distance over the longer length, in [0, 1]; two empty texts are alike."""
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_similarity(answer, expected))


def rouge_l(answer: str, expected: str) -> float:
    """F1 of the longest common subsequence of words, lower case and without punctuation (Lin 2004)."""
    from rapidfuzz.distance import LCSseq

    ours, theirs = _TOKEN.findall(answer.lower()), _TOKEN.findall(expected.lower())
    if not ours or not theirs:
        return float(answer.split() == expected.split())  # signs alone: only the same ones are alike
    common = int(LCSseq.similarity(ours, theirs))
    return 2 * common / (len(ours) + len(theirs))


def chrf(answer: str, expected: str) -> float:
    """chrF2: F-score of character 1- to 6-grams without white space, recall counts twice (Popović 2015)."""
    ours, theirs = "".join(answer.split()), "".join(expected.split())
    precision = recall = 0.0
    orders = 0
    for size in range(1, _CHRF_ORDER + 1):
        given, wanted = _grams(ours, size), _grams(theirs, size)
        if not given or not wanted:
            break
        shared = (given & wanted).total()
        precision += shared / given.total()
        recall += shared / wanted.total()
        orders += 1
    if not orders:
        return float(ours == theirs)
    if not precision + recall:
        return 0.0
    factor = _CHRF_BETA**2
    return (1 + factor) * precision * recall / (factor * precision + recall) / orders


def _grams(text: str, size: int) -> Counter[str]:
    return Counter(text[i : i + size] for i in range(len(text) - size + 1))


_METRICS: Mapping[str, Callable[[str, str], float]] = MappingProxyType(
    {"levenshtein": edit_ratio, "rouge-l": rouge_l, "chrf": chrf}
)


def anls_of(answer: str, expected: Sequence[str], cutoff: float = _CUTOFF) -> float:
    """ANLS of one answer: its edit ratio to the nearest accepted answer, 0 below `cutoff`.

    Case and runs of white space do not count. As DocVQA's evaluation has it (Biten et al. 2019, Mathew et al. 2021);
    exactly at the cutoff the ratio counts, as in the organisers' script.
    """
    said = _even(answer)
    best = max((edit_ratio(said, _even(e)) for e in expected), default=0.0)
    return best if best >= cutoff else 0.0


def _even(text: str) -> str:
    return " ".join(text[:_LONGEST].lower().split())


@dataclass(frozen=True, slots=True)
class _Similarity:
    spec: GraderSpec
    metric: str
    threshold: float
    ignore_case: bool

    def problem(self, task: Task) -> str | None:
        return wording.no_expected(self.spec, task)

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        answer = wording.answer_of(trajectory, self.problem(task))
        measure = _METRICS[self.metric]
        value = min(1.0, max(measure(self._fold(answer), self._fold(e)) for e in task.expected))
        return _said(self.spec, task, answer, value, self.threshold, f"{self.metric} {value:.2f}")

    def _fold(self, text: str) -> str:
        cut = text[:_LONGEST].strip()
        return cut.casefold() if self.ignore_case else cut


@dataclass(frozen=True, slots=True)
class _Anls:
    spec: GraderSpec
    threshold: float
    cutoff: float

    def problem(self, task: Task) -> str | None:
        return wording.no_expected(self.spec, task)

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        answer = wording.answer_of(trajectory, self.problem(task))
        value = anls_of(answer, task.expected, self.cutoff)
        return _said(self.spec, task, answer, value, self.threshold, f"ANLS {value:.2f}")


def _said(spec: GraderSpec, task: Task, answer: str, value: float, threshold: float, said: str) -> Score:
    passed = reaches(value, threshold)
    why = f"{said} of {wording.quoted(answer)} with {wording.either(task.expected)}"
    if passed:
        return wording.scored(spec, value, True, why=why, hint=said, bare=said)
    more = wording.say_more(task.expected, answer)
    advice = wording.SAYS_MORE if more else wording.compare_forms(task.expected, answer)
    return wording.scored(spec, value, False, why=why, hint=f"{said}: {advice}", bare=said)


def similarity(spec: GraderSpec, judge: JudgeModel | None, /) -> Grader:
    """How alike the answer and the best accepted one are reaches `threshold` (required); the value is the likeness.

    `metric`: `levenshtein` (edits by character, the default), `rouge-l` (words in order) or `chrf` (runs of
    characters). `ignore_case` (false); `rouge-l` never minds case.
    """
    del judge
    check_options(spec, {"metric": str, "threshold": (int, float), "ignore_case": bool})
    metric = str(spec.options.get("metric", "levenshtein"))
    if metric not in _METRICS:
        raise ConfigError(f"grader 'similarity': option 'metric' must be one of {', '.join(_METRICS)}, not '{metric}'")
    if "threshold" not in spec.options:
        raise ConfigError("grader 'similarity': option 'threshold' is required: how alike is alike enough, up to 1")
    return _Similarity(spec, metric, _share(spec, "threshold", 1.0), bool(spec.options.get("ignore_case", False)))


def anls(spec: GraderSpec, judge: JudgeModel | None, /) -> Grader:
    """DocVQA's ANLS with the best accepted answer reaches `threshold` (1.0); the value is the ANLS.

    `cutoff` (0.5): a lower likeness counts as 0. Case and runs of white space do not matter.
    """
    del judge
    check_options(spec, {"threshold": (int, float), "cutoff": (int, float)})
    return _Anls(spec, _share(spec, "threshold", 1.0), _share(spec, "cutoff", _CUTOFF))


def _share(spec: GraderSpec, key: str, default: float) -> float:
    value = spec.options.get(key, default)
    if not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise ConfigError(f"grader '{spec.type}': option '{key}' must lie above 0 and at most at 1, not {value}")
    return float(value)
