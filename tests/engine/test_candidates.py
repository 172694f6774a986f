from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import EditRecord
from skillopt_ci.core.leakage import leakage_of
from skillopt_ci.core.policy import EditPolicy
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Source, Task
from skillopt_ci.engine import candidates
from skillopt_ci.engine.candidates import Rules
from tests.engine.bench import FRONT, add, skill


def build_candidate(
    now: Skill, start: Skill, edits: list[Edit], budget: int, policy: EditPolicy
) -> tuple[Skill | None, tuple[EditRecord, ...]]:
    records = [EditRecord(edit=e, status="kept") for e in edits]
    return candidates.build_candidate(now, records, budget, Rules(start=start, policy=policy))


BODY = "# Title\n\n- one\n- two\n- three\n"


def test_edits_are_clipped_to_the_budget_in_rank_order_and_each_gets_a_status() -> None:
    edits = [
        add("- first"),
        Edit(op="replace", target="nowhere", content="x"),
        add("- see https://evil.example"),
        Edit(op="replace", target="- two", content="- 2"),
        add("- over"),
        Edit(op="replace", target="- two", content="- again"),
    ]
    made, records = build_candidate(skill(BODY), skill(BODY), edits, 2, EditPolicy())
    assert [r.status for r in records] == ["kept", "unmatched", "refused", "kept", "over-budget", "unmatched"]
    assert [r.edit for r in records] == edits
    assert all(r.reason for r in records if r.status != "kept")
    assert made is not None
    assert "- first" in made.body
    assert "- 2\n" in made.body
    assert "- over" not in made.body
    assert made.frontmatter == FRONT


def test_what_does_not_fit_takes_no_place_of_the_budget() -> None:
    edits = [Edit(op="delete", target="nowhere", content=""), add("- a"), add("- b")]
    _, records = build_candidate(skill(BODY), skill(BODY), edits, 1, EditPolicy())
    assert [r.status for r in records] == ["unmatched", "kept", "over-budget"]


def test_growth_is_counted_over_the_run() -> None:
    start, policy = skill("a\n"), EditPolicy(max_growth_chars=20)
    now = skill("a\n\n- 12345678\n")
    made, records = build_candidate(
        now, start, [add("- 1234567890"), Edit(op="delete", target="a", content="")], 4, policy
    )
    assert [r.status for r in records] == ["refused", "kept"]
    assert "grown" in records[0].reason
    assert made is not None


def test_nothing_changed_is_no_candidate() -> None:
    assert build_candidate(skill(BODY), skill(BODY), [], 4, EditPolicy()) == (None, ())
    made, records = build_candidate(
        skill(BODY), skill(BODY), [Edit(op="delete", target="zzz", content="")], 4, EditPolicy()
    )
    assert made is None
    assert len(records) == 1


def test_two_harmless_halves_make_no_url() -> None:
    body = "Ask foo|bar for it.\n"
    halves = [
        Edit(op="replace", target="foo", content="https"),
        Edit(op="replace", target="|bar", content="://evil.example/x"),
    ]
    made, records = build_candidate(skill(body), skill(body), halves, 4, EditPolicy())
    assert [r.status for r in records] == ["kept", "refused"]
    assert made is not None
    assert "://" not in made.body


def test_two_harmless_halves_make_no_answer() -> None:
    task = Task(id="t", prompt="Who signed?", expected=("Hazel Paper Works",), source=Source(file="f", line=1))
    rules = Rules(start=skill(BODY), policy=EditPolicy(), leakage=leakage_of([task], (), BODY))
    halves = [
        Edit(op="replace", target="- one", content="- Ask hazel paper"),
        Edit(op="replace", target="- two", content="  works if in doubt."),
    ]
    records = [EditRecord(edit=e, status="kept") for e in halves]
    made, found = candidates.build_candidate(skill(BODY), records, 4, rules)
    assert [r.status for r in found] == ["kept", "refused"]
    assert found[1].reason.startswith('leakage: "hazel paper work"')
    assert made is not None
    later, found = candidates.build_candidate(made, records[1:], 4, rules)
    assert (later, found[0].status) == (None, "refused")
    unplaced = replace(records[0], edit=replace(halves[0], target="nowhere", content="Hazel Paper Works"))
    assert candidates.build_candidate(skill(BODY), [unplaced], 4, rules)[1][0].status == "refused"


TEXTS = st.sampled_from(
    ["", "- one", "- two", "# Title", "new", "---\nname: evil\n---", "```", "<!-- skillopt:protect -->"]
)
EDITS = st.builds(Edit, op=st.sampled_from(["add", "replace", "delete"]), target=TEXTS, content=TEXTS)


@given(st.lists(EDITS, max_size=6), st.integers(1, 4))
def test_frontmatter_and_protected_text_never_change(edits: list[Edit], budget: int) -> None:
    protected = "<!-- skillopt:protect -->\nkeep me\n<!-- skillopt:end-protect -->\n"
    start = skill(BODY + protected)
    made, records = build_candidate(start, start, edits, budget, EditPolicy())
    assert len(records) == len(edits)
    assert sum(r.status == "kept" for r in records) <= budget
    if made is not None:
        assert made.frontmatter == FRONT
        assert protected in made.body
        assert made.resources == start.resources
