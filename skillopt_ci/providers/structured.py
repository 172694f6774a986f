"""Structured answers: asked for by schema, checked here, asked again once with the error."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from skillopt_ci.core.trajectory import Message
from skillopt_ci.errors import CallFailedError
from skillopt_ci.providers.base import Provider, Request

T = TypeVar("T")
_FENCED = re.compile(r"\s*```\w*+(.*)```", re.DOTALL)  # models without a schema mode like to fence their JSON


def ask(provider: Provider, request: Request, read: Callable[[object], T]) -> T:
    """Ask for JSON and return what `read` makes of it.

    `read` raises `ValueError` with words for the model when the value does not fit. Then, or when the answer is no
    JSON, the model is asked once more with its own answer and the error.

    Raises:
        CallFailedError: of the call itself, or kind `malformed` when the second answer does not fit either.
    """
    first = provider.complete(request)
    try:
        return read(_parse(first.text))
    except ValueError as error:
        problem = str(error)
    again = (
        f"Your answer does not fit: {problem}\nAnswer again with nothing but JSON that fits the schema "
        f"'{request.schema.name if request.schema else 'json'}'."
    )
    messages = (
        *request.messages,
        Message(role="assistant", content=first.text or "(empty)"),
        Message(role="user", content=again),
    )
    second = provider.complete(
        replace(request, messages=messages, place=request.place + "\x1fagain", label=f"{request.label}, asked again")
    )
    try:
        return read(_parse(second.text))
    except ValueError as error:
        raise CallFailedError("malformed", f"{request.label}: not the wanted JSON, twice: {error}") from error


def _parse(text: str) -> object:
    fenced = _FENCED.match(text)
    try:
        return json.loads(fenced.group(1) if fenced else text.strip(), parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is not JSON")
