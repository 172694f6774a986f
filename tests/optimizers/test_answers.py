import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from skillopt_ci.core.edit import Edit
from skillopt_ci.optimizers.answers import (
    MAX_EDITS_READ,
    META_NOTES,
    RANKING,
    SKILL_EDITS,
    SLOW_UPDATE,
    read_edits,
    read_order,
    read_text,
)
from tests.optimizers.samples import edits

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["edits", "op", "target", "order", "x"]), inner)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("schema", [SKILL_EDITS, RANKING, SLOW_UPDATE, META_NOTES])
def test_schemas_are_strict(schema: object) -> None:
    """Every property required and no others: what providers' strict modes ask for."""

    def check(node: object) -> int:
        if isinstance(node, dict):
            own = 0
            if node.get("type") == "object":
                assert node["required"] == list(node["properties"])
                assert node["additionalProperties"] is False
                own = 1
            return own + sum(map(check, node.values()))
        return 0

    Draft202012Validator.check_schema(schema.schema)  # type: ignore[attr-defined]
    assert check(schema.schema) >= 1  # type: ignore[attr-defined]


def test_a_whole_edit() -> None:
    value = edits({"op": "replace", "target": "a", "content": "b", "rationale": "c", "evidence": ["t1", "t1", 7, None]})
    Draft202012Validator(SKILL_EDITS.schema).validate(edits(("add", "", "b")))
    assert read_edits(value) == [Edit(op="replace", target="a", content="b", rationale="c", evidence=("t1", "7"))]
    assert read_edits({"edits": [{"op": "delete"}]}) == [Edit(op="delete", target="", content="")]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "the answer must be a JSON object"),
        ({}, "'edits' must be a list"),
        ({"edits": {}}, "'edits' must be a list"),
        ({"edits": ["x"]}, "edit 1 must be an object"),
        (edits(("add", "", "x"), ("remove", "", "")), "edit 2: 'op' must be one of add, replace, delete"),
        (edits({"op": ["add"]}), "edit 1: 'op'"),
        (edits({"op": "add", "content": 5}), "edit 1: 'content' must be a string"),
        (edits({"op": "add", "evidence": "t1"}), "edit 1: 'evidence' must be a list of task ids"),
    ],
)
def test_what_does_not_fit_is_told_to_the_model(value: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_edits(value)


def test_lone_surrogates_do_not_get_in() -> None:
    value = json.loads(
        '{"edits": [{"op": "add", "content": "a\\ud800b", "evidence": ["\\udfff"]}], "notes": "\\ud800"}'
    )
    (edit,) = read_edits(value)
    assert (edit.content, edit.evidence) == ("a?b", ("?",))
    assert read_text(value, "notes", 10) == "?"


def test_a_flood_of_edits_is_cut() -> None:
    assert len(read_edits(edits(*[("add", "", f"- {n}") for n in range(500)]))) == MAX_EDITS_READ


def test_a_target_copied_from_the_prompt_is_the_skills_text_again() -> None:
    (edit,) = read_edits(edits(("replace", "Put it in &lt;answer> tags &lt;b>", "Use &lt;/answer>")))
    assert edit.target == "Put it in <answer> tags &lt;b>"
    assert edit.content == "Use </answer>"
    assert read_text({"guidance": "&lt;answer>"}, "guidance", 100) == "<answer>"


@given(JSON)
def test_any_json_is_read_or_refused_in_words(value: object) -> None:
    said = []
    for read in (read_edits, lambda v: read_order(v, 3), lambda v: read_text(v, "x", 5)):
        try:
            read(value)
        except ValueError as error:
            said.append(str(error))
    assert all(said)


def test_an_order_is_completed_in_the_given_order() -> None:
    assert read_order({"order": [3, 1, 3, 99, 0, -1]}, 4) == [2, 0, 1, 3]
    assert read_order({"order": []}, 0) == []
    for value in ({"order": []}, {"order": [9]}):
        with pytest.raises(ValueError, match="by their numbers, 1 to 4"):
            read_order(value, 4)
    for value in ({"order": [True]}, {"order": ["1"]}, {"order": None}, []):
        with pytest.raises(ValueError, match=r"whole numbers|JSON object"):
            read_order(value, 4)


@given(st.lists(st.integers(-3, 12)), st.integers(0, 9))
def test_an_order_is_a_permutation(order: list[int], count: int) -> None:
    try:
        assert sorted(read_order({"order": order}, count)) == list(range(count))
    except ValueError:
        assert count
        assert not set(order) & set(range(1, count + 1))


def test_texts_have_a_limit() -> None:
    assert read_text({"notes": " a \n"}, "notes", 4) == "a"
    with pytest.raises(ValueError, match="'notes' has 5 characters; at most 4 are allowed"):
        read_text({"notes": "12345"}, "notes", 4)
    with pytest.raises(ValueError, match="'notes' must be a string"):
        read_text({"notes": None}, "notes", 4)
