"""gepa at work: the package of that name searches, our gate decides on what it found.

gepa keeps a pool of whole texts and mutates them (Agrawal et al. 2025, arXiv 2507.19457). Its rollouts and its
questions are purchases like any other, so that running it again replays it; what it says of its best candidate is a
selection score, and the candidate has to pass the gate on fresh runs.
"""

from collections.abc import Sequence
from dataclasses import replace

from gepa.api import optimize

from skillopt_ci.core.costs import gate_rollouts, search_rollouts
from skillopt_ci.core.digest import text_digest
from skillopt_ci.core.history import EditRecord, Rejected, Step
from skillopt_ci.core.method_costs import GEPA_MINIBATCH as MINIBATCH
from skillopt_ci.core.rewrite import changes, editable
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.strict import TOLERANCE
from skillopt_ci.engine.gepa_adapter import COMPONENT, SkillAdapter
from skillopt_ci.engine.method import NOTHING_LEFT, Training, measure_start, perfect, result_of
from skillopt_ci.engine.state import State, Workbench
from skillopt_ci.engine.steps import gated, skipped
from skillopt_ci.errors import BudgetReachedError, InconclusiveError, SkilloptError
from skillopt_ci.optimizers.gepa_reflection import Reflection
from skillopt_ci.providers.base import Model


class _Quiet:
    """gepa's log goes nowhere: the history has what happened."""

    def log(self, message: str) -> None:
        """Say nothing."""


def gepa_search(bench: Workbench, model: Model, start: Skill, remembered: Sequence[Rejected] = ()) -> Training:
    """Search with gepa, then gate its best candidate."""
    val, mean = measure_start(bench, start)
    before = bench.spent()
    state = State(start=start, skill=start, val=val, mean=mean, rejected=tuple(remembered))
    if perfect(state):
        return result_of(state, val, NOTHING_LEFT, "")
    adapter = SkillAdapter(bench, state, Reflection(model, bench.settings.replica))
    stopped, stopped_by = "gepa's search is over", ""
    gate = gate_rollouts(len(bench.val), bench.settings.rule.max_rounds)
    try:
        bench.checkpoint()
        bench.keep_back(gate)
        stopped = _search(bench, adapter, start, _allowance(bench, gate)) or stopped
    except BudgetReachedError as reached:
        stopped, stopped_by = str(reached), reached.limit
    for step in _refusals(state, adapter):
        state = state.after(step)
        yield step
    try:
        bench.keep_back(0)
        step = _gate_step(bench, state, adapter, before)
        state = state.after(step)
        yield step
    except BudgetReachedError as reached:
        stopped, stopped_by = str(reached), reached.limit
    return result_of(state, val, stopped, stopped_by)


def _allowance(bench: Workbench, gate: int) -> int:
    """Rollouts of the search: what the paper's loop would take, or the ration, less the gate's and the start's."""
    settings = bench.settings
    rollouts = bench.rollouts
    if rollouts is None:
        rollouts = search_rollouts(
            train=len(bench.train),
            val=len(bench.val),
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            rounds=settings.rule.max_rounds,
        )
    return rollouts - gate - len(bench.val)


def _search(bench: Workbench, adapter: SkillAdapter, start: Skill, allowance: int) -> str:
    """Let gepa search; says why it ended early, "" when it did not. What it found is in the adapter.

    Raises:
        BudgetReachedError, ProviderDownError, ...: what ends a run.
    """
    most = len(bench.val) + 2 * MINIBATCH  # of one round: parent and child on a minibatch, the child on validation

    def over(gepa_state: object) -> bool:
        del gepa_state
        perfect_now = adapter.pool and adapter.best().mean >= 1 - TOLERANCE
        return bool(adapter.fatal or perfect_now or adapter.rollouts + most > allowance)

    try:
        optimize(
            seed_candidate={COMPONENT: editable(start)},
            trainset=list(bench.train),
            valset=list(bench.val),
            adapter=adapter,
            reflection_lm=adapter.reflect,
            reflection_minibatch_size=MINIBATCH,
            stop_callbacks=over,
            track_best_outputs=False,
            logger=_Quiet(),
            seed=int(text_digest(bench.settings.replica)[:8], 16),
        )
    except SkilloptError:
        if adapter.fatal is None:
            raise
    if isinstance(adapter.fatal, InconclusiveError):
        return f"gepa's search ended early: {adapter.fatal}"
    if adapter.fatal is not None:
        raise adapter.fatal
    return ""


def _refusals(state: State, adapter: SkillAdapter) -> list[Step]:
    """A step for every candidate that the policy refused before it was measured."""
    steps = []
    for number, (skill, reason) in enumerate(adapter.refused.values(), len(state.steps) + 1):
        records = tuple(
            EditRecord(edit=e, status="refused", reason=reason) for e in changes(state.skill, skill, "gepa")
        )
        blank = replace(state.blank_step(1, "rewrite", 1), number=number)
        steps.append(replace(blank, reason=f"refused by policy: {reason}", edits=records))
    return steps


def _gate_step(bench: Workbench, state: State, adapter: SkillAdapter, before: Spend) -> Step:
    """gepa's best candidate before our gate. The step's cost is that of the whole search."""
    blank = replace(state.blank_step(1, "rewrite", 1), failures=tuple(adapter.failures))
    best = adapter.best().skill if adapter.pool else state.skill
    again = state.remembered(adapter.again.values())
    if best.digest == state.skill.digest:
        return skipped(bench, replace(blank, edits=again), "gepa found nothing better", before)
    kept = tuple(EditRecord(edit=e, status="kept") for e in changes(state.skill, best, "gepa"))
    blank = replace(blank, edits=(*kept, *again))
    return gated(bench, state, blank, best, before)
