"""What happened in a run, step by step: the values that reports, run folders and proposals are made of."""

from dataclasses import dataclass, field
from typing import Literal

from skillopt_ci.core.compare import Comparison
from skillopt_ci.core.edit import Edit
from skillopt_ci.core.factorial import Trial
from skillopt_ci.core.rollout import Evaluation, Failure, Rollout
from skillopt_ci.core.screening import Screening
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.stats import Effect
from skillopt_ci.core.trigger import Triggers

# `rejected`: with its bundle, by the gate; `rejected-alone`: on its own train tasks; `refused`: by policy or leakage
# lint; `waiting`: promising alone, looked at again in the next step; `undecided`: its candidate could not be measured,
# or was tried again without the others, which says nothing about the edit.
EditStatus = Literal[
    "kept", "rejected", "rejected-alone", "pruned", "unmatched", "refused", "over-budget", "waiting", "undecided"
]
NOT_KEPT = ("rejected", "rejected-alone", "pruned", "refused")  # what is remembered as not worth buying again
NOT_AGAIN = "not bought again: "  # how the reason begins where memory refused an edit; memory has it already
StepKind = Literal["edit", "slow_update", "prune", "rewrite"]
Action = Literal["accept", "reject", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditRecord:
    """An edit and what became of it, with the reason when it was not kept; `screening`: what its trials showed.

    `proposed`: the step whose optimizer proposed it, for the skill with the edits of earlier steps that waited then.
    """

    edit: Edit
    status: EditStatus
    reason: str = ""
    screening: Screening | None = None
    proposed: int = 0

    def as_json(self) -> dict[str, object]:
        """The form of `history.json`."""
        return {
            "op": self.edit.op,
            "target": self.edit.target,
            "content": self.edit.content,
            "rationale": self.edit.rationale,
            "evidence": list(self.edit.evidence),
            "support": self.edit.support,
            "status": self.status,
            "reason": self.reason,
            "screening": _screening_json(self.screening),
            "proposed": self.proposed,
        }


def _screening_json(alone: Screening | None) -> dict[str, object] | None:
    if alone is None:
        return None
    return {
        "gain": round(alone.gain, 6),
        "runs": alone.runs,
        "evidence": round(alone.evidence, 6),
        "together": alone.together,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A gate's word on a candidate.

    Attributes:
        mean: over validation tasks; None when it stopped early, then `upper_bound` is what it could have reached.
        n_rollouts: measured runs of the candidate.
        evaluation: its runs; None when it stopped early.
        incumbent: the incumbent's runs, with those that this decision added.
        z: evidence across tasks; None before a full round.
        failures: of the runs that it took, of either side.
    """

    accept: bool
    reason: str
    mean: float | None
    upper_bound: float | None
    incumbent_mean: float
    effect: Effect | None
    n_rollouts: int
    evaluation: Evaluation | None = None
    incumbent: Evaluation | None = None
    z: float | None = None
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of training. `candidate` is None when there was nothing to gate.

    `failures`: of its own rollouts and questions; those of its gate are the decision's. `trials`: its rollouts in which
    edits were tried; `factorial`: whether that were all open edits together.
    """

    number: int
    epoch: int
    kind: StepKind
    action: Action
    reason: str
    incumbent: Skill
    candidate: Skill | None
    decision: Decision | None
    incumbent_mean: float
    edits: tuple[EditRecord, ...]
    edit_budget: int
    cost: Spend
    rollouts: tuple[Rollout, ...] = ()
    failures: tuple[Failure, ...] = ()
    trials: tuple[Trial, ...] = ()
    factorial: bool = False

    @property
    def lost(self) -> tuple[Failure, ...]:
        """All that gave no result in it, its gate included."""
        return (*self.failures, *(self.decision.failures if self.decision else ()))

    def alone(self, record: EditRecord) -> bool:
        """Whether the gate's word on one of the step's edits is about that edit, and not about a bundle of several."""
        if record.status != "rejected":
            return True
        return sum(r.status in ("rejected", "undecided") for r in self.edits) == 1  # the latter: its better half

    def as_json(self) -> dict[str, object]:
        """One object of `history.json`: no clock, no paid/replayed split, the same after an interruption."""
        d = self.decision
        effect = d.effect if d else None
        return {
            "step": self.number,
            "epoch": self.epoch,
            "kind": self.kind,
            "action": self.action,
            "reason": self.reason,
            "candidate": self.candidate.digest if self.candidate else None,
            "val_mean": rounded(d.mean) if d else None,
            "val_upper_bound": rounded(d.upper_bound) if d else None,
            # A gate may have measured the incumbent again: what it compared with, so that the difference is the effect.
            "incumbent_val_mean": round(d.incumbent_mean if d else self.incumbent_mean, 6),
            "effect": effect_json(effect),
            "edits": [e.as_json() for e in self.edits],
            "edit_budget": self.edit_budget,
            "failures": [{"stage": f.stage, "kind": f.kind, "message": f.message} for f in self.lost],
            "cost": self.cost.as_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """The optimizer's own notes after an epoch: for its later prompts, never part of the skill.

    `failure` says why it gave none; the notes there were stay.
    """

    epoch: int
    text: str
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """An entry of the rejected-edit buffer: what was tried, what it did, why it was not kept.

    `earlier`: by an earlier run or a reviewer; `base` is then the digest of the text it was judged against, where it
    was judged by itself: for that very text it is not bought again.
    """

    edit: Edit
    reason: str
    effect: float | None
    earlier: bool = False
    base: str = ""


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """The closing comparison of best and start on the test split, made once a run.

    `rollouts` hold what was said, only where held-out texts may be shown; `triggers` how often start and best were
    chosen when they should be, where tasks ask.
    """

    start: Evaluation
    best: Evaluation
    comparison: Comparison
    runs: int
    rollouts: tuple[Rollout, ...] = ()
    triggers: tuple[Triggers | None, Triggers | None] = (None, None)

    def shown(self, min_confidence: float) -> bool:
        """An improvement is shown: enough measured, better, with the wanted one-sided confidence."""
        c = self.comparison
        if c.too_much_missing or c.effect is None or c.confidence_better is None:
            return False
        return c.effect.mean > 0 and c.confidence_better >= min_confidence


@dataclass(frozen=True, kw_only=True)
class OtherTarget:
    """A target that training did not use, by its label, with the same closing comparison where it was made."""

    target: str
    confirmation: Confirmation | None = None

    def objection(self, min_confidence: float) -> str:
        """Why nothing may be proposed because of this target; empty when nothing speaks against it."""
        if self.confirmation is None:
            return "was not measured"
        c = self.confirmation.comparison
        if c.too_much_missing or c.effect is None or c.confidence_better is None:
            return "could not be measured: too much is missing"
        worse = c.effect.mean < 0 and 1 - c.confidence_better >= min_confidence
        return "is shown to be worse" if worse else ""


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """A finished (or cleanly stopped) run of training.

    Attributes:
        start_val, best_val_mean: validation; nothing was measured where nothing was trained.
        stopped_by: the limit of the budget that ended it.
        others: the targets that training did not use.
        closing: the unchanged skill's own measurement on the test split, where nothing was trained.
    """

    start: Skill
    best: Skill
    start_val: Evaluation
    best_val_mean: float | None
    steps: tuple[Step, ...]
    stopped: str
    stopped_by: str = ""
    confirmation: Confirmation | None = None
    versions: tuple[Skill, ...] = field(default=())
    closing: Evaluation | None = None
    others: tuple[OtherTarget, ...] = ()

    @property
    def accepted(self) -> tuple[Step, ...]:
        """Steps whose candidate became the incumbent."""
        return tuple(s for s in self.steps if s.action == "accept")

    @property
    def rejected(self) -> tuple[Step, ...]:
        """Steps whose candidate was gated and not kept."""
        return tuple(s for s in self.steps if s.action == "reject")

    def changed(self) -> bool:
        """The best skill is not the start."""
        return self.best.digest != self.start.digest

    def proposal(self, min_confidence: float) -> bool:
        """Worth a pull request: shown to be better on the test split, and no other target speaks against it."""
        return self.improved(min_confidence) and not self.objections(min_confidence)

    def improved(self, min_confidence: float) -> bool:
        """Changed, and shown to be better on the test split with the target that was trained on."""
        return self.changed() and self.confirmation is not None and self.confirmation.shown(min_confidence)

    def objections(self, min_confidence: float) -> tuple[str, ...]:
        """What other targets say against a proposal, in words."""
        return tuple(f"{o.target} {why}" for o in self.others if (why := o.objection(min_confidence)))


def effect_json(effect: Effect | None) -> dict[str, float] | None:
    """An effect as {mean, low, high}; None stays null."""
    if effect is None:
        return None
    return {"mean": round(effect.mean, 6), "low": round(effect.low, 6), "high": round(effect.high, 6)}


def rounded(value: float | None) -> float | None:
    """As it stands in files and results: not measured stays None."""
    return None if value is None else round(value, 6)
