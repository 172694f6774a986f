"""Direct chat: the skill's body is the system prompt, the task is the user's message."""

from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Attachment, Task
from skillopt_ci.core.trajectory import Message, Trajectory
from skillopt_ci.errors import CallFailedError
from skillopt_ci.harnesses.base import Harness
from skillopt_ci.providers.base import Model, Request


def make(target: Model) -> Harness:
    """The harness `chat` for a target model."""
    return Chat(target)


class Chat:
    """One call a rollout. Only the body is sent: name and description matter to agents that choose skills."""

    def __init__(self, target: Model) -> None:
        self._target = target

    def run(self, skill: Skill, task: Task, sample: Sample, /) -> Trajectory:
        """Ask the target once. Raises `CallFailedError` for an attachment that is no text, and what the call raises."""
        messages = self.messages(skill, task)
        completion = self._target.provider.complete(
            Request(
                model=self._target.model,
                messages=messages,
                max_output_tokens=self._target.max_output_tokens,
                temperature=self._target.temperature,
                place=sample.place(),
                stream=sample.stream,
                label=f"task {task.id}, {sample.stream}, run {sample.n}",
            )
        )
        return Trajectory(
            messages=(*messages, Message(role="assistant", content=completion.text)),
            stop_reason=completion.stop_reason,
            served_model=completion.served_model,
            usage=completion.usage,
            seconds=completion.seconds,
        )

    @staticmethod
    def messages(skill: Skill, task: Task) -> tuple[Message, ...]:
        """What the target is sent. An empty body sends no system message: the model without a skill."""
        user = Message(role="user", content="\n\n".join(_parts(task)))
        body = skill.body.strip()
        return (Message(role="system", content=body), user) if body else (user,)


def _parts(task: Task) -> list[str]:
    parts = [task.prompt]
    if task.context:
        parts.append(task.context)
    parts += [_attached(file) for file in task.files]
    return parts


def _attached(file: Attachment) -> str:
    try:
        text = file.data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CallFailedError(
            "attachment", f"attachment '{file.name}' is no UTF-8 text; chat sends text only"
        ) from error
    return f'<file name="{file.name}">\n{text}\n</file>'
