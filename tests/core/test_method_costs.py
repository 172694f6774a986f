import pytest

from skillopt_ci.core.costs import Shape, gate_rollouts, search_rollouts, train_calls
from skillopt_ci.core.method_costs import method_calls

SHAPE = Shape(
    train=80,
    val=40,
    test=100,
    epochs=4,
    batch_size=40,
    minibatch_size=8,
    slow_update=True,
    meta_notes=True,
    gate_rounds=3,
)


def test_the_usual_loop_and_other_packages() -> None:
    for method in ("skillopt", "somebody-elses"):
        assert method_calls(method, SHAPE) == train_calls(SHAPE)


@pytest.mark.parametrize(
    ("method", "target", "optimizer"),
    [
        ("human", 100, 0),  # the start on the test split
        ("one-shot", 40 + 40 + 5 * 40 + 200, 1),
        ("gepa", 680 + 5 * 40 + 200, 214),  # the paper's V + E*N + V*T, one gate, the closing comparison
    ],
)
def test_others(method: str, target: int, optimizer: int) -> None:
    found = method_calls(method, SHAPE)
    assert (found.target, found.optimizer) == (target, optimizer)
    assert (found.slow_update, found.screening) == (0, 0)


def test_the_ration_is_the_papers_loop_and_room_for_one_gate() -> None:
    assert gate_rollouts(40, 1) == 40
    assert search_rollouts(train=80, val=40, epochs=4, batch_size=40, rounds=1) == 40 + 320 + 320 + 40
