from dataclasses import replace

from skillopt_ci.core.rollout import Failure
from skillopt_ci.report.edits import reason_of
from tests.report.samples import step

PLAIN = replace(step(1, "skip", None, ()), reason="no edit could be applied", failures=())


def test_a_step_says_what_gave_no_result() -> None:
    lost = Failure(stage="reflect", kind="malformed", message="secret words of a model")
    told = reason_of(replace(PLAIN, failures=(lost, replace(lost, stage="target", kind="timeout"), lost)))
    assert told == (
        "no edit could be applied; 2 reflect without a result (malformed); 1 target without a result (timeout)"
    )
    assert reason_of(replace(PLAIN, reason="", failures=(lost,))) == "1 reflect without a result (malformed)"
