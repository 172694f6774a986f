"""The training loop."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from skillopt_ci.core.costs import PRUNINGS
from skillopt_ci.core.history import Rejected, Step
from skillopt_ci.core.schedule import chunks, epoch_order
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.unanswered import PATIENCE, unanswered
from skillopt_ci.engine.epoch_end import meta_notes, slow_update_step
from skillopt_ci.engine.factorial import factorial_step, last_step
from skillopt_ci.engine.method import NOTHING_LEFT, Method, Training, measure_start, perfect, require_answers, result_of
from skillopt_ci.engine.prune import prune_again, prune_cost, prune_step, removable
from skillopt_ci.engine.state import Bench, State, Workbench
from skillopt_ci.engine.steps import CutShortError, doubtful_step, edit_step, retry_step, waiting_step
from skillopt_ci.errors import BudgetReachedError
from skillopt_ci.optimizers.base import Optimizer
from skillopt_ci.optimizers.skillopt import SkillOpt
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import Model


def make(model: Callable[[], Model], pool: Pool) -> Method:
    """The method `skillopt`."""
    return looping(SkillOpt(model(), pool))


def looping(optimizer: Optimizer) -> Method:
    """The loop over an optimizer's edits as a method."""

    def method(bench: Workbench, start: Skill, remembered: Sequence[Rejected], /) -> Training:
        return train(Bench.with_optimizer(bench, optimizer), start, remembered)

    return method


def train(bench: Bench, start: Skill, remembered: Sequence[Rejected] = ()) -> Training:
    """Train a skill; yields every step as it is decided, and the notes after an epoch.

    Ends when the epochs are over, when validation is perfect, when the optimizer never gives an answer that can be
    used, or when the budget is reached; then what carries no weight is taken out again. The result has no
    confirmation yet.

    Args:
        bench: what the loop works with.
        start: the skill as it is.
        remembered: edits that earlier runs rejected.

    Raises:
        InconclusiveError: the start skill could not be measured.
        BudgetReachedError: before the start skill was measured.
        ProviderDownError: the optimizer's provider stopped answering; nothing ends, the same run can go on.
    """
    val, mean = measure_start(bench, start)
    state = State(start=start, skill=start, val=val, mean=mean, rejected=tuple(remembered))
    stopped, stopped_by = "all epochs done", ""
    try:
        bench.checkpoint()
        for epoch in range(1, bench.settings.epochs + 1):
            before = state.skill
            batches = _batches(bench, epoch)
            for number, batch in enumerate(batches, 1):
                if perfect(state) or _in_vain(state):
                    break
                for step in _tries(bench, state, epoch, batch, last=number == len(batches)):
                    state = state.after(step)
                    yield step
                require_answers(state.steps)
            if perfect(state):
                stopped = NOTHING_LEFT
                break
            if _in_vain(state):
                stopped = f"{PATIENCE} steps without an answer that could be used"
                break
            if epoch > 1 and bench.settings.slow_update:
                step = slow_update_step(bench, state, before, epoch)
                state = state.after(step)
                yield step
            if 1 < epoch < bench.settings.epochs and bench.settings.meta_notes:
                notes = meta_notes(bench, state, epoch)
                state = replace(state, notes=notes.text)
                yield notes
    except BudgetReachedError as reached:
        stopped, stopped_by = str(reached), reached.limit
    else:
        require_answers(state.steps, ended=True)
    try:
        for step in _waiting(bench, state):
            state = state.after(step)
            yield step
        for step in _prunings(bench, state):
            state = state.after(step)
            yield step
    except BudgetReachedError as reached:
        stopped, stopped_by = str(reached), reached.limit
    return result_of(state, val, stopped, stopped_by)


def _tries(bench: Bench, state: State, epoch: int, batch: Sequence[Task], *, last: bool) -> Generator[Step, None, None]:
    """The step of a batch; once screening is given up a factorial one, after gates of what waits and is in doubt."""
    _keep_back(bench, state)
    screens = bench.settings.screen.runs == 0 or state.screens(bench.settings, epoch)
    if not screens:
        for make in () if state.factorial else (waiting_step, doubtful_step):
            _keep_back(bench, state)
            for step in _with_half(bench, state, make(bench, state, epoch)):
                state = state.after(step)
                yield step
            if perfect(state):
                return
        _keep_back(bench, state, gate=True)
    try:
        if screens:
            step = edit_step(bench, state, epoch, batch, last=last)
        else:
            step = factorial_step(bench, state, epoch, batch)
    except CutShortError as cut:
        yield cut.step  # what was found by then waits for its gate
        raise
    yield from _with_half(bench, state, step)


def _keep_back(bench: Bench, state: State, *, gate: bool = False) -> None:
    """Keep back what the end of the run is going to take: pruning, and the gate of what waits, or is going to."""
    bench.keep_back(prune_cost(state, bench) + (len(bench.val) if state.waiting or gate else 0))


def _with_half(bench: Bench, state: State, step: Step | None) -> Generator[Step, None, None]:
    """A step; when its bundle is rejected, one more with the better half of it."""
    if step is None:
        return
    yield step
    again = retry_step(bench, state.after(step), step)
    if again is not None:
        yield again


def _in_vain(state: State) -> bool:
    """Nobody has answered so far, and it was tried often enough."""
    return unanswered(state.steps)[0] >= PATIENCE


def _waiting(bench: Bench, state: State) -> Generator[Step, None, None]:
    """The steps that gate what still waits when no batch will come."""
    if state.waiting and not perfect(state):
        bench.keep_back(0)
        make = last_step if state.factorial else waiting_step
        yield from _with_half(bench, state, make(bench, state, state.steps[-1].epoch))


def _prunings(bench: Bench, state: State) -> Generator[Step, None, None]:
    """The steps that take out what carries no weight: all of it together, else the better half, and half of that."""
    if not bench.settings.prune or not removable(state):
        return
    bench.keep_back(0)
    step: Step | None = prune_step(bench, state, state.steps[-1].epoch)
    for _ in range(PRUNINGS):
        if step is None:
            break
        yield step
        state = state.after(step)
        step = prune_again(bench, state, step)


def _batches(bench: Bench, epoch: int) -> list[Sequence[Task]]:
    by_id = {t.id: t for t in bench.train}
    order = epoch_order(list(by_id), seed=bench.settings.seed, epoch=epoch)
    return chunks([by_id[i] for i in order], bench.settings.batch_size)
