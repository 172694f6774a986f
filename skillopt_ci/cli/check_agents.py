"""The part of `check` and `doctor` that looks for agents on this machine: their programs, and a sandbox."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from skillopt_ci import plugins
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.config.schema import Config
from skillopt_ci.core.nested import leaves
from skillopt_ci.core.scripts import SCRIPT
from skillopt_ci.core.task import Task
from skillopt_ci.errors import Problem
from skillopt_ci.harnesses.agent import Agent
from skillopt_ci.harnesses.base import AgentKind
from skillopt_ci.harnesses.present import missing, unfit
from skillopt_ci.sandbox.bubblewrap import HELP, STEP, preflight


def agents_of(skills: Sequence[ResolvedSkill]) -> Iterator[tuple[ResolvedSkill, Agent]]:
    """The agent of every harness that the skills use, once, with the first skill that uses it."""
    seen: list[object] = []
    for skill in skills:
        kind, chosen = plugins.load("harnesses", skill.harness), [skill.harness, dict(skill.harness_options)]
        if isinstance(kind, AgentKind) and chosen not in seen:
            seen.append(chosen)
            yield skill, kind.make(skill.harness_options)  # its options were read with the configuration


def needs_sandbox(config: Config, skills: Sequence[ResolvedSkill], tasks: Iterable[Task]) -> bool:
    """Something of the skills, or of their tasks, runs in a sandbox."""
    if config.sandbox == "off":
        return False
    if any(isinstance(plugins.load("harnesses", s.harness), AgentKind) for s in skills):
        return True
    graders = (*(s.graders for s in skills), *(t.graders or () for t in tasks))
    return any(g.type == SCRIPT for specs in graders for g in leaves(specs))


def unfit_agents(config: Config, skills: Sequence[ResolvedSkill]) -> list[Problem]:
    """Agents that cannot ask their target, wherever they run: errors."""
    found = []
    for skill in skills:
        for _, agent in agents_of([skill]):
            whys = (unfit(agent, ref.provider, ref.entry.type) for ref in skill.targets)
            said = [f"{skill.name}: harness '{skill.harness}': {why}" for why in whys if why]
            found += [config.source.problem(_place(config, skill), words) for words in said]
    return found


def missing_here(config: Config, skills: Sequence[ResolvedSkill], tasks: Iterable[Task]) -> list[Problem]:
    """What these skills and their tasks need and this machine lacks: warnings, as nothing need be measured here.

    Runs nothing that a configuration names: `check` reads the one of a pull request.
    """
    found = []
    for skill, agent in agents_of(skills):
        why = missing(agent, confined=config.sandbox != "off")
        if why:
            said = f"harness '{skill.harness}' cannot run on this machine: {why}"
            found.append(config.source.problem(_place(config, skill), said))
    if needs_sandbox(config, skills, tasks):
        why = preflight()
        if why:
            place = ("sandbox",) if "sandbox" in config.model_fields_set else _place(config, skills[0])
            found.append(config.source.problem(place, HELP.format(why=why, step=STEP)))
    return [replace(p, warning=True) for p in found]


def _place(config: Config, skill: ResolvedSkill) -> tuple[str | int, ...]:
    """Where a skill's harness is written."""
    for index, entry in enumerate(config.skills):
        own = entry.harness
        if own is not None and (own.type, dict(own.options)) == (skill.harness, dict(skill.harness_options)):
            return "skills", index, "harness"
    return ("harness",)
