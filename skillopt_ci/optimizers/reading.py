"""What an optimizer reads together: failures that failed alike, tasks that failed here and passed there first."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from skillopt_ci.core.rollout import Rollout, Score
from skillopt_ci.core.schedule import chunks
from skillopt_ci.core.task import Task
from skillopt_ci.optimizers.base import Evidence

_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|'[^']*'(?!\w)|`[^`]*`")
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")


@dataclass(frozen=True, slots=True)
class Reading:
    """One trajectory to read.

    Attributes:
        earlier: the newest rollout of the same task that ended the other way, where there is one.
        alike: how many failures of the step have the grader's words of this one, itself included.
        shared: those words, with dots for what differs among them.
    """

    task: Task
    rollout: Rollout
    earlier: Rollout | None = None
    alike: int = 1
    shared: str = ""


@dataclass(frozen=True, slots=True)
class Minibatch:
    """What one call reads: failures or successes."""

    kind: str
    index: int
    readings: tuple[Reading, ...]


def minibatches(evidence: Evidence) -> list[Minibatch]:
    """Failures, then successes, cut into minibatches.

    Among failures those that passed another time stand first, as what differs is the cause; the others stand together
    with those that failed alike, the most frequent failure first.
    """
    tasks = {t.id: t for t in evidence.tasks}
    other = _other_ends(evidence)
    scored = [(r, r.outcome) for r in evidence.rollouts if isinstance(r.outcome, Score)]
    failed: list[Reading] = []
    passed = []
    for rollout, score in scored:
        reading = Reading(tasks[rollout.sample.task_id], rollout, other.get((rollout.sample.task_id, score.passed)))
        if score.passed:
            passed.append(replace(reading, earlier=None))
        else:
            failed.append(reading)
    failed = _grouped(failed)
    failed.sort(key=lambda r: r.earlier is None)
    cut = [
        *(("failures", c) for c in chunks(failed, evidence.minibatch_size)),
        *(("successes", c) for c in chunks(passed, evidence.minibatch_size)),
    ]
    return [Minibatch(kind, index, tuple(readings)) for index, (kind, readings) in enumerate(cut)]


def _grouped(failed: Sequence[Reading]) -> list[Reading]:
    """Failures that failed alike together, the most frequent first.

    What is quoted tells failures apart where several have it, as the name of a section does; else it is a task's own.
    """
    hints = [r.rollout.outcome.hint if isinstance(r.rollout.outcome, Score) else "" for r in failed]
    often = Counter(cause(hint, quoted=True) for hint in hints)
    groups: dict[str, list[int]] = {}
    for at, hint in enumerate(hints):
        named = cause(hint, quoted=True)
        groups.setdefault(named if often[named] > 1 else cause(hint), []).append(at)
    found = []
    for group in sorted(groups.values(), key=len, reverse=True):
        words = shared([hints[at] for at in group])
        found += [replace(failed[at], alike=len(group), shared=words) for at in group]
    return found


def cause(hint: str, *, quoted: bool = False) -> str:
    """A grader's words without what differs from task to task: numbers, case, white space; quotes, unless `quoted`."""
    plain = _NUMBER.sub("9", hint if quoted else _QUOTED.sub('"', hint)).casefold()
    return " ".join(plain.split())


def shared(hints: Sequence[str]) -> str:
    """The words of hints of one cause, with dots for the quotes and the numbers that differ among them."""
    if len({cause(hint, quoted=True) for hint in hints}) > 1:
        hints = [_QUOTED.sub('"..."', hint) for hint in hints]
    same = len({" ".join(hint.casefold().split()) for hint in hints}) == 1
    return hints[0] if same else _NUMBER.sub("...", hints[0])


def _other_ends(evidence: Evidence) -> dict[tuple[str, bool], Rollout]:
    """(task, passed) -> the newest rollout of the task that ended the other way."""
    found = {}
    for rollout in (*evidence.earlier, *evidence.rollouts):
        if isinstance(rollout.outcome, Score) and rollout.trajectory is not None:
            found[rollout.sample.task_id, not rollout.outcome.passed] = rollout
    return found


def level(lengths: Sequence[int], total: int) -> int:
    """The longest that any text may be so that all of them, longer ones cut to it, have at most `total` characters."""
    left, texts = total, len(lengths)
    for length in sorted(lengths):
        if length * texts > left:
            return max(0, left // texts)
        left -= length
        texts -= 1
    return max(lengths, default=0)
