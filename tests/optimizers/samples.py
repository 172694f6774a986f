"""Evidence made by hand, and a provider that answers as it is told."""

import json
import threading
from collections.abc import Callable, Sequence

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import Rejected
from skillopt_ci.core.rollout import Failure, Outcome, Rollout, Sample, Score
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Source, Task
from skillopt_ci.core.trajectory import Message, Trajectory, Usage
from skillopt_ci.errors import CallFailedError
from skillopt_ci.optimizers.base import Evidence, Longitudinal, Place
from skillopt_ci.optimizers.skillopt import SkillOpt
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import Completion, Model, Request

SKILL = Skill(name="x", frontmatter="---\nname: secret-name\n---\n", body="# Title\n\n- one\n- two\n")
PLACE = Place(replica="1/1", epoch=2, step=5)
Answer = Callable[[Request], object]


class Answers:
    """A provider; `answer` gives a text, a JSON value or an exception for a request. Keeps the requests."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self.requests: list[Request] = []

    def complete(self, request: Request, /) -> Completion:
        with self._lock:
            self.requests.append(request)
        said = self._answer(request)
        if isinstance(said, Exception):
            raise said
        text = said if isinstance(said, str) else json.dumps(said)
        return Completion(text=text, stop_reason="stop", usage=Usage(), served_model="m")

    def prompts(self, name: str = "") -> list[str]:
        """The user's messages of every first question whose label begins so, in order of their places."""
        chosen = [r for r in self.requests if r.label.startswith(name) and len(r.messages) == 2]
        return [r.messages[1].content for r in sorted(chosen, key=lambda r: r.place)]


def optimizer(answer: Answer, concurrency: int = 1) -> tuple[SkillOpt, Answers]:
    provider = Answers(answer)
    model = Model(provider=provider, model="m", temperature=0.5, max_output_tokens=99)
    return SkillOpt(model, Pool(concurrency)), provider


def edits(*made: tuple[str, str, str] | dict[str, object]) -> dict[str, object]:
    """A `skill_edits` answer from (op, target, content)."""
    listed = [
        m if isinstance(m, dict) else {"op": m[0], "target": m[1], "content": m[2], "rationale": "why", "evidence": []}
        for m in made
    ]
    return {"reasoning": "r", "edits": listed}


def task(name: str, prompt: str = "", context: str = "") -> Task:
    return Task(id=name, prompt=prompt or f"prompt of {name}", context=context, source=Source(file="t", line=1))


def rollout(name: str, value: float | None, answer: str = "an answer", hint: str = "a hint") -> Rollout:
    outcome: Outcome = Failure(stage="target", kind="timeout", message="no")
    if value is not None:
        outcome = Score(value=value, passed=value >= 1, why="the expected answer is SECRET", hint=hint)
    messages = (Message(role="user", content="q"), Message(role="assistant", content=answer))
    trajectory = Trajectory(messages=messages, stop_reason="stop", served_model="m", seconds=123.456)
    return Rollout(skill="d", sample=Sample(task_id=name, stream="train/1"), outcome=outcome, trajectory=trajectory)


def evidence(
    scores: Sequence[float | None],
    *,
    budget: int = 4,
    minibatch: int = 2,
    notes: str = "",
    rejected: Sequence[Rejected] = (),
) -> Evidence:
    """Rollouts t0, t1, ... with these scores."""
    return Evidence(
        tasks=tuple(task(f"t{n}") for n in range(len(scores))),
        rollouts=tuple(rollout(f"t{n}", value) for n, value in enumerate(scores)),
        rejected=tuple(rejected),
        meta_notes=notes,
        edit_budget=budget,
        minibatch_size=minibatch,
        place=PLACE,
    )


def rejected(content: str, *, effect: float | None = -0.05, reason: str = "not better") -> Rejected:
    return Rejected(edit=Edit(op="add", target="- two", content=content), reason=reason, effect=effect)


def pair(name: str, before: float, after: float) -> Longitudinal:
    return Longitudinal(task=task(name), before=rollout(name, before, "old"), after=rollout(name, after, "new"))


def down(request: Request) -> Exception:
    return CallFailedError("server", "500")
