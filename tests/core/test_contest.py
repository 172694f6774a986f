from dataclasses import replace

from skillopt_ci.core.contest import Duel, MethodRow, duels
from skillopt_ci.core.history import TrainResult
from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Source, Task

TASKS = tuple(Task(id=f"t{n}", prompt=f"p{n}", source=Source(file="f", line=1)) for n in range(40))
IDS = tuple(t.id for t in TASKS)


def row(method: str, body: str, *values: float | None) -> MethodRow:
    start = Skill(name="x", frontmatter="", body="start")
    test = Evaluation(skill=body, task_ids=IDS, values=tuple((v,) for v in values))
    result = TrainResult(
        start=start, best=start.with_body(body), start_val=test, best_val_mean=1.0, steps=(), stopped="done"
    )
    return MethodRow(method=method, result=result, test=test if values else None)


def duel(a: MethodRow, b: MethodRow) -> Duel:
    [found] = duels([a, b], TASKS)
    return found


def test_each_two_measured_rows_meet_once_in_order() -> None:
    rows = [
        row("human", "start", *[0.0] * 40),
        row("m1", "a", *[1.0] * 40),
        row("m2", "b"),
        row("m3", "c", *[0.5] * 40),
    ]
    found = duels([*rows, MethodRow(method="m4", result=None)], TASKS)
    assert [(d.a, d.b) for d in found] == [("human", "m1"), ("human", "m3"), ("m1", "m3")]


def test_the_interval_says_who_is_better() -> None:
    low, high = row("a", "a", *[0.0] * 40), row("b", "b", *([1.0] * 20 + [0.0] * 20))
    won = duel(low, high)
    assert won.comparison is not None
    assert won.comparison.effect is not None
    assert (won.better, won.comparison.effect.mean, won.wins("a"), won.wins("b")) == ("b", 0.5, 0, 20)
    lost = duel(high, low)
    assert (lost.better, lost.wins("a"), lost.wins("b")) == ("a", 20, 0)
    close = duel(low, row("b", "b", 1.0, *[0.0] * 39))
    assert (close.better, close.wins("b")) == (None, 1)


def test_the_same_skill_is_no_contest() -> None:
    found = duel(row("a", "same", *[0.0] * 40), row("b", "same", *[0.0] * 40))
    assert (found.same_skill, found.comparison, found.better, found.wins("a")) == (True, None, None, 0)


def test_too_much_missing_shows_nothing() -> None:
    known = row("a", "a", *[0.0] * 40)
    patchy = row("b", "b", *([1.0] * 36 + [None] * 4))
    assert duel(known, patchy).better is None
    assert duel(known, replace(patchy, test=row("b", "b", *([1.0] * 39 + [None])).test)).better == "b"
