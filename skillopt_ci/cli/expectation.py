"""What `plan` says a run will probably take, from its sizes and from what the ledger knows of the skill."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from skillopt_ci.cli.project import Project
from skillopt_ci.cli.stored import calls_by_ledger, verdicts_by_ledger
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.costs import Shape
from skillopt_ci.core.digest import digest
from skillopt_ci.core.expected import UNKNOWN, Expected, by_earlier_runs, expected_calls, pass_rate, within
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Limits
from skillopt_ci.core.task import SPLITS, Suite

MOST = 0.9  # of the tasks pass: the other case that is told where nobody knows
GENERATIONS = 3  # of the configured seed, whose first validation is looked up


def expectation(
    skill: ResolvedSkill,
    shape: Shape,
    most: int,
    limits: Limits,
    *,
    verdicts: Sequence[Sequence[bool]],
    earlier: Sequence[int],
) -> dict[str, object]:
    """Expected calls as JSON.

    With the share of tasks that pass, None where the verdicts do not tell, and with what `earlier` runs took.
    """
    if skill.train.method != "skillopt":
        return {"expected_calls": None}
    passing = pass_rate(verdicts, shape.val)

    def at(rate: float) -> Expected:
        return within(by_earlier_runs(expected_calls(shape, most, rate), earlier), limits.calls, val=shape.val)

    found = asdict(at(UNKNOWN if passing is None else passing))
    easy = at(MOST).likely if passing is None and not earlier else None
    known: dict[str, object] = {
        "pass_rate": passing,
        "tasks_known": sum(map(bool, verdicts)),
        "likely_if_most_pass": easy,
    }
    return {"expected_calls": {**found, **known, "earlier_runs": list(earlier)}}


def run_settings(skill: ResolvedSkill, start: Skill, suite: Suite) -> str:
    """What two runs have in common that differ in nothing but their luck: text, settings but the seed, and sizes."""
    train = {key: value for key, value in skill.train.model_dump(mode="json").items() if key != "seed"}
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
        f"probably about {expected['likely']} {what}{budget}: {expected['low']} {least}, {expected['high']} when every "
        "epoch finds as much to try as the first"
    ]
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
