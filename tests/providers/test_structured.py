import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.trajectory import Message, Usage
from skillopt_ci.errors import CallFailedError
from skillopt_ci.providers.base import Completion, Request, Schema
from skillopt_ci.providers.structured import ask

REQUEST = Request(
    model="m",
    messages=(Message(role="user", content="give me a number"),),
    max_output_tokens=10,
    temperature=0.0,
    place="p",
    stream="s",
    label="a call",
    schema=Schema(name="number", schema={}),
)


class Answers:
    """A provider that says what it is told to, in order."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.requests: list[Request] = []

    def complete(self, request: Request, /) -> Completion:
        self.requests.append(request)
        return Completion(text=self.texts.pop(0), stop_reason="stop", usage=Usage(), served_model="m")


def number(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError("it must be a whole number")
    return value


@pytest.mark.parametrize(
    "text", ["7", " 7\n", "```json\n7\n```", "```\n7\n```", "``` 7 ```", "\n```json\n7\n```\nDone."]
)
def test_an_answer_that_fits_is_asked_once(text: str) -> None:
    provider = Answers(text)
    assert ask(provider, REQUEST, number) == 7
    assert provider.requests == [REQUEST]


@pytest.mark.parametrize("text", ["", "seven", '"7"', "7 8", "NaN", "[" * 100_000, "9" * 5000, "```", "{"])
def test_an_answer_that_does_not_fit_is_asked_again_with_the_error(text: str) -> None:
    provider = Answers(text, "8")
    assert ask(provider, REQUEST, number) == 8
    first, second = provider.requests
    assert second.messages[:-2] == first.messages
    assert second.messages[-2] == Message(role="assistant", content=text or "(empty)")
    assert second.messages[-1].content.startswith("Your answer does not fit: ")
    assert second.messages[-1].content.endswith("fits the schema 'number'.")
    assert ("NaN is not JSON" in second.messages[-1].content) is (text == "NaN")
    assert second.place != first.place
    assert second.label == "a call, asked again"


def test_the_error_of_the_reader_is_told() -> None:
    provider = Answers("[]", "8")
    ask(provider, REQUEST, number)
    assert "does not fit: it must be a whole number\n" in provider.requests[1].messages[-1].content


def test_twice_malformed_is_a_failed_call() -> None:
    with pytest.raises(CallFailedError, match="a call: not the wanted JSON, twice: it must be") as caught:
        ask(Answers("x", "[]"), REQUEST, number)
    assert caught.value.kind == "malformed"


@given(st.text())
def test_any_answer_is_read_or_asked_again(text: str) -> None:
    provider = Answers(text, "8")
    assert isinstance(ask(provider, REQUEST, number), int)
    assert len(provider.requests) in (1, 2)


def test_a_fence_that_is_never_closed_takes_no_square_of_time() -> None:
    answers = Answers("```" + "a" * 2_000_000, "7")  # in square time this takes hours
    assert ask(answers, REQUEST, number) == 7
