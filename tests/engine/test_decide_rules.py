"""`confirm` and `careful` at work: what is measured on which side, in which order, and what becomes of it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.digest import text_digest
from skillopt_ci.core.history import Decision
from skillopt_ci.core.rollout import Evaluation, Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.training_gate import CAREFUL, CONFIRM, STRICT, TrainingRule
from skillopt_ci.engine.decide import decide, fitting_rule
from skillopt_ci.errors import CallFailedError
from tests.engine.bench import Scorer, Script, Scripted, add, bench, lab, named, run, skill, tasks

OLD, NEW = skill("old"), skill("new")


def known(rows: Sequence[Sequence[float | None]]) -> Evaluation:
    """The incumbent's runs so far, of tasks a0, a1, ..."""
    return Evaluation(
        skill=OLD.digest, task_ids=tuple(f"a{i}" for i in range(len(rows))), values=tuple(map(tuple, rows))
    )


def decided(
    scorer: Scorer, incumbent: Evaluation, rule: TrainingRule = CONFIRM, *, concurrency: int = 1
) -> tuple[Decision, list[tuple[str, int, int]]]:
    """The decision, and (skill, task, n) of every run in order."""
    harness = Script(scorer)
    made = lab(harness, concurrency=concurrency)
    found = decide(made, (OLD, NEW), incumbent, named("a", len(incumbent.task_ids)), rule)
    assert {s.stream for _, s in harness.seen} <= {"val"}
    return found, [(body, int(s.task_id[1:]), s.n) for body, s in harness.seen]


def levels(old: Sequence[int], new: Sequence[int]) -> Scorer:
    """Task i passes under a skill in every run when i is in its list."""
    return lambda skill, task, sample: float(int(task.id[1:]) in (old if skill.body == "old" else new))


def ones(*passing: int, of: int = 20, runs: int = 1) -> Evaluation:
    return known([[float(i in passing)] * runs for i in range(of)])


HALF = range(10)


def test_the_incumbent_is_measured_twice_before_any_candidate() -> None:
    _, seen = decided(levels(HALF, range(20)), ones(*HALF))
    assert seen[:20] == [("old", i, 1) for i in range(20)]
    assert {body for body, _, _ in seen[20:]} == {"new"}


def test_an_incumbent_that_was_measured_twice_is_not_measured_again() -> None:
    found, seen = decided(levels(HALF, range(20)), ones(*HALF, runs=2))
    assert {body for body, _, _ in seen} == {"new"}
    assert found.incumbent is not None
    assert found.incumbent.values == ones(*HALF, runs=2).values


def test_a_clear_improvement_is_accepted_after_a_second_run_and_not_after_one() -> None:
    found, seen = decided(levels(HALF, range(16)), ones(*HALF))
    assert (found.accept, found.reason) == (True, "better on validation")
    assert (found.mean, found.incumbent_mean, found.n_rollouts) == (0.8, 0.5, 40)
    assert found.z is not None
    assert found.z > 1
    assert found.effect is not None
    assert found.effect.mean == pytest.approx(0.3)
    assert found.evaluation is not None
    assert {len(row) for row in found.evaluation.values} == {2}
    assert len(seen) == 20 + 40


def test_the_tasks_that_the_incumbent_failed_come_first_and_what_cannot_win_is_not_measured_on() -> None:
    found, seen = decided(levels(HALF, ()), ones(*HALF))
    assert (found.accept, found.reason, found.evaluation, found.mean) == (False, "cannot win", None, None)
    assert found.upper_bound is not None
    assert found.upper_bound <= 0.5
    assert {i for body, i, _ in seen if body == "new"} >= set(range(10, 20))
    assert {i for body, i, _ in [s for s in seen if s[0] == "new"][:10]} == set(range(10, 20))
    assert found.n_rollouts < 20
    assert found.incumbent is not None
    assert {len(row) for row in found.incumbent.values} == {2}  # bought once, kept for the next candidate


def test_a_third_round_is_measured_side_by_side_task_by_task() -> None:
    def scorer(skill: Skill, task: Task, sample: Sample) -> float:
        number = int(task.id[1:])
        if skill.body == "old":
            return float(number < 10)
        return float(number < 10 or (number < 12 and sample.n == 0) or (number < 11 and sample.n == 2))

    _, seen = decided(scorer, ones(*HALF), replace(CONFIRM, min_evidence=1.6))
    third = [(body, i) for body, i, n in seen if n == 2]
    assert third == [(body, i) for i in range(20) for body in ("old", "new")]


def test_careful_rejects_what_confirm_accepts() -> None:
    """One task more of twenty, in every run: z is 1."""
    scorer, before = levels(HALF, range(11)), ones(*HALF)
    assert decided(scorer, before, CONFIRM)[0].accept
    refused, _ = decided(scorer, before, CAREFUL)
    assert not refused.accept
    assert refused.reason in ("futile", "not enough evidence")
    assert decided(levels(HALF, range(16)), before, CAREFUL)[0].accept


def test_no_difference_is_no_improvement() -> None:
    found, _ = decided(levels(HALF, range(5, 15)), ones(*HALF))
    assert (found.accept, found.reason) == (False, "not better")


def test_too_much_missing_decides_nothing() -> None:
    def scorer(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        return CallFailedError("timeout", "no") if task.id in ("a10", "a11") else 1.0

    found, _ = decided(scorer, ones(*HALF, runs=2))
    assert (found.accept, found.reason) == (False, "infrastructure")


def test_clusters_are_one_unit_of_the_interval_and_of_z() -> None:
    val = tuple(replace(t, metadata={"cluster": str(i // 10)}) for i, t in enumerate(named("a", 40)))
    harness = Script(levels(HALF, range(20)))
    before = known([[float(i in HALF)] * 2 for i in range(40)])
    clustered = decide(lab(harness), (OLD, NEW), before, val, CONFIRM)
    plain, _ = decided(levels(HALF, range(20)), before)
    assert clustered.z is not None
    assert plain.z is not None
    assert clustered.z < plain.z
    assert clustered.effect is not None
    assert plain.effect is not None
    assert clustered.effect.high - clustered.effect.low > plain.effect.high - plain.effect.low


def test_a_large_suite_is_looked_at_on_the_way() -> None:
    found, seen = decided(levels(range(60), ()), ones(*range(60), of=120, runs=2))
    assert (found.accept, found.reason) == (False, "futile")
    assert 10 <= len(seen) < 60


@given(st.integers(0, 2**30), st.sampled_from([CONFIRM, CAREFUL, STRICT]))
def test_concurrency_and_repetition_change_nothing(seed: int, rule: TrainingRule) -> None:
    def scorer(skill: Skill, task: Task, sample: Sample) -> float:
        return float(int(text_digest(f"{seed}/{skill.body}/{task.id}/{sample.n}")[:8], 16) % 7 > 3)

    before = known([[scorer(OLD, t, Sample(task_id=t.id, stream="val"))] for t in named("a", 15)])
    one, seen = decided(scorer, before, rule)
    many, again = decided(scorer, before, rule, concurrency=6)
    assert one == many
    assert sorted(seen) == sorted(again)


# --- which rule


@pytest.mark.parametrize("exact_stop", [True, False])
def test_repeats_are_spared_where_they_tell_nothing(exact_stop: bool) -> None:
    rule, strict = replace(CAREFUL, exact_stop=exact_stop), replace(STRICT, exact_stop=exact_stop)
    assert fitting_rule(rule, 9, []) == strict
    assert fitting_rule(rule, 10, []) == rule
    agreeing, noisy = ones(*HALF, of=60, runs=2), known([[1.0, 0.0]] + [[1.0, 1.0]] * 60)
    assert fitting_rule(rule, 60, [agreeing]) == strict
    assert fitting_rule(rule, 60, [agreeing, noisy]) == rule
    assert fitting_rule(rule, 60, [ones(*HALF, of=59, runs=2)]) == rule


@pytest.mark.parametrize(
    ("n_tasks", "rule", "benefit"),
    [(39, CONFIRM, 1), (10, CAREFUL, 1), (40, CONFIRM, 0), (39, STRICT, 0), (9, CONFIRM, 0)],
)
def test_screened_edits_have_the_benefit_of_the_doubt_on_few_tasks(
    n_tasks: int, rule: TrainingRule, benefit: float
) -> None:
    assert fitting_rule(rule, n_tasks, [], screened=True).benefit == benefit
    assert fitting_rule(rule, n_tasks, []).benefit == 0


def test_with_the_benefit_of_the_doubt_a_small_loss_is_measured_again_and_a_large_one_is_not() -> None:
    rule = fitting_rule(CONFIRM, 20, [], screened=True)

    def unlucky(skill: Skill, task: Task, sample: Sample) -> float:
        """Two tasks lost and one won in the first run, and four won in every further one."""
        number = int(task.id[1:])
        if skill.body == OLD.body:
            return float(number < 10)
        return float(number in {*range(8), 15} if sample.n == 0 else number < 14)

    before = known([[float(n < 10)] for n in range(20)])
    found, seen = decided(unlucky, before, rule)
    assert (found.accept, found.reason) == (True, "better on validation")
    assert len(seen) > 20
    assert not decided(unlucky, before, replace(rule, benefit=0.0))[0].accept
    bad, seen = decided(levels(HALF, range(6)), before, rule)
    assert (bad.accept, bad.reason, len(seen)) == (False, "not better", 20)


# --- the same candidate again


def _watched(scorer: Scorer) -> tuple[Script, list[str]]:
    """A harness, and the bodies that it validated."""
    bodies: list[str] = []

    def watching(skill: Skill, task: Task, sample: Sample) -> float | str | Exception:
        if sample.stream == "val":
            bodies.append(skill.body)
        # An edit that helps its own train tasks, so that it comes before the gate however edits are screened.
        return 1.0 if sample.stream == "screen" else scorer(skill, task, sample)

    return Script(watching), bodies


def _no_use(skill: Skill, task: Task, sample: Sample) -> float:
    return float(int(task.id[1:]) % 2)


def test_a_candidate_that_is_proposed_again_keeps_its_verdict_and_costs_nothing() -> None:
    harness, bodies = _watched(_no_use)
    made = bench(
        Scripted([[add("- No use.")]]),
        lab=lab(harness),
        train=named("t", 4),
        val=named("a", 20),
        epochs=3,
        slow_update=False,
        rule=CONFIRM,
    )
    result, _ = run(made, skill("start\n"))
    first, *later = [s.decision for s in result.steps]
    assert first is not None
    assert [s.action for s in result.steps] == ["reject"] * 3
    assert [(d.accept, d.reason, d.n_rollouts) for d in later if d] == [(False, first.reason, 0)] * 2
    validated = [b for b in bodies if "No use" in b]
    assert 0 < len(validated) == first.n_rollouts


def test_against_a_new_incumbent_it_is_judged_again_from_the_samples_it_had() -> None:
    def scorer(skill: Skill, task: Task, sample: Sample) -> float:
        return 1.0 if "great" in skill.body and int(task.id[1:]) < 18 else _no_use(skill, task, sample)

    harness, _ = _watched(scorer)
    edits = [[add("- No use.")], [add("- great")], [add("- No use.")]]
    made = bench(
        Scripted(edits),
        lab=lab(harness),
        train=tasks("t0", "t1", "t18", "t20"),
        val=named("a", 20),
        epochs=3,
        slow_update=False,
        rule=CONFIRM,
    )
    result, _ = run(made, skill("start\n"))
    assert [s.action for s in result.steps] == ["reject", "accept", "reject"]
    again = result.steps[2].decision
    assert again is not None
    assert again.n_rollouts > 0
    places = [(body, s.place()) for body, s in harness.seen if s.stream == "val"]
    assert len(places) == len(set(places))  # every sample once: what comes again is asked for under the same name
