import json
from dataclasses import replace

import jsonschema
import pytest

from skillopt_ci import plugins
from skillopt_ci.core.task import GraderSpec, Source, Task
from skillopt_ci.core.trajectory import Message, Trajectory
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders.judge import VERDICT, judge
from skillopt_ci.optimizers.answers import META_NOTES, RANKING, SKILL_EDITS, SLOW_UPDATE
from skillopt_ci.providers.base import Completion, Model, ProviderOptions, Request, Schema
from skillopt_ci.providers.simulated import Simulated, make

WRITING = "Write a brief on whether to buy a printer."


def options(**changes: float) -> ProviderOptions:
    return replace(ProviderOptions(name="simulated", type="simulated"), **changes)


def request(user: str = WRITING, *, place: str = "p", schema: Schema | None = None, tokens: int = 4000) -> Request:
    messages = (Message(role="system", content="Be exhaustive."), Message(role="user", content=user))
    return Request(
        model="small",
        messages=messages,
        max_output_tokens=tokens,
        temperature=1.0,
        place=place,
        stream="train",
        label="l",
        schema=schema,
    )


def test_it_is_registered_and_answers_with_usage() -> None:
    provider = plugins.load("providers", "simulated")(options())
    done: Completion = provider.complete(request())
    assert done.served_model == "simulated/small"
    assert done.stop_reason == "stop"
    assert done.usage.output_tokens == len(done.text) // 4
    assert done.usage.input_tokens == (len("Be exhaustive.") + len(WRITING)) // 4
    assert done.seconds == 0.0


def test_the_same_request_gets_the_same_answer_and_another_place_another_sample() -> None:
    first, second = make(options(noise=0.3)), make(options(noise=0.3))
    places = [f"p{n}" for n in range(30)]
    texts = [first.complete(request(place=p)).text for p in places]
    assert texts == [second.complete(request(place=p)).text for p in places]
    assert 1 < len(set(texts)) < 5  # exhaustive, or not
    quiet = make(options(noise=0.0))
    assert len({quiet.complete(request(place=p)).text for p in places}) == 1


def test_stream_and_label_change_nothing() -> None:
    provider = make(options(noise=0.5))
    asked = request()
    assert provider.complete(asked) == provider.complete(replace(asked, stream="val", label="other"))


def test_the_output_limit_is_kept() -> None:
    done = make(options()).complete(request(tokens=10))
    assert done.stop_reason == "length"
    assert len(done.text) == 40


def test_latency_is_slept_and_told() -> None:
    assert make(options(latency_ms=1.0)).complete(request()).seconds == 0.001


@pytest.mark.parametrize("changes", [{"noise": -0.1}, {"noise": 1.1}, {"latency_ms": -1.0}, {"noise": float("nan")}])
def test_impossible_options_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="must be"):
        make(options(**changes))


@pytest.mark.parametrize("schema", [SKILL_EDITS, RANKING, SLOW_UPDATE, META_NOTES, VERDICT])
def test_structured_answers_fit_their_schema(schema: Schema) -> None:
    done = make(options(noise=0.5)).complete(request("Propose at most 2 edits.", schema=schema))
    assert jsonschema.Draft202012Validator(dict(schema.schema)).is_valid(json.loads(done.text))


def test_any_other_schema_is_filled_in() -> None:
    parts: dict[str, object] = {
        "kind": {"enum": ["a", "b"]},
        "name": {"type": "string"},
        "count": {"type": "integer"},
        "share": {"type": ["number", "null"]},
        "nothing": {"type": "null"},
        "yes": {"type": "boolean"},
        "items": {"type": "array", "items": {"type": "string"}},
        "any": {},
    }
    schema: dict[str, object] = {"type": "object", "properties": parts, "required": list(parts)}
    done = make(options()).complete(request(schema=Schema(name="other", schema=schema)))
    value = json.loads(done.text)
    jsonschema.validate(value, schema)
    assert value["name"] == ""


def test_asked_again_it_answers_the_first_question() -> None:
    hint = '<rollout task="t" score="0.00">\n<grader>missing section "A"</grader>\n</rollout>'
    asked = request(f"Propose at most 4 edits.\n<skill>\n# S\n</skill>\n{hint}", schema=SKILL_EDITS)
    again = (Message(role="assistant", content="x"), Message(role="user", content="Your answer does not fit."))
    provider = Simulated(0.0)
    places = [f"p{n}" for n in range(10)]
    texts = [provider.complete(replace(asked, messages=(*asked.messages, *again), place=p)).text for p in places]
    assert any("section" in t for t in texts)


def judged(rubric: list[str], answer: str) -> tuple[float, str]:
    model = Model(provider=Simulated(0.0), model="large", temperature=None, max_output_tokens=4000)
    grader = judge(GraderSpec(type="judge", options={"rubric": rubric}), model)
    messages = (Message(role="user", content="Q"), Message(role="assistant", content=answer))
    trajectory = Trajectory(messages=messages, stop_reason="stop", served_model="m")
    score = grader.grade(Task(id="t", prompt="Q", source=Source(file="f", line=1)), trajectory)
    return score.value, score.hint


def test_the_judge_reads_rubric_and_answer() -> None:
    rubric = ["Mentions the printer's price.", "Never mentions zebras."]
    assert judged(rubric, "Buy it.\n\nThe printer's price is low.")[0] == 1.0
    value, hint = judged(rubric, "Buy it, like zebras do.")
    assert value == 0.0
    assert "Mention printer price." in hint
    assert judged(["Never mentions zebras."], "All zebras do.")[0] == 0.0
