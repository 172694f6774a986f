"""Screening: which edits of a step help the train tasks whose failures they answer, more than running them again would?

Every failed task is run with some of the edits that answer it in the text, drawn by lot, then with the others, and
again where that promises most: one run tells of several edits, and those that need each other meet. What the runs say
of each edit is counted out in `attribution`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from skillopt_ci.core.attribution import AGAIN, AGAIN_RUNS
from skillopt_ci.core.digest import fraction
from skillopt_ci.core.schedule import epoch_order

# Rollouts that are taken for the sake of an edit for each of its tasks, at most: with it, and all in all.
WITH_IT, OF_IT = 3, 5
UNLIKELY = 1.5  # an edit is dropped when luck explains its runs this many times better
ENOUGH = 8.0  # and kept after its last run when mending explains them this many times better
# Screening is given up when so many edits were tried in vain, and so many more for each that did well.
IN_VAIN, FOR_EACH = 14, 7
MOST_AGAIN = 0.95  # that a failed task is taken to score when run again
HALF = 0.5
REPEATS = "another edit of the step does as much for its tasks, and beside that it was not seen to help"
Verdict = Literal["keep", "reject", "more"]
Trial = tuple[str, frozenset[int], float | None]  # a task, the edits that stood in the text, and the score


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenRule:
    """How edits are screened.

    Attributes:
        runs: failed tasks that an edit is tried on; 0 screens nothing.
        share: part of what a task loses that an edit is tested to mend, above 0 and below 1.
        odds: an edit is kept at once when mending explains its runs this many times better than luck, above 1.
        company: edits that did well, from which their bundle is gated before the epoch ends.
        gives_up: whether edits are tried all together once screening has shown next to nothing.
    """

    runs: int = 6
    share: float = 0.5
    odds: float = 50.0
    company: int = 8
    gives_up: bool = True

    @property
    def most_with(self) -> int:
        """Runs with one edit in the text, after which it is decided on."""
        return self.runs * WITH_IT

    @property
    def most_runs(self) -> int:
        """Rollouts that are taken for the sake of one edit, at most, those without it with them."""
        return self.runs * OF_IT


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What the runs of an edit showed.

    Attributes:
        gain: mean over the runs with it of the score less what the task scores without it.
        runs: how many gave a result.
        evidence: natural logarithm of how many times better than luck mending explains them.
        taken: mean of what its tasks were taken to score without it, before that was known.
        together: tried on any train task with all open edits (`factorial`): the gain is its effect on the mean score,
            and the evidence how much likelier that is above 0 than below.
    """

    gain: float
    runs: int
    evidence: float = 0.0
    taken: float = AGAIN
    together: bool = False


def tasks_of(evidence: Sequence[str], failed: Sequence[str], rule: ScreenRule, *, seed: int) -> list[str]:
    """The tasks to screen an edit on, at most `runs`: of its failed evidence, else of any failure."""
    own = [task for task in failed if task in set(evidence)] or list(failed)
    return epoch_order(own, seed=seed, epoch=0)[: rule.runs]


def spread(tasks: Sequence[str], runs: int, *, seed: int) -> list[tuple[str, int]]:
    """So many (task, run) pairs: every task once in a seeded order, then again."""
    order = epoch_order(tasks, seed=seed, epoch=0)
    return [(order[n % len(order)], n // len(order)) for n in range(runs if order else 0)]


def chosen(task: str, answers: Sequence[int], trials: Sequence[Trial], *, seed: int) -> frozenset[int]:
    """The edits that the next run of a task has in its text.

    Each is there about as often as it is not: one that was there less often than not is, and the other way round; of
    those that were as often a coin decides, so that any of them may meet. The only one there is stands in it.

    Args:
        task: to be run.
        answers: edits that answer it and are not decided on.
        trials: all runs so far, those without a result with them.
        seed: of the coins.
    """
    own = [present for name, present, _ in trials if name == task]
    ahead = {e: 2 * sum(e in present for present in own) - len(own) for e in answers}
    heads = {e for e in answers if len(answers) == 1 or fraction(seed, task, e, len(own)) < HALF}
    return frozenset(e for e in answers if ahead[e] < 0 or (ahead[e] == 0 and e in heads))


def promises_most(factors: Mapping[str, float], trials: Sequence[Trial]) -> str:
    """The task whose next run tells most of an edit: likeliest to be mended by it, then least run, then the first.

    One whose runs gave no result promises nothing.

    Args:
        factors: by task, how many times likelier its runs are if the edit mends it.
        trials: all runs so far.
    """
    ran = [task for task, _, _ in trials]
    known = {task for task, _, value in trials if value is not None}
    return min(factors, key=lambda task: (task not in known, -factors[task], ran.count(task)))


def again(score: float) -> float:
    """What a failed task is taken to score when run again, before that is known: what it scored, a quarter at least."""
    return min(max(score, AGAIN), MOST_AGAIN)


def gain_of(edit: int, trials: Sequence[Trial], taken: Mapping[str, float]) -> Screening | None:
    """Mean score with an edit less that without it, task by task; None without a result. Its evidence is not known yet.

    What a task scores without it starts from what it is `taken` to score.
    """
    with_it = [(task, v) for task, present, v in trials if v is not None and edit in present]
    if not with_it:
        return None
    without = {task: (taken[task] * AGAIN_RUNS, AGAIN_RUNS) for task, _ in with_it}
    for task, present, value in trials:
        if value is not None and edit not in present and task in without:
            total, n = without[task]
            without[task] = (total + value, n + 1)
    gains = [v - without[task][0] / without[task][1] for task, v in with_it]
    starts = math.fsum(taken[task] for task, _ in with_it) / len(with_it)
    return Screening(gain=math.fsum(gains) / len(gains), runs=len(gains), taken=starts)


def verdict(found: Screening | None, *, last: bool, rule: ScreenRule) -> Verdict:
    """What the runs of an edit say, the `last` ones or not. One that could not be measured is kept: the gate decides.

    After the last runs less is enough: luck drifts away from help, and what is still likelier help by then is mostly an
    edit that helps less, or fewer tasks, than was tested for.
    """
    if found is None or found.evidence >= math.log(enough(rule) if last else rule.odds):
        return "keep"
    return "reject" if last or found.evidence <= -math.log(UNLIKELY) else "more"


def enough(rule: ScreenRule) -> float:
    """How many times better than luck mending must explain the runs of an edit after the last one."""
    return min(rule.odds, ENOUGH)


def helps(found: Screening, rule: ScreenRule) -> bool:
    """Whether the runs of an edit show that it helps, as far as its last run asks for."""
    return found.evidence >= math.log(enough(rule))


def in_doubt(found: Screening) -> bool:
    """Whether the runs of an edit that was rejected leave open whether it helps, and speak for it rather."""
    return found.gain > 0 and found.evidence > -math.log(UNLIKELY)


def shows_nothing(found: Sequence[Screening], scores: Sequence[float], rule: ScreenRule) -> bool:
    """Whether hardly any of the edits that were tried did well: each does too little to be seen on a few tasks.

    Only luck can hide an effect. Where failed tasks score even less when run again than they were taken to, it hides
    none: what these edits lack stands elsewhere, and others may show at once.

    Args:
        found: what the runs of each edit showed.
        scores: of all these runs.
        rule: how edits are screened.
    """
    if not scores or math.fsum(scores) / len(scores) < AGAIN:
        return False
    return len(found) >= IN_VAIN + FOR_EACH * sum(helps(f, rule) for f in found)


def why_not(found: Screening, rule: ScreenRule) -> str:
    """Why an edit is rejected alone: it gained too little, or its last run left open whether it helps."""
    gain = f"{100 * found.gain:+.0f} points on {found.runs} runs of its own train tasks"
    gain += f", against what they score again without it (taken as {100 * found.taken:.0f} to begin with)"
    if found.evidence <= -math.log(UNLIKELY):
        return f"it gained too little: {gain}" + ("; luck, or other edits, explain it better" if found.gain > 0 else "")
    one, other = ("help", "luck") if found.evidence > 0 else ("luck", "help")
    better = f"{one} explains that {math.exp(abs(found.evidence)):.1f} times better than {other}"
    believed = f"(help is believed at {enough(rule):g} times)"
    return f"it stayed uncertain after the most runs: {gain}; {better} {believed}"


def worth(kept: Sequence[Screening | None], rule: ScreenRule) -> bool:
    """Whether a bundle is gated now. Edits that all did well wait until there are enough of them to show."""
    return len(kept) >= rule.company or None in kept
