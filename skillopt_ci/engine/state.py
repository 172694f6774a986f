"""What the training loop works with, and its state: a fold over its steps."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace

from skillopt_ci.core.composed import composed
from skillopt_ci.core.costs import SCREENED
from skillopt_ci.core.digest import text_digest
from skillopt_ci.core.edit import Candidate, Edit
from skillopt_ci.core.factorial import Trial
from skillopt_ci.core.history import NOT_AGAIN, EditRecord, Rejected, Step, StepKind
from skillopt_ci.core.leakage import Leakage
from skillopt_ci.core.policy import EditPolicy
from skillopt_ci.core.rejected import rejected_edits, stays
from skillopt_ci.core.rollout import Evaluation, Rollout
from skillopt_ci.core.schedule import Shape
from skillopt_ci.core.screening import REPEATS, ScreenRule, helps, in_doubt, shows_nothing
from skillopt_ci.core.skill import Skill, Trained
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.task import Task
from skillopt_ci.core.training_gate import TrainingRule
from skillopt_ci.engine.lab import Lab
from skillopt_ci.optimizers.base import Evidence, Optimizer, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """Hyperparameters, in the paper's words; `replica` separates seeds and generations.

    `retry`: try the better half of a bundle that the gate rejected.
    """

    epochs: int
    batch_size: int
    minibatch_size: int
    budget_start: int
    budget_end: int
    budget_shape: Shape
    rule: TrainingRule
    slow_update: bool
    meta_notes: bool
    seed: int
    replica: str
    policy: EditPolicy
    screen: ScreenRule = ScreenRule()
    prune: bool = True
    retry: bool = True
    what: Trained = "body"


def _nothing(rollouts: int) -> None:
    """Keep nothing back: there is no budget."""
    del rollouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """Everything a method of training is given.

    Attributes:
        train: train tasks.
        val: validation tasks; test tasks are not here at all.
        spent: everything this run has used so far, at recorded prices.
        leakage: what no edit may say; made of hashes, so that no test task is here.
        keep_back: keeps the price of so many rollouts back, for the gate and the pruning at the end; 0 releases it.
        checkpoint: raises `BudgetReachedError` when a limit is passed; called at barriers, where the sum does not
            depend on concurrency.
        rollouts: what the search may take where methods are compared; None leaves it to the method.
    """

    lab: Lab
    train: tuple[Task, ...]
    val: tuple[Task, ...]
    settings: TrainSettings
    spent: Callable[[], Spend]
    checkpoint: Callable[[], None]
    leakage: Leakage = Leakage()
    keep_back: Callable[[int], None] = _nothing
    rollouts: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench(Workbench):
    """What the loop over edits is given: an optimizer too."""

    optimizer: Optimizer

    @classmethod
    def with_optimizer(cls, bench: Workbench, optimizer: Optimizer) -> "Bench":
        """The same with an optimizer."""
        return cls(optimizer=optimizer, **{f.name: getattr(bench, f.name) for f in fields(Workbench)})


@dataclass(frozen=True, kw_only=True)
class State:
    """The incumbent skill with its frozen validation, and what was learnt on the way."""

    start: Skill
    skill: Skill
    val: Evaluation
    mean: float
    steps: tuple[Step, ...] = ()
    versions: tuple[Skill, ...] = ()
    notes: str = ""
    rejected: tuple[Rejected, ...] = field(default=())
    waiting: tuple[EditRecord, ...] = ()

    def after(self, step: Step) -> "State":
        """The state after a step: an accepted candidate is the incumbent, what was not kept is remembered."""
        state = replace(self, steps=(*self.steps, step), rejected=(*self.rejected, *rejected_edits([step])))
        told = {r.edit.key() for r in step.edits}
        if step.action == "accept":
            kept = stays([step])
            state = replace(state, rejected=tuple(r for r in state.rejected if r.edit.key() not in kept))
        still = [r for r in self.waiting if r.edit.key() not in told]
        state = replace(state, waiting=(*still, *(r for r in step.edits if r.status == "waiting")))
        if _moves(step):
            # What an edit did was true beside the text as it was: with the new lines in it it may do something.
            alone = {r.edit.key() for s in state.steps for r in s.edits if r.status == "rejected-alone"}
            state = replace(state, rejected=tuple(r for r in state.rejected if r.edit.key() not in alone))
        decision = step.decision
        if decision is not None and decision.incumbent is not None:
            state = replace(state, val=decision.incumbent, mean=decision.incumbent.mean or 0.0)
        if step.action != "accept" or step.candidate is None or decision is None:
            return state
        assert decision.evaluation is not None  # noqa: S101 - an accepted candidate was measured whole
        assert decision.mean is not None  # noqa: S101
        return replace(
            state,
            skill=step.candidate,
            val=decision.evaluation,
            mean=decision.mean,
            versions=(*state.versions, step.candidate),
        )

    @property
    def rejected_alone(self) -> tuple[EditRecord, ...]:
        """Edits that did nothing for their own tasks beside the text as it is now; asked again, the answer stands."""
        moved = [n for n, s in enumerate(self.steps, 1) if _moves(s)]
        steps = self.steps[moved[-1] :] if moved else self.steps
        return tuple(r for s in steps for r in s.edits if r.status == "rejected-alone")

    def screens(self, settings: TrainSettings, epoch: int) -> bool:
        """Whether edits are screened in an epoch: not once hardly any got anywhere that was, nor when an epoch is over
        and none was kept so far.

        Then each does too little to be seen on a few tasks, and from then on they are tried all together.
        """
        rule = settings.screen
        if self.factorial:
            return False
        if not rule.gives_up or rule.runs == 0:
            return rule.runs > 0
        tried = [(s.epoch, r) for s in self.steps if s.kind == "edit" for r in s.edits if r.proposed == s.number]
        # One that says the same as another was no try, and one that was tried again beside a new line is one edit.
        found = {r.edit.key(): (at, r.screening) for at, r in tried if r.screening and r.reason != REPEATS}
        kept, waits = stays(self.steps), {r.edit.key() for r in self.waiting}
        decided = {key: shown for key, (at, shown) in found.items() if at < epoch and key not in waits}
        past = [key in kept and helps(shown, rule) for key, shown in decided.items()]
        fruitless = bool(past) and not any(past)
        scores = [trial.value for trial in self.trials]
        return not fruitless and not shows_nothing([shown for _, shown in found.values()], scores, rule)

    def doubtful(self, rule: ScreenRule) -> list[EditRecord]:
        """Edits that screening rejected and left in doubt: of those that exclude each other the likelier one.

        They have one more chance, all together: none is left once one of them was looked at again.
        """
        looked = [(s, r) for s in self.steps if s.kind == "edit" for r in s.edits if r.screening]
        if any(r.status != "rejected-alone" and r.proposed < s.number and not _helps(r, rule) for s, r in looked):
            return []
        last = {r.edit.key(): r for _, r in looked if r.reason != REPEATS}
        left = [replace(r, status="kept", reason="") for r in last.values() if _in_doubt(r)]
        found: list[EditRecord] = []
        for record in sorted(left, key=lambda r: -(r.screening.evidence if r.screening else 0.0)):
            tried = sorted([*found, record], key=lambda r: r.proposed)
            found = tried if len(composed(self.skill, tried).applied) == len(tried) else found
        return found

    @property
    def factorial(self) -> bool:
        """Whether edits are tried all together, as screening was given up."""
        return any(s.factorial for s in self.steps)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All runs in which edits were tried, alone or together."""
        return tuple(t for s in self.steps for t in s.trials)

    @property
    def standing(self) -> frozenset[str]:
        """Keys of the edits that every run has in its text: those that were kept, and those that wait."""
        return frozenset([*stays(self.steps), *(r.edit.key() for r in self.waiting)])

    @property
    def postponed(self) -> int:
        """Steps since the last one whose edits were gated."""
        gated = [s.decision is not None for s in self.steps if s.kind == "edit"][::-1]
        return gated.index(True) if True in gated else len(gated)

    @property
    def working(self) -> Skill:
        """The incumbent with the edits that did well and wait for the gate: what further edits stand beside."""
        return self.trying(())

    def trying(self, records: Sequence[EditRecord]) -> Skill:
        """The incumbent with edits beside those that wait: what they are tried on."""
        return self._beside(records).skill

    def fits(self, records: Sequence[EditRecord]) -> bool:
        """Whether all of them find a place there: of two that change the same text the second does not."""
        applied = [edit.key() for edit in self._beside(records).applied]
        return all(r.edit.key() in applied for r in records)

    def _beside(self, records: Sequence[EditRecord]) -> Candidate:
        tried = {r.edit.key() for r in records}
        return composed(self.skill, [*(r for r in self.waiting if r.edit.key() not in tried), *records])

    @property
    def not_again(self) -> dict[str, str]:
        """What earlier runs or reviewers rejected for the skill as it is (`Edit.advice`), with the reason."""
        now = text_digest(self.skill.text)
        return {r.edit.advice(): NOT_AGAIN + r.reason for r in self.rejected if r.earlier and r.base == now}

    def remembered(self, edits: Iterable[Edit]) -> tuple[EditRecord, ...]:
        """Records of edits that were left out, as they are `not_again` to be tried."""
        known = self.not_again
        return tuple(EditRecord(edit=e, status="refused", reason=known[e.advice()]) for e in edits)

    def blank_step(self, epoch: int, kind: StepKind, budget: int) -> Step:
        """The next step before anything happened: skipped, nothing gated, nothing spent."""
        return Step(
            number=len(self.steps) + 1,
            epoch=epoch,
            kind=kind,
            action="skip",
            reason="",
            incumbent=self.skill,
            candidate=None,
            decision=None,
            incumbent_mean=self.mean,
            edits=(),
            edit_budget=budget,
            cost=Spend(),
        )

    def evidence(
        self, settings: TrainSettings, blank: Step, tasks: tuple[Task, ...] = (), rollouts: tuple[Rollout, ...] = ()
    ) -> Evidence:
        """What the optimizer may read at a step."""
        open_now = {r.edit.key() for r in self.waiting}  # rejected once, and under trial again
        return Evidence(
            tasks=tasks,
            rollouts=rollouts,
            rejected=tuple(r for r in self.rejected if r.edit.key() not in open_now),
            meta_notes=self.notes,
            edit_budget=blank.edit_budget,
            minibatch_size=settings.minibatch_size,
            place=Place(replica=settings.replica, epoch=blank.epoch, step=blank.number),
            places=blank.edit_budget * (SCREENED if settings.screen.runs else 1),
            what=settings.what,
            earlier=tuple(r for s in self.steps for r in s.rollouts if r.trajectory is not None),
        )


def _in_doubt(record: EditRecord) -> bool:
    return record.status == "rejected-alone" and record.screening is not None and in_doubt(record.screening)


def _helps(record: EditRecord, rule: ScreenRule) -> bool:
    return record.screening is not None and helps(record.screening, rule)


def _moves(step: Step) -> bool:
    """Whether the text that further edits stand beside is another one after a step: edits were kept, or wait."""
    if step.action == "accept" or step.factorial:  # in a trial some of the open edits stand in every text anyway
        return step.action == "accept"
    return any(r.status == "waiting" and r.proposed == step.number for r in step.edits)
