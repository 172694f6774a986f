"""The looks of a screening: the edits of a step, each run alone, together until every one is decided on."""

from dataclasses import dataclass, field

from skillopt_ci.core.rollout import Rollout
from skillopt_ci.core.screening import (
    CONTROL_SHARE,
    Screening,
    ScreenRule,
    Verdict,
    next_places,
    promising,
    screened,
    verdict,
)
from skillopt_ci.core.skill import Skill
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.state import Bench

SCREEN = "screen"


@dataclass
class Looks:
    """The edits of a step under screening, by index: the tasks each is for, the skill with it, and what came of it.

    `control` is what tasks scored whenever they were run again without any of the edits; `places` are the (task, run)
    pairs that an edit took, in order; `repeats` are the edits that did well alone and that a better one makes needless.
    """

    tasks: dict[int, list[str]]
    skills: dict[int, Skill]
    working: Skill
    control: dict[str, list[float | None]]
    places: dict[int, list[tuple[str, int]]] = field(default_factory=dict)
    values: dict[int, list[float | None]] = field(default_factory=dict)
    found: dict[int, Screening | None] = field(default_factory=dict)
    words: dict[int, Verdict] = field(default_factory=dict)
    repeats: set[int] = field(default_factory=set)

    def runs(self, index: int) -> list[tuple[str, float | None]]:
        """(task, score) of every run of an edit so far."""
        return [(t, v) for (t, _), v in zip(self.places.get(index, []), self.values.get(index, []), strict=True)]

    def next_places(self, index: int, rule: ScreenRule) -> list[tuple[str, int]]:
        """The (task, run) pairs of an edit's next look."""
        return next_places(self.tasks[index], self.runs(index), self.control, rule)

    def weigh(self, rule: ScreenRule) -> None:
        """What the runs so far show of every edit that is open."""
        for i in self.open:
            self.found[i] = screened(self.runs(i), self.control, rule)

    def judge(self, rule: ScreenRule) -> None:
        """Decide on the edits that are open, where their runs are clear or were the last."""
        for i in self.open:
            last = len(self.places.get(i, [])) >= rule.most_alone
            self.words[i] = verdict(self.found[i], last=last, rule=rule)

    @property
    def open(self) -> list[int]:
        """The edits that are not decided on."""
        return [i for i in self.tasks if self.words.get(i, "more") == "more"]


def run(bench: Bench, looks: Looks) -> list[Rollout]:
    """Look until every edit is decided on."""
    taken: list[Rollout] = []
    while looks.open:
        taken += _look(bench, looks)
    return taken


def _look(bench: Bench, looks: Looks) -> list[Rollout]:
    """Take the runs of one look, those of all edits that are open together, and what tells more of the promising."""
    rule, tasks = bench.settings.screen, {t.id: t for t in bench.train}
    wanted = [(i, t, n) for i in looks.open for t, n in looks.next_places(i, rule)]
    jobs = [Job(looks.skills[i], tasks[t], bench.lab.sample(tasks[t], SCREEN, n)) for i, t, n in wanted]
    what = f"screening of {len(looks.open)} edits, each alone"
    taken = bench.lab.roll_out(jobs, what=what) if jobs else []
    for (i, t, n), rollout in zip(wanted, taken, strict=True):
        looks.places.setdefault(i, []).append((t, n))
        looks.values.setdefault(i, []).append(rollout.value)
    looks.weigh(rule)
    # Nothing is believed before its tasks were run again without it: they may have failed by bad luck alone.
    short = [t for i in looks.open if promising(looks.found[i]) for t in _short_of_control(looks, i)]
    more = _without(bench, looks, list(dict.fromkeys(short)))
    if more:
        looks.weigh(rule)
    looks.judge(rule)
    return [*taken, *more]


def _short_of_control(looks: Looks, index: int) -> list[str]:
    """The tasks that passed with an edit and were run too seldom without it to tell what it does from luck."""
    runs = looks.runs(index)
    ran, passed = [t for t, _ in runs], dict.fromkeys(t for t, v in runs if v)
    return [t for t in passed if len(looks.control.get(t, [])) < CONTROL_SHARE * ran.count(t)]


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
