"""The port `Agent`: what differs between command-line agents. Everything else is done in `rollout.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from skillopt_ci.core.skill import Skill
from skillopt_ci.harnesses.transcript import Transcript
from skillopt_ci.sandbox.base import HOME, WORK, Finished

if TYPE_CHECKING:  # with it comes the HTTP client, and a check of the configuration needs none
    from skillopt_ci.gateway.passes import Metered

STATE = "state"  # a folder of the root for the agent's settings and results; neither in the workspace nor in /tmp


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLimits:
    """What one rollout may use.

    Attributes:
        seconds: of wall-clock time.
        turns: model calls.
        tokens: of input and output, checked before each call.
        processes, memory_mb, disk_mb: of all its processes together, see `sandbox.base.Limits`.
    """

    seconds: float = 600.0
    turns: int = 50
    tokens: int = 2_000_000
    processes: int = 512
    memory_mb: int = 4096
    disk_mb: int = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One rollout, as an agent's adapter sees it.

    Attributes:
        root: the folder of the rollout on the host; settings are written below it, before anything runs.
        view: the same folder as the agent sees it: what goes into arguments, environment and settings.
        prompt: the task.
        model: the name of the model at the provider.
        url: of the gateway, without a path and without a slash at its end.
        token: what the agent takes for its API key.
        skills: those that are installed, the one under test first.
    """

    root: Path
    view: Path
    prompt: str
    model: str
    url: str
    token: str = field(repr=False)
    skills: tuple[Skill, ...]

    @property
    def workspace(self) -> Path:
        """As the agent sees it."""
        return self.view / WORK

    @property
    def home(self) -> Path:
        """As the agent sees it."""
        return self.view / HOME

    @property
    def state(self) -> Path:
        """As the agent sees it."""
        return self.view / STATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How an agent is called. `cwd` is always the workspace; PATH, HOME, TMPDIR and LANG are there unless set here."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    stdin: bytes = field(default=b"", repr=False)


class Agent(Protocol):
    """A kind of agent with its options. Safe for threads."""

    @property
    def concurrency(self) -> int:
        """Rollouts in flight when the configuration does not say."""
        ...

    @property
    def limits(self) -> AgentLimits:
        """Of one rollout."""
        ...

    @property
    def skills_folder(self) -> str:
        """Where the folders of skills go, relative to the root, such as `home/.agents/skills`."""
        ...

    @property
    def stripped(self) -> tuple[str, ...]:
        """Names that are taken out of the workspace, at any depth, after its set-up: settings it would obey."""
        ...

    @property
    def readable(self) -> tuple[Path, ...]:
        """Files and folders of the host that it needs: where it is installed."""
        ...

    def identity(self) -> Mapping[str, object]:
        """Everything of the agent that can change what it does, its version first, as a JSON value.

        Raises:
            ConfigError: it is not installed, or says no version.
        """
        ...

    def invocation(self, scene: Scene, /) -> Invocation:
        """How it is called; writes its settings below `scene.root`."""
        ...

    def transcript(self, scene: Scene, finished: Finished, metered: "Metered", /) -> Transcript:
        """What it did. Files below the root are read with `workspace.read_inside`: strangers wrote them."""
        ...
