"""Short ways to make specs, tasks and answers, and a judge that says what it is told to."""

import json
import re
from collections.abc import Mapping, Sequence

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
    """A provider that says the same things in turn, the last one again and again; keeps the requests.

    A text is said as it is; of a mapping from a criterion's text to (evidence, met) a verdict with the labels of the
    request is made.
    """

    def __init__(
        self, answers: Sequence[str | Mapping[str, tuple[str, bool]]], advice: str = "Name what can fail."
    ) -> None:
        self.answers = answers
        self.advice = advice
        self.requests: list[Request] = []

    def complete(self, request: Request, /) -> Completion:
        answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(request)
        text = answer if isinstance(answer, str) else json.dumps(self.verdict(request, answer))
        return Completion(text=text, stop_reason="stop", usage=Usage(), served_model="m")

    def verdict(self, request: Request, said: Mapping[str, tuple[str, bool]]) -> dict[str, object]:
        criteria = [
            {"label": label, "evidence": said[text][0], "met": said[text][1]}
            for label, text in labels_of(request.messages[1].content).items()
        ]
        return {"criteria": criteria, "reason": "As judged.", "advice": self.advice}

    @property
    def model(self) -> JudgeModel:
        return JudgeModel(provider=self, model="m", temperature=0.0, max_output_tokens=500)


def blocks_of(prompt: str) -> dict[str, str]:
    """The blocks of a judge's prompt by name, taken apart by the marks alone; wrong when they do not fit together."""
    key = re.match(r"The key of the marks is ([0-9a-f]{16})\.\n", prompt)
    assert key
    rest, found = prompt[key.end() :], {}
    while opened := re.match(rf"<(\w+)-{key[1]}>\n", rest):
        end = f"\n</{opened[1]}-{key[1]}>\n"
        text, closed, rest = rest[opened.end() :].partition(end)
        assert closed
        assert opened[1] not in found
        found[opened[1]] = text
    assert rest.startswith("Grade the text between")
    assert not any(key[1] in text for text in found.values())
    return found


def labels_of(prompt: str) -> dict[str, str]:
    """The criteria of a judge's prompt by their labels."""
    listed = re.findall(r"^\[(\w+)\] (.*?)(?=\n\[\w+\] |\Z)", blocks_of(prompt)["criteria"], re.MULTILINE | re.DOTALL)
    return dict(listed)
