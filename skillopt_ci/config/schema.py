"""The shape of skillopt.yml: frozen models that refuse unknown keys."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, Strict

from skillopt_ci.config.harness import Harness, HarnessEntry, SandboxMode
from skillopt_ci.config.locate import Located
from skillopt_ci.config.section import PullRequest, Report, Section, TaskEntry
from skillopt_ci.config.values import (
    BaseUrl,
    Flag,
    Number,
    PerMillion,
    Positive,
    SkillPath,
    Text,
    Usd,
    VariableName,
    Whole,
)
from skillopt_ci.core.task import GraderSpec, Split

if TYPE_CHECKING:
    from skillopt_ci.core.policy import EditPolicy


class ModelPrice(Section):
    """What a model costs."""

    input: PerMillion = Field(description="USD per million input tokens.")
    cached_input: PerMillion | None = Field(
        default=None, description="USD per million input tokens read from the provider's cache; `input` when omitted."
    )
    output: PerMillion = Field(description="USD per million output tokens.")


class ProviderEntry(Section):
    """How to reach a provider."""

    type: Text = Field(default="", description="Kind of provider; the entry's own name when omitted.")
    base_url: BaseUrl | None = Field(
        default=None, description="Address of the endpoint; the SDK's default, or its environment variable, if omitted."
    )
    api_key_env: VariableName | None = Field(
        default=None, description="Name of the environment variable that holds the key; the SDK's own when omitted."
    )
    api: Literal["chat", "responses"] = Field(
        default="chat", description="Which API of an OpenAI-compatible endpoint: chat completions or responses."
    )
    api_version: Text | None = Field(default=None, description="Azure OpenAI only: the API version.")
    price_as: Text | None = Field(default=None, description="Price its models as this model of the price list.")
    price: ModelPrice | None = Field(default=None, description="Price of its models; wins over the price list.")
    timeout_seconds: Number = Field(default=120.0, gt=0, description="Time limit of one call.")
    noise: Number = Field(
        default=0.05, ge=0, le=1, description="`simulated` only: chance that an answer overlooks a rule."
    )
    latency_ms: Number = Field(default=0.0, ge=0, description="`simulated` only: time that every call takes.")


class TargetModel(Section):
    """A model: which, where, and how it is sampled. `provider` and `model` must be known after the skill's override."""

    provider: Text | None = Field(default=None, description="Name of a provider: one under `providers`, or built in.")
    model: Text | None = Field(default=None, description="The model's name at the provider.")
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = Field(
        default=None, description="Sampling temperature; not sent when omitted (the provider's default applies)."
    )
    max_output_tokens: Positive = Field(default=2048, description="Limit of one answer, in tokens.")


class OptimizerModel(TargetModel):
    """The model that proposes edits."""

    max_output_tokens: Positive = Field(default=8192, description="Limit of one answer, in tokens.")


class JudgeModel(TargetModel):
    """The model that graders ask."""

    temperature: Annotated[Number, Field(ge=0, le=2)] | None = Field(
        default=0.0, description="Sampling temperature; null sends none (some models refuse it)."
    )


class SplitWeights(Section):
    """How tasks are divided, in proportion to the three numbers; a task's own `split` wins."""

    train: Whole = Field(default=4, description="Weight of the tasks that the optimizer learns from.")
    val: Whole = Field(default=3, description="Weight of the tasks that decide whether an edit is kept.")
    test: Whole = Field(default=3, description="Weight of the held-out tasks.")
    seed: Whole = Field(default=42, description="Seed of the division; it goes by a hash of the task's id or cluster.")


class EditBudget(Section):
    """Edits that a step may keep, over the run."""

    start: Positive = Field(default=4, description="At the first step.")
    end: Positive = Field(default=2, description="At the last step.")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        default="cosine", description="The way from `start` to `end`; `constant` stays at `start`."
    )


class Policy(Section):
    """What an edit may bring into a skill."""

    max_edit_chars: Positive = Field(default=1200, description="Characters that an edit may bring or take out.")
    max_growth_chars: Whole = Field(default=4000, description="Characters that the body may grow by in a run.")
    max_skill_tokens: Positive = Field(default=5000, description="Tokens of the body (four characters each).")
    allow_urls: Flag = Field(default=False, description="Let edits bring URLs and links to files.")
    allow_commands: Flag = Field(default=False, description="Let edits bring commands, also such as they forbid.")
    allow_tools: Flag = Field(default=False, description="Let edits speak of tool permissions (`allowed-tools`).")

    def as_edit_policy(self) -> "EditPolicy":
        """The same as the value that `core` works with."""
        from skillopt_ci.core.policy import EditPolicy  # with it comes the Markdown parser

        return EditPolicy(**self.model_dump())


class Screen(Section):
    """Every edit shows on its own evidence what it does before it is gated: train tasks, some rollouts each."""

    runs: Annotated[int, Strict(), Field(ge=0, le=16)] = Field(
        default=6,
        description="Failed tasks that an edit is tried on, with at most 5 rollouts for each; 0 screens nothing.",
    )
    share: Number = Field(
        default=0.5, gt=0, lt=1, description="Part of what a task loses that an edit should mend, in some of its tasks."
    )
    odds: Number = Field(
        default=50,
        gt=1,
        description="An edit passes when this explains its runs so many times better than luck; after its last run 8 "
        "times are enough.",
    )


class Train(Section):
    """How a skill is trained."""

    method: Text = Field(
        default="skillopt",
        description="How: `skillopt` (edits, step by step), `one-shot` (one rewrite), "
        "`gepa` (the package of that name, an extra), `human` (not at all: the skill is measured as it is).",
    )
    what: Literal["body", "description"] = Field(
        default="body",
        description="The part of the skill that is trained: its body by the tasks' graders, or its description by "
        "whether agents choose it for the tasks with `should_trigger`.",
    )
    epochs: Positive = Field(default=4, description="Passes over the train tasks.")
    batch_size: Positive = Field(default=20, description="Train tasks of one step.")
    minibatch_size: Positive = Field(default=8, description="Trajectories that one reflection reads.")
    edit_budget: EditBudget = Field(default=EditBudget(), description="Edits that a step may keep.")
    gate: Literal["confirm", "strict", "careful"] = Field(
        default="confirm",
        description="When a candidate is kept: `strict` wants a higher mean on the val tasks (the paper's rule), "
        "`confirm` measures survivors again and wants some evidence, `careful` wants more.",
    )
    exact_stop: Flag = Field(
        default=True,
        description="Stop measuring a candidate that cannot win any more; decisions stay the same, but for `confirm` "
        "and `careful` on more than 100 val tasks.",
    )
    slow_update: Flag = Field(
        default=True, description="Write longer-term guidance at the end of every epoch but the first."
    )
    meta_notes: Flag = Field(
        default=True, description="Keep the optimizer's notes on which edits work, from the second epoch on."
    )
    screen: Screen = Field(default=Screen(), description="Try each edit on its own tasks before its bundle is gated.")
    prune: Flag = Field(default=False, description="Before the run ends, take out what the skill does as well without.")
    over_plan: Annotated[Number, Field(ge=0)] | None = Field(
        default=0.15, description="Part of `plan`'s likely calls that a run may take beyond them; null: no such end."
    )
    seed: Whole = Field(default=42, description="Seed of a run: the order of its tasks, and its samples.")
    policy: Policy = Field(default=Policy(), description="What an edit may bring into a skill.")


class Gate(Section):
    """How a change of a skill is judged."""

    splits: Annotated[tuple[Split, ...], Field(min_length=1)] = Field(
        default=("test",), description="Which tasks are the held-out ones."
    )
    margin: Number = Field(default=0.05, gt=0, le=1, description="A loss of this size must be ruled out for a pass.")
    min_effect: Number = Field(default=0.0, ge=0, le=1, description="A shown loss smaller than this does not block.")
    alpha: Number = Field(
        default=0.05, gt=0, le=0.5, description="Chance of blocking a skill that is not worse, over all looks."
    )
    max_rounds: Annotated[int, Strict(), Field(ge=1, le=16)] = Field(
        default=4,
        description="Runs of the head skill per task, at most; two more confirm a loss against an old base.",
    )
    base_runs: Annotated[int, Strict(), Field(ge=1, le=100)] = Field(
        default=8, description="Stored runs of the base skill per task that `baseline` fills."
    )
    base_ttl_hours: Annotated[Number, Field(gt=0)] = Field(
        default=168.0, description="Hours after which a stored run of the base is not used any more."
    )
    pass_rule: Literal["usual", "strict"] = Field(
        default="usual",
        description="How surely a pass rules out a loss of `margin`: `usual` about 90% over all looks, `strict` 95%.",
    )
    on_inconclusive: Literal["pass", "block"] = Field(
        default="pass", description="What an undecided comparison means for the exit code."
    )


class Budget(Section):
    """Limits; an omitted one does not limit, and the first reached stops the run cleanly."""

    usd: Usd | None = Field(default=None, description="USD that one run may buy.")
    calls: Positive | None = Field(default=None, description="Model calls that one run may buy.")
    minutes: Annotated[Number, Field(gt=0)] | None = Field(default=None, description="Minutes of one command.")
    month_usd: Usd | None = Field(
        default=None, description="USD of the repository's runs in a calendar month; without the action, the ledger's."
    )


class Grader(BaseModel):
    """A grader; other keys are its options, see the page on graders."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Text = Field(description="Which grader.")
    hidden: Flag | None = Field(default=None, description="Keep its words from the optimizer.")

    def as_spec(self) -> GraderSpec:
        """The same as the value that `core` works with."""
        return GraderSpec(type=self.type, options=dict(self.model_extra or {}), hidden=self.hidden)


class SkillEntry(Section):
    """One skill, or many by a pattern. What is set here wins over the same key of the top level."""

    path: SkillPath = Field(
        description="The skill's SKILL.md, relative to the root; `*` stands for any directory name."
    )
    tasks: Annotated[tuple[TaskEntry, ...], Field(min_length=1)] = Field(description="Where its tasks are.")
    graders: tuple[Grader, ...] = Field(
        default=(), description="How its answers are graded; all must pass. Tasks may bring their own."
    )
    target: TargetModel | None = Field(default=None, description="Overrides `target`.")
    targets: tuple[TargetModel, ...] = Field(default=(), description="Overrides `target` and `targets`.")
    optimizer: OptimizerModel | None = Field(default=None, description="Overrides `optimizer`.")
    judge: JudgeModel | None = Field(default=None, description="Overrides `judge`.")
    harness: HarnessEntry | None = Field(default=None, description="Overrides `harness`.")
    split: SplitWeights | None = Field(default=None, description="Overrides `split`.")
    train: Train | None = Field(default=None, description="Overrides `train`.")
    gate: Gate | None = Field(default=None, description="Overrides `gate`.")
    budget: Budget | None = Field(default=None, description="Limits of this skill, within those of the command.")


class Config(Section):
    """A whole skillopt.yml. Made by `load.load_config`, which also checks what needs more than one key."""

    version: Literal[1] = Field(description="Version of this format.")
    providers: dict[str, ProviderEntry] = Field(
        default={}, description="Providers by name; openai, azure-openai, anthropic and simulated need no entry."
    )
    target: TargetModel | None = Field(default=None, description="The model that works with the skill.")
    targets: tuple[TargetModel, ...] = Field(
        default=(),
        description="Instead of `target`, when a skill must hold on several models: `gate` judges each, `train` uses "
        "the first and looks in the end whether an improvement holds on the others.",
    )
    optimizer: OptimizerModel | None = Field(default=None, description="The model that proposes edits.")
    judge: JudgeModel | None = Field(default=None, description="The model that graders ask; only for those that do.")
    harness: HarnessEntry = Field(default=Harness(type="chat"), description="How a skill and a task reach the target.")
    concurrency: Annotated[int, Strict(), Field(ge=1, le=512)] | None = Field(
        default=None, description="Rollouts in flight; as many as suit the harness when omitted (`chat`: 8)."
    )
    sandbox: SandboxMode = Field(
        default="auto",
        description="Where agents, set-up commands and script graders run: `auto` in a sandbox, or not at all where "
        "there is none; `off` with the whole machine before them.",
    )
    split: SplitWeights = Field(default=SplitWeights(), description="How tasks are divided.")
    skills: Annotated[tuple[SkillEntry, ...], Field(min_length=1)] = Field(description="The skills.")
    train: Train = Field(default=Train(), description="How a skill is trained.")
    gate: Gate = Field(default=Gate(), description="How a change of a skill is judged.")
    budget: Budget = Field(default=Budget(), description="Limits of a run.")
    pr: PullRequest = Field(default=PullRequest(), description="Pull requests for trained skills.")
    report: Report = Field(default=Report(), description="What reports show.")

    _located: Located = PrivateAttr(default_factory=Located)

    def located(self, source: Located) -> "Config":
        """The same configuration, knowing where its values were written."""
        copy = self.model_copy()
        copy._located = source
        return copy

    @property
    def source(self) -> Located:
        """Where its values were written."""
        return self._located
