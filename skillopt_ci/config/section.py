"""The base of all mappings of skillopt.yml, where tasks are, and what comes after training."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from skillopt_ci.config.values import Flag, Label, Login, Number, Positive, TaskPattern, Text


class Section(BaseModel):
    """A mapping of skillopt.yml. Raises pydantic's errors, which `explain.py` puts into words."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PullRequest(Section):
    """When a trained skill is worth a pull request, and how it is opened."""

    min_confidence: Number = Field(
        default=0.9, ge=0.5, lt=1, description="One-sided confidence in the improvement on the test tasks."
    )
    draft: Flag = Field(default=False, description="Open as a draft.")
    labels: tuple[Label, ...] = Field(default=("skillopt",), description="Labels; missing ones are made.")
    reviewers: tuple[Login, ...] = Field(default=(), description="Accounts that are asked for a review.")
    team_reviewers: tuple[Login, ...] = Field(
        default=(), description="Teams (slugs) that are asked; the job's own GITHUB_TOKEN may not, an App may."
    )
    max_open: Positive = Field(default=1, description="Pull requests of this tool that may be open at once.")
    cooldown_days: Annotated[Number, Field(ge=0)] = Field(
        default=0.0, description="Days to wait after one for the same skill was closed without merging."
    )


class Report(Section):
    """What reports show."""

    show_heldout: Flag = Field(
        default=False, description="Show held-out prompts, answers and trajectories in reports and artifacts."
    )


class TaskFiles(Section):
    """Files of tasks. A plain text in the list is its `path`."""

    path: TaskPattern = Field(
        description="Path or pattern (`*`, `?`, `**`), relative to the root; {name} is the skill's directory name."
    )
    format: Text | None = Field(default=None, description="Format of the files; found out from them when omitted.")


def _task_files(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


TaskEntry = Annotated[TaskFiles, BeforeValidator(_task_files, json_schema_input_type=Text | TaskFiles)]
