"""The merge gate at work on a harness with given scores: what it measures, when it stops, what it believes."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from skillopt_ci.core.merge_gate import MergeRule
from skillopt_ci.core.rollout import Rollout, Sample, Score
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.engine.merge import GateOutcome, GateSettings, MergeGate
from skillopt_ci.errors import BudgetReachedError, CallFailedError
from tests.engine.bench import Hears, Scorer, Script, lab, named, skill

BASE, HEAD = skill("base"), skill("head")
GONE = CallFailedError("timeout", "no")
RULE = MergeRule()


class Served(Script):
    """A harness whose model has the name that `model` says."""

    def __init__(self, scorer: Scorer, model: Callable[[Skill, Sample], str]) -> None:
        super().__init__(scorer)
        self._model = model

    def run(self, skill: Skill, task: Task, sample: Sample, /) -> Trajectory:
        return replace(super().run(skill, task, sample), served_model=self._model(skill, sample))

    def streams(self) -> list[tuple[str, str, str, int]]:
        """(skill, task, stream, n) of every run, in order."""
        return [(body, s.task_id, s.stream, s.n) for body, s in self.seen]


def stored(rows: Sequence[Sequence[float]], models: Callable[[int], str] = lambda n: "m") -> list[list[Rollout]]:
    """Stored runs of tasks a0, a1, ...; `models` names the model of run n."""
    return [[_run(f"a{i}", n, value, models(n)) for n, value in enumerate(row)] for i, row in enumerate(rows)]


def _run(task: str, n: int, value: float, model: str) -> Rollout:
    score = Score(value=value, passed=value >= 1, why="", hint="")
    trajectory = Trajectory(messages=(), stop_reason="stop", served_model=model)
    return Rollout(
        skill=BASE.digest, sample=Sample(task_id=task, stream="base", n=n), outcome=score, trajectory=trajectory
    )


def constant(value: float | Exception) -> Scorer:
    return lambda skill, task, sample: value


def by_side(base: float, head: float) -> Scorer:
    return lambda skill, task, sample: base if skill.body == "base" else head


def unclear(skill: Skill, task: Task, sample: Sample) -> float:
    """On 20 tasks: the base passes half of its runs, the head fewer; too little to show, too much to rule out."""
    place = sample.n * 7 + int(task.id[1:])
    return float(place % 20 < (8 if sample.n < 2 else 7) if skill.body == "head" else place % 2)


EVEN = [[0.0, 1.0] * 4] * 20


def settings(**changes: object) -> GateSettings:
    made = GateSettings(rule=RULE, base_runs=8, guard=False, session="s")
    return replace(made, **changes)  # type: ignore[arg-type]


def gate(
    scorer: Scorer,
    base: list[list[Rollout]],
    *,
    golden: Sequence[int] = (),
    model: Callable[[Skill, Sample], str] = lambda skill, sample: "m",
    **changes: object,
) -> tuple[GateOutcome, Served]:
    """Judge base and head on as many tasks as there are rows."""
    harness = Served(scorer, model)
    tasks = tuple(replace(t, golden=i in golden) for i, t in enumerate(named("a", len(base))))
    return MergeGate(lab(harness), (BASE, HEAD), tasks, base, settings(**changes)).run(), harness


def values(rows: Sequence[Sequence[Rollout]]) -> list[list[float | None]]:
    return [[r.value for r in row] for row in rows]


# --- rounds


@pytest.mark.parametrize(("head", "decision"), [(1.0, "pass"), (0.0, "regression")])
def test_a_deterministic_target_with_a_stored_base_costs_one_round(head: float, decision: str) -> None:
    found, harness = gate(by_side(1.0, head), stored([[1.0] * 8] * 20))
    assert (found.final.decision, found.final.round) == (decision, 1)
    assert harness.streams() == [("head", f"a{i}", "head", 0) for i in range(20)]
    assert values(found.base) == [[1.0] * 8] * 20
    assert values(found.head) == [[head]] * 20
    assert found.notes == ()


def test_an_undecided_comparison_takes_one_run_of_every_task_a_round_and_ends() -> None:
    found, harness = gate(unclear, stored(EVEN))
    assert (found.final.decision, found.final.reason) == ("inconclusive", "undecided")
    assert found.final.round == 4
    assert harness.streams() == [("head", f"a{i}", "head", n) for n in range(4) for i in range(20)]


def test_without_stored_runs_the_base_is_measured_beside_the_head_round_by_round() -> None:
    found, harness = gate(unclear, stored([[]] * 20), session="xyz")
    assert found.final.round == 4
    wanted = [(n, i, side) for n in range(4) for i in range(20) for side in (("base", "fresh/xyz"), ("head", "head"))]
    assert harness.streams() == [(body, f"a{i}", stream, n) for n, i, (body, stream) in wanted]
    assert {len(row) for row in (*found.base, *found.head)} == {4}
    full, _ = gate(unclear, stored(EVEN))
    assert (found.final.minimum_detectable_effect or 0) > (full.final.minimum_detectable_effect or 1)


def test_only_tasks_with_too_few_stored_runs_get_fresh_ones() -> None:
    rows = [[1.0] * 8] * 9 + [[1.0] * 7]
    found, harness = gate(constant(1.0), stored(rows))
    assert found.final.decision == "pass"
    assert [s for s in harness.streams() if s[0] == "base"] == [("base", "a9", "fresh/s", 0)]
    assert [len(row) for row in found.base] == [8] * 10


def test_head_runs_are_numbered_as_the_settings_say() -> None:
    unclear_later = lambda skill, task, sample: unclear(skill, task, replace(sample, n=sample.n - 12))  # noqa: E731
    _, harness = gate(unclear_later, stored(EVEN), head_stream="cal", first_head=12)
    assert [(stream, n) for _, task, stream, n in harness.streams() if task == "a0"] == [
        ("cal", n) for n in (12, 13, 14, 15)
    ]


def test_rounds_are_told_with_their_number() -> None:
    hears = Hears()
    made = lab(Script(unclear), hears=hears)
    rule = settings(rule=MergeRule(max_rounds=2))
    MergeGate(made, (BASE, HEAD), named("a", 20), stored(EVEN), rule).run()
    assert hears.begun == [("round 1 of at most 2", 20), ("round 2 of at most 2", 20)]


def test_a_reached_budget_ends_it() -> None:
    with pytest.raises(BudgetReachedError, match="enough"):
        gate(constant(BudgetReachedError("enough")), stored([[1.0] * 8] * 3))


# --- the rule's settings


def test_one_round_is_the_last_word_when_one_is_allowed() -> None:
    found, _ = gate(unclear, stored(EVEN), rule=MergeRule(max_rounds=1))
    assert (found.final.reason, found.final.round) == ("undecided", 1)


def test_a_shown_loss_below_min_effect_does_not_block() -> None:
    rows = stored([[1.0] * 8] * 100)

    def three_lost(skill: Skill, task: Task, sample: Sample) -> float:
        return float(task.id not in ("a0", "a1", "a2"))

    blocked, _ = gate(three_lost, rows)
    assert (blocked.final.decision, blocked.suspects) == ("regression", ())  # one run of eight and one: p = 1/9 a task
    tolerated, _ = gate(three_lost, rows, rule=MergeRule(min_effect=0.04))
    assert tolerated.final.decision == "pass"


def test_the_strict_rule_wants_more_for_a_pass() -> None:
    def one_lost(skill: Skill, task: Task, sample: Sample) -> float:
        return float(task.id != "a0")

    rows = stored([[1.0] * 8] * 40)
    rule = MergeRule(margin=0.0405, max_rounds=2)
    usual, _ = gate(one_lost, rows, rule=rule)
    strict, _ = gate(one_lost, rows, rule=replace(rule, pass_rule="strict"))
    assert (usual.final.decision, usual.final.round) == ("pass", 1)
    assert (strict.final.decision, strict.final.round) == ("regression", 2)  # a second loss of the same task


def test_alpha_is_divided_among_the_pairs() -> None:
    rows = stored([[1.0] * 8] * 50)

    def two_lost(skill: Skill, task: Task, sample: Sample) -> float:
        return float(task.id not in ("a0", "a1"))

    alone, _ = gate(two_lost, rows, rule=MergeRule(margin=0.02))
    among, _ = gate(two_lost, rows, rule=MergeRule(margin=0.02, pairs=20))
    assert alone.final.decision == among.final.decision == "regression"
    assert (alone.final.round, among.final.round) == (1, 2)
    assert among.final.threshold < alone.final.threshold / 10


def test_tasks_that_look_worse_are_named() -> None:
    def lost(skill: Skill, task: Task, sample: Sample) -> float:
        return float(task.id != "a3")

    found, _ = gate(lost, stored([[1.0] * 8] * 40), rule=MergeRule(margin=0.01))
    assert found.final.round >= 2
    assert found.suspects == ("a3",)


# --- the age and the model of the stored base


def test_an_old_base_that_a_fresh_round_agrees_with_is_kept() -> None:
    found, harness = gate(constant(1.0), stored([[1.0] * 8] * 10), guard=True)
    assert found.final.decision == "pass"
    assert [s[:3] for s in harness.streams()] == [
        (side, f"a{i}", stream) for i in range(10) for side, stream in (("base", "fresh/s"), ("head", "head"))
    ]
    assert {len(row) for row in found.base} == {9}
    assert found.notes == ()


@pytest.mark.parametrize(("before", "now"), [(1.0, 0.0), (0.0, 1.0)])
def test_an_old_base_that_drifted_is_dropped_whichever_way(before: float, now: float) -> None:
    """A provider that got worse feigns a regression; one that got better hides one."""
    found, harness = gate(constant(now), stored([[before] * 8] * 10), guard=True)
    assert found.final.decision == "pass"  # both are as bad, or as good, now
    assert found.final.round == 2  # one run on either side would not show that there is no noise
    assert values(found.base) == [[now] * 2] * 10
    assert found.notes == ("80 stored base runs dropped: a fresh round of the base differs from them (p < 0.001)",)
    assert len(harness.seen) == 40


def test_a_better_provider_does_not_hide_a_loss() -> None:
    rows = stored([[0.0] * 8] * 10)
    hidden, _ = gate(by_side(1.0, 0.0), rows)
    assert hidden.final.decision == "pass"
    found, _ = gate(by_side(1.0, 0.0), rows, guard=True)
    assert found.final.decision == "regression"


def test_a_loss_against_an_old_base_must_show_in_fresh_rounds_of_both_sides() -> None:
    found, harness = gate(by_side(1.0, 0.0), stored([[1.0] * 8] * 10), guard=True)
    assert (found.final.decision, found.final.round) == ("regression", 1)
    assert [s[2:] for s in harness.streams() if s[1] == "a0"] == [
        ("fresh/s", 0),
        ("head", 0),
        *[(stream, n) for n in (1, 2) for stream in ("fresh/s", "head")],
    ]
    assert found.notes == (
        "the stored base runs are older than a day; in 2 fresh rounds of both sides the loss shows (p < 0.001)",
    )
    assert (values(found.base), values(found.head)) == ([[1.0] * 9] * 10, [[0.0]] * 10)  # the shown loss, as judged


def test_a_model_that_got_worse_on_one_task_does_not_block() -> None:
    """One fresh round cannot tell it from luck, three runs of the head against eight old ones of the base do."""
    worse = lambda skill, task, sample: float(task.id != "a0")  # noqa: E731
    blocked, _ = gate(worse, stored([[1.0] * 8] * 20))
    assert blocked.final.decision == "regression"
    found, harness = gate(worse, stored([[1.0] * 8] * 20), guard=True)
    assert (found.final.decision, found.final.reason) == ("inconclusive", "not-confirmed")
    assert found.notes[0].endswith("the loss does not show (p = 1.000)")
    fresh = [s[3] for s in harness.streams() if s[1:3] == ("a0", "fresh/s")]
    assert fresh == [0, 1, 2]


def test_a_loss_that_cannot_be_confirmed_for_want_of_runs_is_no_verdict() -> None:
    def scorer(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        return GONE if skill.body == "base" and sample.n > 0 else float(skill.body == "base")

    found, _ = gate(scorer, stored([[1.0] * 8] * 10), guard=True)
    assert (found.final.decision, found.final.reason) == ("inconclusive", "infrastructure")
    assert (found.final.missing_base, found.final.missing_head) == (1.0, 0.0)


def test_after_the_drop_the_base_goes_on_beside_the_head() -> None:
    found, harness = gate(unclear, stored([[1.0] * 8] * 20), guard=True)
    assert (found.final.reason, found.final.round) == ("undecided", 4)
    assert {len(row) for row in found.base} == {4}
    assert [s[3] for s in harness.streams() if s[:3] == ("base", "a0", "fresh/s")] == [0, 1, 2, 3]


def test_another_model_under_the_same_name_voids_the_base_also_when_it_is_young() -> None:
    found, harness = gate(constant(1.0), stored([[1.0] * 8] * 5), model=lambda skill, sample: "m-2026-11")
    assert found.notes == ("40 stored base runs dropped: another model answers now (m-2026-11)",)
    assert [s[0] for s in harness.streams()] == ["head"] * 5 + ["base"] * 5 + ["base", "head"] * 5
    assert values(found.base) == [[1.0] * 2] * 5
    assert found.final.decision == "pass"


def test_a_model_that_changes_between_rounds_voids_the_base_then() -> None:
    found, harness = gate(unclear, stored(EVEN), model=lambda skill, sample: "m" if sample.n < 2 else "n")
    assert found.final.round == 4
    assert found.notes == ("160 stored base runs dropped: another model answers now (n)",)
    assert [s[3] for s in harness.streams() if s[:2] == ("base", "a0")] == [0, 1, 2, 3]
    assert {len(row) for row in found.base} == {4}


def test_stored_runs_of_a_model_that_does_not_answer_any_more_are_dropped_alone() -> None:
    rows = stored([[1.0] * 8] * 5, models=lambda n: "old" if n < 3 else "m")
    found, _ = gate(constant(1.0), rows)
    assert found.notes == ("15 stored base runs dropped: they are of a model that does not answer now (old)",)
    assert [len(row) for row in found.base] == [6] * 5  # five stored, one beside the head


def test_what_is_left_of_an_old_base_must_still_agree_with_a_fresh_round() -> None:
    rows = stored([[1.0] * 8] * 10, models=lambda n: "old" if n < 3 else "m")
    found, _ = gate(constant(0.0), rows, guard=True)
    assert [note.partition(" stored")[0] for note in found.notes] == ["30", "50"]
    assert values(found.base) == [[0.0, 0.0]] * 10


def test_several_models_behind_one_name_are_no_change() -> None:
    rows = stored([[1.0] * 8] * 6, models=lambda n: "mn"[n % 2])
    found, harness = gate(constant(1.0), rows, model=lambda skill, sample: "mn"[int(sample.task_id[1:]) % 2])
    assert (found.notes, len(harness.seen)) == ((), 6)


def test_when_nothing_answers_the_base_is_not_dropped() -> None:
    found, _ = gate(constant(GONE), stored([[1.0] * 8] * 5))
    assert (found.final.reason, found.final.missing_head, found.notes) == ("infrastructure", 1.0, ())


# --- golden tasks


def golden_score(lost: Sequence[int]) -> Scorer:
    """Head fails task a0 in the runs named; everything else passes."""
    return lambda skill, task, sample: float(not (skill.body == "head" and task.id == "a0" and sample.n in lost))


@pytest.mark.parametrize(
    ("lost", "runs", "broken"),
    [((), 1, False), ((0,), 4, False), ((0, 2), 4, False), ((0, 1, 3), 4, True), ((0, 1, 2, 3), 4, True)],
)
def test_one_failure_of_a_golden_task_is_not_believed_three_of_four_are(
    lost: tuple[int, ...], runs: int, broken: bool
) -> None:
    found, harness = gate(golden_score(lost), stored([[1.0] * 8] * 60), golden=[0])
    assert found.golden_failed == (("a0",) if broken else ())
    assert (found.golden_armed, found.golden_total) == (1, 1)
    assert len([s for s in harness.streams() if s[1] == "a0"]) == runs
    assert len(found.head[0]) == found.final.round == 1  # the verdict on the suite looks at one run of each task
    assert found.final.decision == "pass"


def test_extra_runs_of_a_golden_task_serve_the_later_rounds() -> None:
    def scorer(skill: Skill, task: Task, sample: Sample) -> float:
        return float(sample.n != 0) if task.id == "a0" else unclear(skill, task, sample)

    found, harness = gate(scorer, stored([[1.0] * 8, *EVEN[1:]]), golden=[0])
    assert found.final.round == 4
    assert sorted(s[3] for s in harness.streams() if s[1] == "a0") == [0, 1, 2, 3]
    assert values(found.head)[0] == [0.0, 1.0, 1.0, 1.0]


def test_a_golden_task_that_the_base_fails_now_and_then_is_not_armed_and_said_so() -> None:
    rows = stored([[1.0] * 3 + [0.0] * 5, [1.0] * 7 + [0.0], *[[1.0] * 8] * 58])
    found, harness = gate(golden_score((0, 1, 2, 3)), rows, golden=[0, 1])
    assert (found.golden_failed, found.golden_armed, found.golden_total) == ((), 1, 2)
    assert found.notes == ("golden not armed: a0 (3/8)",)
    assert len([s for s in harness.streams() if s[1] == "a0"]) == found.final.round


def test_fresh_runs_of_the_base_arm_nothing() -> None:
    found, _ = gate(golden_score((0, 1, 2, 3)), stored([[]] * 5), golden=[0])
    assert (found.golden_failed, found.golden_armed) == ((), 0)
    assert found.notes == ("golden not armed: a0 (0/8)",)


def test_a_dropped_base_arms_nothing() -> None:
    found, harness = gate(constant(0.0), stored([[1.0] * 8] * 30), golden=[0], model=lambda skill, sample: "other")
    assert (found.golden_failed, found.golden_armed) == ((), 0)
    assert [s[3] for s in harness.streams() if s[:2] == ("head", "a0")] == [0]
    assert found.notes[1:] == ("golden not armed: a0 (0/8)",)


@pytest.mark.parametrize(("lost_by_base", "broken"), [((0, 1, 2, 3), False), ((0,), True), ((), True)])
def test_a_golden_task_that_fails_on_todays_base_too_does_not_block(
    lost_by_base: tuple[int, ...], broken: bool
) -> None:
    def scorer(skill: Skill, task: Task, sample: Sample) -> float:
        lost = (0, 1, 2, 3) if skill.body == "head" else lost_by_base
        return float(not (task.id == "a0" and sample.n in lost))

    found, harness = gate(scorer, stored([[1.0] * 8] * 60), golden=[0], guard=True)
    assert found.golden_failed == (("a0",) if broken else ())
    assert ("golden task a0 fails on the base, too: it does not block" in found.notes) is not broken
    runs = [s[3] for s in harness.streams() if s[:3] == ("base", "a0", "fresh/s")]
    assert runs[:4] == ([0, 1, 2, 3] if lost_by_base else [0])
    assert gate(scorer, stored([[1.0] * 8] * 60), golden=[0])[0].golden_failed == ("a0",)


def test_beside_a_broken_golden_task_no_loss_is_confirmed() -> None:
    """It blocks by itself: fresh rounds of both sides would be bought for nothing."""
    found, harness = gate(by_side(1.0, 0.0), stored([[1.0] * 8] * 10), golden=[0], guard=True)
    assert (found.golden_failed, found.final.decision, found.notes) == (("a0",), "regression", ())
    assert [s[2:] for s in harness.streams() if s[1] == "a1"] == [("fresh/s", 0), ("head", 0)]


def test_a_golden_task_without_a_result_is_not_broken_and_not_held() -> None:
    def scorer(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        return GONE if skill.body == "head" and task.id == "a0" else 1.0

    found, _ = gate(scorer, stored([[1.0] * 8] * 60), golden=[0])
    assert (found.golden_failed, found.golden_unmeasured) == ((), ("a0",))


# --- missing runs


def missing(tasks: int) -> Scorer:
    """The head gives no result on the first tasks."""

    def scorer(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        return GONE if skill.body == "head" and int(task.id[1:]) < tasks else 1.0

    return scorer


def test_more_than_five_percent_missing_is_no_verdict_and_ends_at_once() -> None:
    found, harness = gate(missing(2), stored([[1.0] * 8] * 20))
    assert (found.final.decision, found.final.reason) == ("inconclusive", "infrastructure")
    assert len(harness.seen) == 22  # one round, and the failed ones again
    assert [len(row) for row in found.head] == [1] * 20


def test_a_pass_must_hold_if_every_missing_run_of_the_head_had_failed() -> None:
    held, _ = gate(missing(1), stored([[1.0] * 8] * 60))
    assert held.final.decision == "pass"  # at worst a loss of 1.7 points
    open_, _ = gate(missing(1), stored([[1.0] * 8] * 20))
    assert (open_.final.decision, open_.final.missing_head) == ("inconclusive", 0.05)  # at worst of 5


def test_a_pass_must_hold_if_every_missing_run_of_the_base_had_passed() -> None:
    def scorer(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        return GONE if skill.body == "base" and task.id == "a0" else float(task.id != "a0")

    found, _ = gate(scorer, stored([[]] * 20))
    assert found.final.missing_base == 0.05
    assert found.final.decision == "inconclusive"


# --- suites without information


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("n_tasks", [3, 30])
@pytest.mark.parametrize("runs", [0, 8])
def test_ties_everywhere_are_a_pass_once_there_are_repeats_or_many_tasks(value: float, n_tasks: int, runs: int) -> None:
    found, _ = gate(constant(value), stored([[value] * runs] * n_tasks))
    assert (found.final.decision, found.final.p, found.final.se) == ("pass", 1.0, 0.0)
    assert found.final.round == (2 if n_tasks == 3 and not runs else 1)
    assert found.final.minimum_detectable_effect is not None
    assert found.final.minimum_detectable_effect >= 1 / n_tasks


def test_three_tasks_show_a_disaster_at_once_and_one_lost_task_in_two_rounds() -> None:
    rows = stored([[1.0] * 8] * 3)
    disaster, _ = gate(constant(0.0), rows)
    assert disaster.final.decision == "regression"
    one_less = lambda skill, task, sample: float(task.id != "a0")  # noqa: E731
    unsure, _ = gate(one_less, rows, rule=MergeRule(max_rounds=1))
    assert (unsure.final.decision, unsure.final.p) == ("inconclusive", pytest.approx(1 / 18))
    sure, _ = gate(one_less, rows)  # the same task again
    assert (sure.final.decision, sure.final.round) == ("regression", 2)


def test_graded_scores_are_judged_too() -> None:
    found, _ = gate(by_side(0.75, 0.5), stored([[0.75] * 8] * 10))
    assert (found.final.decision, found.final.difference) == ("regression", -0.25)
