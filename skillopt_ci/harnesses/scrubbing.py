"""Taking secrets out of what is kept of a rollout."""

from collections.abc import Callable
from dataclasses import replace

from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.sandbox.base import Finished


def scrubbed(trajectory: Trajectory, clean: Callable[[str], str]) -> Trajectory:
    """The same trajectory, every text and file of it cleaned; `clean` takes secrets out of a text."""
    return replace(
        trajectory,
        messages=tuple(replace(m, content=clean(m.content)) for m in trajectory.messages),
        tool_calls=tuple(
            replace(t, name=clean(t.name), arguments=clean(t.arguments), result=clean(t.result))
            for t in trajectory.tool_calls
        ),
        artifacts=tuple(replace(a, name=clean(a.name), data=_cleaned(a.data, clean)) for a in trajectory.artifacts),
        removed=tuple(map(clean, trajectory.removed)),
        omitted=tuple(map(clean, trajectory.omitted)),
        denied=tuple(map(clean, trajectory.denied)),
        skills_used=tuple(map(clean, trajectory.skills_used)),
        diff=clean(trajectory.diff),
    )


def scrubbed_words(finished: Finished, clean: Callable[[str], str]) -> Finished:
    """The same end of a command, all that it said cleaned: before a message quotes the end of it, half a key maybe."""
    return replace(finished, stdout=_cleaned(finished.stdout, clean), stderr=_cleaned(finished.stderr, clean))


def _cleaned(data: bytes, clean: Callable[[str], str]) -> bytes:
    """The bytes of a text; what is no UTF-8 in it comes back as it was."""
    return clean(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
