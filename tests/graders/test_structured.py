import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.task import GraderSpec
from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.graders.build import build
from skillopt_ci.graders.structured import find_json, look_up, same
from tests.graders.helpers import grade, spec

INVOICE: dict[str, object] = {
    "type": "object",
    "properties": {
        "total": {"type": "number", "minimum": 0},
        "currency": {"enum": ["EUR", "USD"]},
        "id": {"type": "string", "pattern": "^INV-[0-9]+$"},
    },
    "required": ["total", "currency"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        (" 42 ", 42),
        ('Here:\n```json\n{"a": 1}\n```\nDone.', {"a": 1}),
        ('```\n{"a": 1}\n```\nbetter:\n~~~json\n{"a": 2}\n~~~', {"a": 2}),
        ('```json\n{"a": 1}\n```\n```python\nprint(1)\n```', {"a": 1}),
        ('The result is {"a": [1, 2]} as [you] see [1].', {"a": [1, 2]}),
        ("[1] then [2]", [2]),
    ],
)
def test_json_is_found(answer: str, value: object) -> None:
    assert find_json(answer) == value


@pytest.mark.parametrize("answer", ["", "none", "{'a': 1}", '{"a": NaN}', "[" * 100_000, "{" * 100_000, "~" * 100_000])
def test_no_json_is_found(answer: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|nested"):
        find_json(answer)


def test_equality_and_paths() -> None:
    assert same({"a": [1, None]}, {"a": [1.0, None]})
    assert not same(True, 1)
    assert not same([1], [1, 2])
    assert not same({"a": 1}, {"b": 1})
    value = {"items": [{"name": "x"}], "n": {"0": "zero"}}
    assert look_up(value, "items.0.name") == "x"
    assert look_up(value, "n.0") == "zero"
    for path in ("items.1", "items.x", "items.0.name.first", "none", "items.99999999999999"):
        assert not same(look_up(value, path), "x")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(_json, _json)
def test_equality_is_reflexive_and_symmetric(first: object, second: object) -> None:
    assert same(first, first)
    assert same(first, second) == same(second, first)


def test_value_is_the_share_of_checks() -> None:
    grader = spec("json", schema=INVOICE, fields={"total": 99.5, "currency": "EUR"})
    assert grade(grader, '{"total": 99.50, "currency": "EUR"}').value == 1.0
    half = grade(grader, '{"total": "99.5", "currency": "EUR"}')
    assert (half.value, half.passed) == (1 / 3, False)
    assert half.hint == (
        "$.total must be of type number, not string; field 'total' must be of type number, not string "
        "(1 of 3 checks passed)"
    )
    assert grade(grader, '{"total": "99.5"}').hint.count("lacks 'currency'") == 1
    missing = grade(grader, "sorry")
    assert (missing.value, missing.hint) == (0.0, "no valid JSON found in the answer")


def test_hints_do_not_tell_values() -> None:
    grader = spec("json", fields={"day": "2024-03-01", "sum": 731, "deep.list": [7310]})
    score = grade(grader, '{"day": "1 March 2024", "sum": 5}')
    assert score.hint == (
        "field 'day' has a wrong value: accepted answers have the form `9999-99-99`, this answer has the form "
        "`9 A 9999`; field 'sum' has a wrong value; field 'deep.list' is missing (0 of 3 checks passed)"
    )
    assert 'field \'day\': expected "2024-03-01", got "1 March 2024"' in score.why
    secret = spec("json", schema={"properties": {"a": {"const": "s3cret"}, "b": {"pattern": "s3cret"}}})
    hint = grade(secret, '{"a": "x", "b": "y"}').hint
    assert "s3cret" not in hint
    assert "$.a does not fit 'const' of the schema" in hint
    assert "$.b does not fit 'pattern' of the schema" in hint
    assert "s3cret" in grade(GraderSpec(type="json", options=secret.options, hidden=False), '{"a": 1}').hint
    assert grade(GraderSpec(type="json", options=secret.options, hidden=True), '{"a": 1}').hint == "0 of 1 check passed"


def test_limits_and_additional_properties_are_told() -> None:
    score = grade(spec("json", schema=INVOICE), '{"total": -1, "currency": "EUR", "note": "x"}')
    assert "$.total does not keep to minimum 0" in score.hint
    assert "$: has properties that are not allowed: 'note'" in score.hint
    many = {"additionalProperties": {"type": "integer"}, "patternProperties": {"^x_": {"type": "string"}}}
    assert grade(spec("json", schema=many), '{"x_a": "1", "b": 2}').passed
    wrong = grade(spec("json", schema=many), '{"x_a": 1, "b": "2"}')
    assert "$.x_a must be of type string, not number" in wrong.hint
    assert "$.b must be of type integer, not string" in wrong.hint
    assert grade(spec("json", schema=many), "[1]").passed
    kinds = spec("json", schema={"type": ["array", "integer"]})
    for answer, kind in (("true", "boolean"), ("1.5", "number"), ("null", "null"), ("{}", "object"), ('"x"', "string")):
        assert grade(kinds, answer).hint.startswith(f"$ must be of type array or integer, not {kind}")


def test_what_stands_for_a_broken_schema_is_a_failure() -> None:
    for schema, words in (
        ({"$ref": "https://example.invalid/other.json"}, "reference to nowhere"),
        ({"$ref": "#"}, "nested too deeply"),
        ({"pattern": r"^(?:(a|aa)+)+\1{9}b$"}, "ran over 1 s"),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "patternProperties": {"[": {}}}, "invalid pattern"),
    ):
        with pytest.raises(CallFailedError, match=words):
            grade(spec("json", schema=schema), '{"a": 1}' if "$schema" in schema else '"' + "a" * 60 + '"')


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "give it 'schema', 'fields' or both"),
        ({"schema": {"type": "strange"}}, "not a JSON Schema"),
        ({"schema": {"pattern": "["}}, "not a JSON Schema"),
        ({"schema": {"patternProperties": {"[": {}}}}, "not a JSON Schema"),
        ({"schema": "x"}, "must be dict, not str"),
        ({"fields": {1: 2}}, "must map dotted paths"),
    ],
)
def test_bad_options(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build([spec("json", **options)], None)


def test_patterns_of_a_schema_may_name_unicode_properties() -> None:
    grader = spec("json", schema={"pattern": r"^\p{L}+$"})
    assert grade(grader, '"Zoë"').passed
    assert not grade(grader, '"Zoë 2"').passed
    assert grade(spec("json", schema={"pattern": ""}), '"x"').passed


def test_a_schema_nested_too_deeply_is_refused() -> None:
    schema: dict[str, object] = {}
    for _ in range(5000):
        schema = {"not": schema}
    with pytest.raises(ConfigError, match="nested too deeply"):
        build([spec("json", schema=schema)], None)


def test_values_of_yaml_that_json_has_not_are_shown() -> None:
    score = grade(spec("json", fields={"day": datetime.date(2024, 3, 1)}), '{"day": "2024-03-01"}')
    assert not score.passed
    assert "2024-03-01" in score.why


@pytest.mark.parametrize(
    ("options", "answer", "passed"),
    [
        ({"whole": True}, ' {"a": 1}\n', True),
        ({"whole": True}, "[1]", True),
        ({"whole": True}, '```json\n{"a": 1}\n```', False),
        ({"whole": True, "schema": {"type": "array"}}, "{}", False),
        ({"whole": True, "schema": {"const": {"a": 1}}}, '{"a": 1}', True),
        ({"anywhere": True}, 'so {"a": 1} it is', True),
        ({"anywhere": True}, "so [1] it is", False),
        ({"anywhere": True, "schema": {"required": ["b"]}}, '{"a": 1, "c": {"b": 1}} and {"b": 2}', True),
        ({"anywhere": True, "schema": {"required": ["b"]}}, '{"a": {"b": 1}} {x', False),
        ({"anywhere": True, "fields": {"a": 2}}, 'first {"a": 1}, then {"a": 2}', True),
        ({"anywhere": True, "schema": {"required": ["b"]}, "fields": {"b": 2}}, '{"a": 1} {"b": 1} {"b": 2}', True),
        ({"anywhere": True, "schema": {"required": ["b"]}, "fields": {"a": 2}}, '{"a": 2} {"b": 1}', False),
    ],
)
def test_json_alone_or_anywhere(options: dict[str, object], answer: str, passed: bool) -> None:
    score = grade(spec("json", **options), answer)
    assert score.passed is passed
    assert score.why


def test_alone_and_anywhere_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        grade(spec("json", whole=True, anywhere=True), "{}")


@pytest.mark.parametrize(
    ("step", "answer", "passed"),
    [
        (0.01, "[19.99, 0.07, 4.35, -1.1, 5, 1e300, 0]", True),
        (0.01, "[19.995]", False),
        (0.1, "[0.3, 1.15]", False),
        (2, "[4, 4.0]", True),
        (2, "[5]", False),
        (1, "[1e999]", False),
        (1, '["a", true, null]', True),
    ],
)
def test_multiples_are_those_of_the_decimals_as_written(step: float, answer: str, passed: bool) -> None:
    assert grade(spec("json", schema={"items": {"multipleOf": step}}), answer).passed is passed


@pytest.mark.parametrize(
    ("answer", "unique"),
    [
        ("[1, 1.0]", False),
        ('[1, true, "1", null, [1], {"a": 1}]', True),
        ('[{"a": [1], "b": 2}, {"b": 2.0, "a": [1]}]', False),
        ('[{"a": true}, {"a": 1}]', True),
        ("[" + ",".join(f'{{"a": {n}}}' for n in range(20_000)) + "]", True),  # compared in pairs these take minutes
    ],
)
def test_items_are_unique_as_json_values_are_equal(answer: str, unique: bool) -> None:
    score = grade(spec("json", schema={"type": "array", "uniqueItems": True}), answer)
    assert score.passed is unique
    assert unique or "uniqueItems" in score.hint
    assert grade(spec("json", schema={"type": "array", "uniqueItems": False}), answer).passed
