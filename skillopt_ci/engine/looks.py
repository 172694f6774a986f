"""The looks of a screening: the edits of a step, each run alone, together until every one is decided on."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from skillopt_ci.core.rollout import Rollout
from skillopt_ci.core.screening import (
    CONTROL_SHARE,
    LOOKS,
    Screening,
    ScreenRule,
    Verdict,
    idle,
    promising,
    screened,
    spread,
    still_failing,
    verdict,
    without_it,
)
from skillopt_ci.core.skill import Skill
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.state import Bench

SCREEN = "screen"


@dataclass
class Looks:
    """The edits of a step under screening, by index: the tasks each is for, the skill with it, and what came of it.

    `control` is what tasks scored whenever they were run again without any of the edits; `plans` are the (task, run)
    pairs of an edit, in order; `repeats` are the edits that did well alone and that a better one makes needless.
    """

    tasks: dict[int, list[str]]
    skills: dict[int, Skill]
    working: Skill
    control: dict[str, list[float | None]]
    plans: dict[int, list[tuple[str, int]]] = field(default_factory=dict)
    values: dict[int, list[float | None]] = field(default_factory=dict)
    found: dict[int, Screening | None] = field(default_factory=dict)
    words: dict[int, Verdict] = field(default_factory=dict)
    repeats: set[int] = field(default_factory=set)

    def runs(self, index: int) -> list[tuple[str, float | None]]:
        """(task, score) of every run of an edit so far."""
        return [(t, v) for (t, _), v in zip(self.plans[index], self.values.get(index, []), strict=False)]

    def without(self, others: Iterable[int] = ()) -> dict[str, float]:
        """What the tasks score without an edit, by the runs without any, and beside other edits that do nothing."""
        control = {t: self.control.get(t, []) for tasks in self.tasks.values() for t in tasks}
        beside: dict[str, list[float]] = {}
        for task, value in (run for i in others for run in self.runs(i)):
            if value is not None:
                beside.setdefault(task, []).append(value)
        return without_it(control, beside)

    def weigh(self, rule: ScreenRule) -> None:
        """What the runs so far show of every edit that is open."""
        alone = self.without()
        nothing = [i for i in self.tasks if rule.control and idle(screened(self.runs(i), alone, rule))]
        for i in self.open:
            self.found[i] = screened(self.runs(i), self.without(n for n in nothing if n != i), rule)

    @property
    def open(self) -> list[int]:
        """The edits that are not decided on."""
        return [i for i in self.tasks if self.words.get(i, "more") == "more"]


def run(bench: Bench, looks: Looks) -> list[Rollout]:
    """Look until every edit is decided on."""
    rule = bench.settings.screen
    looks.words, looks.found = {}, {}
    every = dict.fromkeys(t for tasks in looks.tasks.values() for t in tasks)
    taken = _without(bench, looks, [t for t in every if t not in looks.control])
    own = {i: still_failing(tasks, looks.control) for i, tasks in looks.tasks.items()}
    looks.plans = {i: spread(tasks, rule.most_runs, seed=bench.settings.seed) for i, tasks in own.items()}
    for look in range(1, LOOKS + 1):
        taken += _look(bench, looks, look)
    return taken


def _look(bench: Bench, looks: Looks, look: int) -> list[Rollout]:
    """Take the runs of one look, those of all edits that are open together, and what tells more of the promising."""
    rule, tasks = bench.settings.screen, {t.id: t for t in bench.train}
    still = looks.open
    wanted = [(i, t, n) for i in still for t, n in looks.plans[i][(look - 1) * rule.runs : look * rule.runs]]
    jobs = [Job(looks.skills[i], tasks[t], bench.lab.sample(tasks[t], SCREEN, n)) for i, t, n in wanted]
    taken = bench.lab.roll_out(jobs, what=f"screening of {len(still)} edits, each alone") if jobs else []
    for (i, _, _), rollout in zip(wanted, taken, strict=True):
        looks.values.setdefault(i, []).append(rollout.value)
    looks.weigh(rule)
    # Nothing is believed before its tasks were run again without it: they may have failed by bad luck alone.
    short = [t for i in still if promising(looks.found[i]) for t in _short_of_control(looks, i)]
    more = _without(bench, looks, list(dict.fromkeys(short)))
    if more:
        looks.weigh(rule)
    looks.words |= {i: verdict(looks.found[i], look, rule) for i in still}
    return [*taken, *more]


def _short_of_control(looks: Looks, index: int) -> list[str]:
    """The tasks of an edit that were run too seldom without it to tell what it does from luck."""
    ran = [t for t, _ in looks.runs(index)]
    return [t for t in dict.fromkeys(ran) if len(looks.control.get(t, [])) < CONTROL_SHARE * ran.count(t)]


def _without(bench: Bench, looks: Looks, wanted: list[str]) -> list[Rollout]:
    """Run tasks once more without any of the edits."""
    if not wanted or not bench.settings.screen.control:
        return []
    tasks = {t.id: t for t in bench.train}
    places = [(t, len(looks.control.get(t, []))) for t in wanted]
    jobs = [Job(looks.working, tasks[t], bench.lab.sample(tasks[t], SCREEN, n)) for t, n in places]
    taken = bench.lab.roll_out(jobs, what=f"{len(jobs)} tasks once more without the edits")
    for (task, _), rollout in zip(places, taken, strict=True):
        looks.control.setdefault(task, []).append(rollout.value)
    return taken
