from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.edit import Edit
from skillopt_ci.optimizers.merge import conflicts, merge_by_rule, merge_settled, settled

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


def each(*edits: Edit) -> list[list[Edit]]:
    """Every edit by a reader of its own."""
    return [[e] for e in edits]


def test_the_same_said_twice_is_one_edit_with_counted_support() -> None:
    merged = merge_by_rule(
        each(
            edit("add", "a", "- Give only the bare value.", "t1"),
            edit("add", "b", "* give only the  bare value", "t2", "t1"),
            edit("add", "", "- Give only the bare value, and nothing else at all.", "t3"),
            edit("add", "", "- Write dates as DD.MM.YYYY."),
        )
    )
    assert [(e.support, e.evidence) for e in merged] == [(3, ("t1", "t2", "t3")), (1, ())]
    assert merged[0].content == "- Give only the bare value."  # the words of the first
    assert merged[0].target == "a"


def test_a_rule_that_goes_on_and_turns_is_another_rule() -> None:
    said = "- Round amounts to two decimals"
    for more in (" unless the task gives three", ", never to whole ones", " only when asked"):
        merged = merge_by_rule(each(edit("add", "", said), edit("add", "", f"{said}{more}.")))
        assert [e.support for e in merged] == [1, 1], more
    euros = ("- Write every amount in EUR", "- Write every amount in Euros")
    merged = merge_by_rule(each(*(edit("add", "", text) for text in euros)))
    assert [e.support for e in merged] == [1, 1]  # a word is not its beginning


def test_items_of_a_list_that_others_add_too_are_edits_of_their_own() -> None:
    merged = merge_by_rule(
        each(
            edit("add", "", "- Give the bare value.\n- Write dates as DD.MM.YYYY.\n- Name the source.", "t1"),
            edit("add", "x", "* Write the dates as DD.MM.YYYY", "t2"),
            edit("add", "", "- Round to cents.\n- Name the source.", "t3"),
        )
    )
    assert [(e.content, e.support, e.evidence) for e in merged] == [
        ("- Write dates as DD.MM.YYYY.", 2, ("t1", "t2")),
        ("- Name the source.", 2, ("t1", "t3")),
        ("- Give the bare value.", 1, ("t1",)),
        ("- Round to cents.", 1, ("t3",)),
    ]
    nested = [edit("add", "", "- a b c:\n  - d e f"), edit("add", "", "- a b c:"), edit("add", "", "- x\n- y")]
    assert merge_by_rule([nested]) == nested  # what hangs together stays together


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
    assert merge_by_rule([apart]) == apart
    assert len(merge_by_rule(each(edit("delete", "x"), edit("delete", " x ")))) == 1


def test_a_reader_counts_once_whatever_it_says() -> None:
    """Two longer rules of one reader begin with the one of another: two readers want it, not three."""
    short, first, second = (
        "- Name the unit of a figure",
        "- Name the unit of a figure here",
        "- Name the unit of a figure there",
    )
    merged = merge_by_rule([[edit("add", "", short)], [edit("add", "", first), edit("add", "", second)]])
    assert [(e.content, e.support) for e in merged] == [(short, 2)]
    assert [e.support for e in merge_by_rule([[edit("add", "", short)] * 3])] == [1]


@given(st.lists(st.lists(EDITS, max_size=4), max_size=5))
def test_support_counts_readers(reads: list[list[Edit]]) -> None:
    merged = merge_by_rule(reads)
    assert all(1 <= e.support <= sum(map(bool, reads)) for e in merged)
    # Every edit of these is one line, so that none is taken apart: each reader stands behind an edit or more.
    assert sum(map(bool, reads)) <= sum(e.support for e in merged) <= sum(map(len, reads))
    assert {i for e in merged for i in e.evidence} == {i for edits in reads for e in edits for i in e.evidence}


@given(st.lists(EDITS, max_size=10))
def test_every_edit_by_a_reader_of_its_own_is_counted(edits: list[Edit]) -> None:
    assert sum(e.support for e in merge_by_rule(each(*edits))) == len(edits)


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


def test_what_a_model_settled_keeps_the_readers_and_the_evidence_of_its_sources() -> None:
    change, gone, other = (
        edit("replace", "a b", "x", "t1"),
        edit("delete", "a b c", "", "t2"),
        edit("replace", "q", "y", "t3"),
    )
    reads = [[change, gone, other], [change, other], [other], [edit("add", "", "z")]]
    clashing = [replace(change, support=2), gone, replace(other, support=3)]
    answer = [edit("replace", "a b", "better", "t9", "t1"), edit("add", "", "new", "t3", "t9")]
    assert [(e.content, e.support, e.evidence) for e in settled(answer, clashing, reads)] == [
        ("better", 2, ("t1", "t2")),  # the first reader wanted two things that clash, and is one reader
        ("new", 1, ("t3",)),
    ]


def test_what_a_model_repeats_of_others_brings_them_no_reader() -> None:
    known = edit("add", "", "- Name the source.", "t1", support=2)
    merged = merge_settled([known, edit("add", "", "* name the source", "t2"), edit("delete", "x", support=3)])
    assert [(e.content, e.support, e.evidence) for e in merged] == [
        ("- Name the source.", 2, ("t1", "t2")),
        ("", 3, ()),
    ]
