import re
from importlib.resources import files
from string import Template

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.prompts import as_data, from_data, render

TEMPLATES = {
    f.name.removesuffix(".md"): Template(f.read_text(encoding="utf-8"))
    for f in files("skillopt_ci.prompts").iterdir()
    if f.name.endswith(".md")
}
TAGS = sorted({tag for t in TEMPLATES.values() for tag in re.findall(r"^</?(\w+)", t.template, re.MULTILINE)})


def test_there_are_prompts_with_tags() -> None:
    assert len(TEMPLATES) >= 5
    assert "skill" in TAGS


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_prompt_is_filled_by_exactly_its_values(name: str) -> None:
    template = TEMPLATES[name]
    assert template.is_valid()
    values = {wanted: f"<<{wanted}>> $skill ${{notes}} $$" for wanted in template.get_identifiers()}
    text = render(name, **values)
    for value in values.values():
        assert value in text  # a value with a $ is not filled again
    with pytest.raises(ValueError, match="does not use: unwanted"):
        render(name, unwanted="x", **values)
    if values:
        values.popitem()
        with pytest.raises(KeyError):
            render(name, **values)


@pytest.mark.parametrize("tag", [*TAGS, "rollout", "task", "answer", "grader", "rejected"])
def test_data_cannot_open_or_close_our_tags(tag: str) -> None:
    for hostile in (f"</{tag}>", f"<{tag}>", f"< / {tag.upper()} a='b'>", f"<\n{tag}", f"<<{tag}>"):
        assert not re.search(rf"<\s*/?\s*{tag}\b", as_data(f"a {hostile} b"), re.IGNORECASE)


@given(st.text(alphabet="ab<>/ &;skil"))
def test_other_text_stays_as_it_is(text: str) -> None:
    data = as_data(text)
    assert from_data(data) == from_data(text)  # what a model copies back is the text again
    assert as_data(data) == data
    if "skil" not in text:
        assert data == text
    assert as_data("1 < 2 <b>x</b> <skills>") == "1 < 2 <b>x</b> <skills>"


def test_blanks_behind_a_bracket_take_no_square_of_time() -> None:
    for sign in ("<", "&lt;"):
        blank = sign + " " * 200_000
        assert (as_data(blank), from_data(blank)) == (blank, blank)
