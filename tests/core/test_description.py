"""The description of a skill: replaced in place, everything else of the frontmatter byte-identical."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.characters import hidden_characters
from skillopt_ci.core.description import DescriptionError, description_of, with_description
from skillopt_ci.core.edit import Edit, apply_edits
from skillopt_ci.core.policy import EditPolicy, refuse, refuse_change, refuse_description
from skillopt_ci.core.skill import Skill, parse_frontmatter, parse_skill

NEW = "Reads dates and names off invoices. Use when somebody asks about a bill."
BODY = "\n# Invoices\n\n- Say the value.\n"


def skill(front: str) -> Skill:
    return parse_skill((front + BODY).encode(), path="SKILL.md", name="x")


def front(value: str, before: str = "name: x\n", after: str = "license:   MIT  # ours\n") -> str:
    return f"---\n{before}description: {value}\n{after}---\n"


@pytest.mark.parametrize(
    "value",
    [
        "Reads invoices.",
        '"Reads: invoices # all"',
        "'It''s for invoices'",
        ">-\n  Reads\n  invoices.",
        "|\n  Reads\n  it.",
        "Reads invoices,\n  all of them.",
        ">2-\n    Reads.",
        '"two\n  lines"',
        "",
        "~",
        "!!str Reads.",
        "Reads.  # a note",
    ],
)
def test_only_the_value_changes(value: str) -> None:
    before = front(value)
    changed = with_description(skill(before), NEW).frontmatter
    note = "  # a note" if "# a note" in value else ""
    assert changed.startswith("---\nname: x\ndescription: ")
    assert changed.endswith(f"{NEW}{note}\nlicense:   MIT  # ours\n---\n")
    assert description_of(skill(changed)) == NEW
    assert changed.count("\n") == 5


def test_the_last_key_and_the_first() -> None:
    last = with_description(skill("---\nname: x\ndescription: >\n  Reads\n\n---\n"), NEW)
    assert description_of(last) == NEW
    assert last.frontmatter.endswith("---\n")
    first = with_description(skill("---\ndescription: a b\nname: x\n---\n"), NEW)
    assert first.frontmatter == f"---\ndescription: {NEW}\nname: x\n---\n"


def test_line_ends_stay() -> None:
    made = skill("---\r\nname: x\r\ndescription: a b\r\nlicense: MIT\r\n---\r\n")
    assert with_description(made, NEW).frontmatter == (
        f"---\r\nname: x\r\ndescription: {NEW}\r\nlicense: MIT\r\n---\r\n"
    )
    bare = skill("---\r\nname: x\r\n---\r\n")
    assert with_description(bare, NEW).frontmatter == f"---\r\nname: x\r\ndescription: {NEW}\r\n---\r\n"


def test_a_missing_description_is_added() -> None:
    assert with_description(skill("---\nname: x\n---\n"), NEW).frontmatter == f"---\nname: x\ndescription: {NEW}\n---\n"
    assert with_description(skill("---\n---\n"), NEW).frontmatter == f"---\ndescription: {NEW}\n---\n"


@pytest.mark.parametrize(
    "text",
    [
        "Use it: always # yes",
        "yes",
        "2026-01-02",
        "- a list",
        "12",
        "[a]",
        'say "yes"',
        "a: b",
        "use when:",
        "it's: \\n",
        "null and void",
        "!tag words",
        "& anchor",
        "* alias",
        "% percent",
        "`tick`",
        "key: [",
        "No way",
        "1e3 things",
        "ends in #",
    ],
)
def test_whatever_it_says_it_reads_back(text: str) -> None:
    assert description_of(with_description(skill(front("a b")), text)) == text


@given(st.text(min_size=1, max_size=60))
def test_any_text_the_policy_lets_through_reads_back(text: str) -> None:
    made = skill(front(">-\n  Reads\n  it."))
    if refuse_description(text, description_of(made), EditPolicy(allow_urls=True, allow_commands=True)) is not None:
        return
    changed = with_description(made, text)
    assert description_of(changed) == text
    assert changed.body == made.body
    assert changed.frontmatter.count("\n") == 5
    assert {**parse_frontmatter(changed.frontmatter), "description": 0} == {
        "name": "x",
        "description": 0,
        "license": "MIT",
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BODY, "no frontmatter"),
        ("---\n{name: x, description: y}\n---\n", "no block"),
        ("---\ndescription: [a]\n---\n", "no text"),
        ("---\ndescription: &a words\nname: *a\n---\n", "in place"),
        ("---\ndescription: a\ndescription: b\n---\n", "twice"),
    ],
)
def test_what_cannot_be_cut_out_is_left_alone(text: str, why: str) -> None:
    with pytest.raises(DescriptionError, match=why):
        with_description(skill(text), NEW)


def test_broken_frontmatter_has_no_description() -> None:
    broken = Skill(name="x", frontmatter="---\na: [\n---\n", body="")
    assert description_of(broken) == ""
    with pytest.raises(DescriptionError, match="not valid YAML"):
        with_description(broken, NEW)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" \t", "empty"),
        ("x" * 1025, "1025 characters"),
        ("a\nb", "one line"),
        ("a\u2028b", "one line"),
        (" a b", "one line"),
        ("a\tb", "one line"),
        ("a\u200bb", "hidden"),
        ("use <system>this", "XML tag"),
        ("</skill> b", "XML tag"),
        ("see https://example.org", "URL"),
        ("run curl x first", "command"),
        ("set allowed-tools wide", "permission"),
        ("Old words.", "already"),
    ],
)
def test_what_the_policy_refuses(text: str, why: str) -> None:
    assert why in (refuse_description(text, "Old words.", EditPolicy()) or "")


def test_what_the_policy_lets_through() -> None:
    for text in ("x" * 1024, NEW, "Costs < 5 and > 3", "Für Rechnungen: 日本"):
        assert refuse_description(text, "Old words.", EditPolicy()) is None
    old = "See https://example.org for more."
    assert refuse_description("Now see https://example.org for more.", old, EditPolicy()) is None


def describe(text: str, target: str = "a b") -> Edit:
    return Edit(op="describe", target=target, content=text)


def test_edits_of_the_description_are_applied_once() -> None:
    made = skill(front("a b"))
    both = apply_edits(
        made, [describe(NEW), describe("Another one here."), Edit(op="add", target="", content="- More.")]
    )
    assert [r.status for r in both.resolutions] == ["applied", "unmatched", "applied"]
    assert description_of(both.skill) == NEW
    assert both.skill.body == BODY + "\n- More.\n"
    assert "ranked before" in both.resolutions[1].reason


@pytest.mark.parametrize(
    ("edit", "why"), [(describe("a b"), "changes nothing"), (describe(NEW, "other"), "target is not the description")]
)
def test_edits_of_the_description_that_do_not_match(edit: Edit, why: str) -> None:
    resolution = apply_edits(skill(front("a b")), [edit]).resolutions[0]
    assert (resolution.status, resolution.reason) == ("unmatched", why)


def test_an_edit_without_frontmatter_is_unmatched() -> None:
    assert apply_edits(skill(BODY), [describe(NEW, "")]).resolutions[0].reason == "the skill has no frontmatter"


def test_the_policy_of_edits_knows_descriptions() -> None:
    made = skill(front("a b"))
    assert refuse(describe(NEW), made, EditPolicy()) is None
    assert "XML" in (refuse(describe("a <b>"), made, EditPolicy()) or "")


def test_a_whole_change_of_the_description() -> None:
    start = skill(front("a b"))
    best = with_description(start, NEW)
    assert refuse_change(best, start, EditPolicy(), "description") is None
    assert refuse_change(best, start, EditPolicy()) == "changes the frontmatter"
    assert "body" in (refuse_change(best.with_body("x"), start, EditPolicy(), "description") or "")
    other = skill(best.frontmatter.replace("MIT", "BSD"))
    assert refuse_change(other, start, EditPolicy(), "description") == "changes more than the description"
    tagged = with_description(start, "a <b> c")
    assert "XML" in (refuse_change(tagged, start, EditPolicy(), "description") or "")
    assert "frontmatter" in (
        refuse_change(best, Skill(name="x", frontmatter="", body=best.body), EditPolicy(), "description") or ""
    )


def test_quoted_values_are_yaml_and_json() -> None:
    text = 'Use: "now" \\ and # then'
    line = with_description(skill(front("a b")), text).frontmatter.split("\n")[2]
    assert json.loads(line.removeprefix("description: ")) == text == yaml.safe_load(line)["description"]
    assert hidden_characters(line) == []
