"""Training in which every question for edits stayed without an answer: it says nothing about the skill."""

from collections.abc import Sequence

from skillopt_ci.core.history import Step
from skillopt_ci.core.rollout import Failure, Score

PATIENCE = 3
"""Steps without an answer, from the start on, after which a run ends: more of them would only cost."""
WITHOUT_RESULT = "infrastructure"
"""The reason of a step that got no result."""


def unanswered(steps: Sequence[Step]) -> tuple[int, Failure | None]:
    """How many steps asked for edits in vain when every one did, and the newest failure; (0, None) otherwise.

    A step in whose batch nothing failed asked nothing.
    """
    asked = [s for s in steps if s.kind in ("edit", "rewrite") and (s.failures or any(_failed(s)))]
    lost = [s for s in asked if s.reason == WITHOUT_RESULT and s.candidate is None and s.failures]
    return (len(lost), lost[-1].failures[-1]) if lost and len(lost) == len(asked) else (0, None)


def _failed(step: Step) -> list[bool]:
    return [isinstance(r.outcome, Score) and not r.outcome.passed for r in step.rollouts]
