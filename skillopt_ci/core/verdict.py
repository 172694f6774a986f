"""What a command has to say at its end: the values that JSON, JUnit and summaries are rendered from."""

from dataclasses import dataclass, field
from typing import Literal

from skillopt_ci.core.compare import Comparison
from skillopt_ci.core.history import TrainResult
from skillopt_ci.core.merge_gate import Look, MergeRule
from skillopt_ci.core.rollout import Evaluation, Rollout
from skillopt_ci.core.spend import Spend, StageCost
from skillopt_ci.core.stats import Effect
from skillopt_ci.core.suite_edits import SuiteEdits
from skillopt_ci.core.trigger import Triggers

Verdict = Literal["pass", "regression", "inconclusive", "not-applicable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillVerdict:
    """The gate's word on one changed skill and target; None is not measured.

    Attributes:
        verdict: None when nothing can be said (provider dead, configuration): `reason` says why.
        rounds: runs of the head skill per task.
        base_digest: digest of the base skill; None when there is none (a new skill).
        base: the base's runs; None when nothing was run.
        base_tokens: rough size of the skill body (`Skill.tokens`).
        margin: the loss (1.0 is 100 points) that PASS rules out.
        look: what the rule saw when it decided.
        rule: by which it decided.
        blocking: an undecided comparison of this skill blocks, by its policy.
        suite_effect: interval for exactly these tasks; the comparison's is for the population of tasks.
        golden_armed: every golden task could have blocked.
        suspects: tasks whose own runs look worse; for people.
        notes: what became of the stored base, in words.
        test_opened: how many runs have looked at this suite's test split.
        message: one line for people where the numbers do not say it.
        texts: the skill's text on both sides; None when one of them is not there.
        rollouts: runs of held-out tasks with trajectories, only where they may be shown.
        triggers: how often base and head were chosen when they should be; None where no task asks.
    """

    name: str
    path: str
    target: str
    harness: str
    verdict: Verdict | None
    reason: str
    rounds: int = 0
    base_digest: str | None = None
    head_digest: str | None = None
    base: Evaluation | None = None
    head: Evaluation | None = None
    base_tokens: int | None = None
    head_tokens: int | None = None
    comparison: Comparison | None = None
    minimum_detectable_effect: float | None = None
    margin: float | None = None
    look: Look | None = None
    rule: MergeRule | None = None
    blocking: bool = False
    suite_effect: Effect | None = None
    golden_failed: tuple[str, ...] = ()
    golden_armed: bool = True
    suspects: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    test_opened: int = 0
    message: str = ""
    texts: tuple[str, str] | None = None
    rollouts: tuple[Rollout, ...] = ()
    triggers: tuple[Triggers | None, Triggers | None] = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """A whole gate.

    Attributes:
        costs: what its comparisons bought, by stage and model.
        policy_sha: commit that rules and tasks are from; None when they are from a dirty working tree.
        head_sha: None when the working tree was judged and is dirty.
        policy_changed: configuration and task files that the head changes; not in force.
        policy_diffs: (path, unified diff) of those that may be shown.
        suite_edits: what the head does to tasks; not in force.
        head_policy: judged by the head's own rules, on request: the word of a trial, not of a gate.
    """

    verdict: Verdict | None
    reason: str
    exit_code: int
    base_ref: str | None = None
    base_sha: str | None = None
    policy_sha: str | None = None
    head_ref: str | None = None
    head_sha: str | None = None
    policy_changed: tuple[str, ...] = ()
    policy_diffs: tuple[tuple[str, str], ...] = ()
    suite_edits: tuple[SuiteEdits, ...] = ()
    head_policy: bool = False
    skills: tuple[SkillVerdict, ...] = ()
    paid: Spend = field(default_factory=Spend)
    replayed: Spend = field(default_factory=Spend)
    costs: tuple[StageCost, ...] = ()
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class TrainEntry:
    """One skill's training; `result` is None when it ended before there was one, and `message` says why.

    Attributes:
        run_dir: as the user should see it, relative to where the command was started when possible.
        proposal: worth a pull request.
        test_opened: how many times the test split was opened for this suite, this run included.
        costs: what the run bought, by stage and model.
        target: the label of the one that was trained on.
        objections: why an improvement on it is not proposed: what other targets say, in words.
    """

    name: str
    run_id: str
    run_dir: str
    generation: int
    result: TrainResult | None
    proposal: bool
    paid: Spend
    replayed: Spend
    exit_code: int = 0
    message: str = ""
    test_opened: int = 1
    costs: tuple[StageCost, ...] = ()
    target: str = ""
    objections: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EvalEntry:
    """One skill scored on one split with one target. Rollouts keep the failures' words; `evaluation` the numbers."""

    name: str
    path: str
    target: str
    harness: str
    split: str
    digest: str
    tokens: int
    evaluation: Evaluation
    rollouts: tuple[Rollout, ...] = ()
    message: str = ""
    triggers: Triggers | None = None


@dataclass(frozen=True, kw_only=True)
class EvalReport:
    """A whole `eval`."""

    exit_code: int
    entries: tuple[EvalEntry, ...] = ()
    paid: Spend = field(default_factory=Spend)
    replayed: Spend = field(default_factory=Spend)
    message: str = ""
