"""What more than one key decides: names that must exist, keys that fit a kind, models that are complete."""

from collections.abc import Iterator

from skillopt_ci import plugins
from skillopt_ci.config.explain import prefixed
from skillopt_ci.config.harness import Harness
from skillopt_ci.config.locate import Path
from skillopt_ci.config.overrides import chosen_targets, merged
from skillopt_ci.config.schema import Config, ProviderEntry, SkillEntry, SplitWeights, TargetModel
from skillopt_ci.config.words import clean, show
from skillopt_ci.core.nested import leaves
from skillopt_ci.core.suggestion import suggest
from skillopt_ci.errors import ConfigError, Problem
from skillopt_ci.harnesses.base import AgentKind

ROLES = ("target", "optimizer", "judge")
_OPENAI = ("openai", "azure-openai")
# Keys of a provider entry that only some built-in kinds read; other packages' kinds may read all of them.
_ONLY = {
    "api": _OPENAI,
    "api_version": ("azure-openai",),
    "base_url": (*_OPENAI, "anthropic"),
    "api_key_env": (*_OPENAI, "anthropic"),
    "noise": ("simulated",),
    "latency_ms": ("simulated",),
}


def check(config: Config) -> list[tuple[Path, Problem]]:
    """Every problem with the path it is about; one that several skills inherit comes several times."""
    source = config.source
    return [(path, source.problem(path, prefixed(source, path, words))) for path, words in _found(config)]


def _found(config: Config) -> Iterator[tuple[Path, str]]:
    for name, entry in config.providers.items():
        yield from _provider(name, entry)
    for role in ROLES:
        yield from _provider_name(config, getattr(config, role), (role,))
    yield from _targets(config, config, ())
    yield from _harness(config.harness, ("harness",))
    yield from _registered("methods", config.train.method, ("train", "method"))
    yield from _splits(config.gate.splits, ("gate", "splits"))
    yield from _weights(config.split, ("split",))
    for index, skill in enumerate(config.skills):
        yield from _skill(config, skill, ("skills", index))


def _provider(name: str, entry: ProviderEntry) -> Iterator[tuple[Path, str]]:
    path: Path = ("providers", name)
    kind = entry.type or name
    if not _known("providers", kind):
        words = f"no provider kind {show(kind)}" if entry.type else "the key 'type' is missing"
        hint = suggest(kind, plugins.names("providers")) if entry.type else "; such as `type: openai`"
        yield (*path, "type") if entry.type else path, words + hint
    elif kind in plugins.BUILTIN["providers"]:
        for key in sorted(entry.model_fields_set & _ONLY.keys()):
            if kind not in _ONLY[key]:
                yield (*path, key), f"a provider of type '{kind}' has no such key; it is for {', '.join(_ONLY[key])}"


def _provider_name(config: Config, chosen: TargetModel | None, path: Path) -> Iterator[tuple[Path, str]]:
    if chosen is None or chosen.provider is None or chosen.provider in config.providers:
        return
    if not _known("providers", chosen.provider):
        known = list(dict.fromkeys([*config.providers, *plugins.names("providers")]))
        yield (*path, "provider"), f"there is no provider {show(chosen.provider)}{suggest(chosen.provider, known)}"


def _skill(config: Config, skill: SkillEntry, path: Path) -> Iterator[tuple[Path, str]]:
    yield from _targets(config, skill, path)
    for role in ROLES:
        yield from _provider_name(config, getattr(skill, role), (*path, role))
        if role != "target" or not chosen_targets(config, skill):
            yield from _complete(config, skill, role, path)
    if skill.harness is not None:
        yield from _harness(skill.harness, (*path, "harness"))
    if skill.train is not None:
        yield from _registered("methods", skill.train.method, (*path, "train", "method"))
    yield from _description(config, skill, path)
    if skill.gate is not None:
        yield from _splits(skill.gate.splits, (*path, "gate", "splits"))
    if skill.split is not None:
        yield from _weights(merged(config.split, skill.split) or skill.split, (*path, "split"))
    for index, files in enumerate(skill.tasks):
        if files.format is not None:
            yield from _registered("suites", files.format, (*path, "tasks", index, "format"))
    for index, grader in enumerate(skill.graders):
        yield from _registered("graders", grader.type, (*path, "graders", index, "type"))
        judged = any(spec.type == "judge" for spec in leaves([grader.as_spec()]))
        if judged and config.judge is None and skill.judge is None:
            words = "asks a model; name it at the top level: `judge: {provider: ..., model: ...}`"
            yield (*path, "graders", index, "type"), words


def _description(config: Config, skill: SkillEntry, path: Path) -> Iterator[tuple[Path, str]]:
    """A description is trained with an agent that chooses skills, by the method that knows how."""
    train = merged(config.train, skill.train) or config.train
    if train.what != "description":
        return
    place = (
        (*path, "train", "what") if skill.train is not None and skill.train.what == train.what else ("train", "what")
    )
    chosen = skill.harness or config.harness
    harness = chosen.type
    if harness == "command" and not chosen.options.get("tools"):
        yield place, "of the harness 'command' nobody sees which skill it opens; tell it where with `tools`"
    if _known("harnesses", harness) and not isinstance(plugins.load("harnesses", harness), AgentKind):
        yield place, f"the harness '{clean(harness)}' never shows the description to the target; choose an agent's"
    if train.method not in ("skillopt", "human"):
        yield place, f"the method '{clean(train.method)}' trains bodies only; descriptions need the method 'skillopt'"


def _harness(chosen: Harness, path: Path) -> Iterator[tuple[Path, str]]:
    """It is there, and its options fit."""
    if not _known("harnesses", chosen.type):
        yield from _registered("harnesses", chosen.type, path)
        return
    kind = plugins.load("harnesses", chosen.type)
    if isinstance(kind, AgentKind):
        try:
            kind.make(chosen.options)
        except ConfigError as error:
            yield path, str(error)
    elif chosen.distractors:
        yield (*path, "distractors"), f"the harness '{clean(chosen.type)}' gives the target one skill and no others"
    elif chosen.options:
        yield path, f"the harness '{clean(chosen.type)}' takes no options"


def _targets(config: Config, holder: Config | SkillEntry, path: Path) -> Iterator[tuple[Path, str]]:
    """Every one of several targets is complete, and there is no single one beside them."""
    if holder.targets and holder.target is not None:
        yield (*path, "targets"), "write either `target` or `targets`, not both"
    for index, target in enumerate(holder.targets):
        place = (*path, "targets", index)
        yield from _provider_name(config, target, place)
        for key in ("provider", "model"):
            if getattr(target, key) is None:
                yield place, f"the key '{key}' is missing"


def _complete(config: Config, skill: SkillEntry, role: str, path: Path) -> Iterator[tuple[Path, str]]:
    """A model needs a provider and a model, from the top level or from the skill."""
    own: TargetModel | None = getattr(skill, role)
    chosen = merged(getattr(config, role), own)
    if chosen is None:
        if role == "target":
            yield path, "no target; write at the top level: `target: {provider: ..., model: ...}`"
        return
    for key in ("provider", "model"):
        if getattr(chosen, key) is None:
            yield ((role,) if own is None else (*path, role)), f"the key '{key}' is missing"


def _weights(split: SplitWeights, path: Path) -> Iterator[tuple[Path, str]]:
    if split.train + split.val + split.test == 0:
        yield path, "at least one of train, val and test must be above 0"


def _splits(splits: tuple[str, ...], path: Path) -> Iterator[tuple[Path, str]]:
    if len(set(splits)) < len(splits):
        yield path, "names a split twice"


def _registered(kind: str, name: str, path: Path) -> Iterator[tuple[Path, str]]:
    if not _known(kind, name):
        word = {"harnesses": "harness", "suites": "task format"}.get(kind, kind.removesuffix("s"))
        yield path, f"unknown {word} {show(name)}{suggest(name, plugins.names(kind))}"


def _known(kind: str, name: str) -> bool:
    # Entry points are asked for only when needed: to list them reads every installed distribution.
    return name in plugins.BUILTIN[kind] or name in plugins.names(kind)
