"""The grader `officeqa`: figures with units and labels, as OfficeQA scores them, and the documents they come from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.texts import plural
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders import wording
from skillopt_ci.graders.base import Grader, JudgeModel, check_options, strings
from skillopt_ci.graders.figures import Figure, figures, fits_list, listed, words

_MARKUP = re.compile(r"<[^>]*>")
_LONGEST = 250  # characters of a direct answer
_GIVES_UP = "unable to determine"
_ROUND = re.compile(r"\([^)]*\)")
WITHOUT_EVIDENCE = 0.5
"""Value of a right figure whose source is not named."""


def final_answer(text: str) -> str:
    """What stands between the last `<FINAL_ANSWER>` tags, else the whole text."""
    inner = wording.between(text, "FINAL_ANSWER")
    return text.strip() if inner is None else inner


def fault(expected: str, answer: str, tolerance: float) -> str | None:
    """What is wrong with a final answer, in words that give nothing away; None when it is right."""
    wanted, given = figures(expected), figures(answer)
    return _indirect(expected, answer, wanted, given) or _wrong(expected, answer, wanted, given, tolerance)


def _indirect(expected: str, answer: str, wanted: Sequence[Figure], given: Sequence[Figure]) -> str | None:
    """Why an answer is not a single direct answer of the expected shape."""
    if not answer:
        return "the answer is empty"
    if len([line for line in answer.splitlines() if line.strip()]) > 1:
        return "the final answer has more than one line"
    if len(answer) > _LONGEST:
        return f"the final answer is longer than {_LONGEST} characters"
    if not wanted:
        if given:
            return "the final answer holds a number where words are wanted"
        return None if _even(expected) == _even(answer) else "the final answer differs from the accepted one"
    if len(_counted(expected, wanted, given)) != len(wanted) and not _as_list(expected, answer):
        return f"the final answer must hold exactly {plural(len(wanted), 'number')}"
    return "the final answer holds markup" if _MARKUP.search(answer) else None


def _as_list(expected: str, answer: str) -> bool:
    wanted = listed(expected)
    return wanted is not None and fits_list(answer, wanted, None)


def _counted(expected: str, wanted: Sequence[Figure], given: Sequence[Figure]) -> Sequence[Figure]:
    """The numbers of an answer that count: years only where a year is asked for."""
    of_years = any(w.is_year for w in wanted) or (len(wanted) == 1 and bool(words(expected)))
    return given if of_years else [g for g in given if not g.is_year]


def _wrong(
    expected: str, answer: str, wanted: Sequence[Figure], given: Sequence[Figure], tolerance: float
) -> str | None:
    """What is wrong with a direct answer."""
    if _GIVES_UP in answer.lower():
        return "the answer gives up"
    if not wanted:
        return None
    counted = _counted(expected, wanted, given)
    if listed(expected) is not None:
        in_order = len(counted) == len(wanted) and all(
            g.near(w, tolerance) for g, w in zip(counted, wanted, strict=True)
        )
        return None if in_order or fits_list(answer, wanted, tolerance) else "a number of the list is wrong"
    if not all(any(g.near(w, tolerance) for g in counted) for w in wanted):
        # the value would fit: then it is the unit
        near = all(any(Figure(g.value).near(w, tolerance) for g in counted) for w in wanted)
        return "a number has another unit than the accepted one" if near else "a number is wrong"
    return None if _same_words(expected, answer) else "the number is right and the words beside it are not"


def _same_words(expected: str, answer: str) -> bool:
    wanted, given = words(expected), words(answer)
    return not wanted or (bool(given) and (wanted in given or given in wanted))


def _even(text: str) -> str:
    return " ".join(_ROUND.sub("", text.strip().lower().strip('"').strip("'")).split())


@dataclass(frozen=True, slots=True)
class _OfficeQa:
    spec: GraderSpec
    tolerance: float
    evidence: tuple[str, ...]
    of_files: bool

    def problem(self, task: Task) -> str | None:
        if self.of_files and not task.files:
            return f"grader 'officeqa' wants 'evidence: true', and task '{wording.clip(task.id, 80)}' has no files"
        if not all(e.strip() for e in task.expected):
            return "grader 'officeqa': an expected answer is empty"
        return wording.no_expected(self.spec, task)

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        whole = wording.answer_of(trajectory, self.problem(task))
        answer = final_answer(whole)
        faults = [fault(e, answer, self.tolerance) for e in task.expected]
        if all(faults):
            said = "; ".join(dict.fromkeys(f for f in faults if f))
            why = f"{said}: expected {wording.either(task.expected)}, got {wording.quoted(answer)}"
            more = f"; {wording.SAYS_MORE}" if wording.say_more(task.expected, answer) else ""
            return wording.scored(self.spec, 0.0, False, why=why, hint=said + more, bare="wrong")
        sources = tuple(f.name for f in task.files) if self.of_files else self.evidence
        if sources and not any(_names(whole, source) for source in sources):
            said = "right, but the document it comes from is not named"
            why = f"{said}: {wording.either(sources)}"
            return wording.scored(self.spec, WITHOUT_EVIDENCE, False, why=why, hint=said, bare=said)
        return wording.right(self.spec, answer)


def _names(text: str, source: str) -> bool:
    """Whether a text names a source: by its whole name, or a file's without folder and ending."""
    stem = source.rpartition("/")[2].rpartition(".")[0]
    return wording.holds(text, source) or (bool(stem) and wording.holds(text, stem))


def officeqa(spec: GraderSpec, judge: JudgeModel | None, /) -> Grader:
    """The final answer has the figures and words of an accepted answer, as OfficeQA's evaluation has it.

    The final answer stands between `<FINAL_ANSWER>` tags, else it is all of the answer; it must be direct: one line and
    no other numbers. `tolerance` (0): a share of the expected number, up to 1. `evidence`: texts of which the answer
    must name one (value 0.5 without), or `true`: the names of the task's files.
    """
    del judge
    check_options(spec, {"tolerance": (int, float), "evidence": (str, list, bool)})
    tolerance, evidence = spec.options.get("tolerance", 0), spec.options.get("evidence")
    if not isinstance(tolerance, (int, float)) or not 0 <= tolerance <= 1:
        raise ConfigError(f"grader 'officeqa': option 'tolerance' must lie between 0 and 1, not {tolerance}")
    named = () if isinstance(evidence, bool) else strings(spec, "evidence")
    if not all(n.strip() for n in named):
        raise ConfigError("grader 'officeqa': option 'evidence' must hold texts that are not empty")
    return _OfficeQa(spec, float(tolerance), named, evidence is True)
