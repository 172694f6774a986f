"""Replaying a run that ended: nothing is bought, and it ends as it ended then."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from skillopt_ci.cli.training import RUNS, Plan
from skillopt_ci.cli.work import Work
from skillopt_ci.core.generations import read_records, run_id
from skillopt_ci.core.history import TrainResult
from skillopt_ci.errors import BudgetReachedError, LedgerMissError
from skillopt_ci.providers.purchased import Meter


def going_on(work: Work, plans: Sequence[Plan]) -> list[Plan]:
    """The plans of a command; where one of its runs has not ended, it goes on with those that have not.

    What ended is replayed then: trained anew, every skill before an interruption would be paid for once more.
    """
    if not any(plan.record is not None and not plan.finished for plan in plans):
        return list(plans)
    return [_ended(work, plan) if plan.record is None and plan.generation > 1 else plan for plan in plans]


def _ended(work: Work, plan: Plan) -> Plan:
    """The finished run that a plan would have followed."""
    last = read_records([(e.generation, e.event, e.detail) for e in work.ledger.run_events(plan.lineage)])[-1]
    name = plan.skill.name
    work.console.say(
        f"{name}: generation {last.generation} is finished, and not trained anew while another skill's run goes on; "
        f"--skill {name} does"
    )
    folder = work.project.root / RUNS / run_id(plan.lineage, last.generation)
    return replace(plan, generation=last.generation, record=last, finished=True, folder=folder)


@contextmanager
def as_it_was(work: Work, plan: Plan, meter: Meter) -> Generator[None]:
    """Within it a finished run that is named again buys nothing, not even a call that failed then.

    With `--replay-only` a run that its budget ended has the limit of then, and ends at the first call that it had not
    bought.
    """
    ledger, ended = work.ledger, plan.ended
    counts = meter if plan.skill.own_budget else work.meter
    before = ledger.replay_only, ledger.ended, counts.limits
    if ledger.replay_only and ended is not None and ended.steps is not None:
        counts.limits = ended.limits()
        ledger.ended = BudgetReachedError(ended.stopped, limit=ended.stopped_by)
    ledger.replay_only = ledger.replay_only or plan.finished
    try:
        yield
    except LedgerMissError as error:
        raise LedgerMissError(f"{error}{_instead(work, plan)}") from error
    finally:
        ledger.replay_only, ledger.ended, counts.limits = before


def _instead(work: Work, plan: Plan) -> str:
    """What somebody may have meant who replays a run that has not ended, or ended where nobody noted how."""
    if plan.ended is not None:
        return f"; budget.{plan.ended.stopped_by} ended the stored run" if plan.ended.steps is None else ""
    if plan.finished:
        several = len(work.project.chosen(work.options.skill)) > 1
        return f"; {plan.skill.name} is finished: name the other skills with --skill to go on" if several else ""
    if work.ledger.spend_by_stage(plan.run_id):
        return "; the run has not come to its end: without --replay-only it goes on"
    return f"; --generation {plan.generation - 1} replays the last run" if plan.generation > 1 else ""


def require_same_end(work: Work, plan: Plan, result: TrainResult) -> None:
    """Refuse a replay that came to another end than its run: what looked like the budget's end was a missing call.

    Raises:
        LedgerMissError: other steps, or another skill.
    """
    ended = plan.ended
    if work.ledger.ended is None or ended is None:
        return
    if (len(result.steps), result.best.digest) != (ended.steps, ended.best):
        raise LedgerMissError(
            f"replay only, and calls of the stored run are not in the ledger as this version asks them: the run took "
            f"{ended.steps} steps until budget.{ended.stopped_by} ended it, the replay {len(result.steps)}"
        )
