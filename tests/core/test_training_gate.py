import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.strict import TOLERANCE
from skillopt_ci.core.training_gate import (
    CAREFUL,
    CONFIRM,
    STRICT,
    Move,
    TrainingRule,
    boundaries,
    deterministic,
    next_move,
)

Row = tuple[float | None, ...]
BITS = st.sampled_from([0.0, 1.0])
GREEDY = TrainingRule(max_rounds=2, min_evidence=0.0)


def evaluation(rows: list[Row], skill: str = "candidate") -> Evaluation:
    return Evaluation(skill=skill, task_ids=tuple(f"t{i}" for i in range(len(rows))), values=tuple(rows))


def same(count: int, row: Row) -> list[Row]:
    return [row] * count


def play(incumbent: list[list[float]], candidate: list[list[float]], rule: TrainingRule) -> tuple[Move, int, int]:
    """Drive the rule over runs drawn beforehand; the decision, and the runs bought of incumbent and candidate."""
    before: list[list[float]] = [[] for _ in incumbent]
    after: list[list[float]] = [[] for _ in candidate]
    bought = [0, 0]
    for _ in range(200):
        move = next_move(evaluation([tuple(r) for r in before]), evaluation([tuple(r) for r in after]), rule)
        if move.action != "measure":
            return move, bought[0], bought[1]
        assert move.candidate or move.incumbent
        for rows, source, wanted, side in (
            (before, incumbent, move.incumbent, 0),
            (after, candidate, move.candidate, 1),
        ):
            for i in wanted:
                rows[i].append(source[i][len(rows[i])])
                bought[side] += 1
    raise AssertionError("no decision")


def test_the_incumbent_is_measured_first() -> None:
    move = next_move(evaluation([(1.0,), (0.0, 1.0)]), evaluation([(), ()]), CONFIRM)
    assert (move.action, move.incumbent, move.candidate) == ("measure", (0,), ())


def test_failures_first_and_all_of_them_at_once() -> None:
    incumbent = evaluation([(1.0, 1.0)] * 17 + [(0.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
    move = next_move(incumbent, evaluation(same(20, ())), CONFIRM)
    assert move.round == 1
    assert set(move.candidate[:2]) == {17, 19}
    assert move.candidate[2] == 18
    assert len(move.candidate) == 3


def test_a_candidate_that_cannot_win_is_not_measured_on() -> None:
    incumbent = evaluation([(1.0, 1.0)] * 18 + [(0.0, 0.0)] * 2)
    move = next_move(incumbent, evaluation([()] * 18 + [(0.0,), (0.0,)]), CONFIRM)
    assert (move.action, move.reason) == ("reject", "cannot win")
    assert move.upper_bound == pytest.approx(0.9)
    hopeless = next_move(evaluation(same(4, (1.0, 1.0))), evaluation(same(4, ())), CONFIRM)
    assert (hopeless.reason, hopeless.upper_bound) == ("cannot win", 1.0)


def test_without_the_exact_stop_everything_is_measured() -> None:
    rule = TrainingRule(exact_stop=False)
    assert next_move(evaluation(same(4, (1.0, 1.0))), evaluation(same(4, ())), rule).candidate == (0, 1, 2, 3)


def test_a_second_round_is_wanted_before_acceptance() -> None:
    incumbent, once = evaluation([(0.0, 0.0)] * 10 + [(1.0, 1.0)] * 10), [(1.0,)] * 20
    move = next_move(incumbent, evaluation(list(once)), CONFIRM)
    assert (move.action, move.round, len(move.candidate), move.incumbent) == ("measure", 2, 20, ())
    accepted = next_move(incumbent, evaluation(same(20, (1.0, 1.0))), CONFIRM)
    assert (accepted.action, accepted.reason, accepted.round) == ("accept", "better on validation", 2)
    assert accepted.difference == 0.5
    assert accepted.z is not None
    assert accepted.z > 4


def test_a_third_round_is_measured_on_both_sides() -> None:
    rows: list[Row] = [(0.0, 1.0)] * 6 + [(1.0, 1.0)] * 14
    better: list[Row] = [(1.0, 1.0)] * 4 + [(0.0, 0.0)] * 2 + [(1.0, 1.0)] * 14
    move = next_move(evaluation(rows), evaluation(better), CAREFUL)
    assert (move.action, move.round) == ("measure", 3)
    assert len(move.candidate) == len(move.incumbent) == 20
    halfway = [(*r, 1.0) if i < 7 else r for i, r in enumerate(better)]
    rest = next_move(evaluation(rows), evaluation(halfway), CAREFUL)
    assert rest.candidate == tuple(range(7, 20))
    lagging = next_move(evaluation(rows), evaluation([(*r, 1.0) for r in better]), CAREFUL)
    assert (lagging.candidate, len(lagging.incumbent)) == ((), 20)


def test_reasons_of_a_rejection() -> None:
    base: list[Row] = [(0.0, 1.0)] * 10 + [(1.0, 1.0)] * 10
    equal = next_move(evaluation(base), evaluation([(0.0, 1.0)] * 10 + [(1.0, 1.0)] * 10), CONFIRM)
    assert (equal.action, equal.reason, equal.z) == ("reject", "not better", 0.0)
    slightly: list[Row] = [(1.0, 1.0)] * 5 + [(0.0, 0.0)] * 4 + [(0.0, 1.0)] + [(1.0, 1.0)] * 10
    assert next_move(evaluation(base), evaluation(slightly), CAREFUL).reason == "futile"
    third = [(*r, 1.0) for r in base]
    last = next_move(evaluation(third), evaluation([(*r, 1.0) for r in slightly]), TrainingRule(min_evidence=1.4))
    assert (last.reason, last.round) == ("not enough evidence", 3)


def test_boundaries_meet_at_the_end() -> None:
    assert boundaries(CONFIRM, candidate_runs=3, incumbent_runs=3) == (pytest.approx(0.4), pytest.approx(0.4))
    low, high = boundaries(CONFIRM, candidate_runs=1, incumbent_runs=2)
    share = (1 / (1 + 1 / 2)) / 1.5  # harmonic / (K / 2), as on the page
    assert low == pytest.approx(0.2 * (3 * share - 1) / math.sqrt(share))
    assert high == pytest.approx(0.2 * (1 + share) / math.sqrt(share))
    assert boundaries(GREEDY, candidate_runs=2, incumbent_runs=2) == (0.0, 0.0)


def test_all_tasks_moved_equally() -> None:
    up = next_move(evaluation(same(12, (0.25, 0.25))), evaluation(same(12, (0.5, 0.5))), CAREFUL)
    assert (up.action, up.z) == ("accept", math.inf)
    down = next_move(evaluation(same(12, (0.5, 0.5))), evaluation(same(12, (0.25, 0.25))), CAREFUL)
    assert (down.action, down.reason, down.z) == ("reject", "not better", -math.inf)


def test_one_task_is_a_suite() -> None:
    assert next_move(evaluation([(0.0,)]), evaluation([(1.0,)]), STRICT).action == "accept"
    assert next_move(evaluation([(1.0,)]), evaluation([(1.0,)]), STRICT).reason == "not better"


def test_missing_runs_are_left_out_and_too_many_decide_nothing() -> None:
    base = same(40, (0.0, 0.0))
    two = [(None, None)] * 2 + same(38, (1.0, 1.0))
    assert next_move(evaluation(base), evaluation(two), CONFIRM).action == "accept"
    three = [(None, None)] * 3 + same(37, (1.0, 1.0))
    assert next_move(evaluation(base), evaluation(three), CONFIRM).reason == "infrastructure"
    nothing = next_move(evaluation(same(3, (None, None))), evaluation(same(3, (1.0,))), CONFIRM)
    assert (nothing.action, nothing.reason) == ("reject", "infrastructure")


def test_a_missing_run_could_still_have_been_a_pass() -> None:
    incumbent = evaluation([(0.0, 0.0), (1.0, 1.0), (1.0, 1.0)])
    assert next_move(incumbent, evaluation([(None,), (), ()]), CONFIRM).action == "measure"
    unknown = evaluation([(None, None), (0.0, 0.0)])
    assert next_move(unknown, evaluation([(), ()]), CONFIRM).candidate == (1,)
    assert next_move(unknown, evaluation([(), (1.0,)]), CONFIRM).candidate == (0,)


def test_clusters_are_one_unit_of_evidence() -> None:
    base: list[Row] = [(0.0, 0.0)] * 6 + [(1.0, 1.0)] * 14
    after: list[Row] = [(1.0, 1.0)] * 6 + [(1.0, 1.0)] * 13 + [(0.0, 0.0)]
    clusters = {f"t{i}": "one document" for i in range(6)}
    alone = next_move(evaluation(base), evaluation(after), CAREFUL)
    together = next_move(evaluation(base), evaluation(after), CAREFUL, clusters=clusters)
    assert alone.action == "accept"
    assert together.action != "accept"
    # A rule of one round compares plain means: six tasks gained and two lost, though the six are one document.
    single, again = [r[:1] for r in base], [(1.0,)] * 18 + [(0.0,)] * 2
    assert next_move(evaluation(single), evaluation(again), STRICT, clusters=clusters).action == "accept"


def test_runs_of_an_earlier_proposal_count() -> None:
    first = evaluation([(0.0, 0.0)] * 10 + [(1.0, 1.0)] * 10)
    runs: list[Row] = [(1.0, 1.0)] * 3 + [(0.0, 0.0)] * 7 + [(1.0, 1.0)] * 10
    assert next_move(first, evaluation(runs), CONFIRM).action == "accept"
    stronger = evaluation([(1.0, 1.0)] * 6 + [(0.0, 0.0)] * 4 + [(1.0, 1.0)] * 10)
    assert next_move(stronger, evaluation(runs), CONFIRM).reason == "not better"
    assert next_move(stronger, evaluation(runs), CONFIRM) == next_move(stronger, evaluation(runs), CONFIRM)


def test_a_large_suite_comes_in_random_order_with_interim_looks() -> None:
    n = 200
    incumbent = evaluation([(1.0, 1.0)] * 150 + [(0.0, 0.0)] * 50)
    empty = evaluation(same(n, ()))
    first = next_move(incumbent, empty, CONFIRM).candidate
    assert len(first) == 10
    other = next_move(incumbent, evaluation(same(n, ()), skill="another"), CONFIRM).candidate
    assert first != other
    rows: list[Row] = [(0.0,) if i in first else () for i in range(n)]
    move = next_move(incumbent, evaluation(rows), CONFIRM)
    assert (move.action, move.reason, move.round) == ("reject", "futile", 1)
    ties: list[Row] = [(incumbent.values[i][0],) if i in first else () for i in range(n)]
    assert len(next_move(incumbent, evaluation(ties), CONFIRM).candidate) == 5
    lost: list[Row] = [(None,) if i in first else () for i in range(n)]
    assert next_move(incumbent, evaluation(lost), CONFIRM).action == "measure"
    nearly: list[Row] = [(1.0,)] * 180 + [()] * 20
    assert len(next_move(incumbent, evaluation(nearly), CONFIRM).candidate) == 20
    assert len(next_move(evaluation([r[:1] for r in incumbent.values]), empty, STRICT).candidate) == 50


@given(st.lists(st.tuples(BITS, BITS), min_size=1, max_size=40))
def test_strict_decides_as_the_plain_means_for_fewer_runs(both: list[tuple[float, float]]) -> None:
    move, _, bought = play([[b] for b, _ in both], [[c] for _, c in both], STRICT)
    plain = statistics.fmean(c for _, c in both) > statistics.fmean(b for b, _ in both) + TOLERANCE
    assert (move.action == "accept") == plain
    assert bought <= len(both)


def test_a_difference_of_rounding_error_is_a_tie() -> None:
    assert play([[0.3]], [[0.1 + 0.2]], STRICT)[0].action == "reject"
    assert play([[0.5]], [[0.51]], STRICT)[0].action == "accept"


@given(st.integers(0, 10_000), st.integers(2, 130), st.sampled_from([CONFIRM, CAREFUL, GREEDY, STRICT]))
def test_every_play_ends_within_its_rounds(seed: int, n: int, rule: TrainingRule) -> None:
    source = random.Random(seed)
    shares = [source.random() for _ in range(n)]
    incumbent = [[float(source.random() < p) for _ in range(4)] for p in shares]
    candidate = [[float(source.random() < p + 0.1) for _ in range(4)] for p in shares]
    move, before, after = play(incumbent, candidate, rule)
    assert move.action in ("accept", "reject")
    assert after <= rule.max_rounds * n
    assert before <= max(rule.incumbent_runs, rule.max_rounds) * n
    if move.action == "accept":
        assert move.round >= rule.min_accept_round
        assert move.difference is not None
        assert move.difference > 0
        assert move.z is not None
        assert move.z >= rule.min_evidence


def test_deterministic_needs_sixty_agreeing_pairs() -> None:
    assert deterministic(evaluation(same(60, (1.0, 1.0))))
    assert not deterministic(evaluation(same(59, (1.0, 1.0))))
    assert deterministic(evaluation(same(30, (1.0, 1.0))), evaluation(same(30, (0.5, 0.5))))
    assert not deterministic(evaluation([*same(60, (1.0, 1.0)), (0.0, 1.0)]))
    assert not deterministic(evaluation(same(100, (None, 1.0))))
    assert deterministic(evaluation([*same(60, (1.0, 1.0)), (None, None)]))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="same tasks"):
        next_move(evaluation([(1.0,)]), evaluation([(1.0,), (1.0,)]), STRICT)
    with pytest.raises(ValueError, match="same tasks"):
        next_move(evaluation([]), evaluation([]), STRICT)
    with pytest.raises(ValueError, match="min_accept_round"):
        TrainingRule(min_accept_round=4)
    with pytest.raises(ValueError, match="min_evidence"):
        TrainingRule(min_evidence=1.0)
