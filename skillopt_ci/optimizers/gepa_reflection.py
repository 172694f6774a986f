"""What gepa's reflection reads and who answers it: gepa's own prompt, our model, ledger and budget."""

from collections.abc import Mapping
from dataclasses import dataclass

from skillopt_ci.core.rollout import Rollout, Score
from skillopt_ci.core.task import Task
from skillopt_ci.core.trajectory import Message
from skillopt_ci.optimizers import wording
from skillopt_ci.optimizers.base import Place
from skillopt_ci.providers.base import Model, Request

TEXT_CHARS = 2400  # of a task, an answer, the steps to it


@dataclass(frozen=True, slots=True)
class Reflection:
    """Asks the optimizer model what gepa wants to know."""

    model: Model
    replica: str

    def ask(self, prompt: str, number: int) -> str:
        """The answer to gepa's question `number`, from 1. Raises `CallFailedError` and what ends a run."""
        place = Place(replica=self.replica, epoch=1, step=number)
        request = Request(
            model=self.model.model,
            messages=(Message(role="user", content=prompt),),
            max_output_tokens=self.model.max_output_tokens,
            temperature=self.model.temperature,
            place=place.at("gepa"),
            stream="optimizer",
            label=f"gepa reflection {number}",
        )
        return self.model.provider.complete(request).text


def record(task: Task, rollout: Rollout) -> Mapping[str, str]:
    """One train trajectory as gepa shows it; of the grader only what an optimizer may read."""
    shown = task.prompt + (f"\n\n{task.context}" if task.context else "")
    trajectory = rollout.trajectory
    answer = trajectory.answer if trajectory else ""
    steps = wording.fitted(wording.done_parts(trajectory), TEXT_CHARS) if trajectory else ""
    score = rollout.outcome
    feedback = "No result."
    if isinstance(score, Score):
        feedback = f"Score {score.value:.2f} of 1. {wording.trimmed(score.hint, wording.HINT_CHARS)}"
    return {
        "Inputs": wording.trimmed(shown, TEXT_CHARS),
        **({"Steps": steps} if steps else {}),
        "Generated Outputs": wording.trimmed(answer, TEXT_CHARS),
        "Feedback": feedback,
    }
