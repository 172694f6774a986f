"""What `plan` says a run will probably take, from its sizes and from what the ledger knows of the skill."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from skillopt_ci.cli.estimates import AGENT_TURNS
from skillopt_ci.cli.project import Project
from skillopt_ci.cli.shape import shape_of
from skillopt_ci.cli.stored import calls_by_ledger, verdicts_by_ledger
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.costs import Shape
from skillopt_ci.core.digest import digest
from skillopt_ci.core.expected import (
    UNKNOWN,
    Expected,
    by_earlier_runs,
    by_plan,
    ends_at,
    expected_calls,
    pass_rate,
    within,
)
from skillopt_ci.core.method_costs import method_calls
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Limits
from skillopt_ci.core.task import SPLITS, Suite
from skillopt_ci.graders.build import judge_calls

MOST = 0.9  # of the tasks pass: the other case that is told where nobody knows
GENERATIONS = 3  # of the configured seed, whose first validation is looked up
_LUCK = ("seed", "over_plan")  # of two runs alike: what they find, and where they end, not what they would take


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a run would take, and why: the share of tasks that pass (None: not known), what earlier runs took."""

    expected: Expected
    passing: float | None
    tasks_known: int
    if_most_pass: Expected | None
    earlier: tuple[int, ...]


def outlook(project: Project, skill: ResolvedSkill, start: Skill, suite: Suite) -> Outlook:
    """What a run would take that begins now, by its sizes and by what the ledger knows."""
    shape = shape_of(skill, suite)
    verdicts = known_verdicts(project, skill, start, suite)
    passing = pass_rate(verdicts, shape.val)
    earlier = earlier_calls(project, skill, start, suite)
    easy = passing is None and not earlier
    most = _most(skill, shape)
    found = expected_calls(shape, most, UNKNOWN if passing is None else passing)
    return Outlook(
        expected=by_earlier_runs(found, earlier),
        passing=passing,
        tasks_known=sum(map(bool, verdicts)),
        if_most_pass=expected_calls(shape, most, MOST) if easy else None,
        earlier=tuple(earlier),
    )


def planned_end(skill: ResolvedSkill, suite: Suite, likely: int, limits: Sequence[Limits]) -> int | None:
    """Calls at which a run of which `likely` was said ends by its plan; None where it takes what its epochs take.

    A `budget.calls` governs alone; of agents a rollout is more than a call, and other methods have no plan.
    """
    over = skill.train.over_plan
    planned = skill.train.method == "skillopt" and skill.harness == "chat"
    if over is None or not planned or any(each.calls is not None for each in limits):
        return None
    shape = shape_of(skill, suite)
    return ends_at(shape, _most(skill, shape), likely, over)


def _most(skill: ResolvedSkill, shape: Shape) -> int:
    calls = method_calls(skill.train.method, shape)
    return calls.target + calls.optimizer + (shape.targets - 1) * calls.confirmation


def expectation(
    project: Project, skill: ResolvedSkill, start: Skill, suite: Suite, limits: Sequence[Limits]
) -> tuple[Expected, dict[str, object]] | tuple[None, None]:
    """Expected calls of a run under limits (the skill's own first), and as JSON; None where a method has no plan."""
    if skill.train.method != "skillopt":
        return None, None
    known, shape = outlook(project, skill, start, suite), shape_of(skill, suite)
    calls = (1 if skill.harness == "chat" else AGENT_TURNS) + judge_calls(skill.graders, suite.tasks) / len(suite.tasks)

    def limited(expected: Expected) -> Expected:
        end = planned_end(skill, suite, expected.likely, limits)
        return within(expected, shape, limits[0].calls, calls=calls) if end is None else by_plan(expected, end)

    easy = None if known.if_most_pass is None else limited(known.if_most_pass).likely
    told: dict[str, object] = {
        "pass_rate": known.passing,
        "tasks_known": known.tasks_known,
        "likely_if_most_pass": easy,
        "earlier_runs": list(known.earlier),
    }
    found = limited(known.expected)
    return found, {**asdict(found), **told}


def run_settings(skill: ResolvedSkill, start: Skill, suite: Suite) -> str:
    """What two runs have in common that differ in nothing but their luck: text, settings but the seed, and sizes."""
    train = {key: value for key, value in skill.train.model_dump(mode="json").items() if key not in _LUCK}
    made: dict[str, object] = {**skill.fingerprint(), "train": train}
    return digest(["plan", made, start.digest, [len(suite.of([split])) for split in SPLITS]])


def earlier_calls(project: Project, skill: ResolvedSkill, start: Skill, suite: Suite) -> list[int]:
    """Calls that earlier runs of the same settings took; of agents it is not known how many rollouts they were."""
    return calls_by_ledger(project, run_settings(skill, start, suite)) if skill.harness == "chat" else []


def known_verdicts(project: Project, skill: ResolvedSkill, start: Skill, suite: Suite) -> list[list[bool]]:
    """Per train and validation task, whether the runs passed that the ledger has of the skill as it is."""
    replicas = [f"{skill.train.seed}/{n}" for n in range(1, GENERATIONS + 1)]
    tasks = suite.of(["val", "train"])
    found = verdicts_by_ledger(project, [skill], start, tasks, replicas=replicas)
    return [row for verdicts in found for _, row in verdicts]


def expectation_words(expected: Mapping[str, Any], val: int, *, chat: bool) -> list[str]:
    """What is told of it, line by line; `val` are the validation tasks."""
    what = "calls of target and optimizer" if chat else "rollouts and calls of the optimizer"
    least = "when validation is perfect already" if expected["low"] == val else "when it learns nothing, or all at once"
    budget = ", as far as budget.calls allows" * expected["limited"]
    lines = [
        f"probably takes about {expected['likely']} {what}{budget}",
        f"{expected['low']} {least}, {expected['high']} when every epoch finds as much to try as the first",
    ]
    if expected["gates_from"] is not None:
        lines.append(
            "that is probably too little for a first gate beside the closing comparison, without which no edit is "
            f"accepted: a budget.calls of about {expected['gates_from']} has room for one"
        )
    if expected["ends_at"] is not None:
        lines.append(f"it ends at {expected['ends_at']} {what} at the latest (train.over_plan)")
    passing, earlier = expected["pass_rate"], expected["earlier_runs"]
    if earlier:
        lines.append(f"earlier runs with these settings took {', '.join(map(str, earlier))}")
    elif passing is not None:
        lines.append(
            f"by the ledger {100 * passing:.0f}% of {expected['tasks_known']} tasks pass with the skill as it is"
        )
    else:
        others = f"about {expected['likely_if_most_pass']} when {100 * MOST:.0f}% do, {val} when all do"
        lines.append(
            f"assumed that {100 * UNKNOWN:.0f}% of the tasks pass with the skill as it is ({others}); "
            f"`skillopt-ci eval` finds out with {val} rollouts"
        )
    return lines
