"""Screening is given up where it shows next to nothing, and what it left in doubt has one more chance."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import Step, TrainResult
from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.screening import IN_VAIN, Screening, ScreenRule, helps, in_doubt, shows_nothing
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from tests.engine.bench import RULE, Script, Scripted, add, bench, named, run, skill

TASKS = named("a", 8)
GOOD = 12  # edits of which one is worth a twelfth, where hundreds are in the making
EDITS = [replace(add(f"- w{n:02d}"), evidence=(f"a{n % 8}",)) for n in range(60)]


def adds_up(body: Skill, task: Task, sample: Sample) -> float:
    """Every line helps every task a little; screening sees something of the first two alone, now and then."""
    if sample.stream == "screen":
        seen = "w00" in body.body or "w01" in body.body
        return 0.7 if seen and sample.n % 2 == 0 else 0.0
    return min(0.99, sum(f"w{n:02d}" in body.body for n in range(60)) / GOOD)


def trained(rule: ScreenRule, said: list[list[Edit]], **changes: object) -> tuple[TrainResult, Scripted, Script]:
    optimizer, harness = Scripted(said), Script(adds_up)
    made = {"screen": rule, "train": TASKS, "val": named("v", 12), "batch_size": 2, "epochs": 4, **changes}
    made |= {"budget_start": 4, "budget_end": 4, "slow_update": False}
    result, _ = run(bench(optimizer, harness, **made), skill("x\n"))
    return result, optimizer, harness


def statuses(step: Step) -> list[str]:
    return [r.status for r in step.edits]


def test_after_24_edits_in_vain_what_was_left_in_doubt_is_gated_and_bundles_are_twice_as_large() -> None:
    said = [EDITS[:12], EDITS[12:24], EDITS[24:36], EDITS[36:48], EDITS[48:]]
    result, optimizer, _ = trained(RULE, said)
    one, two, doubtful, fresh = result.steps[:4]
    assert statuses(one) == statuses(two) == ["rejected-alone"] * 12
    assert {r.edit.content for r in doubtful.edits} == {"- w00", "- w01", "- w09"}  # the last stood beside the second
    assert (two.epoch, doubtful.epoch) == (1, 1)
    assert doubtful.action == "accept"
    assert not doubtful.rollouts
    assert all(r.proposed == 1 and r.screening and in_doubt(r.screening) for r in doubtful.edits)
    assert len(optimizer.asked) == sum(bool(s.rollouts) for s in result.steps)  # it is not read for
    assert optimizer.asked[2][0].body == doubtful.candidate.body if doubtful.candidate else None
    assert statuses(fresh) == ["kept"] * 8 + ["over-budget"] * 4
    assert not any(r.screening for r in fresh.edits)
    assert [e.places for _, e in optimizer.asked[:4]] == [16, 16, 8, 8]


def test_an_edit_left_in_doubt_has_one_more_chance_only() -> None:
    def worse(body: Skill, task: Task, sample: Sample) -> float:
        value = adds_up(body, task, sample)
        return value if sample.stream == "screen" else float("- w" not in body.body and task.id == "v1")

    optimizer = Scripted([EDITS[:12], EDITS[12:24], []])
    made = {"screen": RULE, "train": TASKS, "val": named("v", 12), "batch_size": 4, "epochs": 4, "slow_update": False}
    result, _ = run(bench(optimizer, Script(worse), **made), skill("x\n"))
    tried = [s for s in result.steps if any(r.edit.content == "- w00" for r in s.edits)]
    assert [s.action for s in tried][:2] == ["skip", "reject"]
    assert len(tried) <= 3  # with its better half
    assert result.best.body == "x\n"


def test_one_that_does_well_brings_24_more() -> None:
    def one(body: Skill, task: Task, sample: Sample) -> float:
        return 1.0 if sample.stream == "screen" and "w00" in body.body else 0.25 * (sample.stream == "screen")

    optimizer = Scripted([EDITS[:12], EDITS[12:24], EDITS[24:36], EDITS[36:48], EDITS[48:]])
    made = {"screen": RULE, "train": TASKS, "val": named("v", 12), "batch_size": 2, "epochs": 4, "slow_update": False}
    result, _ = run(bench(optimizer, Script(one), budget_start=4, budget_end=4, **made), skill("x\n"))
    screened = [sum(r.screening is not None and r.proposed == s.number for r in s.edits) for s in result.steps]
    assert screened[:4] == [12, 12, 12, 12]
    assert sum(screened[4:]) == 0


shown = st.builds(
    Screening, gain=st.floats(-1, 1), runs=st.integers(1, 18), evidence=st.floats(-10, 10, allow_nan=False)
)


@given(st.lists(shown, max_size=80))
def test_screening_shows_nothing_only_while_hardly_any_edit_does_well(found: list[Screening]) -> None:
    well = sum(helps(f, RULE) for f in found)
    assert shows_nothing(found, RULE) == (len(found) // IN_VAIN > well)
    assert not any(helps(f, RULE) and not in_doubt(f) and f.gain > 0 for f in found)
    if shows_nothing(found, RULE):
        assert not shows_nothing([*found, *[Screening(gain=1, runs=3, evidence=9.0)] * 4], RULE)
