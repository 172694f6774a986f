"""One rewrite of a whole skill from the train tasks that it fails."""

from dataclasses import replace

from skillopt_ci.core.rewrite import editable
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.trajectory import Message
from skillopt_ci.optimizers import wording
from skillopt_ci.optimizers.answers import REWRITE, read_rewrite
from skillopt_ci.optimizers.base import Evidence, Rewrite
from skillopt_ci.optimizers.reading import minibatches
from skillopt_ci.prompts import as_data, render
from skillopt_ci.providers.base import Model, Request
from skillopt_ci.providers.structured import ask

SHOWN = 20  # failures, those that recur first


class OneShot:
    """Shows the skill and what failed, once, and takes the skill that comes back."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def rewrite(self, skill: Skill, evidence: Evidence, /) -> Rewrite:
        """The skill written anew; the evidence holds a failure. Raises `CallFailedError` when the model gives none."""
        [failures, *_] = minibatches(replace(evidence, minibatch_size=SHOWN))
        prompt = render(
            "one_shot",
            skill=as_data(editable(skill)),
            groups=wording.groups_text(failures.readings),
            rollouts=wording.rollouts_text(failures.readings),
            rejected=wording.rejected_text(evidence.rejected),
        )
        request = Request(
            model=self._model.model,
            messages=(
                Message(role="system", content=render("one_shot_system")),
                Message(role="user", content=prompt),
            ),
            max_output_tokens=self._model.max_output_tokens,
            temperature=self._model.temperature,
            place=evidence.place.at("one-shot"),
            stream="optimizer",
            label="one-shot rewrite",
            schema=REWRITE,
        )
        rationale, text = ask(self._model.provider, request, read_rewrite)
        return Rewrite(text=text, rationale=rationale)
