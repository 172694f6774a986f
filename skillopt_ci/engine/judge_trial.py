"""Judges on trial: what they say of samples with known verdicts, and of answers that people have judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from skillopt_ci.core.agreement import Agreement, Label, Sample, SelfTest, agreement, human_labels
from skillopt_ci.core.digest import digest
from skillopt_ci.core.nested import leaves
from skillopt_ci.core.task import GraderSpec, Source, Task
from skillopt_ci.core.trajectory import Message, Trajectory
from skillopt_ci.errors import CallFailedError, InconclusiveError
from skillopt_ci.graders.base import AllOf, Grader, JudgeModel
from skillopt_ci.graders.build import build_one
from skillopt_ci.graders.judge import Judge
from skillopt_ci.pool import Pool

_NOWHERE = Source(file="", line=0)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One judge with its samples; `task` None when it grades tasks of the whole skill."""

    grader: Judge
    task: Task | None

    @property
    def place(self) -> str:
        """Where the judge is written, for people."""
        return str(self.task.source) if self.task else "the skill's graders"

    def ask_of(self, sample: Sample) -> Task:
        """The task that a sample is an answer to; without a prompt of its own the one it is written at, or none."""
        if sample.prompt or self.task is None:
            content = digest([sample.prompt, sample.context, list(sample.expected)])[:12]
            return Task(
                id=f"sample {content}",
                prompt=sample.prompt,
                context=sample.context,
                expected=sample.expected,
                source=_NOWHERE,
            )
        return replace(self.task, expected=sample.expected or self.task.expected)


def trials(common: Sequence[GraderSpec], tasks: Sequence[Task], model: JudgeModel | None) -> list[Trial]:
    """Every judge with samples that grades one of the tasks, each once."""
    found: dict[str, Trial] = {}
    for task in tasks:
        own = task if task.graders is not None else None
        for spec in leaves(task.graders if task.graders is not None else common):
            if spec.type != "judge" or not spec.options.get("samples"):
                continue
            key = digest([spec.identity(), own.id if own else None])
            grader = build_one(spec, model) if key not in found else None
            if isinstance(grader, Judge):
                found[key] = Trial(grader=grader, task=own)
    return list(found.values())


def run_trials(pool: Pool, listed: Sequence[Trial]) -> list[SelfTest]:
    """Judge the samples of every trial; one that gets no verdict that counts is wrong.

    Raises:
        InconclusiveError: a call failed for a reason that says nothing about the judge.
        BudgetReachedError, ProviderDownError, LedgerMissError: of the calls.
    """
    jobs = [(trial.grader, trial.ask_of(s), s.answer) for trial in listed for s in trial.grader.samples.listed]
    said = iter(pool.map(lambda job: _verdict(*job), jobs))
    return [SelfTest(results=tuple((s, next(said)) for s in trial.grader.samples.listed)) for trial in listed]


def _verdict(grader: Grader, task: Task, answer: str) -> bool | None:
    try:
        return grader.grade(task, _answered(answer)).passed
    except CallFailedError as error:
        if error.kind == "malformed":
            return None
        raise InconclusiveError(f"the judge could not be tested: {error.message}") from error


def _answered(answer: str) -> Trajectory:
    return Trajectory(
        messages=(Message(role="assistant", content=answer),), stop_reason="stop", served_model="known answer"
    )


@dataclass(frozen=True, kw_only=True)
class Compared:
    """An answer that people have judged, beside the judge's word; None when it gave none."""

    task: Task
    label: Label
    judge: bool | None


def compare_with_people(
    pool: Pool, common: Sequence[GraderSpec], tasks: Sequence[Task], judge_of: Callable[[GraderSpec], Grader]
) -> tuple[list[Compared], Agreement | None]:
    """Judge every labelled answer with all judges of its task; the agreement is over those with a verdict.

    Raises:
        InconclusiveError, BudgetReachedError, ProviderDownError, LedgerMissError: as `run_trials`.
    """
    jobs: list[tuple[Grader, Task, str]] = []
    labels: list[tuple[Task, Label]] = []
    for task in tasks:
        specs = [s for s in leaves(common if task.graders is None else task.graders) if s.type == "judge"]
        for label in human_labels(task) if specs else ():
            jobs.append((AllOf(tuple(map(judge_of, specs))), task, label.answer))
            labels.append((task, label))
    said = pool.map(lambda job: _verdict(*job), jobs)
    rows = [Compared(task=t, label=lb, judge=v) for (t, lb), v in zip(labels, said, strict=True)]
    return rows, agreement([(r.label.passed, r.judge) for r in rows if r.judge is not None])
