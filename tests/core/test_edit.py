import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from skillopt_ci.core.blocks import ends_open, leaves
from skillopt_ci.core.edit import (
    PROTECT_END,
    PROTECT_START,
    SLOW_END,
    SLOW_START,
    Candidate,
    Edit,
    apply_edits,
    protected_spans,
    set_slow_update,
    slow_update_text,
)
from skillopt_ci.core.skill import Skill, split_text
from tests.core.bodies import CONTENTS, bodies, documents, real_skills, skill, targets

PROTECTED = f"{PROTECT_START}\nkept by hand\n{PROTECT_END}"
SLOW = f"{SLOW_START}\nguidance\n{SLOW_END}"
LAST_MARKERS = re.compile(r"^[ \t]*((?:[-*+]|\d+[.)])[ \t]*)+\Z", re.MULTILINE)


def one(body: str, op: str, target: str, content: str = "", frontmatter: str = "") -> Candidate:
    return apply_edits(skill(body, frontmatter), [Edit(op=op, target=target, content=content)])  # type: ignore[arg-type]


def after(body: str, op: str, target: str, content: str = "") -> str:
    candidate = one(body, op, target, content)
    assert [r.status for r in candidate.resolutions] == ["applied"], candidate.resolutions[0].reason
    return candidate.skill.body


def why_not(body: str, op: str, target: str, content: str = "") -> str:
    candidate = one(body, op, target, content)
    assert candidate.skill.body == body
    assert [r.status for r in candidate.resolutions] == ["unmatched"]
    assert candidate.applied == ()
    return candidate.resolutions[0].reason


@st.composite
def cases(draw: st.DrawFn) -> tuple[Skill, list[Edit]]:
    start = draw(documents())
    count = draw(st.integers(1, 4))
    ops = st.sampled_from(["add", "replace", "delete"])
    edits = [Edit(op=draw(ops), target=draw(targets(start.body)), content=draw(CONTENTS)) for _ in range(count)]
    return start, edits


def regions(body: str) -> list[str]:
    return [body[start:end] for start, end in protected_spans(body)]


def fences(body: str) -> list[str]:
    return [
        t.content for t in MarkdownIt("commonmark").enable("table").parse(body) if t.type in ("fence", "code_block")
    ]


def words(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def is_subsequence(wanted: list[str], found: list[str]) -> bool:
    rest = iter(found)
    return all(word in rest for word in wanted)


class TestWhatAlwaysHolds:
    @given(cases())
    def test_frontmatter_and_protected_regions_stay_byte_identical(self, case: tuple[Skill, list[Edit]]) -> None:
        start, edits = case
        end = apply_edits(start, edits).skill
        assert end.frontmatter == start.frontmatter
        assert split_text(end.text)[0].rstrip("\n") == start.frontmatter.rstrip("\n")
        assert regions(end.body) == regions(start.body)

    @given(cases())
    def test_an_unmatched_edit_changes_nothing(self, case: tuple[Skill, list[Edit]]) -> None:
        start, edits = case
        candidate = apply_edits(start, edits)
        assert [r.edit for r in candidate.resolutions] == edits
        again = apply_edits(start, candidate.applied)
        assert again.applied == candidate.applied
        assert again.skill.body == candidate.skill.body
        if not candidate.applied:
            assert candidate.skill.text == start.text

    @given(cases())
    def test_lines_that_no_edit_touches_stay_in_order(self, case: tuple[Skill, list[Edit]]) -> None:
        start, edits = case
        candidate = apply_edits(start, edits)
        touched: set[int] = set()
        for edit in candidate.applied:
            at = start.body.find(edit.target) if edit.op != "add" else -1
            while at >= 0:
                first = start.body.count("\n", 0, at)
                touched.update(range(first, first + edit.target.count("\n") + 1))
                at = start.body.find(edit.target, at + 1)
        kept = [line.strip() for n, line in enumerate(start.body.split("\n")) if line.strip() and n not in touched]
        assert is_subsequence(kept, words(candidate.skill.body))

    @given(cases())
    def test_a_crlf_body_is_edited_like_an_lf_body_and_stays_crlf(self, case: tuple[Skill, list[Edit]]) -> None:
        start, edits = case
        assume("\n" in start.text)
        plain = apply_edits(start, edits)
        crlf = skill(start.body.replace("\n", "\r\n"), start.frontmatter.replace("\n", "\r\n"))
        candidate = apply_edits(crlf, edits)
        assert [r.status for r in candidate.resolutions] == [r.status for r in plain.resolutions]
        assert candidate.skill.text == plain.skill.text.replace("\n", "\r\n")

    @given(cases())
    def test_a_whole_document_stays_closed(self, case: tuple[Skill, list[Edit]]) -> None:
        start, edits = case
        assume(not ends_open(start.body))
        assert not ends_open(apply_edits(start, edits).skill.body)

    @given(bodies(), st.data())
    def test_an_addition_leaves_every_block_what_it_was(self, body: str, data: st.DataObject) -> None:
        content = data.draw(st.sampled_from(["NEW rule", "- NEW item", "# NEW\n\ntext"]))
        candidate = one(body, "add", data.draw(targets(body)), content)
        new = candidate.skill.body
        assert fences(new) == fences(body)
        if candidate.applied:
            assert len(leaves(new)) > len(leaves(body))
            assert is_subsequence(words(body), words(new))
            assert sorted(words(new)) == sorted(words(body) + words(content))

    @given(bodies(), st.data())
    def test_a_replacement_replaces_the_target_and_nothing_else(self, body: str, data: st.DataObject) -> None:
        target = data.draw(targets(body))
        candidate = one(body, "replace", target, "NEW")
        if candidate.applied:
            bare = target.strip("\n")
            at = body.find(bare)
            assume(body.find(bare, at + 1) < 0)  # with its line breaks it may be unique where it is not without
            assert candidate.skill.body == body[:at] + "NEW" + body[at + len(bare) :]

    @given(bodies(), st.data())
    def test_a_deletion_removes_the_target_and_no_other_text(self, body: str, data: st.DataObject) -> None:
        target = data.draw(targets(body))
        candidate = one(body, "delete", target)
        if candidate.applied:
            at = body.find(target)
            assume(body.find(target, at + 1) < 0)
            before, behind = body[:at] + target[: -len(target.lstrip("\n"))], body[at + len(target.rstrip("\n")) :]
            found = "".join(candidate.skill.body.split())
            if found != "".join((before + behind).split()):  # it was all that an item said
                assert not behind.split("\n")[0].strip()
                assert found == "".join((LAST_MARKERS.sub("", before) + behind).split())

    @given(
        st.text(), st.lists(st.tuples(st.sampled_from(["add", "replace", "delete"]), st.text(), st.text()), max_size=4)
    )
    def test_any_text_is_taken(self, body: str, raw: list[tuple[str, str, str]]) -> None:
        edits = [Edit(op=op, target=target, content=content) for op, target, content in raw]  # type: ignore[arg-type]
        assert len(apply_edits(skill(body), edits).resolutions) == len(edits)

    @given(st.text(alphabet="ab-*+>`~#=|:<!/ \t\r\n1.", max_size=80), st.data())
    def test_any_markup_keeps_its_blocks_when_something_is_added(self, body: str, data: st.DataObject) -> None:
        new = one(body, "add", data.draw(targets(body.replace("\r", "\n"))), data.draw(CONTENTS)).skill.body
        assert is_subsequence(words(body.replace("\r", "\n")), words(new.replace("\r", "\n")))

    @pytest.mark.parametrize("real", real_skills(), ids=lambda s: s.name)
    def test_every_line_of_real_skills_can_be_edited_or_says_why(self, real: Skill) -> None:
        for line in real.body.split("\n")[::4]:
            for op in ("add", "delete", "replace"):
                candidate = apply_edits(real, [Edit(op=op, target=line, content="- A NEW rule")])  # type: ignore[arg-type]
                reason = candidate.resolutions[0].reason
                assert candidate.applied or "protected region" in reason or "times in the body" in reason or not line
                assert regions(candidate.skill.body) == regions(real.body)
                assert not ends_open(candidate.skill.body)


class TestTargets:
    def test_must_occur(self) -> None:
        assert why_not("a b\n", "replace", "c", "d") == "target not found in the body"

    def test_must_occur_once(self) -> None:
        assert why_not("a b a\n", "delete", "a") == "target found 2 times in the body; it must occur exactly once"
        assert "3 times" in why_not("aaaa\n", "delete", "aa")  # overlapping occurrences count

    @pytest.mark.parametrize(
        ("op", "reason"), [("replace", "a replace needs a target"), ("delete", "a delete needs a target")]
    )
    def test_must_be_given(self, op: str, reason: str) -> None:
        assert why_not("a\n", op, " \n", "x") == reason

    @pytest.mark.parametrize(
        ("op", "reason"), [("replace", "a replace needs content"), ("add", "an add needs content")]
    )
    def test_content_must_be_given(self, op: str, reason: str) -> None:
        assert why_not("a\n", op, "a", " \n") == reason

    def test_equal_content_changes_nothing(self) -> None:
        assert why_not("a\n", "replace", "a\n", "a") == "changes nothing"

    def test_in_a_protected_region_is_out_of_reach(self) -> None:
        body = f"a rule\n\n{PROTECTED}\n"
        for target in ("kept by hand", PROTECT_START, "rule\n\n<!--"):
            assert "protected region" in why_not(body, "delete", target)

    def test_one_occurrence_beside_a_protected_one_is_enough(self) -> None:
        assert after(f"guidance\n\n{SLOW}\n", "replace", "guidance", "advice") == f"advice\n\n{SLOW}\n"

    def test_what_an_edit_brings_is_no_target(self) -> None:
        candidate = apply_edits(
            skill("one\n\ntwo\n"),
            [Edit(op="replace", target="one", content="three"), Edit(op="delete", target="three", content="")],
        )
        assert [r.status for r in candidate.resolutions] == ["applied", "unmatched"]
        assert candidate.skill.body == "three\n\ntwo\n"

    def test_the_line_ends_around_a_target_stay(self) -> None:
        assert after("A\nB\nC\n", "delete", "\nB\n") == "A\nC\n"
        assert after("A\nB\nC\n", "replace", "\nB\n", "X\n") == "A\nX\nC\n"

    def test_crlf_in_target_and_content_means_a_line_end(self) -> None:
        assert after("A\nB\nC\n", "replace", "A\r\nB", "X\r\nY") == "X\nY\nC\n"


class TestOverlap:
    def test_the_later_of_two_is_unmatched(self) -> None:
        edits = [
            Edit(op="replace", target="b c", content="X"),
            Edit(op="replace", target="c d", content="Y"),
            Edit(op="delete", target="d", content=""),
        ]
        candidate = apply_edits(skill("a b c d e\n"), edits)
        assert [r.status for r in candidate.resolutions] == ["applied", "unmatched", "applied"]
        assert candidate.resolutions[1].reason == "overlaps an edit that is ranked before it"
        assert candidate.skill.body == "a X  e\n"

    def test_additions_at_one_place_keep_their_rank(self) -> None:
        edits = [Edit(op="add", target="a", content=f"- {n}") for n in ("one", "two", "three")]
        assert apply_edits(skill("- a\n- z\n"), edits).skill.body == "- a\n- one\n- two\n- three\n- z\n"

    def test_an_addition_beside_a_replacement(self) -> None:
        edits = [Edit(op="add", target="a", content="- new"), Edit(op="replace", target="- a", content="- b")]
        assert apply_edits(skill("- a\n- z\n"), edits).skill.body == "- b\n- new\n- z\n"

    def test_an_addition_inside_a_deletion_is_unmatched(self) -> None:
        edits = [Edit(op="delete", target="b\nc", content=""), Edit(op="add", target="b", content="- x")]
        candidate = apply_edits(skill("- a\n- b\nc\n- d\n"), edits)
        assert [r.status for r in candidate.resolutions] == ["applied", "applied"]
        edits = [Edit(op="delete", target="- b\n- c", content=""), Edit(op="add", target="b", content="- x")]
        candidate = apply_edits(skill("- a\n- b\n- c\n- d\n"), edits)
        assert [r.status for r in candidate.resolutions] == ["applied", "unmatched"]


class TestAdd:
    @pytest.mark.parametrize(
        ("body", "target", "content", "wanted"),
        [
            ("a\nb\n\nc\n", "a", "x", "a\nb\n\nx\n\nc\n"),
            ("a", "a", "x", "a\n\nx\n"),
            ("# T\ntext\n", "T", "x", "# T\n\nx\n\ntext\n"),
            ("T\n===\ntext\n", "T", "x", "T\n===\n\nx\n\ntext\n"),
            ("```\na\n\nb\n```\nc\n", "a", "x", "```\na\n\nb\n```\n\nx\n\nc\n"),
            ("| a |\n|---|\n| b |\n\nc\n", "a", "x", "| a |\n|---|\n| b |\n\nx\n\nc\n"),
            ("> a\n> - b\n\nc\n", "a", "- x", "> a\n> - b\n\n- x\n\nc\n"),
            ("<div>\na\n</div>\n\nc\n", "a", "x", "<div>\na\n</div>\n\nx\n\nc\n"),
            ("---\n\nc\n", "---", "x", "---\n\nx\n\nc\n"),
            ("[a]: b\nc\n", "[a]", "x", "[a]: b\n\nx\n\nc\n"),
        ],
        ids=["paragraph", "end", "heading", "setext", "fence", "table", "quote", "html", "rule", "reference"],
    )
    def test_lands_after_the_block(self, body: str, target: str, content: str, wanted: str) -> None:
        assert after(body, "add", target, content) == wanted

    @pytest.mark.parametrize(
        ("body", "target", "content", "wanted"),
        [
            ("- a\n- b\n", "a", "- x", "- a\n- x\n- b\n"),
            ("- a\n- b", "b", "- x", "- a\n- b\n- x\n"),
            ("- a\n  - c\n- b\n", "a", "- x", "- a\n  - c\n- x\n- b\n"),
            ("- a\n  - c\n- b\n", "c", "- x", "- a\n  - c\n  - x\n- b\n"),
            ("- a\n  - c\n- b\n", "c", "  - x\n    y", "- a\n  - c\n  - x\n    y\n- b\n"),
            ("- a\n\t- c\n\t- d\n", "c", "- x", "- a\n\t- c\n\t- x\n\t- d\n"),
            ("- - a\n  - b\n", "a", "- x", "- - a\n  - x\n  - b\n"),
            ("1. a\n2. b\n", "a", "2. x", "1. a\n2. x\n2. b\n"),
            ("- a\n- b\n\ntext\n", "b", "- x", "- a\n- b\n- x\n\ntext\n"),
            ("- a\n# T\n", "a", "- x", "- a\n- x\n\n# T\n"),
            ("- a\n- b\n", "a", "x", "- a\n\nx\n\n- b\n"),
            ("- a\n- b\n", "a", "2. x", "- a\n\n2. x\n\n- b\n"),
            ("- a\n- b\n", "a", "* * *", "- a\n\n* * *\n\n- b\n"),
            ("- a\n    - c\n    - d\n", "c", "x", "- a\n    - c\n\n    x\n\n    - d\n"),
            ("- a\n\n  more\n\n- b\n", "more", "- x", "- a\n\n  more\n- x\n\n- b\n"),
        ],
    )
    def test_after_an_item_with_its_children(self, body: str, target: str, content: str, wanted: str) -> None:
        assert after(body, "add", target, content) == wanted

    def test_without_target_goes_to_the_end_or_before_a_trailing_region(self) -> None:
        assert after("a\n", "add", "", "x") == "a\n\nx\n"
        assert after(f"a\n\n{SLOW}\n", "add", "", "x") == f"a\n\nx\n\n{SLOW}\n"
        assert after(f"{SLOW}\n\na\n", "add", "", "x") == f"{SLOW}\n\na\n\nx\n"
        assert after(SLOW, "add", "", "x") == f"x\n\n{SLOW}"
        assert after(f"a\n  {SLOW}", "add", "", "x") == f"a\n\nx\n\n  {SLOW}"

    def test_a_region_inside_another_trails_as_one(self) -> None:
        nested = f"{PROTECT_START}\n{SLOW}\nmine\n{PROTECT_END}"
        assert protected_spans(nested) == [(0, len(nested))]
        assert after(f"a\n\n{nested}\n", "add", "", "x") == f"a\n\nx\n\n{nested}\n"

    def test_to_an_empty_body(self) -> None:
        assert after("", "add", "", "x") == "x\n"
        assert after("\n", "add", "", "x") == "\nx\n"
        assert after("    ", "add", "", "x") == "    \nx\n"

    def test_after_frontmatter_that_ended_the_file(self) -> None:
        candidate = one("", "add", "", "x", frontmatter="---\nname: a\n---")
        assert candidate.skill.text == "---\nname: a\n---\nx\n"
        assert split_text(candidate.skill.text) == ("---\nname: a\n---\n", "x\n")
        crlf = one("", "add", "", "x", frontmatter="---\r\nname: a\r\n---").skill.text
        assert crlf == "---\r\nname: a\r\n---\r\nx\r\n"

    def test_never_inside_a_fence_that_stays_open(self) -> None:
        assert "inside another block" in why_not("text\n\n```\ncode\n", "add", "", "x")
        assert "inside another block" in why_not("text\n\n<!-- hidden\n", "add", "", "x")
        assert "inside another block" in why_not(f"```\ncode\n{PROTECT_START}\n", "add", "", "x")

    def test_never_swallows_what_comes_after(self) -> None:
        for content in ("```\ncode", "<!-- hidden", "<script>", "~~~~\n~~~"):
            assert "does not close" in why_not("a\n\nb\n", "add", "a", content)
        assert "change the blocks beside it" in why_not("a\n\n    code\n", "add", "a", "- item")

    def test_not_into_a_block_that_reaches_into_a_region(self) -> None:
        body = f"- a\n  {PROTECT_START}\n  - c\n  {PROTECT_END}\n- d\n"
        assert "reaches into a protected region" in why_not(body, "add", "- a", "- x")

    def test_lone_carriage_returns_are_line_ends(self) -> None:
        candidate = one("a\rb\r\rc\r", "add", "a", "x")
        assert candidate.skill.body.replace("\r\n", "\r").split("\r") == ["a", "b", "", "x", "", "c", ""]


class TestDelete:
    @pytest.mark.parametrize(
        ("body", "target", "wanted"),
        [
            ("A\n\nB\n\nC\n", "B", "A\n\nC\n"),
            ("A\n\nB\n", "B", "A\n"),
            ("A\n\nB", "B", "A\n"),
            ("A\n\nB\n\nC\n", "A", "B\n\nC\n"),
            ("\nA\n\nB\n", "A", "\nB\n"),
            ("- a\n- b\n- c\n", "- b", "- a\n- c\n"),
            ("- a\n- b\n", "- b\n", "- a\n"),
            ("one two three\n", " two", "one three\n"),
            ("A\n\nB\n\nC\n", "\n\nB\n\n", "A\n\nC\n"),
            ("A", "A", ""),
        ],
    )
    def test_leaves_no_hole(self, body: str, target: str, wanted: str) -> None:
        assert after(body, "delete", target) == wanted

    @pytest.mark.parametrize(
        ("body", "target", "wanted"),
        [
            ("# H\n\n- a\n- b\n", "a", "# H\n\n- b\n"),
            ("# H\n\n- a\n", "a", "# H\n"),
            ("1. a\n2. b", " b", "1. a\n"),
            ("- 1.5\n", "5", "- 1.\n"),
            ("- a\n  - b\n  - c\n", "b", "- a\n  - c\n"),
            ("- a\n  - b\n", "b", "- a\n"),  # `- a` and a dash below it is a heading
            ("- - a\n  - b\n- c\n", "b", "- - a\n- c\n"),
            ("- a\n- b\n- c\n", "a\n- b", "- c\n"),
            ("- a\n  more\n- b\n", "a\n  more", "- b\n"),
            ("- **a**\n", "a", "- ****\n"),
            ("```\n- a\n```\n", "a", "```\n- \n```\n"),
            ("one\n2. a\n", "a", "one\n2. \n"),
        ],
    )
    def test_of_all_that_an_item_says_takes_its_marker_too(self, body: str, target: str, wanted: str) -> None:
        assert after(body, "delete", target) == wanted

    @pytest.mark.parametrize("body", ["- z\n- a\n  - b\n", "- z\n- a\n  more\n", "- a\n\n  more\n", "- - a\n  - b\n"])
    def test_never_leaves_what_an_item_holds_to_another(self, body: str) -> None:
        assert "its list item goes on below" in why_not(body, "delete", "a")

    def test_beside_a_protected_region_takes_nothing_of_it(self) -> None:
        assert after(f"A\n{SLOW}\n", "delete", "A") == f"{SLOW}\n"
        assert after(f"A {SLOW}\n", "delete", "A ") == f"{SLOW}\n"
        assert after(f"{SLOW}A\n", "delete", "A\n") == f"{SLOW}\n"
        assert after(f"{PROTECT_START}\n\n{PROTECT_END}\n\nA", "delete", "A") == f"{PROTECT_START}\n\n{PROTECT_END}\n"

    def test_does_not_make_frontmatter_or_open_a_fence(self) -> None:
        assert "read as frontmatter" in why_not("# T\n---\nx\n---\n", "delete", "# T")
        assert "read as frontmatter" in why_not("T\n", "replace", "T", "---\nname: b\n---")
        assert "open to the end" in why_not("```py\ncode\n```\n\ntext\n", "delete", "```py")


class TestProtectedRegions:
    def test_no_edit_brings_or_makes_a_marker(self) -> None:
        for mark in (SLOW_START, SLOW_END, PROTECT_START, PROTECT_END):
            assert "marker of a protected region" in why_not("a\n", "add", "a", f"x {mark}")
        halves = SLOW_START.replace("_START", "_ START")
        assert "would make, change" in why_not(f"a {halves} b\n", "replace", "_ START", "_START")
        assert "would make, change" in why_not(f"a {SLOW_START[:9]}xyz{SLOW_START[9:]}\n", "delete", "xyz")

    def test_one_that_is_never_closed_runs_to_the_end(self) -> None:
        body = f"a\n{PROTECT_START}\nb\n"
        assert protected_spans(body) == [(2, len(body))]
        assert "protected region" in why_not(body, "delete", "b")


class TestSlowUpdate:
    def test_is_made_at_the_end_and_then_replaced(self) -> None:
        first = set_slow_update(skill("a"), "one\n")
        assert first.body == f"a\n\n{SLOW_START}\none\n{SLOW_END}\n"
        assert slow_update_text(first) == "one"
        second = set_slow_update(first, "two")
        assert second.body == first.body.replace("one", "two")
        assert set_slow_update(skill(""), "x").body == f"{SLOW_START}\nx\n{SLOW_END}\n"
        assert slow_update_text(skill("a")) == ""

    def test_guidance_cannot_hold_a_marker(self) -> None:
        hostile = f"a <!-- SLOW_UPDATE_{SLOW_END}END --> b {PROTECT_START}"
        new = set_slow_update(skill("x\n"), hostile)
        assert slow_update_text(new) == "a  b"
        assert new.body.count(SLOW_END) == 1

    def test_an_open_marker_does_not_swallow_text(self) -> None:
        start = skill(f"a\n{SLOW_START}\nwritten by hand\n")
        once = set_slow_update(start, "one")
        twice = set_slow_update(once, "two")
        assert once.body.startswith(start.body)
        assert twice.body == once.body.replace("one", "two")

    def test_a_region_somebody_protected_is_not_rewritten(self) -> None:
        mine = f"{PROTECT_START}\n{SLOW}\n{PROTECT_END}\n"
        new = set_slow_update(skill(mine), "new")
        assert new.body == f"{mine}\n{SLOW_START}\nnew\n{SLOW_END}\n"
        assert slow_update_text(new) == "new"

    def test_crlf_and_frontmatter_without_line_end(self) -> None:
        assert set_slow_update(skill("a\r\n"), "x\ny").body == f"a\r\n\r\n{SLOW_START}\r\nx\r\ny\r\n{SLOW_END}\r\n"
        assert set_slow_update(skill("", "---\nname: a\n---"), "x").text.startswith(f"---\nname: a\n---\n{SLOW_START}")

    @given(bodies(), st.text(max_size=40), st.text(max_size=40))
    def test_setting_it_twice_is_setting_it_once(self, body: str, one_text: str, two_text: str) -> None:
        start = skill(body)
        first = set_slow_update(start, one_text)
        assert set_slow_update(first, two_text).body == set_slow_update(start, two_text).body
        assert (
            is_subsequence(words(body.replace("guidance", "")), [w.replace("guidance", "") for w in words(first.body)])
            or SLOW_START in body
        )


class TestIdentity:
    def test_key_ignores_what_was_said_about_the_edit(self) -> None:
        first = Edit(op="add", target="a ", content="x", rationale="why", evidence=("t1",), support=2)
        assert first.key() == Edit(op="add", target="a", content=" x").key()
        assert first.key() != Edit(op="replace", target="a", content="x").key()

    def test_a_candidate_names_what_was_applied(self) -> None:
        candidate = apply_edits(skill("a\n"), [Edit(op="delete", target="a", content="")])
        assert candidate.applied == (candidate.resolutions[0].edit,)
