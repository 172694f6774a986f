import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.edit import PROTECT_END, PROTECT_START, SLOW_END, SLOW_START, Edit, apply_edits
from skillopt_ci.core.leakage import Leakage, leakage_of
from skillopt_ci.core.policy import EditPolicy
from skillopt_ci.core.rewrite import changes, editable, leave_out, refuse_rewrite, rewritten
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import GraderSpec, Source, Task

FRONT = "---\nname: x\n---\n"
SLOW = f"{SLOW_START}\nMind the gap.\n{SLOW_END}\n"
HAND = f"{PROTECT_START}\nNever lie.\n{PROTECT_END}"


def skill(body: str) -> Skill:
    return Skill(name="x", frontmatter=FRONT, body=body)


def refused(after: str, before: str, policy: EditPolicy | None = None, leakage: Leakage | None = None) -> str | None:
    policy, leakage = policy or EditPolicy(), leakage or Leakage()
    return refuse_rewrite(skill(after), skill(before), skill(before), policy, leakage)


class TestRewritten:
    def test_the_frontmatter_and_the_regions_at_the_end_stay_byte_for_byte(self) -> None:
        before = skill(f"\n# T\n\n- a\n\n{SLOW}\n")
        assert editable(before) == "# T\n\n- a"
        after = rewritten(before, "# T\n\n- b")
        assert after.text == f"{FRONT}\n# T\n\n- b\n\n{SLOW}\n"
        assert refuse_rewrite(after, before, before, EditPolicy(), Leakage()) is None

    def test_the_same_text_is_the_same_skill(self) -> None:
        before = skill("\n\n# T  \n- a\n\n\n")
        assert rewritten(before, editable(before)) is before
        assert rewritten(before, "\n# T  \n- a\n") is before

    def test_a_mark_of_the_encoding_stays_and_is_no_part_of_the_text(self) -> None:
        before = Skill(name="x", frontmatter="", body="\ufeff\r\n# T\r\n- a\r\n")
        assert editable(before) == "# T\n- a"
        assert rewritten(before, "# T\n- a") is before
        assert rewritten(before, "\ufeff# T\n- b").body == "\ufeff\r\n# T\r\n- b\r\n"

    def test_line_ends_stay(self) -> None:
        after = rewritten(skill("# T\r\n\r\n- a\r\n"), "# T\n\n- b\n- c")
        assert after.body == "# T\r\n\r\n- b\r\n- c\r\n"

    def test_lines_that_stay_keep_theirs_where_they_are_mixed(self) -> None:
        before = skill(f"# T\n\n- a\n{HAND}\n- b\r\n- c\r\n- d\n\n{HAND}\r\n")
        after = rewritten(before, editable(before).replace("- c", "- C") + "\n- e")
        assert after.body == f"# T\n\n- a\n{HAND}\n- b\r\n- C\n- d\n- e\n\n{HAND}\r\n"
        assert refuse_rewrite(after, before, before, EditPolicy(), Leakage()) is None
        assert [(e.op, e.content) for e in changes(before, after)] == [("replace", "- C"), ("add", "- e")]
        mostly_crlf = skill("- a\r\n- b\n- c\r\n- d\r\n- e\r\n- f\r\n")
        assert rewritten(mostly_crlf, editable(mostly_crlf) + "\n- g").body == f"{mostly_crlf.body}- g\r\n"

    @given(st.lists(st.sampled_from(["a\n", "b\r\n", "\n", "\r\n"]), max_size=9))
    def test_what_is_added_at_the_end_changes_nothing_above(self, lines: list[str]) -> None:
        body = "".join([*lines, "x\n"])
        after = rewritten(skill(body), editable(skill(body)) + "\ny")
        assert after.body in (body + "y\n", body + "y\r\n")

    @given(st.text("ab \r\n-#", max_size=40), st.text("ab \n-#", max_size=40))
    def test_what_is_editable_afterwards_is_what_was_written(self, body: str, text: str) -> None:
        before = skill(body + "\n" + SLOW)
        after = rewritten(before, text)
        assert editable(after).strip() == text.strip()
        assert after.body.endswith(SLOW)


class TestRefusal:
    def test_a_good_rewrite_passes_though_it_is_longer_than_an_edit(self) -> None:
        assert refused("# T\n\n" + "x " * 700 + "\n", "# T\n\n- a\n") is None

    def test_what_the_policy_forbids(self) -> None:
        before = f"# T\n\n{HAND}\n\n- a\n"
        assert refused("# T\n\n- a\n", before) == "changes a protected region"
        assert refused(before.replace("lie", "tell"), before) == "changes a protected region"
        assert (refused(f"{before}- See https://evil.example/x\n", before) or "").startswith(
            "brings a URL or a link to a file: "
        )
        assert (refused(f"{before}- Run `curl x | sh`\n", before) or "").startswith("brings a command: ")
        assert (refused(f"{before}- allowed-tools: Bash\n", before) or "").startswith("brings a tool permission: ")
        assert "hidden characters" in (refused(f"{before}- b\u200b\n", before) or "")
        assert refused("- Say cheese.\n- Always say cheese!\n", "- Say cheese.\n") == "says what the skill says already"
        assert refused(f"{before}```\nopen\n", before) is not None  # Markdown stays well-formed
        assert refused("  \n", "# T\n") == "leaves nothing of the skill"
        assert refused("---\nname: evil\n---\n# T\n", "# T\n") == "would read as frontmatter"
        assert "the skill would have grown by" in (refused("x" * 5000, "# T\n") or "")

    def test_a_rewrite_of_blank_lines_by_the_ten_thousand_is_too_long(self) -> None:
        before = skill("# T\n\n- a\n" + "\n" * 20_000 + "- b\n\n- z\n")
        text = "# T\n\n- a\n" + "\n" * 20_000 + "- c\n" + "\n" * 20_000 + "- z"
        after = rewritten(before, text)
        assert editable(after) == text
        [edit] = changes(before, after)
        assert (edit.op, edit.target, edit.content.strip()) == ("replace", "- b", "- c")
        assert leave_out(before, text, {"something else"}) == (text, ())
        assert "the skill would have grown by" in (refused(after.body, before.body) or "")

    def test_the_size_is_looked_at_before_all_that_it_says(self) -> None:
        reason = refused(f"# T\n\n- a\n- Run `curl x | sh`\n{'- b' * 2000}\n", "# T\n\n- a\n") or ""
        assert reason.startswith("the skill would have grown by")

    def test_what_leaks(self) -> None:
        task = Task(
            id="t", prompt="Who wrote it?", expected=("Wolfgang Amadeus Hieronymus",), source=Source(file="f", line=1)
        )
        leakage = leakage_of([task], [GraderSpec(type="exact")], "# T\n")
        assert "leakage" in (refused("# T\n\n- Answer Wolfgang Amadeus Hieronymus.\n", "# T\n", leakage=leakage) or "")


class TestChanges:
    def test_each_run_of_lines_is_an_edit(self) -> None:
        before, after = skill("# T\n\n- a\n- b\n- c\n"), skill("# T\n\n- a\n- B\n- c\n- d\n")
        found = changes(before, after, "why", ["t1"])
        assert [(e.op, e.target, e.content) for e in found] == [("replace", "- b", "- B"), ("add", "- c", "- d")]
        assert {(e.rationale, e.evidence) for e in found} == {("why", ("t1",))}
        assert apply_edits(before, found).skill.body == after.body

    def test_what_goes_is_a_delete(self) -> None:
        [edit] = changes(skill("- a\n- b\n"), skill("- a\n"))
        assert (edit.op, edit.target, edit.content) == ("delete", "- b", "")

    def test_blank_lines_are_no_change(self) -> None:
        assert changes(skill("- a\n\n\n"), skill("- a\n")) == ()


def advice(op: str, target: str, content: str) -> str:
    return Edit(op=op, target=target, content=content).advice()  # type: ignore[arg-type]


def test_what_was_rejected_is_left_out_of_a_rewrite_line_by_line() -> None:
    before = skill("# T\n\n- one\n- two\n")
    known = {advice("add", "", "- Be brief."), advice("delete", "- two", "")}
    text, left_out = leave_out(before, "# T\n\n- one\n- two\n- more\n- Be brief.\n- most", known)
    assert text == "# T\n\n- one\n- two\n- more\n- most"
    assert [(e.op, e.content) for e in left_out] == [("add", "- Be brief.")]
    text, left_out = leave_out(before, "# T\n\n- one", known)
    assert text == "# T\n\n- one\n- two"
    assert [(e.op, e.target) for e in left_out] == [("delete", "- two")]
    assert leave_out(skill("- Be brief.\n"), "- Be brief.\n- x", known) == ("- Be brief.\n- x", ())  # it has that


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- Be brief.\n- one\n- two", "- one\n- two\n- Be brief.\n- more"),  # moved
        ("- Be brief.\n- one\n- two", "- one\n- two\n- Be brief."),
        ("- one\n- Always be brief.", "- Be brief.\n- one\n- more"),  # moved in other words
        ("- one\n- two", "- two\n- one"),  # the delete that was rejected is half of a move
        ("- one", "- one\n- Names of people\n  should be brief\n  in every answer."),
        ("- one", "- one\n- Be brief:\n  - in letters\n  - in tables"),
        ("- one\n  - in letters", "- one\n- Be brief:\n  - in letters"),
        ("- one", "- one\n\n## Be brief\n\n- Use page numbers."),
        ("- one", "- one\n\nBe brief:\n\n- Use page numbers."),
        ("- one", "- one\n\n```\nn/a\nbe brief\n```"),
        ("- one\n\n```\nn/a\n```", "- one\n\n```\nn/a\nbe brief\n```"),
        ("- one", "- one\n\n> Be brief.\n> Be kind."),
    ],
)
def test_neither_what_the_skill_says_nor_a_part_of_a_block_is_left_out(old: str, new: str) -> None:
    known = {advice("add", "", "- Be brief."), advice("delete", "- one", ""), advice("delete", "- two", "")}
    assert leave_out(skill(f"# T\n\n{old}\n"), f"# T\n\n{new}", known) == (f"# T\n\n{new}", ())


@pytest.mark.parametrize("indent", ["", "  "])
def test_a_leaf_of_a_list_and_a_row_are_left_out(indent: str) -> None:
    known = {advice("add", "", "- Be brief."), advice("add", "", "| be | brief |")}
    before = skill("- one\n")
    assert (
        leave_out(before, f"- one\n- two\n{indent}- Be brief.\n{indent}- x", known)[0] == f"- one\n- two\n{indent}- x"
    )
    assert leave_out(before, "- one\n\nMore.\n\nBe brief.\n\n## E", known)[0] == "- one\n\nMore.\n\n\n## E"
    table = "| a | b |\n|---|---|\n| c | d |"
    assert leave_out(skill(table), f"{table}\n| be | brief |", known)[0] == table


LINES = st.lists(st.sampled_from(["# T", "", "- one", "- two", "- three", "four"]), max_size=8)


@given(LINES, LINES, st.sets(st.sampled_from(["- one", "- two", "- three", "four"])))
def test_nothing_else_is_left_out(old: list[str], new: list[str], said: set[str]) -> None:
    before, text = skill("\n".join(old)), "\n".join(new)
    assert leave_out(before, text, ()) == (text, ())
    known = {advice("add", "", line) for line in said}
    kept, left_out = leave_out(before, text, known)
    assert {e.advice() for e in left_out} <= known
    if not left_out:
        assert rewritten(before, kept).text == rewritten(before, text).text
    gone = sum(len([line for line in e.content.split("\n") if line]) for e in left_out)
    assert sum(map(bool, kept.split("\n"))) == sum(map(bool, new)) - gone
    assert leave_out(before, kept, known)[1] == ()
