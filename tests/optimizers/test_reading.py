from dataclasses import replace

from skillopt_ci.optimizers.reading import cause, minibatches
from tests.optimizers.samples import evidence, rollout


def test_failures_that_failed_alike_stand_together_the_most_frequent_first() -> None:
    hints = [
        'the answer is not "a"',
        "too long: 40 words",
        'the answer is not "b c"',
        "Too long: 512  words",
        "too long: 3 words",
    ]
    given = evidence([0] * 5, minibatch=3)
    given = replace(given, rollouts=tuple(rollout(f"t{n}", 0.0, hint=h) for n, h in enumerate(hints)))
    first, second = minibatches(given)
    assert [r.task.id for r in first.readings] == ["t1", "t3", "t4"]
    assert [r.task.id for r in second.readings] == ["t0", "t2"]
    assert [r.alike for r in (*first.readings, *second.readings)] == [3, 3, 3, 2, 2]
    assert [(m.kind, m.index) for m in (first, second)] == [("failures", 0), ("failures", 1)]


def test_a_cause_is_what_does_not_differ_from_task_to_task() -> None:
    assert cause("Got 3 words, not `x y`") == cause("got 1,200 words,  not `z`")
    assert cause('expected "a"') == cause("expected “b”")
    assert cause("the user's answer isn't a date") != cause("the user's answer isn't a number")
    assert cause("too long") != cause("too short")


def test_what_passed_another_time_is_read_first_with_its_newest_pass() -> None:
    given = evidence([0, 0, 0, 1])
    earlier = (
        rollout("t2", 1.0, "old pass"),
        rollout("t2", 1.0, "newer pass"),
        rollout("t2", 0.0, "a failure"),
        rollout("t1", 0.0, "failed before, too"),
        replace(rollout("t0", 1.0), trajectory=None),
        rollout("t3", 0.0, "the success failed before"),
        rollout("t1", None),
    )
    first, second, passed = minibatches(replace(given, earlier=earlier))
    assert [r.task.id for r in (*first.readings, *second.readings)] == ["t2", "t0", "t1"]
    assert first.readings[0].earlier == earlier[1]
    assert {r.earlier for r in (*first.readings[1:], *second.readings, *passed.readings)} == {None}


def test_samples_of_one_batch_make_pairs_too() -> None:
    given = evidence([0])
    passed = rollout("t0", 1.0, "right")
    first, _ = minibatches(replace(given, rollouts=(*given.rollouts, passed)))
    assert first.readings[0].earlier == passed


def test_nothing_measured_gives_nothing_to_read() -> None:
    assert minibatches(evidence([None, None])) == []
