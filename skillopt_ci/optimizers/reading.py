"""What an optimizer reads together: failures that failed alike, tasks that failed here and passed there first."""

import re
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
    """

    task: Task
    rollout: Rollout
    earlier: Rollout | None = None
    alike: int = 1


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
    groups: dict[str, list[Reading]] = {}
    passed = []
    for rollout, score in scored:
        reading = Reading(tasks[rollout.sample.task_id], rollout, other.get((rollout.sample.task_id, score.passed)))
        if score.passed:
            passed.append(replace(reading, earlier=None))
        else:
            groups.setdefault(cause(score.hint), []).append(reading)
    ranked = sorted(groups.values(), key=len, reverse=True)
    failed = [replace(r, alike=len(group)) for group in ranked for r in group]
    failed.sort(key=lambda r: r.earlier is None)
    cut = [
        *(("failures", c) for c in chunks(failed, evidence.minibatch_size)),
        *(("successes", c) for c in chunks(passed, evidence.minibatch_size)),
    ]
    return [Minibatch(kind, index, tuple(readings)) for index, (kind, readings) in enumerate(cut)]


def cause(hint: str) -> str:
    """A grader's words without what differs from task to task: numbers, quotes, case and white space."""
    plain = _NUMBER.sub("9", _QUOTED.sub('"', hint)).casefold()
    return " ".join(plain.split())


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
