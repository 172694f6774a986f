"""The end of a training run: its one look at the test split, on every target of the skill."""

from collections.abc import Sequence
from dataclasses import replace

from skillopt_ci.cli.work import Work
from skillopt_ci.core.compare import TOO_MUCH_MISSING
from skillopt_ci.core.history import OtherTarget, TrainResult
from skillopt_ci.core.task import Suite
from skillopt_ci.core.unanswered import unmeasured
from skillopt_ci.engine.confirm import confirm, measure_unchanged
from skillopt_ci.engine.lab import Lab
from skillopt_ci.errors import BudgetReachedError

_UNMEASURED = (
    "no candidate's validation could be measured, which says nothing about the skill: of each too many runs gave no "
    "result"
)
_AGAIN = "`skillopt-ci ledger failures` lists what failed; the same command asks for that again, and goes on"


def baseline(lab: Lab, suite: Suite, result: TrainResult) -> TrainResult:
    """The result with the unchanged skill's own measurement on the test split; without one when the money is gone."""
    try:
        return replace(result, closing=measure_unchanged(lab, result.start, suite.of(["test"])))
    except BudgetReachedError as reached:
        return replace(result, stopped=str(reached), stopped_by=reached.limit)


def closing(lab: Lab, others: Sequence[tuple[str, Lab]], suite: Suite, result: TrainResult, work: Work) -> TrainResult:
    """The result with its confirmation on the test split; without one when nothing changed or the money is gone.

    `others` are the labels and labs of the targets that training did not use. They are asked only when there is
    something to propose: an improvement on the target that was trained on.
    """
    if not result.changed():
        return result
    test = suite.of(["test"])
    config = work.project.config
    work.console.say("closing comparison of the best skill with the start, on the test split")
    result = replace(result, others=tuple(OtherTarget(target=label) for label, _ in others))
    try:
        keep = config.report.show_heldout or work.options.viewer is not None
        found = confirm(lab, result.start, result.best, test, keep=keep)
        result = replace(result, confirmation=found)
        for label, other in others if found.shown(config.pr.min_confidence) else ():
            work.console.say(f"the same comparison on {label}")
            measured = OtherTarget(target=label, confirmation=confirm(other, result.start, result.best, test))
            listed = tuple(measured if o.target == label else o for o in result.others)
            result = replace(result, others=listed)
    except BudgetReachedError as reached:
        result = replace(result, stopped=str(reached), stopped_by=reached.limit)
    return result


def lacking(result: TrainResult) -> str:
    """What of a run is missing, when it is too much for a result; empty when it is not. To be asked for again."""
    if (blind := unmeasured(result.steps)) is not None:
        return f"{_UNMEASURED}; the last one: {blind.message}. {_AGAIN}"
    parts = {
        "comparison": result.confirmation is not None and result.confirmation.comparison.too_much_missing,
        "comparison on another target": any(
            o.confirmation is not None and o.confirmation.comparison.too_much_missing for o in result.others
        ),
        "measurement": result.closing is not None and result.closing.missing_share > TOO_MUCH_MISSING,
    }
    return next((f"too much of the closing {part} is missing. {_AGAIN}" for part, lacks in parts.items() if lacks), "")
