"""How far a judge can be trusted: samples with known verdicts, and agreement with people."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from skillopt_ci.core.stats import wilson_like
from skillopt_ci.core.task import Task

WRONG_SHARE = 0.1  # of the passing or of the failing samples; from there on a judge decides nothing
_SAMPLE = ("answer", "prompt", "context", "expected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An answer with a known verdict. Without a prompt it is an answer to the task whose grader it belongs to."""

    answer: str
    passing: bool
    prompt: str = ""
    context: str = ""
    expected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """A judge's samples; `refuse`: nothing is decided by a judge that gets them wrong."""

    listed: tuple[Sample, ...] = ()
    refuse: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """What a judge said of its samples: (sample, its verdict), the verdict None where it gave none."""

    results: tuple[tuple[Sample, bool | None], ...]

    @property
    def wrong(self) -> tuple[tuple[Sample, bool | None], ...]:
        """Samples it did not get right."""
        return tuple((s, said) for s, said in self.results if said is not s.passing)

    @property
    def trusted(self) -> bool:
        """Whether it got fewer than a tenth of the passing samples wrong, and fewer than a tenth of the failing ones.

        Side by side, as a judge that lets everything pass is right on every passing sample.
        """
        for side in (True, False):
            said = [right is side for sample, right in self.results if sample.passing is side]
            if said and said.count(False) >= WRONG_SHARE * len(said) and False in said:
                return False
        return True


def parse_samples(value: object) -> Samples:
    """The option `samples`: `{passing: [...], failing: [...], on_wrong: refuse|warn}`.

    Raises:
        ValueError: in words for people.
    """
    if value is None:
        return Samples()
    if not isinstance(value, Mapping):
        raise ValueError("must be a mapping such as {passing: [...], failing: [...]}")
    unknown = sorted(str(k) for k in value if k not in ("passing", "failing", "on_wrong"))
    if unknown:
        raise ValueError(f"has the unknown key '{unknown[0]}' (it takes: passing, failing, on_wrong)")
    on_wrong = value.get("on_wrong", "refuse")
    if on_wrong not in ("refuse", "warn"):
        raise ValueError("has an 'on_wrong' that is neither refuse nor warn")
    found: list[Sample] = []
    for side, passing in (("passing", True), ("failing", False)):
        listed = value.get(side, [])
        listed = [listed] if isinstance(listed, str | Mapping) else listed
        if not isinstance(listed, list | tuple):
            raise ValueError(f"needs a list under '{side}'")
        found += [_sample(one, side, passing) for one in listed]
    if not found:
        raise ValueError("has neither passing nor failing answers")
    return Samples(listed=tuple(found), refuse=on_wrong == "refuse")


def _sample(one: object, side: str, passing: bool) -> Sample:
    given = {"answer": one} if isinstance(one, str) else one
    error = ValueError(f"has under '{side}' an element that is no text and no {{answer, prompt, context, expected}}")
    if not isinstance(given, Mapping) or any(key not in _SAMPLE for key in given):
        raise error
    texts = {key: given.get(key, "") for key in ("answer", "prompt", "context")}
    expected = given.get("expected", [])
    answers = [expected] if isinstance(expected, str) else expected
    if not isinstance(answers, list) or not all(isinstance(t, str) for t in [*texts.values(), *answers]):
        raise error
    if not texts["answer"].strip():
        raise error
    return Sample(**texts, expected=tuple(answers), passing=passing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What people said of one answer to a task."""

    answer: str
    passed: bool


def human_labels(task: Task) -> tuple[Label, ...]:
    """The labels under `metadata.human`: one an answer, by the majority where several people said something.

    Answers on which people are split evenly have none, and what has another form is no label (`label_problem` says so).
    """
    votes = _votes(task.metadata.get("human")) or {}
    return tuple(Label(answer=a, passed=v[True] > v[False]) for a, v in votes.items() if v[True] != v[False])


def label_problem(task: Task) -> str | None:
    """What is wrong with `metadata.human`, in words for people; None when all is well."""
    if _votes(task.metadata.get("human")) is None:
        return (
            "'metadata.human' is no list of {answer: text, passed: true or false}; nobody's verdicts are read from it"
        )
    return None


def _votes(value: object) -> dict[str, Counter[bool]] | None:
    """Verdicts by answer; None when the value has another form."""
    votes: dict[str, Counter[bool]] = {}
    for one in value if isinstance(value, list) else [] if value is None else [value]:
        answer, passed = (one.get("answer"), one.get("passed")) if isinstance(one, Mapping) else (None, None)
        if not isinstance(answer, str) or not answer.strip() or not isinstance(passed, bool):
            return None
        votes.setdefault(answer, Counter())[passed] += 1
    return votes


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How a judge agrees with people on `n` answers; intervals are two-sided, 95%.

    Attributes:
        raw: share of equal verdicts, with Wilson's interval.
        kappa: Cohen's: agreement beyond chance, with the usual large-sample interval; None when people, or the judge,
            said the same of every answer: then there is nothing beyond chance to see.
        lenient, harsh: answers that the judge alone passed, and that it alone failed.
    """

    n: int
    raw: float
    raw_interval: tuple[float, float]
    kappa: float | None
    kappa_interval: tuple[float, float] | None
    lenient: int
    harsh: int


def agreement(pairs: Iterable[tuple[bool, bool]]) -> Agreement | None:
    """Agreement over (people's verdict, judge's verdict) pairs; None without any."""
    listed: Sequence[tuple[bool, bool]] = list(pairs)
    n = len(listed)
    equal = [1.0 if human == judge else 0.0 for human, judge in listed]
    interval = wilson_like(equal)
    if interval is None:
        return None
    observed = sum(equal) / n
    of_people, of_judge = (sum(pair[i] for pair in listed) / n for i in (0, 1))
    chance = of_people * of_judge + (1 - of_people) * (1 - of_judge)
    kappa = kappa_interval = None
    if 0 < of_people < 1 and 0 < of_judge < 1:
        kappa = (observed - chance) / (1 - chance)
        half = NormalDist().inv_cdf(0.975) * math.sqrt(observed * (1 - observed) / n) / (1 - chance)
        kappa_interval = max(-1.0, kappa - half), min(1.0, kappa + half)
    return Agreement(
        n=n,
        raw=observed,
        raw_interval=interval,
        kappa=kappa,
        kappa_interval=kappa_interval,
        lenient=sum(judge and not human for human, judge in listed),
        harsh=sum(human and not judge for human, judge in listed),
    )
