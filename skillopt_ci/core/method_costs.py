"""What each method of training costs at most, before anything is spent."""

from dataclasses import replace
from math import ceil

from skillopt_ci.core.costs import Calls, Shape, gate_rollouts, search_rollouts, train_calls

GEPA_MINIBATCH = 3  # its own default: train tasks that a parent, and then its child, is run on


def method_calls(method: str, shape: Shape) -> Calls:
    """Most calls of one run with a method; one of another package is taken for the usual loop."""
    whole = train_calls(shape)
    nothing = replace(whole, start_validation=0, rollouts=0, screening=0, validation=0, slow_update=0, optimizer=0)
    gate = gate_rollouts(shape.val, shape.gate_rounds)
    if method == "human":
        return replace(nothing, confirmation=whole.confirmation // 2)
    if method == "one-shot":
        batch = min(shape.batch_size, shape.train)
        return replace(nothing, start_validation=shape.val, rollouts=batch, validation=gate, optimizer=1)
    if method == "gepa":
        rollouts = search_rollouts(
            train=shape.train, val=shape.val, epochs=shape.epochs, batch_size=shape.batch_size, rounds=shape.gate_rounds
        )
        search = max(0, rollouts - gate - shape.val)
        asked = ceil(search / GEPA_MINIBATCH)
        return replace(nothing, start_validation=shape.val, rollouts=search, validation=gate, optimizer=asked)
    return whole
