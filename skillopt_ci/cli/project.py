"""The user's project: where its configuration is, its skills and tasks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.options import Options
from skillopt_ci.config.load import load_config
from skillopt_ci.config.resolve import ResolvedSkill, resolve, skill_name
from skillopt_ci.config.schema import Config
from skillopt_ci.config.words import clean
from skillopt_ci.core.media import cannot_be_sent
from skillopt_ci.core.scripts import suite_with_scripts
from skillopt_ci.core.skill import Skill, parse_skill
from skillopt_ci.core.split import SplitWeights
from skillopt_ci.core.suggestion import suggest
from skillopt_ci.core.task import SPLITS, STARTER_TAG, Suite
from skillopt_ci.core.texts import plural
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError, Problem, UsageError
from skillopt_ci.forge.tree import bundled
from skillopt_ci.forge.worktree import WorkTree
from skillopt_ci.graders.validate import needs_workspace, validate
from skillopt_ci.suites.base import Loss
from skillopt_ci.suites.load import TaskEntry, load_suite
from skillopt_ci.suites.losses import report

CONFIG_NAMES = ("skillopt.yml", ".github/skillopt.yml")
MISNAMED = tuple(name.removesuffix("yml") + "yaml" for name in CONFIG_NAMES)
RENAME = f"rename it to {CONFIG_NAMES[0]}, or name it with --config"


@dataclass(frozen=True, kw_only=True)
class Project:
    """A configuration read from a tree. `root` is the folder that all its paths are relative to."""

    root: Path
    tree: Tree
    config_path: str
    config: Config
    skills: tuple[ResolvedSkill, ...]

    def chosen(self, names: Sequence[str]) -> tuple[ResolvedSkill, ...]:
        """The skills named by --skill, or all. Raises `UsageError` for a name that is not there."""
        known = {s.name: s for s in self.skills}
        require_names(names, list(known))
        return tuple(known[n] for n in dict.fromkeys(names)) if names else self.skills


def require_names(names: Sequence[str], known: Sequence[str]) -> None:
    """Raises `UsageError` for a name of --skill that is not known, with a suggestion."""
    for name in names:
        if name not in known:
            raise UsageError(f"--skill {name}: no such skill{suggest(name, known, told='configured')}")


def find_root(config: Path | None, start: Path) -> tuple[Path, str]:
    """The project's root and the configuration's path below it.

    Without --config the nearest folder from `start` upwards that has a skillopt.yml, up to the repository's root.

    Raises:
        UsageError: there is none.
    """
    if config is not None:
        if not config.is_file():
            what = "is a folder; name the file in it" if config.is_dir() else "there is no such file"
            raise UsageError(f"--config {config}: {what}")
        place = config.resolve()
        root = place.parent.parent if place.parent.name == ".github" else place.parent
        return root, place.relative_to(root).as_posix()
    other = ""
    for folder in (start.resolve(), *start.resolve().parents):
        for name, wrong in zip(CONFIG_NAMES, MISNAMED, strict=True):
            if (folder / name).is_file():
                return folder, name
            if (folder / wrong).is_file():
                other = other or str(folder / wrong)
        if (folder / ".git").exists():
            break
    if other:
        raise UsageError(f"{other}: {RENAME}")
    raise UsageError("no skillopt.yml here or above; `skillopt-ci init` writes one, --config names another")


def open_project(options: Options) -> Project:
    """Read the configuration of the working tree. Raises `ConfigError` with every problem."""
    root, path = find_root(options.config, Path.cwd())
    return read_project(root, WorkTree(root), path)


def read_project(root: Path, tree: Tree, path: str) -> Project:
    """Read a configuration from a tree. Raises `ConfigError` with every problem."""
    config = load_config(tree, path)
    skills = tuple(replace(s, distractors=_distractors(tree, path, s)) for s in resolve(config, tree))
    return Project(root=root, tree=tree, config_path=path, config=config, skills=skills)


def _distractors(tree: Tree, config: str, skill: ResolvedSkill) -> tuple[Skill, ...]:
    """The skills that stand beside one, in the order of their names; never one of its own name."""
    found: dict[str, Skill] = {}
    for pattern in skill.distractor_paths:
        paths = tree.glob(pattern)
        if not paths:
            raise ConfigError.about(config, f"harness.distractors: no file matches '{clean(pattern, 200)}'")
        for path in paths:
            found[skill_name(path)] = read_skill(tree, path, skill_name(path))
    return tuple(s for name, s in sorted(found.items()) if name != skill.name)


def read_skill(tree: Tree, path: str, name: str) -> Skill:
    """Read a skill with the digests of its bundled files. Raises `ConfigError`."""
    skill = parse_skill(tree.read(path), path=path, name=name, bundle=bundled(tree, path))
    return replace(skill, name=name)


def no_room(skill: ResolvedSkill, start: Skill) -> Problem | None:
    """A warning that training cannot add a word to a skill: it is longer than the policy allows already."""
    limit = skill.train.policy.max_skill_tokens
    if start.tokens <= limit:
        return None
    message = (
        f"the body has about {start.tokens} tokens, and train.policy.max_skill_tokens is {limit}: training could not "
        "add anything; raise the limit, or move what is rarely needed into files beside the skill"
    )
    return Problem(skill.path, 0, 0, message, True)


def declared_name(tree: Tree, path: str) -> str | None:
    """The `name` of a skill's frontmatter; None when there is none, or the file cannot be read."""
    try:
        return parse_skill(tree.read(path), path=path, name="").name or None
    except ConfigError:
        return None


def suite_problems(tree: Tree, skill: ResolvedSkill, need: Sequence[str]) -> tuple[Suite, list[Problem]]:
    """As `read_all`; what foreign files lost is among the warnings, like with like."""
    suite, problems, losses = read_all(tree, skill, need)
    return suite, [*problems, *report(losses)]


def read_all(tree: Tree, skill: ResolvedSkill, need: Sequence[str]) -> tuple[Suite, list[Problem], list[Loss]]:
    """Read a skill's tasks and check its graders against them: errors and warnings, and what foreign files lost."""
    entries = [TaskEntry(pattern=t.path, format=t.format) for t in skill.tasks]
    weights = SplitWeights(**skill.split.model_dump())
    always_given = skill.harness == "chat"
    suite, problems, losses = load_suite(tree, entries, split=weights, need=need, triggers=skill.chooses)
    try:
        suite = suite_with_scripts(suite, tree)
    except ConfigError as error:
        problems += error.problems
    problems += _starters(suite)
    problems += _ignored(suite) if always_given else []
    said: set[str] = set()
    for task in suite.tasks:
        specs = skill.graders if task.graders is None else task.graders
        in_chat = (cannot_be_sent(task.files), needs_workspace(specs)) if always_given else ()
        for message in (*filter(None, in_chat), *validate(specs, task)):
            if message not in said:  # a grader of the whole suite is wrong once, not once a task
                said.add(message)
                problems.append(task.source.problem(message))
    return suite, problems, losses


def _ignored(suite: Suite) -> list[Problem]:
    """A warning when tasks have commands that only an agent's workspace runs."""
    found = [t for t in suite.tasks if t.setup]
    if not found:
        return []
    words = f"`setup` of {plural(len(found), 'task')} is ignored: direct chat has no workspace; choose an agent harness"
    return [found[0].source.problem(words, warning=True)]


def _starters(suite: Suite) -> list[Problem]:
    """A warning when tasks are still those that `init` wrote."""
    found = [t for t in suite.tasks if STARTER_TAG in t.tags]
    if not found:
        return []
    message = f"{len(found)} starter tasks are still here; replace them by tasks of your own"
    return [found[0].source.problem(message, warning=True)]


def read_suite(console: Console, tree: Tree, skill: ResolvedSkill, need: Sequence[str]) -> Suite:
    """Read a skill's tasks for a command that measures them; warnings are details, but for starter tasks.

    Raises:
        ConfigError: anything is wrong with them, all of it.
    """
    suite, problems = suite_problems(tree, skill, need)
    errors = [p for p in problems if not p.warning]
    if errors:
        raise ConfigError(errors)
    loud = _starters(suite)  # to measure placeholders costs money and says nothing
    for problem in problems:
        (console.warn if problem in loud else console.detail)(str(problem))
    return suite


def training_suite(console: Console, tree: Tree, skill: ResolvedSkill) -> Suite:
    """The tasks that a skill is trained with; for its description those that ask whether it triggers.

    Raises:
        ConfigError: anything is wrong with them, all of it.
    """
    suite = read_suite(console, tree, skill, need=SPLITS)
    asking = trained_on(suite, skill)
    if skill.train.what == "body":
        return asking
    for split in SPLITS:
        wanted = {t.should_trigger for t in asking.of([split])}
        if wanted != {True, False}:
            what = "none" if not wanted else f"none with `should_trigger: {'false' if True in wanted else 'true'}`"
            raise ConfigError(
                f"skills[{skill.name}]: train.what: description needs tasks with `should_trigger: true` and "
                f"`should_trigger: false` in every split; {split} has {what}"
            )
    return asking


def trained_on(suite: Suite, skill: ResolvedSkill) -> Suite:
    """Of a skill's tasks those that it is trained with: all, or for its description those about triggering."""
    if skill.train.what == "body":
        return suite
    return Suite(tasks=tuple(t for t in suite.tasks if t.should_trigger is not None))
