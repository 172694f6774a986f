"""Screening: does an edit alone help the train tasks whose failures it answers, more than running them again would?

A failed task passes again by luck, in some worlds most of the time, and an edit may mend a part of its tasks only, as
where a task needs something else, too. So an edit's runs are weighed task by task: does "it mends `share` of what this
task loses, as it does for a part of the tasks" explain them better than "it does nothing"? What a task does without the
edit is unknown, and known the better the more often it was run without. Each run goes to the most promising task.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from skillopt_ci.core.schedule import epoch_order

# Rollouts that an edit takes at most for each task that it may be tried on: alone; and beside better edits, then with.
ALONE, BESIDE = 3, 2
UNLIKELY = 1.5  # an edit is dropped when luck explains its runs this many times better
ENOUGH = 5.0  # and kept after its last run when mending explains them this many times better
CONTROL_SHARE = 0.5  # runs of a task without any edit, for each with one that looks promising
PARTS = (0.25, 0.5, 0.75, 1.0)  # of an edit's tasks that it may mend, all as likely
# What failed tasks are taken to do when run again, before that is known: a quarter pass, as if three had been run.
AGAIN, AGAIN_RUNS = 0.25, 3
SAME, DOUBT = 4.0, 2.0  # an edit is a repeat, or is none, when that is so many times likelier
OWN_RUNS = 2  # a task is taken to do with an edit what all of them do, as if it had been run so often
HALF = 0.5  # of what others leave failing is what an edit beside them is tested to mend
_LEAST = 0.01
Verdict = Literal["keep", "reject", "more"]
Runs = Sequence[tuple[str, float | None]]
Control = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenRule:
    """How edits are screened.

    Attributes:
        runs: failed tasks that an edit is tried on; 0 screens nothing.
        share: part of what a task loses that an edit is tested to mend, above 0 and below 1.
        odds: an edit is kept at once when mending explains its runs this many times better than luck, above 1.
        company: edits that did well alone, from which their bundle is gated before the epoch ends.
        control: whether tasks are run again without the edit; else what they do then is a guess.
        distinct: whether edits that did well alone are tried beside the better ones of their step.
        gives_up: whether edits go unscreened after an epoch in which none of them got anywhere.
    """

    runs: int = 6
    share: float = 0.5
    odds: float = 30.0
    company: int = 8
    control: bool = True
    distinct: bool = True
    gives_up: bool = True

    @property
    def most_alone(self) -> int:
        """Rollouts that one edit can take alone."""
        return self.runs * ALONE

    @property
    def most_runs(self) -> int:
        """Rollouts that one edit can take, those that tell whether it is a repeat with them."""
        return self.runs * (ALONE + BESIDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What the runs of an edit showed.

    Attributes:
        gain: mean over runs of the score less what the task scores without the edit.
        runs: how many gave a result.
        evidence: natural logarithm of how many times better than luck mending explains them.
    """

    gain: float
    runs: int
    evidence: float = 0.0


def tasks_of(evidence: Sequence[str], failed: Sequence[str], rule: ScreenRule, *, seed: int) -> list[str]:
    """The tasks to screen an edit on, at most `runs`: of its failed evidence, else of any failure."""
    own = [task for task in failed if task in set(evidence)] or list(failed)
    return epoch_order(own, seed=seed, epoch=0)[: rule.runs]


def spread(tasks: Sequence[str], runs: int, *, seed: int) -> list[tuple[str, int]]:
    """So many (task, run) pairs: every task once in a seeded order, then again."""
    order = epoch_order(tasks, seed=seed, epoch=0)
    return [(order[n % len(order)], n // len(order)) for n in range(runs if order else 0)]


def next_places(tasks: Sequence[str], runs: Runs, control: Control, rule: ScreenRule) -> list[tuple[str, int]]:
    """The (task, run) places of an edit's next look: every task once, then the most promising one once more.

    A task that failed with it promises less than one that passed, and one whose runs gave no result promises nothing.
    Of those that promise the same it is the one that was run less, then the first.
    """
    if not runs:
        return [(task, 0) for task in tasks]
    each = _by_task(runs, control, rule)
    ran = [task for task, _ in runs]
    best = min(tasks, key=lambda t: (-each.get(t, 0.0), ran.count(t)))
    return [(best, ran.count(best))]


def without_it(tasks: Sequence[str], control: Control) -> dict[str, float]:
    """What tasks score without any edit, by their runs without; each starts from what failed tasks usually do."""
    found = {}
    for task in tasks:
        passed, n = _counts(control.get(task, ()))
        found[task] = (passed + AGAIN * AGAIN_RUNS) / (n + AGAIN_RUNS)
    return found


def screened(runs: Runs, control: Control, rule: ScreenRule) -> Screening | None:
    """What an edit's (task, score) runs show, of which the scores without any edit are `control`; None: nothing."""
    got = [(task, v) for task, v in runs if v is not None]
    if not got:
        return None
    without = without_it([task for task, _ in got], control)
    each = _by_task(got, control, rule).values()
    evidence = math.fsum(math.prod(part * e + 1 - part for e in each) for part in PARTS) / len(PARTS)
    gain = math.fsum(v - without[task] for task, v in got) / len(got)
    return Screening(gain=gain, runs=len(got), evidence=math.log(evidence))


def _by_task(runs: Runs, control: Control, rule: ScreenRule) -> dict[str, float]:
    """How many times better "it mends this task" explains the results of each task than "it does nothing for it"."""
    rows: dict[str, list[float]] = {}
    for task, value in runs:
        if value is not None:
            rows.setdefault(task, []).append(value)
    return {task: _mended(_counts(row), _counts(control.get(task, ())), rule.share) for task, row in rows.items()}


def _counts(row: Sequence[float | None]) -> tuple[float, int]:
    got = [v for v in row if v is not None]
    return math.fsum(got), len(got)


def _mended(ran: tuple[float, int], without: tuple[float, int], share: float) -> float:
    """Bayes factor of (sum of scores, runs) with an edit, averaged over what the task may do without it.

    A score between 0 and 1 counts as so much of a pass.
    """
    (passed, n), (before, m) = ran, without
    idle = mended = 0.0
    for rate, prior in _RATES:
        likely = prior * rate**before * (1 - rate) ** (m - before)
        helped = rate + share * (1 - rate)
        idle += likely * rate**passed * (1 - rate) ** (n - passed)
        mended += likely * helped**passed * (1 - helped) ** (n - passed)
    return mended / idle


def _prior(points: int = 10) -> list[tuple[float, float]]:
    """A beta distribution of a failed task's pass rate, as (rate, weight) in the middle of equal parts."""
    a, b = AGAIN * AGAIN_RUNS, (1 - AGAIN) * AGAIN_RUNS
    middles = [(n + 0.5) / points for n in range(points)]
    weights = [x ** (a - 1) * (1 - x) ** (b - 1) for x in middles]
    return [(x, w / math.fsum(weights)) for x, w in zip(middles, weights, strict=True)]


_RATES = _prior()


def verdict(found: Screening | None, *, last: bool, rule: ScreenRule) -> Verdict:
    """What the runs of an edit say, the `last` ones or not. One that could not be measured is kept: the gate decides.

    After the last runs less is enough: luck drifts away from help, and what is still likelier help by then is mostly an
    edit that helps less, or fewer tasks, than was tested for.
    """
    if found is None or found.evidence >= math.log(_enough(rule) if last else rule.odds):
        return "keep"
    return "reject" if last or found.evidence <= -math.log(UNLIKELY) else "more"


def _enough(rule: ScreenRule) -> float:
    return min(rule.odds, ENOUGH)


def promising(found: Screening | None) -> bool:
    """Whether help explains the runs of an edit better than luck does."""
    return found is not None and found.evidence > 0


def why_not(found: Screening, rule: ScreenRule) -> str:
    """Why an edit is rejected alone: it gained too little, or its last run left open whether it helps."""
    gain = f"{100 * found.gain:+.0f} points on {found.runs} runs of its own train tasks"
    gain += ", against what they score again without it"
    if found.evidence <= -math.log(UNLIKELY):
        return f"alone it gained too little: {gain}"
    one, other = ("help", "luck") if found.evidence > 0 else ("luck", "help")
    better = f"{one} explains that {math.exp(abs(found.evidence)):.1f} times better than {other}"
    believed = f"(help is believed at {_enough(rule):g} times)"
    return f"alone it stayed uncertain after the most runs: {gain}; {better} {believed}"


def repeats(beside: Runs, alone: Runs, without: Mapping[str, float]) -> Verdict:
    """Whether other edits do to an edit's tasks what it does to them, or nothing: `reject`, `keep`, or `more`.

    Args:
        beside: (task, score) runs with the other edits and without this one.
        alone: runs with this one and without the others.
        without: what each task scores with neither.
    """
    rows: dict[str, list[float]] = {}
    for task, value in alone:
        rows.setdefault(task, []).extend([] if value is None else [value])
    got = [v for row in rows.values() for v in row]
    usual = math.fsum(got) / len(got) if got else 0.0
    evidence = 0.0
    for task, value in beside:
        row, nothing = rows.get(task, []), _inside(without[task])
        same = _inside((math.fsum(row) + usual * OWN_RUNS) / (len(row) + OWN_RUNS))
        if value is not None and same > nothing:
            evidence += value * math.log(same / nothing) + (1 - value) * math.log((1 - same) / (1 - nothing))
    return "reject" if evidence >= math.log(SAME) else "keep" if evidence <= -math.log(DOUBT) else "more"


def adds(both: Runs, beside: Runs) -> Verdict:
    """Whether an edit helps beside others that do as much alone; (task, score) runs of all of them, and of the others.

    As with a task that needs two edits, of which each helps a little.
    """
    passed, n = _counts([v for _, v in beside])
    rate = _inside((passed + 1) / (n + 2))
    mended = rate + HALF * (1 - rate)
    got = [v for _, v in both if v is not None]
    evidence = math.fsum(v * math.log(mended / rate) + (1 - v) * math.log(1 - HALF) for v in got)
    if not got or evidence >= math.log(DOUBT):
        return "keep"
    return "reject" if evidence <= -math.log(SAME) else "more"


def _inside(rate: float) -> float:
    return min(max(rate, _LEAST), 1 - _LEAST)


def worth(kept: Sequence[Screening | None], rule: ScreenRule) -> bool:
    """Whether a bundle is gated now. Edits that all did well alone wait until there are enough of them to show."""
    return len(kept) >= rule.company or None in kept
