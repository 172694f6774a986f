from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import EditRecord
from skillopt_ci.report.page.diff import CONTEXT, MAX_LINES, Line, difference, edits_of, kept_edits
from tests.report.samples import STEPS, decision, skill, step

LINES = st.lists(st.sampled_from(["a", "b", "c", "", "d e"]), max_size=12)


@given(LINES, LINES)
def test_both_texts_can_be_read_back(old: list[str], new: list[str]) -> None:
    found = difference("\n".join(old), "\n".join(new))
    rows = [line for hunk in found.hunks for line in hunk.lines]
    # str.splitlines drops what follows the last line end; compare with what it gives
    a, b = "\n".join(old).splitlines(), "\n".join(new).splitlines()
    assert all(a[r.old_number - 1] == r.old for r in rows if r.old_number)
    assert all(b[r.new_number - 1] == r.new for r in rows if r.new_number)
    kept_old = sum(r.old is not None for r in rows) + found.skipped + sum(h.skipped for h in found.hunks)
    kept_new = sum(r.new is not None for r in rows) + found.skipped + sum(h.skipped for h in found.hunks)
    assert (kept_old, kept_new) == ((len(a), len(b)) if a != b else (len(a), len(a)))
    assert bool(found.hunks) == (a != b)


def test_rows_side_by_side() -> None:
    found = difference("1\n2\n3\n4\n5\n6\nold\nx\n", "1\n2\n3\n4\n5\n6\nnew\nmore\nx\n")
    (hunk,) = found.hunks
    assert hunk.skipped == 6 - CONTEXT
    assert hunk.lines[CONTEXT:] == (
        Line(old_number=7, old="old", new_number=7, new="new"),
        Line(new_number=8, new="more"),
        Line(old_number=8, old="x", new_number=9, new="x"),
    )
    assert [line.changed for line in hunk.lines] == [False] * 3 + [True, True, False]


def test_long_texts_are_not_compared_to_the_end() -> None:
    found = difference("a\n" * (MAX_LINES + 7), "a\n" * MAX_LINES)
    assert (found.left_out, found.hunks) == (7, ())


def test_an_edit_stands_behind_the_lines_it_brought_or_took() -> None:
    def record(op: str, target: str, content: str, status: str = "kept") -> EditRecord:
        return EditRecord(edit=Edit(op=op, target=target, content=content), status=status)  # type: ignore[arg-type]

    made = step(
        1, "accept", decision(0.75),
        (record("add", "x", "new\nmore"), record("replace", "old", "never"), record("delete", "other", ""),
         record("add", "", "new", "rejected")),
    )  # fmt: skip
    (hunk,) = difference("old\nx\n", "new\nx\n").hunks
    assert [(e.step.number, e.at) for e in edits_of(hunk, kept_edits([made, STEPS[1]]))] == [(1, 0), (1, 1)]


@pytest.mark.parametrize(
    ("edit", "new"),
    [
        (Edit(op="replace", target="short and friendly", content="plain"), "- x\n- Answer in a plain way.\n"),
        (Edit(op="delete", target=" and friendly", content=""), "- x\n- Answer in a short way.\n"),
    ],
)
def test_an_edit_of_a_part_of_a_line_stands_behind_the_line(edit: Edit, new: str) -> None:
    start, best = skill("- x\n- Answer in a short and friendly way.\n"), skill(new)
    other = Edit(op="add", target="- x", content="- y")
    records = tuple(EditRecord(edit=e, status="kept") for e in (other, edit))
    made = replace(step(1, "accept", decision(0.75), records), incumbent=start, candidate=best)
    (hunk,) = difference(start.body, best.body).hunks
    assert [e.at for e in edits_of(hunk, kept_edits([made]))] == [1]
