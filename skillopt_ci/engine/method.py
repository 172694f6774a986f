"""What a method of training is, and what all of them begin and end with."""

from collections.abc import Generator, Sequence
from typing import Protocol

from skillopt_ci.core.compare import TOO_MUCH_MISSING
from skillopt_ci.core.history import Notes, Rejected, Step, TrainResult
from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.strict import TOLERANCE
from skillopt_ci.core.unanswered import outage
from skillopt_ci.engine.lab import VAL
from skillopt_ci.engine.state import State, Workbench
from skillopt_ci.errors import InconclusiveError, ProviderDownError

NOTHING_LEFT = "nothing left to gain on validation"
Training = Generator[Step | Notes, None, TrainResult]


class Method(Protocol):
    """A way to train: yields every step as it is decided, returns the result without its confirmation."""

    def __call__(self, bench: Workbench, start: Skill, remembered: Sequence[Rejected], /) -> Training:
        """Train a skill.

        Args:
            bench: what to work with; test tasks are not in it.
            start: the skill as it is.
            remembered: edits that earlier runs rejected.

        Raises:
            InconclusiveError: the start skill could not be measured.
            BudgetReachedError: before the start skill was measured.
            ProviderDownError: no further call can succeed, or the optimizer's provider stopped answering.
        """
        ...


def measure_start(bench: Workbench, start: Skill) -> tuple[Evaluation, float]:
    """The start skill on the validation tasks, and its mean. Raises `InconclusiveError` when too much is missing."""
    val = bench.lab.measure(start, bench.val, VAL, what="validation of the start skill")
    if val.mean is None or val.missing_share > TOO_MUCH_MISSING:
        raise InconclusiveError(
            f"validation of the start skill: {val.missing_share:.0%} of {len(bench.val)} tasks gave no result, so "
            "nothing can be compared with it; `skillopt-ci ledger failures` says why; then run the same command again"
        )
    return val, val.mean


def require_answers(steps: Sequence[Step], *, ended: bool = False) -> None:
    """Go on only while the optimizer's provider answers: a run that ends without it could not be continued.

    Raises:
        ProviderDownError: it gave none of the last steps an answer; see `outage`.
    """
    failure = outage(steps, ended=ended)
    if failure is not None:
        raise ProviderDownError(
            f"the optimizer's provider does not answer: {failure.message}; what was bought is in the ledger, and the "
            "same command goes on when it does"
        )


def perfect(state: State) -> bool:
    """Validation cannot get better: no candidate could be strictly better than the incumbent."""
    return state.mean >= 1 - TOLERANCE


def result_of(state: State, start_val: Evaluation, stopped: str, stopped_by: str) -> TrainResult:
    """What a state has come to: of the start all runs count, those that gates asked for with the first."""
    known = [start_val, *(s.decision.incumbent for s in state.steps if s.decision), state.val]
    return TrainResult(
        start=state.start,
        best=state.skill,
        start_val=[e for e in known if e is not None and e.skill == state.start.digest][-1],
        best_val_mean=state.mean,
        steps=state.steps,
        stopped=stopped,
        stopped_by=stopped_by,
        versions=state.versions,
    )
