"""Screening: does an edit alone help the train tasks whose failures it answers, more than running them again would?

A failed task passes again by luck, in some worlds most of the time. So each is run once more without the edit, and one
that passes then tells nothing. An edit is credited with what it does beyond luck: a sequential test of "it mends
`share` of what fails" against it. Where that looks promising, more runs without the edit tell what luck does there.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from skillopt_ci.core.schedule import epoch_order

LOOKS = 8  # of `runs` rollouts each, at most
UNLIKELY = 4.0  # an edit is dropped when luck explains its runs this many times better
ENOUGH = 5.0  # and kept after its last look when mending explains them this many times better
# Runs of a task without any edit, for each with one that looks promising.
CONTROL_SHARE = 0.5
# Whether a better edit makes one needless is looked at so often, and given up when it is this many times less likely.
REPEAT_LOOKS, DOUBT = 2, 2.0
OWN_RUNS = 2  # a task is taken to do with an edit what all of them do, as if it had been run so often
# What failed tasks are taken to do when run again, before that is known: a quarter pass, as if four had been run; and a
# task is taken to do what they all do, as if it had been run eight times.
AGAIN, AGAIN_RUNS, TASK_RUNS = 0.25, 4, 8
_LEAST = 0.01
Verdict = Literal["keep", "reject", "more"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenRule:
    """How edits are screened.

    Attributes:
        runs: rollouts of an edit in one look, and tasks that it is tried on; 0 screens nothing.
        share: part of what still fails that an edit is tested to mend, above 0 and below 1.
        odds: an edit is kept at once when mending explains its runs this many times better than luck, above 1.
        company: edits that did well alone, from which their bundle is gated before the epoch ends.
        control: whether tasks are run again without the edit; else what they do then is a guess.
        distinct: whether edits that did well alone are tried beside the better ones of their step.
        gives_up: whether edits go unscreened after an epoch in which none of them got anywhere.
    """

    runs: int = 4
    share: float = 0.5
    odds: float = 100.0
    company: int = 8
    control: bool = True
    distinct: bool = True
    gives_up: bool = True

    @property
    def most_runs(self) -> int:
        """Rollouts that one edit can take."""
        return self.runs * LOOKS


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
    """The tasks to screen an edit on, as many as a look has runs: of its failed evidence, else of any failure."""
    own = [task for task in failed if task in set(evidence)] or list(failed)
    return epoch_order(own, seed=seed, epoch=0)[: rule.runs]


def still_failing(tasks: Sequence[str], control: Mapping[str, Sequence[float | None]]) -> list[str]:
    """Those that did not mostly pass when they were run again without any edit; all where each did.

    What passes by itself shows little of an edit, however often it is run.
    """
    known = {t: [v for v in control.get(t, ()) if v is not None] for t in tasks}
    return [t for t in tasks if 2 * sum(v >= 1 for v in known[t]) <= len(known[t])] or list(tasks)


def spread(tasks: Sequence[str], runs: int, *, seed: int) -> list[tuple[str, int]]:
    """So many (task, run) pairs: every task once in a seeded order, then again."""
    order = epoch_order(tasks, seed=seed, epoch=0)
    return [(order[n % len(order)], n // len(order)) for n in range(runs if order else 0)]


def without_it(
    control: Mapping[str, Sequence[float | None]], others: Mapping[str, Sequence[float]]
) -> dict[str, float]:
    """What each task scores without an edit.

    Args:
        control: the task's scores when it was run again without any edit; None for a run that gave no result.
        others: its scores beside other edits that seem to do nothing for it.
    """
    ran = {t: [v for v in row if v is not None] for t, row in control.items()}
    known = [v for row in ran.values() for v in row]
    usual = (math.fsum(known) + AGAIN * AGAIN_RUNS) / (len(known) + AGAIN_RUNS)
    rows = {t: [*row, *others.get(t, ())] for t, row in ran.items()}
    return {t: (math.fsum(row) + usual * TASK_RUNS) / (len(row) + TASK_RUNS) for t, row in rows.items()}


def screened(
    runs: Sequence[tuple[str, float | None]], without: Mapping[str, float], rule: ScreenRule
) -> Screening | None:
    """What (task, score) runs of an edit show; None when none gave a result."""
    got = [(v, _inside(without[t])) for t, v in runs if v is not None]
    if not got:
        return None
    evidence = math.fsum(
        v * math.log((q + rule.share * (1 - q)) / q) + (1 - v) * math.log(1 - rule.share) for v, q in got
    )
    return Screening(gain=math.fsum(v - q for v, q in got) / len(got), runs=len(got), evidence=evidence)


def verdict(found: Screening | None, look: int, rule: ScreenRule) -> Verdict:
    """What the runs of an edit say after a look, from 1. One that could not be measured is kept: the gate decides.

    After the last look less is enough: luck drifts away from help in so many runs, and what is still likelier help by
    then is mostly an edit that helps less than was tested for.
    """
    last = look >= LOOKS
    if found is None or found.evidence >= math.log(_enough(rule) if last else rule.odds):
        return "keep"
    return "reject" if last or found.evidence <= -math.log(UNLIKELY) else "more"


def _enough(rule: ScreenRule) -> float:
    return min(rule.odds, ENOUGH)


def promising(found: Screening | None) -> bool:
    """Whether help explains the runs of an edit better than luck does."""
    return found is not None and found.evidence > 0


def idle(found: Screening | None) -> bool:
    """Whether an edit seems to do nothing, so that runs with it count as runs without any."""
    return found is not None and found.evidence <= math.log(UNLIKELY)


def why_not(found: Screening, rule: ScreenRule) -> str:
    """Why an edit is rejected alone: it gained too little, or its last look left open whether it helps."""
    gain = f"{100 * found.gain:+.0f} points on {found.runs} runs of its own train tasks"
    gain += ", against what they score again without it"
    if found.evidence <= -math.log(UNLIKELY):
        return f"alone it gained too little: {gain}"
    one, other = ("help", "luck") if found.evidence > 0 else ("luck", "help")
    better = f"{one} explains that {math.exp(abs(found.evidence)):.1f} times better than {other}"
    believed = f"(help is believed at {_enough(rule):g} times)"
    return f"alone it stayed uncertain after the most runs: {gain}; {better} {believed}"


def repeats(
    beside: Sequence[tuple[str, float | None]], alone: Sequence[tuple[str, float | None]], without: Mapping[str, float]
) -> Verdict:
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
    return "reject" if evidence >= math.log(UNLIKELY) else "keep" if evidence <= -math.log(DOUBT) else "more"


def adds(
    both: Sequence[tuple[str, float | None]], beside: Sequence[tuple[str, float | None]], rule: ScreenRule
) -> Verdict:
    """Whether an edit helps beside others that do as much alone; (task, score) runs of all of them, and of the others.

    As with a task that needs two edits, of which each helps a little.
    """
    got = [v for _, v in beside if v is not None]
    found = screened(both, dict.fromkeys((t for t, _ in both), (math.fsum(got) + 1) / (len(got) + 2)), rule)
    if found is None or found.evidence >= math.log(DOUBT):
        return "keep"
    return "reject" if found.evidence <= -math.log(UNLIKELY) else "more"


def _inside(rate: float) -> float:
    return min(max(rate, _LEAST), 1 - _LEAST)


def worth(kept: Sequence[Screening | None], rule: ScreenRule) -> bool:
    """Whether a bundle is gated now. Edits that all did well alone wait until there are enough of them to show."""
    return len(kept) >= rule.company or None in kept
