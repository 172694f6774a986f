"""How a rollout ended: the skill's own result, or nothing measured."""

from skillopt_ci.core.trajectory import StopReason
from skillopt_ci.errors import CallFailedError
from skillopt_ci.gateway.passes import Metered
from skillopt_ci.harnesses.transcript import Transcript
from skillopt_ci.sandbox.base import Finished
from skillopt_ci.sandbox.setup import last_words

_RESOURCES = ("memory", "disk", "processes", "output")


def ending(finished: Finished, metered: Metered, transcript: Transcript) -> StopReason:
    """How a rollout ended, when that is the skill's own result.

    Raises:
        CallFailedError: it measured nothing.
    """
    if metered.failure is not None and transcript.ended is None:
        raise metered.failure
    if finished.ended == "timeout":
        if metered.waiting:
            raise CallFailedError("timeout", "the provider had not answered when the rollout's time was over")
        return "timeout"
    if finished.ended in _RESOURCES:
        return "resources"
    if metered.capped is not None:
        return metered.capped
    if transcript.ended is not None:
        return transcript.ended
    if metered.stop is not None:
        return metered.stop
    if transcript.broken is not None:
        raise CallFailedError(transcript.broken.kind, transcript.broken.message)
    raise CallFailedError("agent", f"the agent ended with code {finished.returncode}{last_words(finished)}")
