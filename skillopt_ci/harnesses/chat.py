"""Direct chat: the skill's body is the system prompt, the task is the user's message."""

from skillopt_ci.core.media import cannot_be_sent, text_of
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
        """Ask the target once. Raises `CallFailedError` for an attachment it cannot send, and what the call raises."""
        problem = cannot_be_sent(task.files)
        if problem is not None:
            raise CallFailedError("attachment", problem)
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
        media = tuple(file for file in task.files if text_of(file.data) is None)
        user = Message(role="user", content="\n\n".join(_parts(task)), attachments=media)
        body = skill.body.strip()
        return (Message(role="system", content=body), user) if body else (user,)


def _parts(task: Task) -> list[str]:
    parts = [task.prompt]
    if task.context:
        parts.append(task.context)
    parts += [_attached(file) for file in task.files]
    return parts


def _attached(file: Attachment) -> str:
    """A text file whole; of an image or a PDF, which go along on their own, the name."""
    text = text_of(file.data)
    return f'<file name="{file.name}" attached/>' if text is None else f'<file name="{file.name}">\n{text}\n</file>'
