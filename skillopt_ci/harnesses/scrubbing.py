"""Taking a rollout's token out of what is kept of it: worth nothing any more, and another one every time."""

from dataclasses import replace

from skillopt_ci.core.trajectory import Trajectory

_MARK = "***"


def scrubbed(trajectory: Trajectory, token: str) -> Trajectory:
    """The same trajectory without the token, wherever it stands."""

    def clean(text: str) -> str:
        return text.replace(token, _MARK)

    data = token.encode()
    return replace(
        trajectory,
        messages=tuple(replace(m, content=clean(m.content)) for m in trajectory.messages),
        tool_calls=tuple(
            replace(t, name=clean(t.name), arguments=clean(t.arguments), result=clean(t.result))
            for t in trajectory.tool_calls
        ),
        artifacts=tuple(
            replace(a, name=clean(a.name), data=a.data.replace(data, _MARK.encode())) for a in trajectory.artifacts
        ),
        removed=tuple(map(clean, trajectory.removed)),
        omitted=tuple(map(clean, trajectory.omitted)),
        denied=tuple(map(clean, trajectory.denied)),
        diff=clean(trajectory.diff),
    )
