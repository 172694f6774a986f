"""What `init` finds in a repository: its skills, and evaluations that can be read as they are."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace

from skillopt_ci.config.resolve import skill_name
from skillopt_ci.core.split import SplitWeights, assign_splits, count_splits
from skillopt_ci.core.task import STARTER_TAG, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders.validate import needs_workspace
from skillopt_ci.suites.checks import about_triggering, duplicate_ids
from skillopt_ci.suites.detect import PART
from skillopt_ci.suites.load import TaskEntry, detect, read_files

# The first place that has skills is theirs; what else lies about are copies, examples and fixtures.
_SKILLS = (
    "skills/*/SKILL.md",
    "SKILL.md",
    "skills/*/*/SKILL.md",
    "plugins/*/skills/*/SKILL.md",
    *(f"{agent}/skills/*/SKILL.md" for agent in (".claude", ".agents", ".github", ".codex")),
    "*/SKILL.md",
)
_OTHERS = frozenset({"node_modules", "site-packages", "third_party", "vendor"})  # what they hold is others' work
_ENDINGS = (".json", ".jsonl", ".yaml", ".yml", ".csv", ".tsv")
# Names that say what they are, wherever they lie.
_OF_ITS_OWN = ("promptfooconfig.", "evals.", "eval.", "benchmark.", "skillopt-benchmark.", "held-out.")
_IN_PARTS = "gbrain"  # the format whose training and held-out tasks are files beside each other
_MOST_FILES, _MOST_SEEDS = 200, 1000
_FEW = 100  # more tasks leave no split empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Skills:
    """Paths of the SKILL.md files of a repository, sorted.

    Attributes:
        taken: of each name the first.
        namesakes: whose name one of those beside them has: a configuration takes a name once.
        left_out: in usual places after the first that has some.
        lie_anywhere: none is in a usual place, so that examples and fixtures may be among them.
    """

    taken: Sequence[str]
    namesakes: Sequence[str]
    left_out: Sequence[str]
    lie_anywhere: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Files with tasks that a chat can be measured on: one, or the parts of one."""

    paths: tuple[str, ...]
    format: str
    tasks: Sequence[Task]

    def seed(self) -> int:
        """The first seed, from the usual one on, that leaves no split of a few tasks empty; else the usual one."""
        usual = SplitWeights()
        if len(self.tasks) > _FEW:
            return usual.seed
        held_out = any(task.split == "test" for task in self.tasks)
        return next(
            (
                seed
                for seed in range(usual.seed, usual.seed + _MOST_SEEDS)
                if all(count_splits(assign_splits(self.tasks, replace(usual, seed=seed), held_out=held_out)).values())
            ),
            usual.seed,
        )


def find_skills(tree: Tree) -> Skills:
    """The skills of a repository: those of the first usual place that has some, else those that lie anywhere."""
    places = [tree.glob(pattern) for pattern in _SKILLS]
    usual = {path for place in places for path in place}
    first = sorted(next(filter(None, places), ())) or _anywhere(tree)
    taken = sorted({skill_name(path): path for path in reversed(first)}.values())
    return Skills(
        taken=taken,
        namesakes=sorted(set(first).difference(taken)),
        left_out=sorted(usual.difference(first)),
        lie_anywhere=bool(first) and not usual,
    )


def _anywhere(tree: Tree) -> list[str]:
    """Skills outside of what was installed or copied from others; all folders are looked through for them."""
    return sorted(path for path in tree.glob("**/SKILL.md") if _OTHERS.isdisjoint(path.split("/")))


def evaluation_of(tree: Tree, skill: str, skills: Skills) -> Evaluation | None:
    """The file with most tasks in the nearest place that has one, or a folder of cases; None when no place has.

    Places are beside the skill, by its name, and at the top for the repository's only skill. A file with an error in it
    is none: `check` would end at it.
    """
    alone = len(skills.taken) == 1 and not skills.namesakes
    names = {posixpath.basename(posixpath.dirname(path)) for path in skills.taken} - {""}
    for place in _places(skill, alone=alone):
        read = [e for path in (*_files(tree, place), *_cases(tree, place)) if (e := _read(tree, path))]
        found = [e for e in read if not _ask_for_a_skill(names, e.tasks)]
        if found:
            most = max(found, key=lambda one: len(one.tasks))
            parts = [one for one in found if one.format == _IN_PARTS] if most.format == _IN_PARTS else [most]
            paths = tuple(path for one in parts for path in one.paths)
            return Evaluation(paths=paths, format=most.format, tasks=[t for one in parts for t in one.tasks])
    return None


def unread_evaluations(tree: Tree, skill: str) -> list[str]:
    """Files in the folders for the evaluations of a skill without one: somebody has tried, and should hear of it."""
    held = [place for place in _places(skill, alone=False) if _holds_evaluations(place)]
    return [path for place in held for path in _files(tree, place) if _read(tree, path) is None]


def asks_which_are_for_it(tree: Tree, path: str) -> bool:
    """Whether a file that was not read holds prompts that are for a skill, and such that are not: no chat chooses."""
    try:
        return detect(path, tree.read(path)) == "triggers"
    except ConfigError:
        return False


def _places(skill: str, *, alone: bool) -> list[str]:
    """Folders that may hold a skill's evaluations, the nearest first."""
    folder = posixpath.dirname(skill)
    places = [posixpath.join(folder, "evals"), folder]
    if folder:
        name, plugin = posixpath.basename(folder), folder.removeprefix("plugins/").partition("/skills/")[0]
        places += [f"{held}/{name}" for held in ("evals", "evals/tests", "tests", f"tests/{plugin}")]
        places += ["evals", ""] if alone else []
    return list(dict.fromkeys(places))


def _holds_evaluations(place: str) -> bool:
    return place.startswith(("evals/", "tests/")) or posixpath.basename(place) == "evals"


def _files(tree: Tree, place: str) -> list[str]:
    """Files that may be evaluations; outside of folders for them only what is named like one."""
    paths = [p for p in tree.glob(f"{place}/*" if place else "*") if p.endswith(_ENDINGS)]
    if not _holds_evaluations(place):
        paths = [p for p in paths if posixpath.basename(p).startswith(_OF_ITS_OWN)]
    return sorted(paths)[:_MOST_FILES]


def _cases(tree: Tree, place: str) -> list[str]:
    """The folder itself where it has one for each case."""
    held = place and any(tree.glob(f"{place}/*/{name}") for name in ("prompt.md", "case.yaml"))
    return [place] if held else []


def _read(tree: Tree, path: str) -> Evaluation | None:
    if tree.glob(path):
        try:
            name = detect(path, tree.read(path))
        except ConfigError:
            return None
    else:
        name = "plugin-eval"
    if name == PART:
        return None
    found = read_files(tree, [TaskEntry(pattern=path)])
    _, tasks = about_triggering(found.tasks)
    gradable = [t for t in tasks if t.graders or t.expected]
    wrong = [p for p in (*found.problems, *duplicate_ids(tasks)) if not p.warning]
    # A chat is what `init` configures.
    if any(needs_workspace(t.graders or ()) for t in tasks):
        return None
    if wrong or not gradable or len(gradable) < len(tasks) or any(STARTER_TAG in t.tags for t in tasks):
        return None
    return Evaluation(paths=(path,), format=name, tasks=gradable)


def _ask_for_a_skill(names: set[str], tasks: Sequence[Task]) -> bool:
    """Whether most answers are names of the repository's skills: a router is asked, and no skill answers like that."""
    return sum(bool(names.intersection(_wanted(task))) for task in tasks) * 2 > len(tasks)


def _wanted(task: Task) -> list[str]:
    """The whole answers that a task accepts."""
    exact = [spec.options.get("values") for spec in task.graders or () if spec.type == "exact"]
    return [str(v).strip() for listed in (task.expected, *exact) if isinstance(listed, list | tuple) for v in listed]
