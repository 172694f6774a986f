"""Options of the harnesses that run an installed command line, checked."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from skillopt_ci.core.suggestion import suggest
from skillopt_ci.errors import ConfigError
from skillopt_ci.harnesses.agent import AgentLimits

Positive = Annotated[int, Strict(), Field(ge=1, le=2**40)]
Seconds = Annotated[float, Strict(), Field(gt=0, le=86_400, allow_inf_nan=False)]
Word = Annotated[str, Strict(), Field(min_length=1, max_length=4096)]
M = TypeVar("M", bound="CliOptions")


class CliOptions(BaseModel):
    """What every such harness takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Word | None = Field(default=None, description="The program; the one on PATH when omitted.")
    version: Word | None = Field(default=None, description="Its version; the tested one when omitted.")
    max_turns: Positive = Field(default=30, description="Model calls of one rollout, at most.")
    seconds: Seconds = Field(default=600.0, description="Time of one rollout, at most.")
    tokens: Positive = Field(default=2_000_000, description="Tokens of one rollout, at most.")
    processes: Positive = Field(default=512, description="Processes and threads of one rollout.")
    memory_mb: Positive = Field(default=4096, description="Memory of one rollout, in MiB.")
    disk_mb: Positive = Field(default=2048, description="Files of one rollout, in MiB.")

    def limits(self, calls: int) -> AgentLimits:
        """The limits of one rollout, with so many model calls."""
        return AgentLimits(
            seconds=self.seconds,
            turns=calls,
            tokens=self.tokens,
            processes=self.processes,
            memory_mb=self.memory_mb,
            disk_mb=self.disk_mb,
        )


def read_options(model: type[M], harness: str, options: Mapping[str, object]) -> M:
    """Options of a harness. Raises `ConfigError` with one line that names the first key that does not fit."""
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigError(_said(model, harness, error.errors()[0])) from error


def _said(model: type[BaseModel], harness: str, problem: Any) -> str:
    key = str(problem["loc"][0]) if problem["loc"] else ""
    if problem["type"] == "extra_forbidden":
        return f"{harness}: unknown option {key[:60]!r}{suggest(key, model.model_fields)}"
    return f"{harness}: option '{key}': {problem['msg'].lower()}"
