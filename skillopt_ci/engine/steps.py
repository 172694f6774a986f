"""One training step: rollout, reflect, apply, gate."""

from collections.abc import Sequence
from dataclasses import replace

from skillopt_ci.core.composed import composed
from skillopt_ci.core.history import Action, EditRecord, EditStatus, Step
from skillopt_ci.core.rollout import Failure, Score
from skillopt_ci.core.schedule import edit_budget
from skillopt_ci.core.screening import helps, worth
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.task import Task
from skillopt_ci.engine.candidates import Rules, build_candidate, vet
from skillopt_ci.engine.decide import decide, fitting_rule
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.screen import gain, screen
from skillopt_ci.engine.state import Bench, State, Workbench
from skillopt_ci.errors import BudgetReachedError
from skillopt_ci.optimizers.base import Proposal

CUT = "the budget ended the screening"
WAITS = "waits to be gated with more edits"
NONE_HELPED = "no edit helped its own tasks"


class CutShortError(BudgetReachedError):
    """The budget ended a step in its screening; what was found by then is in `step`."""

    def __init__(self, step: Step, reached: BudgetReachedError) -> None:
        """The same end, with the step."""
        super().__init__(str(reached), limit=reached.limit)
        self.step = step


def edit_step(bench: Bench, state: State, epoch: int, batch: Sequence[Task], *, last: bool = True) -> Step:
    """Try the edits that one batch of train tasks suggests.

    Edits that did well may wait for more of their kind, unless it is the `last` step of the epoch: on a usual
    validation split one or two of them rarely show. They stand in the skill that further batches run with.
    """
    settings, before = bench.settings, bench.spent()
    blank = state.blank_step(epoch, "edit", budget_of(bench, state))
    working, screens = state.working, state.screens(settings, epoch)
    jobs = [Job(working, t, bench.lab.sample(t, f"train/{epoch}")) for t in batch]
    rollouts = tuple(bench.lab.roll_out(jobs, what=f"training batch, epoch {epoch}", keep=True))
    failures = tuple(r.outcome for r in rollouts if isinstance(r.outcome, Failure))
    blank = replace(blank, rollouts=rollouts, failures=failures)
    failed = any(isinstance(r.outcome, Score) and not r.outcome.passed for r in rollouts)
    if not failed and not state.waiting:
        return skipped(bench, blank, "infrastructure" if failures else "no failures in the batch", before)
    proposal = Proposal(edits=())
    if failed:
        proposal = bench.optimizer.propose(working, state.evidence(settings, blank, tuple(batch), rollouts))
    blank = replace(blank, failures=(*failures, *proposal.failures))
    if not proposal.edits and not state.waiting:
        return skipped(bench, blank, "infrastructure" if proposal.failures else "no edits proposed", before)
    rules = rules_of(bench, state)
    vetted = vet(state, proposal.edits, rules, blank.number)
    cut: BudgetReachedError | None = None
    if screens:
        found = screen(bench, state, vetted, rollouts, blank.edit_budget)
        vetted, cut = found.records, found.cut
        failures += tuple(r.outcome for r in found.rollouts if isinstance(r.outcome, Failure))
        blank = replace(
            blank,
            rollouts=(*rollouts, *found.rollouts),
            failures=(*failures, *proposal.failures),
            trials=found.trials,
        )
    candidate, records = build_candidate(state.skill, vetted, blank.edit_budget * (1 + state.postponed), rules)
    blank = replace(blank, edits=records)
    if cut is not None:
        raise CutShortError(postponed(bench, blank, before, CUT), cut)
    if candidate is None:
        alone = any(r.status == "rejected-alone" for r in records)
        return skipped(bench, blank, NONE_HELPED if alone else "no edit could be applied", before)
    if screens and not last and not worth([r.screening for r in records if r.status == "kept"], settings.screen):
        return postponed(bench, blank, before)
    return gated(bench, state, blank, candidate, before)


def postponed(bench: Bench, blank: Step, before: Spend, reason: str = WAITS) -> Step:
    """A step whose good edits wait. No barrier here: a limit that is reached now must not take along what waits."""
    waits = [replace(r, status="waiting", reason=WAITS) if r.status == "kept" else r for r in blank.edits]
    return replace(blank, edits=tuple(waits), reason=reason, cost=bench.spent().minus(before))


def waiting_step(bench: Bench, state: State, epoch: int) -> Step | None:
    """Gate what still waits when no screening will come any more; None when nothing does."""
    if not state.waiting:
        return None
    return _once_more(bench, state, epoch, vet(state, (), rules_of(bench, state), len(state.steps) + 1))


def doubtful_step(bench: Bench, state: State, epoch: int) -> Step | None:
    """Once screening is given up: gate together what it left in doubt; None when that is nothing."""
    again = state.doubtful(bench.settings.screen)
    return _once_more(bench, state, epoch, again) if again else None


def retry_step(bench: Bench, state: State, last: Step) -> Step | None:
    """Try the promising part of a rejected bundle; None when it has none."""
    again = [replace(r, status="kept", reason="") for r in last.edits if r.status == "undecided"]
    if last.action != "reject" or not again or not bench.settings.retry:
        return None
    return _once_more(bench, state, last.epoch, again, factorial=last.factorial)


def _once_more(
    bench: Bench, state: State, epoch: int, records: Sequence[EditRecord], *, factorial: bool = False
) -> Step:
    """A step that gates edits of earlier steps: nothing is run or read for it before."""
    before = bench.spent()
    blank = state.blank_step(epoch, "edit", next(s.edit_budget for s in reversed(state.steps) if s.kind == "edit"))
    candidate, found = build_candidate(state.skill, records, len(records), rules_of(bench, state))
    blank = replace(blank, edits=found, factorial=factorial)
    if candidate is None:
        return skipped(bench, blank, "no edit could be applied", before)
    return gated(bench, state, blank, candidate, before, shown=factorial)


def rules_of(bench: Bench, state: State) -> Rules:
    """What candidates are held to."""
    remembered = state.not_again
    return Rules(start=state.start, policy=bench.settings.policy, leakage=bench.leakage, remembered=remembered)


def skipped(bench: Workbench, blank: Step, reason: str, before: Spend) -> Step:
    """A step in which nothing was gated."""
    bench.checkpoint()
    return replace(blank, reason=reason, cost=bench.spent().minus(before))


def gated(bench: Workbench, state: State, blank: Step, candidate: Skill, before: Spend, *, shown: bool = False) -> Step:
    """Let the gate decide on a candidate; its edits are kept, rejected or left undecided together.

    `shown`: there is evidence for the bundle as a whole; without, that of each of its edits counts.
    """
    known = [s.decision for s in state.steps if s.decision is not None]
    earlier = next((s.decision for s in reversed(state.steps) if _same_question(s, state.skill, candidate)), None)
    if earlier is not None:  # proposed again to the same incumbent: the verdict stands
        decision = replace(earlier, n_rollouts=0, incumbent=None, failures=())
    else:
        seen = [state.val, *(d.evaluation for d in known if d.evaluation is not None)]
        alone = [r.screening for r in blank.edits if r.status == "kept"]
        screened = bool(alone) and all(s is not None and helps(s, bench.settings.screen) for s in alone)
        rule = fitting_rule(bench.settings.rule, len(bench.val), seen, screened=shown or screened)
        decision = decide(bench.lab, (state.skill, candidate), state.val, bench.val, rule)
    bench.checkpoint()
    action: Action
    status: EditStatus
    if decision.accept:
        action, status = "accept", "kept"
    elif decision.reason == "infrastructure":
        action, status = "skip", "undecided"
    else:
        action, status = "reject", "rejected"
    others = sum(r.status == "kept" for r in blank.edits) - 1
    bundle = f" (with {others} more in its bundle)" if others > 0 else ""
    reason = "" if decision.accept else decision.reason + bundle
    records = [_judged(r, status, reason) for r in blank.edits]
    if action == "reject" and blank.kind == "edit":
        records = _promising(state.skill, records)
    if action == "skip":  # what did well in screening has its gate when validation can be measured again
        records = [replace(r, status="waiting") if r.status == "undecided" and r.screening else r for r in records]
    return replace(
        blank,
        action=action,
        reason=decision.reason,
        candidate=candidate,
        decision=decision,
        edits=tuple(records),
        cost=bench.spent().minus(before),
    )


def _promising(skill: Skill, records: Sequence[EditRecord]) -> list[EditRecord]:
    """The better half of a rejected bundle by what its edits did on their own tasks is not rejected yet.

    An edit to the text of another one is in it only with that one.
    """
    bundle = [i for i, r in enumerate(records) if r.status == "rejected"]
    if any(records[i].screening is None for i in bundle):
        return list(records)
    half: list[int] = []
    for i in sorted(bundle, key=lambda i: -gain(records[i])):
        tried = [records[n] for n in (*half, i)]
        if len(half) < len(bundle) // 2 and len(composed(skill, tried).applied) == len(tried):
            half.append(i)
    reason = "its bundle was not kept; the better half of it gets another gate, as far as the budget goes"
    return [replace(r, status="undecided", reason=reason) if i in half else r for i, r in enumerate(records)]


def _same_question(step: Step, incumbent: Skill, candidate: Skill) -> bool:
    return (
        step.action == "reject"
        and step.candidate is not None
        and step.candidate.digest == candidate.digest
        and step.incumbent.digest == incumbent.digest
    )


def _judged(record: EditRecord, status: EditStatus, reason: str) -> EditRecord:
    return replace(record, status=status, reason=reason) if record.status == "kept" else record


def budget_of(bench: Bench, state: State) -> int:
    """Edits that the next step may keep."""
    settings = bench.settings
    return edit_budget(
        sum(s.kind == "edit" for s in state.steps),
        settings.epochs * -(-len(bench.train) // settings.batch_size),
        start=settings.budget_start,
        end=settings.budget_end,
        shape=settings.budget_shape,
    )
