import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.json_values import count, items, mapping, string
from skillopt_ci.core.texts import utf8
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import CallFailedError, ProviderDownError
from skillopt_ci.providers.base import Completion
from skillopt_ci.providers.retrying import RetryableError
from skillopt_ci.providers.sdk import Endpoint, read_object, status_failure

ENDPOINT = Endpoint(name="local", host="h", variable="KEY", secret="sk-secret-0123456789")


@given(
    st.sampled_from([400, 401, 402, 403, 404, 405, 408, 409, 413, 422, 429, 500, 529]),
    st.one_of(
        st.binary(),
        st.recursive(
            st.none() | st.text() | st.integers(),
            lambda v: st.lists(v) | st.dictionaries(st.sampled_from(["error", "message", "code", "detail"]), v),
        ).map(lambda v: json.dumps(v).encode()),
    ),
    st.text(),
)
def test_every_error_body_becomes_one_clean_line(status: int, body: bytes, retry_after: str) -> None:
    outcome = status_failure(ENDPOINT, status, {"retry-after": retry_after}, body + b" sk-secret-0123456789", "m")
    assert isinstance(outcome, Completion | CallFailedError | ProviderDownError)
    if not isinstance(outcome, Completion):
        assert ENDPOINT.secret not in str(outcome)
        assert str(outcome).isprintable()
        assert len(str(outcome)) < 600


def test_a_refused_key_is_told_with_the_variable_it_is_from() -> None:
    for endpoint, held in (
        (ENDPOINT, "environment variable KEY"),
        (replace(ENDPOINT, key_env="MINE"), "environment variable MINE"),
        (replace(ENDPOINT, secret="unused"), "none was sent: name one in api_key_env"),
        (replace(ENDPOINT, secret="unused", key_env="MINE"), "none was sent: set MINE"),
    ):
        said = str(status_failure(endpoint, 401, {}, b"{}", "m"))
        assert said == f"local (h): the key is refused (401); check the key of provider 'local' ({held})"


def test_only_429_408_409_and_5xx_are_worth_another_try() -> None:
    kinds = {}
    for status in (400, 405, 408, 409, 422, 429, 500, 503, 529):
        outcome = status_failure(ENDPOINT, status, {}, b"{}", "m")
        assert isinstance(outcome, CallFailedError)
        kinds[status] = (outcome.kind, hasattr(outcome, "retry_after"))
    assert kinds == {
        400: ("request", False), 405: ("request", False), 408: ("timeout", True), 409: ("server", True),
        422: ("request", False), 429: ("rate-limit", True), 500: ("server", True), 503: ("server", True),
        529: ("server", True),
    }  # fmt: skip


def test_an_outcome_of_the_task_costs_nothing() -> None:
    outcome = status_failure(ENDPOINT, 400, {}, b'{"error": {"code": "context_length_exceeded"}}', "m")
    assert outcome == Completion(text="", stop_reason="context_overflow", usage=Usage(), served_model="m")


def test_keys_look_like_keys_whoever_they_belong_to() -> None:
    assert ENDPOINT.clean("a sk-proj-abc***wxyz b") == "a *** b"
    assert ENDPOINT.clean("task-based ask-nothing") == "task-based ask-nothing"
    assert ENDPOINT.secret not in repr(ENDPOINT)
    for dummy in ("k", "local", "unused"):
        assert replace(ENDPOINT, secret=dummy).clean("check local luck, unused") == "check local luck, unused"
    assert replace(ENDPOINT, name="ollama", secret="ollama").clean("ollama") == "ollama"
    assert "sk-secret" not in ENDPOINT.clean(" " * 5980 + ENDPOINT.secret)
    key = ENDPOINT.secret
    divided = key.replace("-", "-\n", 1), key.replace("0", "0\u200b"), "\x1b".join(key)
    assert {ENDPOINT.clean(f"a {key} b") for key in divided} == {"a *** b"}
    hidden = replace(ENDPOINT, secret="no-form-that-is-known")
    for before in (b"x" * 50 + b" ", b" " * 5990):  # where a page is cut when it is quoted is the key
        with pytest.raises(RetryableError) as told:
            read_object(hidden, before + hidden.secret.encode())
        assert "no-form" not in str(told.value)
        assert "no-form" not in str(status_failure(hidden, 500, {}, before + hidden.secret.encode(), "m"))
    assert str(Endpoint(name="x", host="", variable="KEY", secret="")) == "x"


@pytest.mark.parametrize("length", range(200, 301, 7))
def test_a_key_in_another_form_is_hidden_before_the_text_is_cut(length: int) -> None:
    key = "no-form-that-is-known"
    coded = key.encode().hex()
    endpoint = Endpoint(name="local", host="h", variable="KEY", secret=key, hide=lambda t: t.replace(coded, "***"))
    assert coded[:8] not in endpoint.clean("x" * length + coded)


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_readers_take_anything(value: object) -> None:
    assert mapping(value) == {}
    assert items(value) == []
    assert isinstance(string(value), str)
    assert 0 <= count(value) < 10**12


@given(st.text(alphabet=st.characters(codec=None, min_codepoint=0xD700, max_codepoint=0xE010)))
def test_text_can_be_encoded(text: str) -> None:
    assert len(utf8(text).encode()) >= len(text)
