"""Training in which questions for edits, or all gates, stayed without a result: it says nothing about the skill."""

from collections.abc import Sequence

from skillopt_ci.core.history import Step
from skillopt_ci.core.rollout import Failure, Score

PATIENCE = 3
"""Steps without an answer, from the start on, after which a run ends: more of them would only cost."""
WITHOUT_RESULT = "infrastructure"
"""The reason of a step that got no result."""
_OUTAGE = frozenset({"rate-limit", "server", "network", "timeout"})
_ASKING = frozenset({"reflect", "describe", "rewrite"})


def unanswered(steps: Sequence[Step]) -> tuple[int, Failure | None]:
    """How many steps asked for edits in vain when every one did, and the newest failure; (0, None) otherwise.

    A step in whose batch nothing failed asked nothing.
    """
    asked = _asked(steps)
    lost = [s for s in asked if s.reason == WITHOUT_RESULT and s.candidate is None and s.failures]
    return (len(lost), lost[-1].failures[-1]) if lost and len(lost) == len(asked) else (0, None)


def outage(steps: Sequence[Step], *, ended: bool = False) -> Failure | None:
    """The newest failure where the optimizer's provider gave none of the last steps an answer.

    Args:
        steps: so far. Less than `PATIENCE` steps in a row may be an accident.
        ended: whether no step follows; then all that asked count, however few.
    """
    asked = _asked(steps)
    last = asked[-PATIENCE:]
    enough = len(last) == PATIENCE or (ended and last)
    return _questions(last[-1])[-1] if enough and all(map(_down, last)) else None


def unmeasured(steps: Sequence[Step]) -> Failure | None:
    """The newest failure of the gates where none of them got enough results to decide; None where one did, or none was.

    What was started from was measured, so that each of them lost runs of its own.
    """
    gates = [s.decision for s in steps if s.decision is not None]
    lost = [f for d in gates for f in d.failures]
    return lost[-1] if lost and all(d.reason == WITHOUT_RESULT for d in gates) else None


def _asked(steps: Sequence[Step]) -> list[Step]:
    return [s for s in steps if s.kind in ("edit", "rewrite") and (s.failures or any(_failed(s)))]


def _down(step: Step) -> bool:
    """Whether a step got nothing to try, as the provider failed."""
    lost = _questions(step)
    return bool(lost) and all(f.kind in _OUTAGE for f in lost) and all(r.proposed != step.number for r in step.edits)


def _questions(step: Step) -> list[Failure]:
    return [f for f in step.failures if f.stage in _ASKING]


def _failed(step: Step) -> list[bool]:
    return [isinstance(r.outcome, Score) and not r.outcome.passed for r in step.rollouts]
