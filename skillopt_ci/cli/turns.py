"""Whose turn it is: of several skills that share a budget another one is trained first every time."""

from collections.abc import Sequence

from skillopt_ci.cli.training import Plan
from skillopt_ci.cli.work import Work

_TURNS = "turns"  # a lineage of its own in the ledger


def in_turn(work: Work, plans: Sequence[Plan]) -> list[Plan]:
    """The plans of a scheduled command in the order in which they are carried out, which is noted.

    The first one may use up what all of them have, so it is the one that was first longest ago. The same runs, after an
    interruption, keep their order.
    """
    events = work.ledger.run_events(_TURNS)
    runs = {plan.run_id for plan in plans}
    last = {str(e.detail.get("skill")): number for number, e in enumerate(events, 1) if e.run not in runs}
    ordered = sorted(plans, key=lambda plan: last.get(plan.skill.name, 0))
    first = ordered[0]
    if len(plans) > 1 and not work.ledger.replay_only and all(e.run != first.run_id for e in events):
        work.ledger.note_run(first.run_id, _TURNS, 1, "first", {"skill": first.skill.name})
    return ordered
