"""Once screening is given up all open edits are tried together: every run has another half of them in its text."""

from collections import defaultdict
from dataclasses import replace

import pytest

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import Step, TrainResult
from skillopt_ci.core.rejected import judged_for
from skillopt_ci.core.rollout import Failure, Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.training_gate import TrainingRule
from skillopt_ci.engine.factorial import NOT_APPLIED, NOTHING, OPEN, WAITS
from skillopt_ci.engine.lab import Lab
from skillopt_ci.engine.ration import Ration
from skillopt_ci.errors import CallFailedError
from skillopt_ci.optimizers.base import Proposal
from skillopt_ci.pool import Pool
from tests.engine.bench import RULE, Hears, Reader, Scorer, Script, Scripted, add, bench, named, run, skill

TRAIN, VAL = named("a", 24), named("v", 40)
EDITS = [replace(add(f"- w{n:02d}"), evidence=(f"a{n % 24}",)) for n in range(60)]
VAIN = EDITS[40:54]  # screening is given up after these


def worth(body: str) -> float:
    """Edits below ten bring a point of ten each, those up to twenty take one, all others do nothing."""
    said = [int(line[3:]) for line in body.splitlines() if line.startswith("- w")]
    return 0.3 + 0.1 * sum(n < 10 for n in said) - 0.1 * sum(10 <= n < 20 for n in said)


def adds_up(body: Skill, task: Task, sample: Sample) -> float:
    """Every line does the same on every task, which differ by what they do without; screening shows nothing of it."""
    if sample.stream == "screen":
        return 0.3
    return min(1.0, max(0.0, worth(body.body) + 0.01 * (int(task.id[1:]) % 5)))


def trained(
    said: list[list[Edit] | Proposal], scorer: Scorer = adds_up, **changes: object
) -> tuple[TrainResult, Scripted, Script]:
    optimizer, harness = Scripted([VAIN, *said]), Script(scorer)
    made = {"screen": RULE, "train": TRAIN, "val": VAL, "batch_size": 8, "epochs": 2, "slow_update": False}
    made |= {"budget_start": 4, "budget_end": 4, **changes}
    result, _ = run(bench(optimizer, harness, **made), skill("x\n"))
    return result, optimizer, harness


def by_status(step: Step) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for record in step.edits:
        found[record.status].add(record.edit.content)
    return dict(found)


def lines(edits: list[Edit]) -> set[str]:
    return {e.content for e in edits}


def test_every_task_runs_with_a_half_of_the_open_edits_and_with_the_other_half() -> None:
    result, optimizer, harness = trained([EDITS[20:28], []])
    one, two, three = result.steps[:3]
    assert {r.status for r in one.edits} == {"rejected-alone"}
    assert (two.factorial, three.factorial, one.factorial) == (True, True, False)
    runs = defaultdict(list)
    for body, sample in harness.seen:
        if sample.stream == "train/1" and sample.task_id in {r.sample.task_id for r in three.rollouts}:
            runs[sample.task_id].append({line for line in body.splitlines() if line.startswith("- w")})
    waits = {line for line in optimizer.asked[2][0].body.splitlines() if line.startswith("- w")}
    assert lines(EDITS[20:28]) < waits  # readers are shown the skill with all of them
    assert [len(halves) for halves in runs.values()] == [2] * 8
    assert all(one | other == waits and not one & other for one, other in runs.values())
    assert len({frozenset(one) for one, _ in runs.values()}) > 4  # by lot
    assert [e.halves for _, e in optimizer.asked[:3]] == [False, True, True]
    assert [e.places for _, e in optimizer.asked[:3]] == [16, 16, 16]


def test_edits_that_each_do_little_are_found_together_and_harmful_ones_are_not_kept() -> None:
    result, _, _ = trained([[*EDITS[:4], *EDITS[10:14], *EDITS[20:24]], []], epochs=6, batch_size=24)
    accepted = [s for s in result.steps if s.action == "accept"]
    kept = set().union(*(by_status(s)["kept"] for s in accepted))
    assert lines(EDITS[:4]) <= kept
    assert not kept & lines(EDITS[10:20])
    dropped = [r for s in result.steps if s.factorial for r in s.edits if r.status == "rejected-alone"]
    assert lines(EDITS[10:14]) <= {r.edit.content for r in dropped}
    assert all(r.reason.startswith("it harms rather: -") for r in dropped)
    assert worth(result.best.body) == pytest.approx(0.7)
    waits = [r for s in result.steps if s.factorial for r in s.edits if r.status == "waiting" and r.screening]
    assert waits
    assert all(r.reason.startswith(f"{WAITS}; so far ") for r in waits)


def test_no_gate_is_paid_for_before_the_run_ends() -> None:
    result, _, harness = trained([[EDITS[0], *EDITS[20:24]], []], epochs=1)
    assert [s.reason for s in result.steps if s.factorial and s.rollouts] == [WAITS] * 2
    last = result.steps[-1]
    assert (last.factorial, last.action, last.rollouts) == (True, "accept", ())
    assert "- w00" in by_status(last)["kept"]
    assert len({sample.n for _, sample in harness.seen if sample.stream == "val"}) == 1  # one run of each was enough


def test_what_all_trials_show_of_a_bundle_is_evidence_as_screening_is() -> None:
    """None of its edits was shown to help alone, and yet a clear gain needs no second run of validation."""
    result, _, harness = trained([[*EDITS[:4], *EDITS[20:24]], []], epochs=1, rule=TrainingRule())
    last = result.steps[-1]
    assert (last.factorial, last.action, last.reason) == (True, "accept", "better on validation")
    assert {sample.n for _, sample in harness.seen if sample.stream == "val"} == {0}


def harmful(body: Skill, task: Task, sample: Sample) -> float:
    """Every line costs the same on every task; screening shows nothing of it."""
    return 0.3 if sample.stream == "screen" else max(0.0, 0.9 - 0.05 * body.body.count("- w"))


def test_what_a_trial_rejected_is_told_and_not_tried_again_beside_the_same() -> None:
    again = EDITS[20:24]
    result, optimizer, _ = trained([again], harmful, epochs=9, batch_size=24)
    rows = [(s, r) for s in result.steps for r in s.edits if r.edit == EDITS[20]]
    first = next(s for s, r in rows if r.status == "rejected-alone")
    later = [(s, r) for s, r in rows if s.number > first.number]
    assert later
    assert {(r.status, r.proposed) for _, r in later} == {("rejected-alone", 2)}
    assert all(
        judged_for(s, r) is None for s, r in rows if r.status == "rejected-alone"
    )  # memory refuses nothing for what was seen beside others
    assert EDITS[20] in [r.edit for r in optimizer.asked[-1][1].rejected]
    assert not result.changed()


def test_no_more_edits_than_fit_a_trial_are_tried_at_a_time() -> None:
    many = [replace(add(f"- w{n}"), evidence=("a0",)) for n in range(100, 130)]
    result, _, harness = trained([many, []], epochs=1)
    assert len(by_status(result.steps[1])["over-budget"]) >= 30 - OPEN
    longest = max(body.count("- w") for body, sample in harness.seen if sample.stream == "train/1")
    assert longest < OPEN


def test_what_waits_is_gated_before_the_first_trial_and_apart_from_it() -> None:
    def one(body: Skill, task: Task, sample: Sample) -> float:
        return float("w47" in body.body) if sample.stream == "screen" else adds_up(body, task, sample)

    better = EDITS[54:60] + [replace(add(f"- w{n}"), evidence=("a1",)) for n in range(60, 66)]
    result, _, _ = trained([better, EDITS[:4], []], one)
    assert by_status(result.steps[0])["waiting"] == {"- w47"}  # with one that did well seven more are tried
    gate = next(s for s in result.steps if s.decision is not None)
    assert (lines([r.edit for r in gate.edits]), gate.factorial, gate.rollouts) == ({"- w47"}, False, ())
    assert next(s for s in result.steps if s.factorial).number > gate.number


def test_nothing_is_gated_any_more_once_validation_is_perfect() -> None:
    def one(body: Skill, task: Task, sample: Sample) -> float:
        if sample.stream == "screen" and "w47" not in body.body:
            return 0.7 if "w40" in body.body and sample.n % 2 == 0 else 0.0  # this one stays in doubt
        return float("w47" in body.body and sample.stream in ("screen", "val"))

    result, _, _ = trained([[replace(e, evidence=("a1",)) for e in EDITS[54:60]] + EDITS[20:30]], one)
    gates = [s for s in result.steps if s.decision is not None]
    assert [by_status(s) for s in gates] == [{"kept": {"- w47"}}]
    assert gates[0] == result.steps[-1]
    assert result.best_val_mean == 1


@pytest.mark.parametrize("failing", ["target", "optimizer"])
def test_a_batch_without_a_result_says_so_and_loses_nothing(failing: str) -> None:
    def fails(body: Skill, task: Task, sample: Sample) -> float:
        if failing == "target" and sample.stream == "train/2":
            raise CallFailedError("server", "no answer")
        return adds_up(body, task, sample)

    lost = Proposal(edits=(), failures=(Failure(stage="reflect", kind="malformed", message="no JSON"),))
    said = [EDITS[:2]] * 2 if failing == "target" else [lost]
    result, _, _ = trained([*said], fails, batch_size=24)
    step = result.steps[1]
    assert step.factorial
    assert {f.stage for f in step.failures} == {"target" if failing == "target" else "reflect"}
    assert bool(step.trials) == (failing == "optimizer")
    assert all(r.proposed == 1 for r in step.edits)  # nothing was read


def test_where_every_line_harms_all_are_rejected_and_batches_run_once_again() -> None:
    result, _, harness = trained([[]], harmful, epochs=7, batch_size=24)
    assert not result.changed()
    last = result.steps[-1]
    assert (last.reason, last.edits, len(last.rollouts)) == (NOTHING, (), 24)
    assert sum(sample.stream == "val" for _, sample in harness.seen) <= 2 * len(VAL)


@pytest.mark.parametrize("rollouts", [370, 400, 420, 440])
def test_a_budget_that_ends_a_trial_has_room_for_the_gate_of_what_was_found(rollouts: int) -> None:
    ration, optimizer, harness = Ration(rollouts), Scripted([VAIN, EDITS[:4], []]), Script(adds_up)
    measured = Lab(harness, lambda _: Reader(), Pool(4), Hears(), "1/1").rationed(ration)
    made = {"screen": RULE, "train": TRAIN, "val": VAL, "batch_size": 24, "epochs": 20, "slow_update": False}
    made |= {"lab": measured, "keep_back": ration.keep_back, "budget_start": 4, "budget_end": 4}
    result, _ = run(bench(optimizer, harness, **made), skill("x\n"))
    assert ration.used <= rollouts
    assert result.best.body.count("- w0") >= 4
    assert result.stopped_by == "rollouts"


@pytest.mark.parametrize("calls", range(370, 450, 8))
def test_what_the_optimizer_is_asked_last_leaves_the_gate_its_room(calls: int) -> None:
    optimizer, harness = Scripted([VAIN, EDITS[:4], []]), Script(adds_up)
    ration = Ration(calls, lambda: 9 * len(optimizer.asked), lambda rollouts: 9 if rollouts else 0)
    measured = Lab(harness, lambda _: Reader(), Pool(4), Hears(), "1/1").rationed(ration)
    made = {"screen": RULE, "train": TRAIN, "val": VAL, "batch_size": 24, "epochs": 20, "slow_update": False}
    made |= {"lab": measured, "keep_back": ration.keep_back, "budget_start": 4, "budget_end": 4}
    result, _ = run(bench(optimizer, harness, **made), skill("x\n"))
    assert ration.used + 9 * len(optimizer.asked) <= calls
    assert (result.best.body.count("- w0") >= 3, result.stopped_by) == (True, "rollouts")


def test_where_a_batch_needs_nothing_the_step_says_so() -> None:
    def passes(body: Skill, task: Task, sample: Sample) -> float:
        return 1.0 if sample.stream == "train/2" else harmful(body, task, sample)

    result, optimizer, _ = trained([[]], passes, batch_size=24)
    assert result.steps[1].reason == WAITS
    assert len(optimizer.asked) == 1
    result, _, _ = trained([[add("Ask [the owner](https://evil.example/x).")]], harmful, epochs=7, batch_size=24)
    assert result.steps[-1].reason == NOT_APPLIED
