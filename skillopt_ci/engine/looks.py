"""The looks of a screening: the edits of a step, each run alone, together until every one is decided on."""

from dataclasses import dataclass, field

from skillopt_ci.core.rollout import Rollout
from skillopt_ci.core.screening import LOOKS, Screening, Verdict, screened, verdict, without_it
from skillopt_ci.core.skill import Skill
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.state import Bench

SCREEN = "screen"


@dataclass
class Looks:
    """The edits of a step under screening, by index: where each is run, the skill with it, and what came of it.

    `control` is what tasks scored when they were run again without any of the edits; `repeats` are the edits that did
    well alone and that a better one makes needless.
    """

    plans: dict[int, list[tuple[str, int]]]
    skills: dict[int, Skill]
    working: Skill
    control: dict[str, float | None]
    values: dict[int, list[float | None]] = field(default_factory=dict)
    found: dict[int, Screening | None] = field(default_factory=dict)
    words: dict[int, Verdict] = field(default_factory=dict)
    repeats: set[int] = field(default_factory=set)

    def runs(self, index: int) -> list[tuple[str, float | None]]:
        """(task, score) of every run of an edit so far."""
        return [(t, v) for (t, _), v in zip(self.plans[index], self.values.get(index, []), strict=False)]

    def without(self, index: int, *, others: bool) -> dict[str, float]:
        """What the tasks score without an edit, by the runs without any and, if wanted, beside the other edits."""
        control = {t: self.control.get(t) for t, _ in (run for i in self.plans for run in self.runs(i))}
        beside: dict[str, list[float]] = {}
        for task, value in (run for i in self.plans if i != index and others for run in self.runs(i)):
            if value is not None:
                beside.setdefault(task, []).append(value)
        return without_it(control, beside)


def run(bench: Bench, looks: Looks) -> list[Rollout]:
    """Look until every edit is decided on."""
    looks.words, looks.found = {}, {}
    return [rollout for look in range(1, LOOKS + 1) for rollout in _look(bench, looks, look)]


def _look(bench: Bench, looks: Looks, look: int) -> list[Rollout]:
    """Take the runs of one look, those of all edits that are open together, and first those without any edit."""
    rule, tasks = bench.settings.screen, {t.id: t for t in bench.train}
    still = [i for i in looks.plans if looks.words.get(i, "more") == "more"]
    wanted = [(i, t, n) for i in still for t, n in looks.plans[i][(look - 1) * rule.runs : look * rule.runs]]
    again = [t for t in dict.fromkeys(t for _, t, _ in wanted) if t not in looks.control and rule.control]
    jobs = [Job(looks.working, tasks[t], bench.lab.sample(tasks[t], SCREEN)) for t in again]
    jobs += [Job(looks.skills[i], tasks[t], bench.lab.sample(tasks[t], SCREEN, n)) for i, t, n in wanted]
    taken = bench.lab.roll_out(jobs, what=f"screening of {len(still)} edits, each alone") if jobs else []
    looks.control.update((t, r.value) for t, r in zip(again, taken, strict=False))
    for (i, _, _), rollout in zip(wanted, taken[len(again) :], strict=True):
        looks.values.setdefault(i, []).append(rollout.value)
    for i in still:
        looks.found[i] = screened(looks.runs(i), looks.without(i, others=rule.control), rule)
        looks.words[i] = verdict(looks.found[i], look, rule)
    return taken
