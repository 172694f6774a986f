"""The looks of a screening: the edits of a step, some of them in the text of each run, until all are decided on."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from skillopt_ci.core import factorial
from skillopt_ci.core.attribution import AGAIN, TaskRuns, evidence, explained
from skillopt_ci.core.history import EditRecord
from skillopt_ci.core.measures import Measure, measures
from skillopt_ci.core.rollout import Rollout, Score
from skillopt_ci.core.screening import (
    Screening,
    ScreenRule,
    Trial,
    Verdict,
    again,
    chosen,
    enough,
    gain_of,
    helps,
    promises_most,
    verdict,
)
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.state import Bench, State
from skillopt_ci.errors import BudgetReachedError

SCREEN = "screen"
Place = tuple[str, frozenset[int]]  # a task, and the edits in the text that it is run with


@dataclass
class Looks:
    """The edits of a step under screening, by their place in `records`: the tasks that each answers, and what came.

    Attributes:
        failed: how the failed tasks came out.
        earlier: runs of this step that were taken before.
        trials: every run that counts; `taken` are those that were taken here.
        wanted: runs that are taken for the sake of an edit, the first look with them.
        found: what the runs show of an edit, None where none gave a result; `words` is what follows.
        kept: edits that did well, in the order in which that showed.
        repeats: edits that one of those makes needless.
        cut: what ended the looks before all was decided.
    """

    state: State
    records: Sequence[EditRecord]
    tasks: dict[int, list[str]]
    rule: ScreenRule
    seed: int
    failed: Mapping[str, Score]
    earlier: Sequence[Rollout] = ()
    trials: list[Trial] = field(default_factory=list)
    taken: list[Rollout] = field(default_factory=list)
    wanted: dict[int, int] = field(default_factory=dict)
    found: dict[int, Screening | None] = field(default_factory=dict)
    words: dict[int, Verdict] = field(default_factory=dict)
    kept: list[int] = field(default_factory=list)
    cut: BudgetReachedError | None = None
    repeats: set[int] = field(default_factory=set)
    _measures: dict[str, tuple[Measure, ...]] = field(default_factory=dict)
    _taken: dict[str, float] = field(default_factory=dict)
    _runs: dict[Measure, TaskRuns] = field(default_factory=dict)
    _ran: Counter[tuple[str, str]] = field(default_factory=Counter)
    _before: int = 0
    _factors: dict[int, dict[Measure, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with what earlier steps found of the text that the edits stand beside."""
        self.wanted = {i: len(own) for i, own in self.tasks.items()}
        for task in dict.fromkeys(t for own in self.tasks.values() for t in own):
            edits, taken = [i for i, own in self.tasks.items() if task in own], again(self.failed[task].value)
            self._taken[task], self._measures[task] = taken, measures(task, self.failed[task])
            for measure in self._measures[task]:
                self._runs[measure] = TaskRuns(edits, self.rule.share, taken if measure.check is None else AGAIN)
        working = self.state.working.digest
        for r in (*(r for s in self.state.steps for r in s.rollouts), *self.earlier):
            if r.sample.stream == SCREEN:
                self._ran[r.skill, r.sample.task_id] += 1
                if r.skill == working and r.sample.task_id in self._measures:
                    self._count((r.sample.task_id, frozenset()), r)
        self._before = len(self.trials)

    @property
    def open(self) -> list[int]:
        """The edits that are not decided on."""
        return [i for i in self.tasks if self.words.get(i, "more") == "more"]

    @property
    def runs(self) -> tuple[factorial.Trial, ...]:
        """The runs that were taken here and gave a result, each with the edits that stood in its text."""
        keys, step = [r.edit.key() for r in self.records], len(self.state.steps) + 1
        return tuple(
            factorial.Trial(task, self.state.standing | {keys[i] for i in present}, value, step)
            for task, present, value in self.trials[self._before :]
            if value is not None
        )

    def first(self) -> list[Place]:
        """The first look: every task with some of the edits that answer it, then with the others."""
        places: list[Place] = []
        for task in self._measures:
            left = frozenset(i for i in self.tasks if task in self.tasks[i])
            some = self._next(task) or self._fitting(task, left)
            while some:
                places.append((task, some))
                left -= some
                some = self._fitting(task, left)
        return places

    def more(self) -> list[Place]:
        """A further look: for every open edit the task that tells most of it, once for all edits that want it."""
        wanted = [promises_most(self._by_task(i), self.trials) for i in self.open]
        for i in self.open:
            self.wanted[i] += 1
        return [(task, self._next(task)) for task in dict.fromkeys(wanted)]

    def all_of_them(self) -> list[Place]:
        """Every task with all edits in the text."""
        return [(task, self._fitting(task, frozenset(self.tasks))) for task in self._measures]

    def run(self, bench: Bench, places: Sequence[Place]) -> None:
        """Take these runs, and decide what they decide."""
        tasks = {t.id: t for t in bench.train}
        jobs: list[Job] = []
        for task, present in places:
            skill = self.state.trying([self.records[i] for i in sorted(present)])
            n = self._ran[skill.digest, task]
            self._ran[skill.digest, task] += 1
            jobs.append(Job(skill, tasks[task], bench.lab.sample(tasks[task], SCREEN, n)))
        rollouts = bench.lab.roll_out(jobs, what=f"screening of {len(self.open)} edits")
        self.taken += rollouts
        for place, rollout in zip(places, rollouts, strict=True):
            self._count(place, rollout)
        self._judge()

    def end(self, reached: BudgetReachedError) -> None:
        """Decide what can be decided without any further run."""
        self.cut = reached
        self._judge()

    def _next(self, task: str) -> frozenset[int]:
        """The edits of the next run of a task; those that did well always stand in the text."""
        stay = frozenset(i for i in self.tasks if self.words.get(i) == "keep" and task in self.tasks[i])
        answers = [i for i in self.open if task in self.tasks[i]]
        # The lot is about the runs of this step: earlier ones without any edit would put all of them in.
        return self._fitting(task, stay | chosen(task, answers, self.trials[self._before :], seed=self.seed))

    def _fitting(self, task: str, wanted: frozenset[int]) -> frozenset[int]:
        """Those of the edits that find a place in one text: of two that change the same, the one that was seen less."""
        seen = {i: sum(i in present for name, present, _ in self.trials if name == task) for i in wanted}
        fit: list[int] = []
        for i in sorted(wanted, key=lambda i: (i not in self.open, seen[i], i)):
            tried = sorted([*fit, i])
            if self.state.fits([self.records[n] for n in tried]):
                fit = tried
        return frozenset(fit)

    def _count(self, place: Place, rollout: Rollout) -> None:
        task, present = place
        self.trials.append((task, present, rollout.value))
        if isinstance(rollout.outcome, Score):
            for measure in self._measures[task]:
                self._runs[measure].add(present, measure.of(rollout.outcome))

    def _explained(self, kept: Sequence[int]) -> dict[int, dict[Measure, float]]:
        """What the runs so far say of every edit, beside those that stay."""
        own = {i: [measure for task in tasks for measure in self._measures[task]] for i, tasks in self.tasks.items()}
        return explained(self._runs, own, frozenset(kept))

    def _by_task(self, edit: int) -> dict[str, float]:
        """Of every task of an edit what speaks most for it."""
        return {task: max(self._factors[edit][m] for m in self._measures[task]) for task in self.tasks[edit]}

    def _judge(self) -> None:
        """Keep what is clear, the surest first, as beside it others may be needless; then reject what is."""
        self._weigh()
        while sure := [i for i in self.open if self._verdict(i) == "keep"]:
            best = max(sure, key=self._evidence)
            self.words[best] = "keep"
            self.kept.append(best)
            self._weigh()
        for i in [i for i in self.open if self._verdict(i) == "reject"]:
            self.words[i] = "reject"
            alike = self._explained(())[i] if self.kept else self._factors[i]
            if evidence(alike) >= math.log(enough(self.rule)) > self._evidence(i):
                self.repeats.add(i)

    def _weigh(self) -> None:
        """What the runs so far show of every edit that is open."""
        self._factors = self._explained(self.kept)
        for i in self.open:
            found = gain_of(i, self.trials, self._taken)
            self.found[i] = None if found is None else replace(found, evidence=evidence(self._factors[i]))

    def _verdict(self, edit: int) -> Verdict:
        with_it = sum(edit in present for _, present, _ in self.trials)
        last = with_it >= self.rule.most_with or self.wanted[edit] >= self.rule.most_runs
        if self.cut and not last:
            return "keep" if (found := self.found[edit]) is not None and helps(found, self.rule) else "more"
        if not with_it and not last:  # others took its place in the text so far
            return "more"
        return verdict(self.found[edit], last=last, rule=self.rule)

    def _evidence(self, edit: int) -> float:
        found = self.found[edit]
        return math.inf if found is None else found.evidence


def run(bench: Bench, looks: Looks, *, together: bool = False) -> None:
    """Look until every edit is decided on; the first look has some of them in a text and then the others, or all.

    Where the budget ends before that, what is known by then decides: edits that help so far are kept, others stay open.
    """
    try:
        if looks.open:
            looks.run(bench, looks.all_of_them() if together else looks.first())
        while looks.open:
            looks.run(bench, looks.more())
    except BudgetReachedError as reached:
        looks.end(reached)
