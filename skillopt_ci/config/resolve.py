"""What holds for each skill: patterns expanded, overrides merged, models with their provider."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from skillopt_ci import plugins
from skillopt_ci.config.overrides import chosen_targets, merged
from skillopt_ci.config.schema import (
    Config,
    Gate,
    ProviderEntry,
    SkillEntry,
    SplitWeights,
    TargetModel,
    Train,
)
from skillopt_ci.config.section import TaskFiles
from skillopt_ci.config.words import clean
from skillopt_ci.core.scripts import with_scripts
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Limits
from skillopt_ci.core.task import GraderSpec
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError, Problem
from skillopt_ci.graders.validate import fault
from skillopt_ci.harnesses.base import AgentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """A model at a provider. `entry` is how the provider is reached, its `type` always filled in."""

    provider: str
    model: str
    temperature: float | None
    max_output_tokens: int
    entry: ProviderEntry

    @property
    def label(self) -> str:
        """`provider/model`, for people and reports."""
        return f"{self.provider}/{self.model}"

    def identity(self) -> dict[str, object]:
        """What can change its answers, as a JSON value: neither keys nor prices nor timeouts."""
        entry: dict[str, object] = {"type": self.entry.type, "base_url": self.entry.base_url, "api": self.entry.api}
        if self.entry.api_version is not None:
            entry["api_version"] = self.entry.api_version
        if self.entry.type == "simulated":
            entry["noise"] = self.entry.noise
        return {
            "provider": self.provider,
            "entry": entry,
            "model": self.model,
            "temperature": self.temperature,
            "max_output_tokens": self.max_output_tokens,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedSkill:
    """One skill with everything that holds for it. `own_budget`: its entry sets limits for it alone.

    `distractors` are other skills that an agent finds beside it, from the files that match `distractor_paths`.
    """

    name: str
    path: str
    tasks: tuple[TaskFiles, ...]
    graders: tuple[GraderSpec, ...]
    targets: tuple[ModelRef, ...]
    optimizer: ModelRef | None
    judge: ModelRef | None
    harness: str
    harness_options: Mapping[str, object]
    distractor_paths: tuple[str, ...]
    split: SplitWeights
    train: Train
    gate: Gate
    budget: Limits
    own_budget: bool
    confined: bool = True
    distractors: tuple[Skill, ...] = ()

    @property
    def target(self) -> ModelRef:
        """The target that training uses: the first."""
        return self.targets[0]

    @property
    def chooses(self) -> bool:
        """Whether the target is seen to choose among skills by their descriptions.

        Chat is always given the skill; of a `command` without `tools` nobody knows what it opened.
        """
        seen = self.harness != "command" or self.harness_options.get("tools") is not None
        return seen and isinstance(plugins.load("harnesses", self.harness), AgentKind)

    def each_target(self) -> "tuple[ResolvedSkill, ...]":
        """The same skill once per target, each with that target alone."""
        return tuple(replace(self, targets=(t,)) for t in self.targets)

    def fingerprint(self) -> dict[str, object]:
        """Everything configured that can change what a training run finds, as a JSON value for the run id.

        Budgets, concurrency, paths and the sections `gate`, `pr` and `report` cannot; nor is it another run when it may
        be longer.
        """
        # Other targets are measured at the end, and can keep a run from proposing.
        others = {"other_targets": [t.identity() for t in self.targets[1:]]} if self.targets[1:] else {}
        return {
            **others,
            "target": self.target.identity(),
            "optimizer": None if self.optimizer is None else self.optimizer.identity(),
            "judge": None if self.judge is None else self.judge.identity(),
            "harness": [self.harness, dict(self.harness_options)] if self.harness_options else self.harness,
            **({} if self.confined else {"sandbox": "off"}),
            "graders": [g.identity() for g in self.graders],
            "split": self.split.model_dump(mode="json"),
            "train": self.train.model_dump(mode="json", exclude={"over_plan"}),
            **({"distractors": [[s.name, s.digest] for s in self.distractors]} if self.distractors else {}),
        }


def resolve(config: Config, tree: Tree) -> tuple[ResolvedSkill, ...]:
    """The skills of a configuration, in its order; a pattern's in the order of their paths.

    Raises:
        ConfigError: a path or pattern that matches no file, or two skills of one name; all of them at once.
    """
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    skills: list[ResolvedSkill] = []
    for index, entry in enumerate(config.skills):
        place = ("skills", index, "path")
        paths = tree.glob(entry.path)
        if not paths:
            problems.append(config.source.problem(place, _missing(entry.path)))
        for path in paths:
            name = skill_name(path)
            if name in seen:
                problems.append(config.source.problem(place, _twice(name, seen[name], path)))
                continue
            seen[name] = path
            try:
                skills.append(_resolved(config, entry, name, path, tree))
                problems += _faults(config, index, skills[-1].graders)
            except ConfigError as error:
                words = "; ".join(f"{p.file}: {p.message}" for p in error.problems) or str(error)
                problems.append(config.source.problem(("skills", index, "graders"), f"skills[{name}].graders: {words}"))
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))  # what is wrong in a pattern's entry is so for all its skills
    return tuple(skills)


def _faults(config: Config, index: int, graders: Sequence[GraderSpec]) -> list[Problem]:
    """What is wrong with the options of an entry's graders, each where it was written."""
    return [
        config.source.problem(("skills", index, "graders", at), words)
        for at, spec in enumerate(graders)
        if (words := fault(spec))
    ]


def skill_name(path: str) -> str:
    """The name of the directory that holds a SKILL.md; `skill` at the root."""
    parts = path.split("/")
    return parts[-2] if len(parts) > 1 else "skill"


def _missing(path: str) -> str:
    kind = "no file matches" if re.search(r"[*?]", path) else "there is no file"
    return f"skills: {kind} '{clean(path, 200)}'"


def _twice(name: str, first: str, second: str) -> str:
    name, first, second = clean(name), clean(first, 200), clean(second, 200)
    if first == second:
        return f"skills[{name}]: '{first}' is configured twice; keep one entry for it"
    return f"skills[{name}]: two skills have the directory name '{name}': '{first}' and '{second}'; rename one"


def _resolved(config: Config, entry: SkillEntry, name: str, path: str, tree: Tree) -> ResolvedSkill:
    limits = merged(config.budget, entry.budget) or config.budget
    several = chosen_targets(config, entry)
    single = () if several else (merged(config.target, entry.target),)
    targets = tuple(ref for t in several or single if (ref := model_ref(config, t)) is not None)
    if not targets:  # load_config refuses such a file
        raise ConfigError(f"skills[{name}]: no target; write `target: {{provider: ..., model: ...}}`")
    return ResolvedSkill(
        name=name,
        path=path,
        tasks=tuple(t.model_copy(update={"path": t.path.replace("{name}", name)}) for t in entry.tasks),
        graders=with_scripts([g.as_spec() for g in entry.graders], tree, ""),
        targets=targets,
        optimizer=model_ref(config, merged(config.optimizer, entry.optimizer)),
        judge=model_ref(config, merged(config.judge, entry.judge)),
        harness=(entry.harness or config.harness).type,
        harness_options=MappingProxyType((entry.harness or config.harness).options),
        distractor_paths=(entry.harness or config.harness).distractors,
        split=merged(config.split, entry.split) or config.split,
        train=merged(config.train, entry.train) or config.train,
        gate=merged(config.gate, entry.gate) or config.gate,
        budget=Limits(**limits.model_dump()),
        own_budget=entry.budget is not None,
        confined=config.sandbox == "auto",
    )


def model_ref(config: Config, chosen: TargetModel | None) -> ModelRef | None:
    """A chosen model with its provider; None when none is chosen (or not wholly, which `load_config` refuses)."""
    if chosen is None or chosen.provider is None or chosen.model is None:
        return None
    return ModelRef(
        provider=chosen.provider,
        model=chosen.model,
        temperature=chosen.temperature,
        max_output_tokens=chosen.max_output_tokens,
        entry=provider_entry(config, chosen.provider),
    )


def provider_entry(config: Config, name: str) -> ProviderEntry:
    """How provider `name` is reached, `type` filled in; a built-in one needs no entry in the file."""
    entry = config.providers.get(name, ProviderEntry())
    return entry if entry.type else entry.model_copy(update={"type": name})
