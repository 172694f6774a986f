from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.edit import Edit
from skillopt_ci.optimizers.merge import conflicts, merge_by_rule, settled

WORDS = st.sampled_from(
    ["", "- one", "- two", "- Always give the bare value.", "- always give the bare value", "- six"]
)
EDITS = st.builds(
    Edit,
    op=st.sampled_from(["add", "replace", "delete"]),
    target=WORDS,
    content=WORDS,
    evidence=st.lists(st.sampled_from(["t1", "t2", "t3"]), unique=True).map(tuple),
    support=st.integers(1, 3),
)


def edit(op: str, target: str, content: str = "", *evidence: str, support: int = 1) -> Edit:
    return Edit(op=op, target=target, content=content, evidence=evidence, support=support)  # type: ignore[arg-type]


def test_the_same_said_twice_is_one_edit_with_counted_support() -> None:
    merged = merge_by_rule(
        [
            edit("add", "a", "- Give only the bare value.", "t1"),
            edit("add", "b", "* give only the  bare value", "t2", "t1"),
            edit("add", "", "- Give only the bare value, and nothing else at all.", "t3"),
            edit("add", "", "- Write dates as DD.MM.YYYY."),
        ]
    )
    assert [(e.support, e.evidence) for e in merged] == [(3, ("t1", "t2", "t3")), (1, ())]
    assert merged[0].content == "- Give only the bare value."  # the words of the first
    assert merged[0].target == "a"


def test_items_of_a_list_that_others_add_too_are_edits_of_their_own() -> None:
    merged = merge_by_rule(
        [
            edit("add", "", "- Give the bare value.\n- Write dates as DD.MM.YYYY.\n- Name the source.", "t1"),
            edit("add", "x", "* Write the dates as DD.MM.YYYY", "t2"),
            edit("add", "", "- Round to cents.\n- Name the source.", "t3"),
        ]
    )
    assert [(e.content, e.support, e.evidence) for e in merged] == [
        ("- Write dates as DD.MM.YYYY.", 2, ("t1", "t2")),
        ("- Name the source.", 2, ("t1", "t3")),
        ("- Give the bare value.", 1, ("t1",)),
        ("- Round to cents.", 1, ("t3",)),
    ]
    nested = [edit("add", "", "- a b c:\n  - d e f"), edit("add", "", "- a b c:"), edit("add", "", "- x\n- y")]
    assert merge_by_rule(nested) == nested  # what hangs together stays together


def test_other_places_other_operations_and_short_words_stay_apart() -> None:
    apart = [
        edit("replace", "x", "- Give only the bare value."),
        edit("replace", "y", "- Give only the bare value."),
        edit("add", "", "- Give only the bare value."),
        edit("delete", "x"),
        edit("add", "", "- no"),
        edit("add", "", "- not so"),
        edit("add", "", "- Answer in at most 50 words."),
        edit("add", "", "- Answer in at most 80 words."),
    ]
    assert merge_by_rule(apart) == apart
    assert len(merge_by_rule([edit("delete", "x"), edit("delete", " x ")])) == 1


@given(st.lists(EDITS, max_size=10))
def test_support_is_never_lost(edits: list[Edit]) -> None:
    merged = merge_by_rule(edits)
    # Every edit of these is one line, so that none is taken apart.
    assert sum(e.support for e in merged) == sum(e.support for e in edits)
    assert {i for e in merged for i in e.evidence} == {i for e in edits for i in e.evidence}


@given(st.lists(EDITS, max_size=10))
def test_conflicts_divide_all_edits_once(edits: list[Edit]) -> None:
    alone, groups = conflicts(edits)
    assert sorted(map(repr, [*alone, *(e for g in groups for e in g)])) == sorted(map(repr, edits))
    assert all(len(g) > 1 for g in groups)
    assert not conflicts(alone)[1]


def test_edits_of_overlapping_text_are_a_group_and_adds_never_are() -> None:
    one, two, three = edit("replace", "a b", "x"), edit("delete", "a b c"), edit("replace", "c", "y")
    alone, groups = conflicts([one, edit("add", "a b", "z"), two, edit("replace", "d", "w"), three])
    assert groups == [[one, two, three]]
    assert [e.op for e in alone] == ["add", "replace"]


def test_an_edit_without_a_target_collides_with_nothing() -> None:
    alone, groups = conflicts([edit("replace", "", "x"), edit("replace", "a", "y"), edit("delete", " ")])
    assert groups == []
    assert len(alone) == 3


def test_what_a_model_settled_keeps_support_and_evidence_of_its_sources() -> None:
    clashing = [
        edit("replace", "a b", "x", "t1", support=2),
        edit("delete", "a b", "", "t2"),
        edit("replace", "q", "y", "t3", support=4),
    ]
    answer = [
        edit("replace", "a b", "better", "t9", "t1"),
        edit("add", "", "new", "t3", "t9"),
    ]
    assert [(e.content, e.support, e.evidence) for e in settled(answer, clashing)] == [
        ("better", 3, ("t1", "t2")),
        ("new", 1, ("t3",)),
    ]
