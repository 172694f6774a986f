"""Taking secrets out of what is kept of a rollout."""

from collections.abc import Callable
from dataclasses import replace

from skillopt_ci.core.trajectory import Trajectory


def scrubbed(trajectory: Trajectory, clean: Callable[[str], str]) -> Trajectory:
    """The same trajectory, every text and file of it cleaned; `clean` takes secrets out of a text."""

    def cleaned(data: bytes) -> bytes:  # what is no UTF-8 comes back as it was
        return clean(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    return replace(
        trajectory,
        messages=tuple(replace(m, content=clean(m.content)) for m in trajectory.messages),
        tool_calls=tuple(
            replace(t, name=clean(t.name), arguments=clean(t.arguments), result=clean(t.result))
            for t in trajectory.tool_calls
        ),
        artifacts=tuple(replace(a, name=clean(a.name), data=cleaned(a.data)) for a in trajectory.artifacts),
        removed=tuple(map(clean, trajectory.removed)),
        omitted=tuple(map(clean, trajectory.omitted)),
        denied=tuple(map(clean, trajectory.denied)),
        skills_used=tuple(map(clean, trajectory.skills_used)),
        diff=clean(trajectory.diff),
    )
