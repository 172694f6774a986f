from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.generations import RunRecord, evidence_of, next_generation, read_records, run_id
from skillopt_ci.core.spend import Limits

Event = tuple[int, str, Mapping[str, object]]


def started(generation: int) -> Event:
    return generation, "started", {}


def finished(generation: int, stopped_by: str = "", limit: object = None) -> Event:
    return generation, "finished", {"stopped_by": stopped_by, "limit": limit}


def chosen(*events: Event, limits: Limits = Limits(), fresh: bool = False) -> int:  # noqa: B008 - a frozen value
    return next_generation(read_records(events), limits, fresh=fresh)


def test_a_run_id_is_sixteen_digits_of_lineage_and_generation() -> None:
    ids = {run_id(lineage, n) for lineage in ("a", "b") for n in (1, 2, 11)}
    assert len(ids) == 6
    assert all(len(i) == 16 and set(i) <= set("0123456789abcdef") for i in ids)
    assert run_id("a", 1) == run_id("a", 1)


def test_the_first_run_is_the_first_generation() -> None:
    assert chosen() == 1


def test_an_unfinished_run_is_continued() -> None:
    assert chosen(started(1)) == 1
    assert chosen(started(1), finished(1), started(2)) == 2
    assert chosen(started(1), started(1)) == 1


def test_a_finished_run_is_followed_by_the_next() -> None:
    assert chosen(started(1), finished(1)) == 2
    assert chosen(started(1), finished(1), started(2), finished(2)) == 3


@pytest.mark.parametrize("limit", ["minutes", "month_usd"])
def test_limits_that_pass_by_themselves_let_a_run_go_on(limit: str) -> None:
    assert chosen(started(1), finished(1, limit, "60")) == 1


@pytest.mark.parametrize(
    ("stopped_by", "limit", "limits", "raised"),
    [
        ("calls", "100", Limits(calls=100), False),
        ("calls", "100", Limits(calls=50), False),
        ("calls", "100", Limits(calls=101), True),
        ("calls", "100", Limits(), True),
        ("calls", None, Limits(calls=5), True),
        ("calls", "damaged", Limits(calls=5), True),
        ("usd", "1.50", Limits(usd=Decimal("1.5")), False),
        ("usd", "1.50", Limits(usd=Decimal("1.51")), True),
        ("usd", "1.50", Limits(calls=1), True),
    ],
)
def test_a_run_that_its_budget_stopped_is_unfinished(
    stopped_by: str, limit: str | None, limits: Limits, raised: bool
) -> None:
    events = (started(1), finished(1, stopped_by, limit))
    assert chosen(*events, limits=limits) == 1
    # A scheduled job asks for the next generation, unless the limit was raised and the old one can go on.
    assert chosen(*events, limits=limits, fresh=True) == (1 if raised else 2)


@pytest.mark.parametrize("fresh", [True, False])
def test_asking_for_the_next_never_leaves_an_unfinished_run(fresh: bool) -> None:
    assert chosen(started(1), fresh=fresh) == 1
    assert chosen(started(1), finished(1, "minutes", "60"), fresh=fresh) == 1
    assert chosen(started(1), finished(1), fresh=fresh) == 2


def test_what_was_said_last_counts() -> None:
    events = [started(1), finished(1, "calls", 10), started(1), finished(1)]
    assert read_records(events) == [RunRecord(generation=1, finished=True)]
    assert read_records(events[:3]) == [RunRecord(generation=1, finished=False)]
    assert read_records(events[:2]) == [RunRecord(generation=1, finished=True, stopped_by="calls", limit="10")]


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans())))
def test_records_are_in_order_and_the_choice_is_the_last_or_the_next(told: list[tuple[int, bool]]) -> None:
    events = [finished(n) if done else started(n) for n, done in told]
    records = read_records(events)
    assert [r.generation for r in records] == sorted({n for n, _ in told})
    last = records[-1].generation if records else 0
    assert chosen(*events) in (last, last + 1)
    assert chosen(*events) >= 1


def test_how_a_run_ended_is_read_as_far_as_it_was_noted() -> None:
    told = {"stopped_by": "usd", "limit": "2.5", "stopped": "budget.usd: spent", "steps": 3, "best": "abc"}
    [record] = read_records([started(1), (1, "finished", told)])
    assert (record.stopped, record.steps, record.best) == ("budget.usd: spent", 3, "abc")
    assert record.limits() == Limits(usd=Decimal("2.5"))
    [old] = read_records([finished(1, "calls", "100")])
    assert (old.stopped, old.steps, old.best, old.limits()) == ("", None, "", Limits())
    assert RunRecord(generation=1, finished=True, stopped_by="usd", limit="much").limits() == Limits()


def test_a_closing_comparison_that_always_lacks_too_much_does_not_end_scheduled_training() -> None:
    lacking = (started(1), (1, "lacking", {}))
    again = (*lacking, started(1))  # and it lacked too much again, or the provider was down
    assert [chosen(*events, fresh=True) for events in (lacking, again, (*again, started(2)))] == [1, 2, 2]
    assert chosen(*again) == 1
    assert chosen(*again, finished(1), fresh=True) == 2


def test_a_run_takes_the_samples_of_silent_ones_before_it() -> None:
    events = [(n, "finished", {"silent": said}) for n, said in ((1, False), (2, True), (3, True), (4, 1), (5, False))]
    silent = {r.generation for r in read_records(events) if r.silent}
    assert [evidence_of(silent, n) for n in range(1, 7)] == [1, 2, 2, 2, 5, 6]
    again = read_records([(1, "finished", {"silent": True}), (1, "started", {}), (1, "finished", {})])
    assert [r.silent for r in again] == [False]
