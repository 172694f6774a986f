"""The merge gate at work: rounds of the head beside stored or fresh runs of the base, until a look decides."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from skillopt_ci.core.drift import CONFIRM_ROUNDS, confirm, drift, p_words
from skillopt_ci.core.golden import RUNS, armed, golden_state, passes
from skillopt_ci.core.merge_gate import Look, MergeRule, look, suspects
from skillopt_ci.core.rollout import Rollout, Score
from skillopt_ci.core.runs import Rows, missing_share
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.texts import plural
from skillopt_ci.engine.lab import Job, Lab

HEAD = "head"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """How one pair is judged.

    Attributes:
        rule: of the decision.
        base_runs: runs per task that make a full stored base; a task with fewer gets one beside every head run.
        guard: the stored runs are old: one fresh round must agree with them, and a loss must show in fresh runs, too.
        session: names the fresh runs of this comparison; the same for the same base, head and suite.
        head_stream: stream of the head's runs.
        first_head: number of the head's first run in it.
    """

    rule: MergeRule
    base_runs: int
    guard: bool
    session: str
    head_stream: str = HEAD
    first_head: int = 0


@dataclass(frozen=True, kw_only=True)
class GateOutcome:
    """What a comparison found.

    Attributes:
        final: the look that decided.
        base, head: per task, the runs that were used, in task order.
        golden_failed: golden tasks that are broken.
        golden_unmeasured: armed golden tasks of which too few runs gave a result to say whether they hold.
        golden_armed, golden_total: golden tasks that could block, and all of them.
        suspects: tasks whose own runs look worse; for people.
        notes: what happened to the stored base, in words.
    """

    final: Look
    base: tuple[tuple[Rollout, ...], ...]
    head: tuple[tuple[Rollout, ...], ...]
    golden_failed: tuple[str, ...] = ()
    golden_unmeasured: tuple[str, ...] = ()
    golden_armed: int = 0
    golden_total: int = 0
    suspects: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _Runs:
    """The runs so far, per task."""

    stored: list[list[Rollout]]
    fresh: list[list[Rollout]]
    head: list[list[Rollout]]
    notes: list[str] = field(default_factory=list)

    def base(self) -> list[list[Rollout]]:
        return [[*s, *f] for s, f in zip(self.stored, self.fresh, strict=True)]


class MergeGate:
    """Compares one head skill with its base on held-out tasks."""

    def __init__(
        self,
        lab: Lab,
        skills: tuple[Skill, Skill],
        tasks: Sequence[Task],
        stored: Sequence[Sequence[Rollout]],
        settings: GateSettings,
    ) -> None:
        """Prepare a comparison.

        Args:
            lab: measures.
            skills: base and head.
            tasks: the held-out tasks.
            stored: per task, the base's stored runs.
            settings: how to judge.
        """
        self._lab = lab
        self._base, self._head = skills
        self._tasks = tuple(tasks)
        self._settings = settings
        self._runs = _Runs(stored=[list(s) for s in stored], fresh=[[] for _ in tasks], head=[[] for _ in tasks])
        self._golden = [i for i, t in enumerate(tasks) if t.golden]
        self._known = _served(self._runs.stored)

    def run(self) -> GateOutcome:
        """Measure round by round until the rule decides.

        Raises:
            BudgetReachedError, ProviderDownError: from the lab.
        """
        rule = self._settings.rule
        broken: list[int] = []
        for number in range(1, rule.max_rounds + 1):
            self._round(number)
            self._check_stored(number)
            if number == 1:
                broken = self._broken_golden()
            final = look(rows_of(self._runs.base()), rows_of(self._runs.head), number, rule)
            if broken or final.decision != "continue":
                break
        base = self._runs.base()
        head = [row[: final.round] for row in self._runs.head]
        if final.decision == "regression" and not broken and self._settings.guard and any(self._runs.stored):
            final = self._confirmed(final)
        listed = suspects(rows_of(base), rows_of(head))
        unmeasured = [i for i in self._armed() if golden_state(_passed(self._runs.head[i])) == "not-measured"]
        return GateOutcome(
            final=final,
            base=tuple(map(tuple, base)),
            head=tuple(map(tuple, head)),
            golden_failed=tuple(self._tasks[i].id for i in broken),
            golden_unmeasured=tuple(self._tasks[i].id for i in unmeasured),
            golden_armed=len(self._armed()),
            golden_total=len(self._golden),
            suspects=tuple(self._tasks[i].id for i in listed),
            notes=(*self._runs.notes, *self._golden_note()),
        )

    def _round(self, number: int) -> None:
        """One run of the head on every task, side by side with the base where its stored runs are too few."""
        guard = number == 1 and self._settings.guard
        jobs: list[Job] = []
        places: list[tuple[list[list[Rollout]], int]] = []
        for index, _ in enumerate(self._tasks):
            if guard or self._lacks(index):
                jobs.append(self._fresh_job(index, number))
                places.append((self._runs.fresh, index))
            if len(self._runs.head[index]) < number:
                jobs.append(self._head_job(index, number))
                places.append((self._runs.head, index))
        self._take(jobs, places, f"round {number} of at most {self._settings.rule.max_rounds}")

    def _check_stored(self, number: int) -> None:
        """Drop stored runs of a model that has changed; then fresh ones take their place."""
        runs = self._runs
        if not any(runs.stored):
            return
        now = _served([*runs.head, *runs.fresh])
        if now - self._known:
            self._drop(f"another model answers now ({', '.join(sorted(now - self._known))})")
        elif now and self._known - now:  # a part of them is of a model that does not answer any more
            gone = ", ".join(sorted(self._known - now))
            self._drop(f"they are of a model that does not answer now ({gone})", _served_by(runs.stored, now))
        if number == 1 and self._settings.guard and any(runs.stored):
            found = drift(rows_of(runs.stored), rows_of(runs.fresh))
            if found.drifted:
                self._drop(f"a fresh round of the base differs from them ({p_words(found.p)})")
        lacking = [i for i, _ in enumerate(self._tasks) if self._lacks(i)]
        missing = [(i, n) for i in lacking for n in range(len(runs.fresh[i]) + 1, number + 1)]
        self._take([self._fresh_job(i, n) for i, n in missing], [(runs.fresh, i) for i, _ in missing], "a fresh base")

    def _drop(self, why: str, kept: list[list[Rollout]] | None = None) -> None:
        kept = kept or [[] for _ in self._tasks]
        count = sum(map(len, self._runs.stored)) - sum(map(len, kept))
        if count:
            self._runs.notes.append(f"{plural(count, 'stored base run')} dropped: {why}")
            self._runs.stored = kept

    def _armed(self) -> list[int]:
        """Golden tasks that can block, by the stored base alone: how many runs are added depends on outcomes."""
        return [i for i in self._golden if armed(_passed(self._runs.stored[i]))]

    def _broken_golden(self) -> list[int]:
        """Armed golden tasks that fail three of four runs; the first failure alone is not believed."""
        again = [i for i in self._armed() if golden_state(_passed(self._runs.head[i])) == "rerun"]
        jobs = [self._head_job(i, n) for i in again for n in range(2, RUNS + 1)]
        self._take(jobs, [(self._runs.head, i) for i in again for _ in range(2, RUNS + 1)], "golden tasks again")
        broken = [i for i in again if golden_state(_passed(self._runs.head[i])) == "broken"]
        return [i for i in broken if not self._base_fails_too(i)]

    def _base_fails_too(self, index: int) -> bool:
        """Whether a golden task fails today's base as well: old stored runs say nothing about the model of today."""
        fresh = self._runs.fresh[index]
        if not self._settings.guard or golden_state(_passed(fresh)) != "rerun":
            return False
        numbers = range(len(fresh) + 1, RUNS + 1)
        jobs = [self._fresh_job(index, n) for n in numbers]
        self._take(jobs, [(self._runs.fresh, index) for _ in numbers], "a golden task on the base")
        if golden_state(_passed(fresh)) != "broken":
            return False
        self._runs.notes.append(f"golden task {self._tasks[index].id} fails on the base, too: it does not block")
        return True

    def _confirmed(self, shown: Look) -> Look:
        """A loss against old stored runs, if fresh rounds of both sides show it too; else the same, undecided."""
        runs, head_at = self._runs, shown.round
        base_at = [len(row) for row in runs.fresh]
        jobs: list[Job] = []
        places: list[tuple[list[list[Rollout]], int]] = []
        for number in range(1, CONFIRM_ROUNDS + 1):
            for index, _ in enumerate(self._tasks):
                jobs.append(self._fresh_job(index, base_at[index] + number))
                places.append((runs.fresh, index))
                if len(runs.head[index]) < head_at + number:
                    jobs.append(self._head_job(index, head_at + number))
                    places.append((runs.head, index))
        self._take(jobs, places, "a loss against old runs of the base, confirmed")
        base = rows_of([row[at:] for row, at in zip(runs.fresh, base_at, strict=True)])
        head = rows_of([row[head_at : head_at + CONFIRM_ROUNDS] for row in runs.head])
        found = confirm(base, head)
        if found.p is None:
            lost = replace(shown, missing_base=missing_share(base), missing_head=missing_share(head))
            return replace(lost, decision="inconclusive", reason="infrastructure")
        words = "shows" if found.holds else "does not show"
        runs.notes.append(
            f"the stored base runs are older than a day; in {CONFIRM_ROUNDS} fresh rounds of both sides the loss "
            f"{words} ({p_words(found.p)})"
        )
        return shown if found.holds else replace(shown, decision="inconclusive", reason="not-confirmed")

    def _golden_note(self) -> list[str]:
        waiting = [i for i in self._golden if i not in self._armed()]
        shown = [f"{self._tasks[i].id} ({passes(_passed(self._runs.stored[i]))}/8)" for i in waiting[:10]]
        return [f"golden not armed: {', '.join(shown)}"] if waiting else []

    def _lacks(self, index: int) -> bool:
        return len(self._runs.stored[index]) < self._settings.base_runs

    def _fresh_job(self, index: int, number: int) -> Job:
        task = self._tasks[index]
        return Job(self._base, task, self._lab.sample(task, f"fresh/{self._settings.session}", number - 1))

    def _head_job(self, index: int, number: int) -> Job:
        task, settings = self._tasks[index], self._settings
        return Job(self._head, task, self._lab.sample(task, settings.head_stream, settings.first_head + number - 1))

    def _take(self, jobs: list[Job], places: list[tuple[list[list[Rollout]], int]], what: str) -> None:
        if jobs:
            for (rows, index), rollout in zip(places, self._lab.roll_out(jobs, what=what, keep=True), strict=True):
                rows[index].append(rollout)


def rows_of(runs: Sequence[Sequence[Rollout]]) -> Rows:
    """Scores per task; None is a run without a result."""
    return [[r.value for r in row] for row in runs]


def _passed(row: Sequence[Rollout]) -> list[bool | None]:
    return [r.outcome.passed if isinstance(r.outcome, Score) else None for r in row]


def _served(rows: Sequence[Sequence[Rollout]]) -> set[str]:
    return {r.trajectory.served_model for row in rows for r in row if r.trajectory is not None}


def _served_by(rows: Sequence[Sequence[Rollout]], models: set[str]) -> list[list[Rollout]]:
    return [[r for r in row if r.trajectory is not None and r.trajectory.served_model in models] for row in rows]
