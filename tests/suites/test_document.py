"""Whole documents: JSON by our own reader agrees with the standard library, and knows places."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.suites.document import parse_document, parse_json

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(_VALUES, st.sampled_from([None, 1, "\t"]))
def test_json_is_what_the_standard_library_reads(value: object, indent: int | str | None) -> None:
    document, problems = parse_document("a.json", json.dumps(value, indent=indent))
    assert problems == []
    assert document is not None
    assert document.value == value


@pytest.mark.parametrize(("path", "line"), [("a.json", 3), ("a.yaml", 3)])
def test_places(path: str, line: int) -> None:
    content = {"a.json": '{\n"a": [1,\n {"b": "x"}]}', "a.yaml": "a:\n- 1\n- b: x\n"}[path]
    document, _ = parse_document(path, content)
    assert document is not None
    assert document.look_up(("a", 1, "b")) == "x"
    assert document.place(("a", 1, "b"))[0] == line
    assert document.place(("a", 1, "none"))[0] == line
    assert document.place(("none",)) == (1, 0)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "a.json:1:1: not valid JSON: Expecting value"),
        ('{"a": 1,}', "a.json:1:9: not valid JSON: a comma before '}'"),
        ("[1,]", "a.json:1:4: not valid JSON: a comma before ']'"),
        ("[1 2]", "a.json:1:4: not valid JSON: expected ',' or ']'"),
        ('{"a" 1}', "a.json:1:6: not valid JSON: expected ':'"),
        ("{1: 2}", "a.json:1:2: not valid JSON: a key must be a string"),
        ('{"a": 1,\n"a": 2}', "a.json:2:1: not valid JSON: the key 'a' is there twice"),
        ("[1]\nx", "a.json:2:1: not valid JSON: more text after the end"),
        ("[" * 100, "a.json:1:65: nested deeper than 64 levels"),
        ('{"a": "\\ud800"}', "a.json:1:7: an unpaired surrogate"),
        ("{", "a.json:1:2: not valid JSON: Expecting value"),
    ],
)
def test_broken_json(content: str, expected: str) -> None:
    document, (problem,) = parse_document("a.json", content)
    assert document is None
    assert str(problem).startswith(expected)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: [", "a.yaml:2:1: not valid YAML"),
        ("a: 1\na: 2", "a.yaml:2:1: the key 'a' is there twice"),
        ("a: 1\n---\nb: 2", "a.yaml:2:1: a second document"),
        ("a: \x07", "a.yaml:1:4: not valid YAML: the character U+0007"),
    ],
)
def test_broken_yaml(content: str, expected: str) -> None:
    document, (problem,) = parse_document("a.yaml", content)
    assert document is None
    assert str(problem).startswith(expected)


def test_an_empty_yaml_file_is_null_and_values_in_texts() -> None:
    document, problems = parse_document("a.yaml", "# nothing\n")
    assert (document and document.value, problems) == (None, [])
    assert parse_json("[1]") == [1]
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json("[" * 100_000)
