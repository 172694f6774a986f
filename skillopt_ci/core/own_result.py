"""Answers that are no answer, and the skill's own result all the same: limits, refusals, silence. They score 0."""

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from skillopt_ci.core.rollout import Rollout, Score

EMPTY = "the answer is empty"
OWN_RESULT: Mapping[str, str] = MappingProxyType(
    {
        "length": "the answer was cut off at the output limit",
        "refusal": "the model refused to answer",
        "context_overflow": "the skill and the task do not fit into the model's context",
        "turns": "the agent reached its turn limit",
        "timeout": "the agent reached its time limit",
        "tokens": "the agent reached its token limit",
        "resources": "the agent reached a limit of memory, disk, processes or output",
    }
)
"""Why a run scores 0 without a look at its answer, by how it ended."""


def without_answer(rollouts: Iterable[Rollout]) -> dict[str, int]:
    """How many runs scored 0 because there was no whole answer, by the reason, the most frequent first."""
    known = {EMPTY, *OWN_RESULT.values()}
    whys = [r.outcome.why for r in rollouts if isinstance(r.outcome, Score) and not r.outcome.value]
    return dict(Counter(why for why in whys if why in known).most_common())
