"""`plan`: what training and the gate can cost at most, before spending."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import click

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.expectation import expectation, expectation_words
from skillopt_ci.cli.guard import run, write_json
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options, common
from skillopt_ci.cli.project import no_room, open_project, read_skill, training_suite
from skillopt_ci.cli.shape import shape_of
from skillopt_ci.cli.work import limits_of, told
from skillopt_ci.config.access import pricer
from skillopt_ci.config.resolve import ModelRef, ResolvedSkill
from skillopt_ci.core.costs import Calls
from skillopt_ci.core.golden import RUNS
from skillopt_ci.core.media import usual_tokens
from skillopt_ci.core.method_costs import method_calls
from skillopt_ci.core.skill import Skill, estimate_tokens
from skillopt_ci.core.spend import Spend, format_usd
from skillopt_ci.core.task import Suite, Task
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.engine.judge_trial import trials
from skillopt_ci.graders.build import judge_calls

# Assumed sizes of what nobody can know before: an answer, and what an optimizer reads and writes per trajectory.
ANSWER_TOKENS = 300
TRAJECTORY_TOKENS = 900
EDITS_TOKENS = 700
_CENT = Decimal("0.01")
_LIMITS = {"usd": "${}", "calls": "{} calls", "minutes": "{:g} minutes"}
# Of an agent: model calls of a rollout, and what it sends with each beside the task: its own prompt, tools, history.
AGENT_TURNS = 8
AGENT_TOKENS = 12_000


@click.command(help=COMMANDS["plan"])
@common
def command(**shared: Any) -> None:
    """See the help text above."""
    options = Options(**shared)
    run("plan", options, lambda console: _plan(console, options))


def _plan(console: Console, options: Options) -> int:
    project = open_project(options)
    rows: list[dict[str, object]] = []
    for skill in project.chosen(options.skill):
        suite = training_suite(console, project.tree, skill)
        start = read_skill(project.tree, skill.path, skill.name)
        if (problem := no_room(skill, start)) is not None:
            console.warn(str(problem))
        whole = limits_of(options, project)
        limits = told(options, skill.budget) if skill.own_budget else whole
        calls = method_calls(skill.train.method, shape_of(skill, suite))
        usual = expectation(project, skill, start, suite, [limits, whole])
        usd = None if limits.usd is None else str(limits.usd)
        budget = {"usd": usd, "calls": limits.calls, "minutes": limits.minutes}
        rows.append({**_row(skill, suite, start, calls), **usual, "budget": budget})
    for row in rows:
        _show(console, row)
    console.result(
        f"Upper bounds. Assumed: {ANSWER_TOKENS} tokens an answer, four characters a token; exact stops, early stops "
        "and what the ledger already has make it less."
    )
    if any(skill.harness != "chat" for skill in project.chosen(options.skill)):
        console.result(
            f"Agents are an estimate, no upper bound: {AGENT_TURNS} model calls a rollout, {AGENT_TOKENS} tokens of "
            "the agent's own with each, read from the provider's cache from the second on."
        )
    if options.json is not None:
        write_json(options.json, {"schema": "skillopt-ci/plan/1", "exit_code": 0, "skills": rows}, console.scrub)
    return 0


def _row(skill: ResolvedSkill, suite: Suite, start: Skill, calls: Calls) -> dict[str, object]:
    """The bounds of one skill as JSON."""
    per_answer = judge_calls(skill.graders, suite.tasks) / len(suite.tasks)
    tested = sum(len(t.grader.samples.listed) * t.grader.votes for t in trials(skill.graders, suite.tasks, None))
    held_out = suite.of(skill.gate.splits)
    stages = {
        "target": _rollouts(skill, skill.target, calls.target, _prompt_tokens(start, suite.tasks)),
        "judge": _spend(skill.judge, round(calls.target * per_answer) + tested, 2 * ANSWER_TOKENS, ANSWER_TOKENS),
        "optimizer": _spend(
            skill.optimizer,
            calls.optimizer,
            start.tokens + skill.train.minibatch_size * TRAJECTORY_TOKENS,
            EDITS_TOKENS,
        ),
    }
    for other in skill.targets[1:]:  # the closing comparison is made on each of them
        size, role = _prompt_tokens(start, suite.of(["test"])), f"target {other.label}"
        stages[role] = _spend(other, calls.confirmation, size, ANSWER_TOKENS)
        asked = round(calls.confirmation * per_answer)
        stages["judge"] += _spend(skill.judge, asked, 2 * ANSWER_TOKENS, ANSWER_TOKENS)
    one_gate = gate_calls(skill, held_out)
    size = _prompt_tokens(start, held_out)
    gate = sum((_rollouts(skill, target, one_gate, size) for target in skill.targets), Spend())
    return {
        "name": skill.name,
        "harness": skill.harness,
        "train": {k: v.as_json() for k, v in stages.items()},
        "train_total": sum(stages.values(), Spend()).as_json(),
        "target_calls": _parts(calls),
        "gate": (
            gate + _spend(skill.judge, round(one_gate * len(skill.targets) * per_answer) + tested, 600, ANSWER_TOKENS)
        ).as_json(),
    }


def gate_calls(skill: ResolvedSkill, held_out: Sequence[Task]) -> int:
    """Runs that a gate takes at most on one target: every round with the base beside the head, golden tasks again."""
    rounds = skill.gate.max_rounds
    return sum(rounds + (max(rounds, RUNS) if t.golden else rounds) for t in held_out)


def _parts(calls: Calls) -> dict[str, int]:
    return {
        "start_validation": calls.start_validation,
        "rollouts": calls.rollouts,
        "screening": calls.screening,
        "validation": calls.validation,
        "slow_update": calls.slow_update,
        "confirmation": calls.confirmation,
    }


def _rollouts(skill: ResolvedSkill, ref: ModelRef, rollouts: int, input_tokens: int) -> Spend:
    """Rollouts on a target: one call each in direct chat; of an agent an estimate, as nobody knows its turns before."""
    if skill.harness == "chat":
        return _spend(ref, rollouts, input_tokens, ANSWER_TOKENS)
    calls = rollouts * AGENT_TURNS
    usage = Usage(
        input_tokens=calls * (AGENT_TOKENS + input_tokens),
        cached_tokens=(calls - rollouts) * AGENT_TOKENS,
        output_tokens=calls * ANSWER_TOKENS,
    )
    return Spend(calls=calls, usage=usage, usd=pricer(ref).price(ref.model, usage))


def _spend(ref: ModelRef | None, calls: int, input_tokens: int, output_tokens: int) -> Spend:
    """Calls of a model at assumed sizes; nothing for a role that nobody plays."""
    if ref is None or not calls:
        return Spend()
    usage = Usage(input_tokens=calls * input_tokens, output_tokens=calls * min(output_tokens, ref.max_output_tokens))
    one = pricer(ref).price(ref.model, usage)
    return Spend(calls=calls, usage=usage, usd=None if one is None else Decimal(one))


def _prompt_tokens(skill: Skill, tasks: tuple[Task, ...]) -> int:
    """Mean tokens of what the target is sent."""
    sizes = [estimate_tokens(t.prompt + t.context) + sum(usual_tokens(f) for f in t.files) for t in tasks]
    return skill.tokens + (-(-sum(sizes) // len(sizes)) if sizes else 0)


def _show(console: Console, row: dict[str, Any]) -> None:
    console.result(f"{row['name']}: training at most {_words(row['train_total'])}")
    usual = row["expected_calls"]
    if usual is not None:
        for line in expectation_words(usual, row["target_calls"]["start_validation"], chat=row["harness"] == "chat"):
            console.result(f"  {line}")
    ends = [words.format(row["budget"][key]) for key, words in _LIMITS.items() if row["budget"][key] is not None]
    if ends:
        console.result(f"  the budget ends it at {' or '.join(ends)}")
    for stage, spend in row["train"].items():
        if spend["calls"]:
            console.result(f"  {stage}: {_words(spend)}")
    parts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in row["target_calls"].items())
    console.result(f"  target calls: {parts}")
    console.result(f"  one gate of this skill: {_words(row['gate'])}")


def _words(spend: dict[str, Any]) -> str:
    usd = "price unknown" if spend["usd"] is None else f"${_cents(Decimal(spend['usd']))}"
    tokens = spend["input_tokens"] + spend["output_tokens"]
    return f"{spend['calls']} calls, about {tokens} tokens, {usd}"


def _cents(usd: Decimal) -> str:
    """An estimate to the cent, where it has as much as one."""
    return f"{usd:.2f}" if usd >= _CENT else format_usd(usd)
