"""The provider `simulated`: stands in for target, optimizer and judge, without network or key.

It is a function of the request: the same request gets the same answer, another `place` another sample. It knows
nothing but what a real model would be sent. What it measures says that the machinery works, nothing about a model.
"""

import json
import time

from skillopt_ci.core.digest import digest
from skillopt_ci.core.trajectory import StopReason, Usage
from skillopt_ci.errors import ConfigError
from skillopt_ci.providers import simulated_optimizer as optimizer
from skillopt_ci.providers.base import Completion, Provider, ProviderOptions, Request
from skillopt_ci.providers.simulated_judge import fitted, judge
from skillopt_ci.providers.simulated_rewrite import gepa_rewrite, rewrite
from skillopt_ci.providers.simulated_target import answer
from skillopt_ci.providers.simulated_vision import seen


def make(options: ProviderOptions) -> Provider:
    """The provider. Uses `options.noise` in [0, 1] and `options.latency_ms`.

    Raises:
        ConfigError: noise outside [0, 1], or a negative latency.
    """
    if not 0 <= options.noise <= 1:
        raise ConfigError(f"provider '{options.name}': 'noise' must be from 0 to 1, not {options.noise}")
    if not 0 <= options.latency_ms < 3_600_000:
        raise ConfigError(f"provider '{options.name}': 'latency_ms' must be 0 or more, not {options.latency_ms}")
    return Simulated(options.noise, options.latency_ms)


class Simulated:
    """Answers by its grammar (`docs/simulated.md`), with seeded noise."""

    def __init__(self, noise: float, latency_ms: float = 0.0) -> None:
        self._noise = noise
        self._seconds = latency_ms / 1000

    def complete(self, request: Request, /) -> Completion:
        """Answer one request. Never fails; `length` when the answer is longer than the request allows."""
        if self._seconds:
            time.sleep(self._seconds)
        seed = digest([request.model, [m.identity() for m in request.messages], request.place])
        user = next((m.content + seen(m.attachments) for m in reversed(request.messages) if m.role == "user"), "")
        text = self._structured(request, user, seed) if request.schema else self._reply(request, user, seed)
        stop: StopReason = "stop"
        if len(text) // 4 > request.max_output_tokens:
            text, stop = text[: 4 * request.max_output_tokens], "length"
        usage = Usage(input_tokens=sum(len(m.content) for m in request.messages) // 4, output_tokens=len(text) // 4)
        return Completion(
            text=text,
            stop_reason=stop,
            usage=usage,
            served_model=f"simulated/{request.model}",
            seconds=self._seconds,
        )

    def _reply(self, request: Request, user: str, seed: str) -> str:
        return gepa_rewrite(user, seed) or answer(request.system, user, seed, self._noise)

    @staticmethod
    def _structured(request: Request, user: str, seed: str) -> str:
        assert request.schema is not None  # noqa: S101 - the caller looked
        schema = request.schema
        # Asked again after an answer that did not fit: the first question is the one to answer.
        asked = next((m.content for m in request.messages if m.role == "user"), user)
        value: object
        if schema.name == "skill_edits":
            value = optimizer.reflect(asked, seed)
        elif schema.name == "skill_rewrite":
            value = rewrite(asked, seed)
        elif schema.name == "ranking":
            value = optimizer.rank(asked, seed)
        elif schema.name == "slow_update":
            value = optimizer.slow_update(asked, seed)
        elif schema.name == "meta_notes":
            value = optimizer.meta_notes(asked)
        elif schema.name == "verdict":
            return json.dumps(judge(asked, schema.schema, seed), ensure_ascii=False)
        else:
            value = {}
        return json.dumps(fitted(schema.schema, value, seed), ensure_ascii=False)
