from dataclasses import replace

from skillopt_ci.core.rollout import Failure
from skillopt_ci.report.edits import kept_scores, not_kept, reason_of
from tests.report.samples import STEPS, decision, step

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
    assert reason_of(blind) == "1 target without a result (timeout); 2 target without a result (request)"


def test_what_pruning_looked_at_and_left_in_the_skill_is_not_among_what_was_not_kept() -> None:
    first, second = STEPS[0].edits[:2]
    half = (replace(first, status="undecided"), replace(second, status="kept"))
    looked = replace(step(5, "reject", decision(0.5), half), kind="prune")
    assert not_kept((STEPS[0], looked)) == [(STEPS[0], STEPS[0].edits[2])]
    gone = replace(looked, number=6, action="accept", edits=(replace(first, status="pruned"),))
    assert [(s.number, r.status) for s, r in not_kept((STEPS[0], looked, gone))] == [(1, "unmatched"), (6, "pruned")]


def test_the_scores_of_the_kept_skill_end_with_what_all_its_runs_say() -> None:
    """A gate that rejects another candidate may have measured the kept one again."""
    assert kept_scores(STEPS, (0.45, 0.7)) == [0.45, 0.75, 0.75, 0.75, 0.7]
    assert kept_scores(STEPS, None) == kept_scores(STEPS, (None, None)) == [0.5, 0.75, 0.75, 0.75, 0.75]
    assert kept_scores((), (0.5, 0.5)) == []
