"""How a skill and a task reach the target: the keys `harness` and `sandbox`."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from skillopt_ci.config.values import SkillPath, Text


class Harness(BaseModel):
    """A harness. A plain text is its `type`; other keys are its options, see the page on agents."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Text = Field(description="Which harness.")
    distractors: tuple[SkillPath, ...] = Field(
        default=(),
        description="SKILL.md files of other skills that agents find installed beside it; `*` stands for any directory "
        "name.",
    )

    @property
    def options(self) -> dict[str, Any]:
        """Its options as written."""
        return dict(self.model_extra or {})


def _harness(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


def _off(value: Any) -> Any:
    return "off" if value is False else value  # YAML 1.1 reads a bare `off` as false


HarnessEntry = Annotated[Harness, BeforeValidator(_harness, json_schema_input_type=Text | Harness)]
SandboxMode = Annotated[Literal["auto", "off"], BeforeValidator(_off, json_schema_input_type=Literal["auto", "off"])]
