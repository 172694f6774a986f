from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.history import Decision
from skillopt_ci.core.rollout import Evaluation, Failure, Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.training_gate import STRICT
from skillopt_ci.engine import decide as engine
from skillopt_ci.errors import CallFailedError
from tests.engine.bench import Script, lab, named, skill

Value = float | None
GRADED = st.sampled_from([0.0, 0.1, 1 / 3, 0.5, 0.7, 1.0])
ROWS = st.lists(st.tuples(GRADED, GRADED), min_size=1, max_size=40)
GAPPY = st.lists(st.tuples(st.one_of(GRADED, st.none()), st.one_of(GRADED, st.none())), min_size=1, max_size=40)


def decide(
    rows: Sequence[tuple[Value, Value]], *, exact_stop: bool = True, concurrency: int = 1
) -> tuple[Decision, Script]:
    """A decision on (incumbent, candidate) scores; None is a measurement that failed."""
    scores = {f"a{n}": new for n, (_, new) in enumerate(rows)}

    def scorer(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        value = scores[task.id]
        return CallFailedError("timeout", "no") if value is None else value

    harness = Script(scorer)
    val = named("a", len(rows))
    incumbent = Evaluation(skill="i", task_ids=tuple(t.id for t in val), values=tuple((old,) for old, _ in rows))
    made = lab(harness, concurrency=concurrency)
    rule = replace(STRICT, exact_stop=exact_stop)
    return engine.decide(made, (skill("i"), skill("candidate")), incumbent, val, rule), harness


@given(ROWS)
def test_the_exact_stop_changes_no_decision(rows: list[tuple[float, float]]) -> None:
    stopped, harness = decide(rows)
    whole, all_of_it = decide(rows, exact_stop=False)
    mean = sum(new for _, new in rows) / len(rows)
    before = sum(old for old, _ in rows) / len(rows)
    assert stopped.accept == whole.accept
    assert whole.accept == (mean > before + 1e-9)
    assert len(harness.seen) <= len(all_of_it.seen) == len(rows)
    assert whole.mean == pytest.approx(mean)
    if stopped.mean is None:
        assert not stopped.accept
        assert stopped.reason == "cannot win"
        assert stopped.upper_bound is not None
        assert mean - 1e-9 <= stopped.upper_bound <= before + 1e-6
        assert stopped.evaluation is None
    else:
        assert stopped == whole  # also the order of the evaluation and the interval


@given(GAPPY.filter(lambda rows: any(old is not None for old, _ in rows)))
def test_with_failures_too_no_decision_differs(rows: list[tuple[Value, Value]]) -> None:
    stopped, _ = decide(rows)
    whole, _ = decide(rows, exact_stop=False)
    assert stopped.accept == whole.accept
    if whole.reason == "infrastructure":
        assert stopped.reason in ("infrastructure", "cannot win")
    else:
        assert stopped.reason in (whole.reason, "cannot win")
    missing = sum(old is None or new is None for old, new in rows)
    assert (whole.reason == "infrastructure") == (20 * missing > len(rows))


@given(ROWS)
def test_concurrency_changes_nothing(rows: list[tuple[float, float]]) -> None:
    one, harness = decide(rows)
    eight, other = decide(rows, concurrency=8)
    assert one == eight
    assert sorted(s.place() for _, s in harness.seen) == sorted(s.place() for _, s in other.seen)


def test_failures_of_the_incumbent_come_first_and_the_rest_is_not_bought() -> None:
    rows = [(1.0, 0.0)] * 10 + [(0.0, 0.0)] * 10
    found, harness = decide(rows)
    assert not found.accept
    assert {s.task_id for _, s in harness.seen} == {f"a{n}" for n in range(10, 20)}
    assert found.upper_bound == 0.5
    assert found.n_rollouts == 10
    assert all(s.stream == "val" for _, s in harness.seen)


def test_a_tie_is_no_gain() -> None:
    found, _ = decide([(0.1, 0.3), (0.2, 0.0), (0.0, 0.0)], exact_stop=False)
    assert (found.accept, found.reason) == (False, "not better")


def test_an_accepted_candidate_is_measured_whole() -> None:
    found, _ = decide([(0.0, 1.0), (1.0, 1.0)])
    assert (found.accept, found.reason, found.mean, found.incumbent_mean) == (True, "better on validation", 1.0, 0.5)
    assert found.evaluation is not None
    assert found.evaluation.task_ids == ("a0", "a1")
    assert found.effect is not None
    assert found.effect.mean == 0.5


@pytest.mark.parametrize("exact_stop", [True, False])
def test_five_percent_may_be_missing_and_are_left_out_of_both_means(exact_stop: bool) -> None:
    found, _ = decide([(0.0, None), (0.0, 1.0), *([(1.0, 1.0)] * 18)], exact_stop=exact_stop)
    assert (found.accept, found.mean, found.n_rollouts, len(found.failures)) == (True, 1.0, 19, 1)
    assert found.incumbent_mean == 18 / 19
    assert found.evaluation is not None
    assert found.evaluation.means["a0"] is None


@pytest.mark.parametrize("exact_stop", [True, False])
def test_more_is_no_decision_and_no_rejection(exact_stop: bool) -> None:
    found, harness = decide([(0.0, None)] * 2 + [(0.0, 1.0)] * 18, exact_stop=exact_stop)
    assert (found.accept, found.reason) == (False, "infrastructure")
    assert len([1 for _, s in harness.seen if s.task_id == "a0"]) == 2  # once more, then missing
    assert found.failures == (Failure(stage="target", kind="timeout", message="no"),) * 2


def test_what_the_incumbent_lacks_counts_as_missing_so_that_it_never_adds_up() -> None:
    both = [(None, 1.0), (0.0, None), *([(0.0, 1.0)] * 18)]
    assert decide(both)[0].reason == "infrastructure"
    assert decide(both, exact_stop=False)[0].reason == "infrastructure"
    found, _ = decide([(None, 1.0), *([(0.0, 1.0)] * 19)])
    assert found.accept
    # Measured all the same, though it decides nothing: as the incumbent, the candidate lacks it no more.
    assert found.evaluation is not None
    assert found.evaluation.means["a0"] == 1.0


def test_too_much_missing_stops_the_buying() -> None:
    found, harness = decide([(0.0, None)] * 4 + [(0.5, 1.0)] * 36)
    assert found.reason == "infrastructure"
    assert len({s.task_id for _, s in harness.seen}) < 40


def test_tasks_of_one_cluster_are_one_unit_of_the_interval() -> None:
    from tests.engine.bench import tasks

    val = tasks("a", "b", "c", "d", cluster="doc")
    incumbent = Evaluation(skill="i", task_ids=("a", "b", "c", "d"), values=((0.0,),) * 4)
    found = engine.decide(lab(Script(lambda *_: 1.0)), (skill("i"), skill("c")), incumbent, val, STRICT)
    alone, _ = decide([(0.0, 1.0)])
    assert found.effect == alone.effect
