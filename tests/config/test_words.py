"""Words about values: plain, clean, and never a secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.config.words import clean, looks_like_secret, show, wanted


@pytest.mark.parametrize(
    "text",
    [
        "sk-abcdef123456",
        "sk-ant-api03-abcdef",
        "ghp_abcdefABCDEF1234567890",
        "github_pat_11AAAA",
        "glpat-abcdef1",
        "AKIAIOSFODNN7EXAMPLE",
        "hf_abcdefgh",
        "key: sk-proj-abcdefg",
        "Bearer abcdefg",
        "eyJhbGciOiJIUzI1NiJ9.e30",
        "3f9a8c1de07b42569a0cbb27d1e84f60",
        "aB3dE5fG7hI9jK1lM3nO5pQ7",
    ],
)
def test_secrets(text: str) -> None:
    assert looks_like_secret(text)
    assert text not in show(text)


@pytest.mark.parametrize(
    "text",
    [
        "OPENAI_API_KEY",
        "MY_COMPANY_GATEWAY_KEY_2",
        "gpt-5.4-mini",
        "claude-haiku-4-5-20251001",
        "meta-llama/Llama-3.3-70B-Instruct",
        "skills/quarterly-financial-reporting/SKILL.md",
        "http://127.0.0.1:8000/v1",
        "task-force-one",
    ],
)
def test_ordinary_values_are_shown(text: str) -> None:
    assert not looks_like_secret(text)
    assert show(text) == f"'{text}'"


def test_a_value_of_a_megabyte_is_looked_at_as_far_as_it_is_shown() -> None:
    assert show("eyJ" * 350_000) == f"'{'eyJ' * 20}...'"
    assert show("eyJhbGciOiJIUzI1NiJ9.e30" + "x" * 1_000_000) == "a text that looks like a secret (not shown)"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "empty"),
        (True, "true"),
        (False, "false"),
        ({}, "a mapping"),
        ([], "an empty list"),
        ([1], "a list"),
        (4.5, "4.5"),
        ("a\n::error::\x1b[0m", "'a?::error::?[0m'"),
        ("x " * 50, "'" + "x " * 30 + "...'"),
    ],
)
def test_show(value: object, words: str) -> None:
    assert show(value) == words


@given(st.text())
def test_shown_text_is_one_short_printable_line(text: str) -> None:
    assert clean(text).isprintable()
    assert len(clean(text)) <= 63


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1}, "a whole number of at least 1"),
        ({"type": "integer", "minimum": 1, "maximum": 2**53}, "a whole number of at least 1"),
        ({"type": "number", "minimum": 0.5, "exclusiveMaximum": 1.0}, "a number of at least 0.5 and below 1"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 2}, "a number above 0 and at most 2"),
        ({"enum": ["a", "b", "c"]}, "'a', 'b' or 'c'"),
        ({"const": "a"}, "'a'"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "true or false"),
        ({"anyOf": [{"type": "string"}, {"$ref": "#/x"}]}, "a text or a mapping of keys to values"),
        ({"type": "array", "minItems": 1}, "a list with at least one item"),
        ({"type": "number"}, "a number"),
    ],
)
def test_wanted(schema: dict[str, object], words: str) -> None:
    assert wanted(schema) == words
