from dataclasses import replace

import pytest

from skillopt_ci.core.history import EditStatus
from skillopt_ci.core.rollout import Failure
from skillopt_ci.report.edits import kept_scores, not_kept, reason_of
from tests.report.samples import STEPS, decision, record, step

PLAIN = replace(step(1, "skip", None, ()), reason="no edit could be applied", failures=())


def test_a_step_says_what_gave_no_result() -> None:
    lost = Failure(stage="reflect", kind="malformed", message="secret words of a model")
    told = reason_of(replace(PLAIN, failures=(lost, replace(lost, stage="target", kind="timeout"), lost)))
    assert told == (
        "no edit could be applied; 2 reflect without a result (malformed); 1 target without a result (timeout)"
    )
    assert reason_of(replace(PLAIN, reason="", failures=(lost,))) == "1 reflect without a result (malformed)"


def test_a_gate_that_did_not_decide_says_what_it_lacked() -> None:
    lost = Failure(stage="target", kind="request", message="400")
    gate = replace(decision(None), failures=(lost, lost))
    blind = replace(PLAIN, reason="infrastructure", decision=gate, failures=(replace(lost, kind="timeout"),))
    assert reason_of(replace(PLAIN, reason="infrastructure")) == "no result"
    assert reason_of(blind) == "1 target without a result (timeout); 2 target without a result (request)"


def test_what_pruning_looked_at_and_left_in_the_skill_is_not_among_what_was_not_kept() -> None:
    first, second = STEPS[0].edits[:2]
    half = (replace(first, status="undecided"), replace(second, status="kept"))
    looked = replace(step(5, "reject", decision(0.5), half), kind="prune")
    assert not_kept((STEPS[0], looked)) == [(STEPS[0], STEPS[0].edits[2])]
    gone = replace(looked, number=6, action="accept", edits=(replace(first, status="pruned"),))
    assert [(s.number, r.status) for s, r in not_kept((STEPS[0], looked, gone))] == [(1, "unmatched"), (6, "pruned")]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (("rejected-alone", "kept"), []),  # no more: the skill has it
        (("rejected", "kept"), []),
        (("kept", "refused"), []),  # as the skill has it
        (("rejected-alone", "rejected-alone"), [2]),
        (("undecided", "rejected"), [2]),
        (("rejected-alone", "refused"), [1, 2]),  # nobody tried it again
        (("rejected-alone", "unmatched"), [1, 2]),
        (("rejected-alone", "over-budget"), [1]),
        (("over-budget", "waiting"), [2]),
    ],
)
def test_of_an_edit_that_was_not_kept_the_last_word_counts(said: tuple[EditStatus, ...], told: list[int]) -> None:
    edits = [replace(record("kept", "replace"), status=status) for status in said]
    steps = [step(n, "accept", decision(0.75), (edit,)) for n, edit in enumerate(edits, 1)]
    assert [s.number for s, _ in not_kept(steps)] == told


def test_the_scores_of_the_kept_skill_end_with_what_all_its_runs_say() -> None:
    """A gate that rejects another candidate may have measured the kept one again."""
    assert kept_scores(STEPS, (0.45, 0.7)) == [0.45, 0.75, 0.75, 0.75, 0.7]
    assert kept_scores(STEPS, None) == kept_scores(STEPS, (None, None)) == [0.5, 0.75, 0.75, 0.75, 0.75]
    assert kept_scores((), (0.5, 0.5)) == []
    assert kept_scores((replace(STEPS[0], decision=None), STEPS[0]), None) == [0.5, 0.5, 0.75]
    assert kept_scores((step(1, "reject", decision(0.4), ()), STEPS[0]), None) == [0.5, 0.5, 0.75]
