import pytest

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import Action, Decision, EditRecord, EditStatus, Rejected, Step, StepKind
from skillopt_ci.core.rejected import judged_for, rejected_edits, stays, still_rejected
from skillopt_ci.core.screening import REPEATS
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.stats import Effect

SKILL = Skill(
    name="x", frontmatter="", body="# X\n\n- Write dates as YYYY-MM-DD.\r\n- Round amounts.  \n  Never up.\n\nEnd"
)


@pytest.mark.parametrize(
    ("op", "content", "stays"),
    [
        ("add", "- Write dates as YYYY-MM-DD.", False),  # another pull request brought it in
        ("replace", "\n- Round amounts.\n  Never up.\n", False),
        ("add", "End", False),
        ("add", "Write dates", True),  # part of a line is another edit
        ("add", "- Round amounts.\n\n  Never up.", True),
        ("delete", "", True),
    ],
)
def test_what_the_skill_got_since_is_no_rejected_edit(op: str, content: str, stays: bool) -> None:
    entry = Rejected(edit=Edit(op=op, target="t", content=content, rationale=""), reason="r", effect=None)  # type: ignore[arg-type]
    assert still_rejected(SKILL, [entry]) == ((entry,) if stays else ())


DECISION = Decision(
    accept=False, reason="", mean=0.4, upper_bound=None, incumbent_mean=0.5,
    effect=Effect(mean=-0.1, low=-0.2, high=0.1), n_rollouts=4,
)  # fmt: skip


def edit(content: str) -> Edit:
    return Edit(op="add", target="", content=content, rationale="")


def record(content: str, status: EditStatus, reason: str = "", proposed: int = 0) -> EditRecord:
    return EditRecord(edit=edit(content), status=status, reason=reason, proposed=proposed)


def step(number: int, *edits: EditRecord, action: Action = "reject", kind: StepKind = "edit") -> Step:
    return Step(
        number=number, epoch=1, kind=kind, action=action, reason="the gate", incumbent=SKILL, candidate=None,
        decision=DECISION, incumbent_mean=0.5, edits=edits, edit_budget=4, cost=Spend(),
    )  # fmt: skip


def told(*steps: Step) -> list[tuple[str, str, float | None]]:
    return [(r.edit.content, r.reason, r.effect) for r in rejected_edits(steps)]


def test_only_what_a_step_kept_and_nothing_took_out_again_stays() -> None:
    steps = [
        step(1, record("a", "kept"), record("b", "kept"), record("c", "rejected"), action="accept"),
        step(2, record("d", "kept")),  # it would have kept it, and the gate refused
        step(3, record("a", "kept"), record("b", "pruned"), action="accept", kind="prune"),
    ]
    assert stays(steps) == {edit("a").key(): 1}


def test_what_is_remembered_as_rejected_is_what_holds_and_was_measured() -> None:
    lost = step(1, record("a", "rejected"), record("b", "rejected-alone", "no gain"), record("c", "undecided"))
    assert told(lost) == [("a", "the gate", -0.1), ("b", "no gain", None)]
    # It was kept later, and then it could not be said twice.
    kept = step(2, record("a", "kept"), action="accept")
    again = step(3, record("a", "refused", "is there already"))
    assert told(lost, kept, again) == [("b", "no gain", None)]
    # What was rejected, or pruned, after it was kept is rejected.
    assert told(kept, step(3, record("a", "rejected"))) == [("a", "the gate", -0.1)]
    assert told(kept, step(3, record("a", "pruned", "idle"))) == [("a", "idle", None)]


def test_a_word_is_about_the_skill_that_it_was_measured_on() -> None:
    alone, refused, undecided = record("a", "rejected"), record("b", "refused"), record("c", "undecided")
    assert judged_for(step(2, alone, refused), alone) == SKILL
    assert judged_for(step(2, alone, undecided), alone) is None  # about both
    assert judged_for(step(2, alone, refused), refused) is None
    waits, lost = record("Waits.", "undecided", proposed=1), record("Lost.", "rejected-alone", proposed=1)
    tried = record("d", "rejected-alone", proposed=2)
    seen = judged_for(step(2, waits, lost, record("Beside.", "undecided", proposed=2), tried), tried)
    assert seen is not None
    assert [text in seen.body for text in ("Waits.", "Lost.", "Beside.")] == [True, False, False]
    assert judged_for(step(2, lost), lost) is None
    repeats = record("e", "rejected-alone", REPEATS, proposed=2)
    assert judged_for(step(2, repeats), repeats) is None
