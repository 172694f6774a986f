"""gepa's adapter: what gepa wants measured goes through our lab, what it wants written through our optimizer model.

gepa gets validation scores and never a validation task's text: its reflection reads what `make_reflective_dataset`
gives, and that refuses everything but train tasks. A candidate that breaks the policy is not measured at all.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gepa.core.adapter import EvaluationBatch, GEPAAdapter

from skillopt_ci.core.compare import TOO_MUCH_MISSING
from skillopt_ci.core.edit import Edit
from skillopt_ci.core.rewrite import leave_out, refuse_rewrite, rewritten
from skillopt_ci.core.rollout import Failure, Rollout, Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.state import State, Workbench
from skillopt_ci.errors import CallFailedError, InconclusiveError, SkilloptError
from skillopt_ci.optimizers.gepa_reflection import Reflection, record
from skillopt_ci.optimizers.wording import rejected_text

COMPONENT = "skill"
TRAIN, SEARCH = "train/1", "val/search"
Batch = EvaluationBatch[Rollout, None]


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate that gepa measured on every validation task, and its mean there."""

    skill: Skill
    mean: float


class SkillAdapter(GEPAAdapter[Task, Rollout, None]):
    """Measures candidates, shows train trajectories, remembers what gepa found.

    Attributes:
        pool: candidates with a whole validation, in gepa's order, the start first.
        refused: candidates that policy refused and that were not measured, with the reason.
        again: what was left out of candidates, as it was rejected before, by `Edit.advice`.
        rollouts: taken so far.
        fatal: what ended the search early; gepa swallows some errors, so every further call raises it again.
    """

    propose_new_texts = None

    def __init__(self, bench: Workbench, state: State, reflection: Reflection) -> None:
        """Begin with the start skill, its validation and what earlier runs rejected."""
        self._bench = bench
        self._state = state
        self._start_val = state.val
        self._start = state.start
        self._reflection = reflection
        self._taken: Counter[tuple[str, str, str]] = Counter()
        self._train = {t.id for t in bench.train}
        self._asked = 0
        self.pool: list[Scored] = []
        self.refused: dict[str, tuple[Skill, str]] = {}
        self.again: dict[str, Edit] = {}
        self.failures: list[Failure] = []
        self.rollouts = 0
        self.fatal: SkilloptError | None = None

    def evaluate(self, batch: list[Task], candidate: dict[str, str], capture_traces: bool = False) -> Batch:
        """Scores of a candidate on train tasks, or on validation tasks; zeros for one that may not be measured.

        What was rejected for the start skill is left out of it; one that brings nothing else is not measured again.
        """
        text, again = leave_out(self._start, candidate[COMPONENT], self._state.not_again)
        self.again |= {edit.advice(): edit for edit in again}
        skill = rewritten(self._start, text)
        changed, policy = skill.digest != self._start.digest, self._bench.settings.policy
        reason = refuse_rewrite(skill, self._start, self._start, policy, self._bench.leakage) if changed else None
        if reason:
            self.refused.setdefault(skill.digest, (skill, reason))
        if reason or (again and not changed):
            nothing = [None] * len(batch)
            return EvaluationBatch(outputs=nothing, scores=[0.0] * len(batch), num_metric_calls=0)
        whole = [t.id for t in batch] == [t.id for t in self._bench.val]
        if whole and not self.pool:  # gepa begins with the start skill, which was measured
            rollouts, scores = [], _filled(list(self._start_val.means.values()))
        else:
            rollouts = self._measure(skill, batch)
            scores = self._scores(rollouts)
        if whole:
            self.pool.append(Scored(skill, math.fsum(scores) / len(scores)))
        return EvaluationBatch(
            outputs=[None] * len(batch), scores=scores, trajectories=rollouts if capture_traces else None
        )

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: Batch, components_to_update: list[str]
    ) -> Mapping[str, Sequence[Mapping[str, str]]]:
        """What the reflection reads: train trajectories with a result, and what was rejected before."""
        del candidate
        tasks = {t.id: t for t in self._bench.train}
        shown = [r for r in eval_batch.trajectories or () if r.value is not None]
        records = [record(tasks[r.sample.task_id], r) for r in shown]  # a KeyError for whatever is no train task
        if rejected := rejected_text(self._state.rejected):
            records.append({"Rejected before": rejected})
        return dict.fromkeys(components_to_update, records)

    def reflect(self, prompt: object) -> str:
        """gepa's question to the optimizer model."""
        self._stopped()
        self._asked += 1
        try:
            return self._reflection.ask(str(prompt), self._asked)
        except CallFailedError as error:
            self.failures.append(Failure(stage="reflect", kind=error.kind, message=error.message))
            raise
        except SkilloptError as error:
            self.fatal = error
            raise

    def best(self) -> Scored:
        """The candidate with the highest validation mean, the first of equals: what gepa would return."""
        return max(self.pool, key=lambda s: s.mean)

    def _measure(self, skill: Skill, batch: Sequence[Task]) -> list[Rollout]:
        self._stopped()
        jobs = [Job(skill, task, self._sample(skill, task)) for task in batch]
        try:
            rollouts = self._bench.lab.roll_out(jobs, what="gepa: a candidate", keep=True)
            self._bench.checkpoint()
        except SkilloptError as error:
            self.fatal = error
            raise
        self.rollouts += len(jobs)
        self.failures += [r.outcome for r in rollouts if isinstance(r.outcome, Failure)]
        return rollouts

    def _sample(self, skill: Skill, task: Task) -> Sample:
        """The next run of a skill on a task."""
        stream = TRAIN if task.id in self._train else SEARCH
        key = (skill.digest, stream, task.id)
        n = self._taken[key]
        self._taken[key] += 1
        return self._bench.lab.sample(task, stream, n)

    def _scores(self, rollouts: Sequence[Rollout]) -> list[float]:
        """The scores. With too many missing the search ends: what is not measured guides nobody."""
        missing = sum(r.value is None for r in rollouts)
        if missing > max(TOO_MUCH_MISSING * len(rollouts), 1 if len(rollouts) > 2 else 0):
            self.fatal = InconclusiveError(f"{missing} of {len(rollouts)} runs gave no result")
            raise self.fatal
        return _filled([r.value for r in rollouts])

    def _stopped(self) -> None:
        if self.fatal is not None:
            raise self.fatal


def _filled(values: Sequence[float | None]) -> list[float]:
    """The values; what is missing gets the mean of the others, so that it is neither a pass nor a fail."""
    known = [v for v in values if v is not None]
    middle = math.fsum(known) / len(known)
    return [middle if v is None else v for v in values]
