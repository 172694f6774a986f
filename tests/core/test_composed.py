from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.composed import composed
from skillopt_ci.core.edit import Edit, apply_edits
from skillopt_ci.core.history import EditRecord
from skillopt_ci.core.skill import Skill

BODY = "# Title\n\n- one\n- two\n"


def skill(body: str = BODY) -> Skill:
    return Skill(name="x", frontmatter="---\nname: x\n---\n", body=body)


def record(op: str, target: str, content: str = "", proposed: int = 0) -> EditRecord:
    edit = Edit(op=op, target=target, content=content)  # type: ignore[arg-type]
    return EditRecord(edit=edit, status="kept", proposed=proposed)


TEXTS = st.sampled_from(["", "- one", "- two", "# Title", "- three", "- four", "```", "<!-- skillopt:protect -->"])
RECORDS = st.lists(
    st.builds(record, st.sampled_from(["add", "replace", "delete"]), TEXTS, TEXTS, st.integers(1, 3)), max_size=6
)


def test_a_later_step_is_resolved_against_the_text_that_it_was_shown() -> None:
    made = composed(skill(), [record("add", "- two", "- three", 1), record("replace", "- three", "- 3", 2)])
    assert made.skill.body == "# Title\n\n- one\n- two\n- 3\n"
    assert [r.status for r in made.resolutions] == ["applied", "applied"]


def test_two_edits_of_one_step_were_shown_the_same_text() -> None:
    made = composed(skill(), [record("add", "- two", "- three", 1), record("replace", "- three", "- 3", 1)])
    assert [r.reason for r in made.resolutions] == ["", "target not found in the body"]


def test_what_stands_twice_in_the_text_that_was_shown_has_no_place() -> None:
    made = composed(skill(), [record("add", "", "Say one.", 1), record("replace", "one", "1", 2)])
    assert made.resolutions[1].reason == "target found 2 times in the body; it must occur exactly once"


def test_a_description_of_a_later_step_follows_the_one_that_waits() -> None:
    start = Skill(name="x", frontmatter="---\nname: x\ndescription: old\n---\n", body=BODY)
    made = composed(start, [record("describe", "old", "new", 1), record("describe", "new", "newer", 2)])
    assert made.skill.frontmatter == '---\nname: x\ndescription: "newer"\n---\n'


@given(RECORDS)
def test_the_steps_are_applied_one_after_the_other(records: list[EditRecord]) -> None:
    current, applied = skill(), []
    for step in (1, 2, 3):
        made = apply_edits(current, [r.edit for r in records if r.proposed == step])
        current = made.skill
        applied += made.applied
    found = composed(skill(), records)
    assert (found.skill, list(found.applied), len(found.resolutions)) == (current, applied, len(records))


@given(RECORDS)
def test_edits_of_one_step_are_applied_together(records: list[EditRecord]) -> None:
    same = [record(r.edit.op, r.edit.target, r.edit.content) for r in records]
    assert composed(skill(), same) == apply_edits(skill(), [r.edit for r in same])
