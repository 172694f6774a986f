"""Short ways to make specs, tasks and answers, and a judge that says what it is told to."""

import json
from collections.abc import Sequence

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import GraderSpec, Source, Task
from skillopt_ci.core.trajectory import Message, ToolCall, Trajectory, Usage
from skillopt_ci.graders.base import JudgeModel
from skillopt_ci.graders.build import build
from skillopt_ci.providers.base import Completion, Request


def spec(kind: str, hidden: bool | None = None, **options: object) -> GraderSpec:
    return GraderSpec(type=kind, options=options, hidden=hidden)


def task(*expected: str, prompt: str = "Do it.", context: str = "") -> Task:
    return Task(id="t1", prompt=prompt, context=context, source=Source(file="t.jsonl", line=1), expected=expected)


def said(text: str, *tools: str) -> Trajectory:
    messages = (Message(role="user", content="Do it."), Message(role="assistant", content=text))
    calls = tuple(ToolCall(name=name, arguments="{}") for name in tools)
    return Trajectory(messages=messages, stop_reason="stop", served_model="m", tool_calls=calls)


def grade(grader: GraderSpec, answer: str, *expected: str, prompt: str = "Do it.") -> Score:
    return build([grader], None).grade(task(*expected, prompt=prompt), said(answer))


class FakeJudge:
    """A provider that gives the same answers in turn, the last one again and again; keeps the requests."""

    def __init__(self, answers: Sequence[object]) -> None:
        self.answers = [a if isinstance(a, str) else json.dumps(a) for a in answers]
        self.requests: list[Request] = []

    def complete(self, request: Request, /) -> Completion:
        text = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(request)
        return Completion(text=text, stop_reason="stop", usage=Usage(), served_model="m")

    @property
    def model(self) -> JudgeModel:
        return JudgeModel(provider=self, model="m", temperature=0.0, max_output_tokens=500)
