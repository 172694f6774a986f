"""`plan`: what training probably costs, and training and the gate at most, before spending."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

import click

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.estimates import AGENT_TOKENS, AGENT_TURNS, ANSWER_TOKENS, Estimate, likely_calls
from skillopt_ci.cli.expectation import expectation, expectation_words
from skillopt_ci.cli.guard import run, write_json
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options, common
from skillopt_ci.cli.project import no_room, open_project, read_skill, training_suite
from skillopt_ci.cli.shape import shape_of
from skillopt_ci.cli.stored import sizes_by_ledger
from skillopt_ci.cli.work import limits_of, told
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.costs import Calls
from skillopt_ci.core.expected import Expected
from skillopt_ci.core.golden import RUNS
from skillopt_ci.core.method_costs import method_calls
from skillopt_ci.core.spend import Limits, Spend, format_usd
from skillopt_ci.core.task import Task

_CENT = Decimal("0.01")
_LIMITS = {
    "usd": "${}",
    "calls": "{} calls",
    "minutes": "{:g} minutes",
    "month_usd": "${} of all runs in this month",
}
_DIGITS = 3  # of an estimate of tokens


@click.command(help=COMMANDS["plan"])
@common
def command(**shared: Any) -> None:
    """See the help text above."""
    options = Options(**shared)
    run("plan", options, lambda console: _plan(console, options))


def _plan(console: Console, options: Options) -> int:
    project = open_project(options)
    rows: list[dict[str, Any]] = []
    for skill in project.chosen(options.skill):
        suite = training_suite(console, project.tree, skill)
        start = read_skill(project.tree, skill.path, skill.name)
        if (problem := no_room(skill, start)) is not None:
            console.warn(str(problem))
        whole = limits_of(options, project)
        limits = told(options, skill.budget) if skill.own_budget else whole
        calls = method_calls(skill.train.method, shape_of(skill, suite))
        likely, usual = expectation(project, skill, start, suite, [limits, whole])
        ends = _tighter(limits, whole)  # a skill's own limits do not lift those of the command
        usd, month = (None if each is None else str(each) for each in (ends.usd, ends.month_usd))
        budget = {"usd": usd, "calls": ends.calls, "minutes": ends.minutes, "month_usd": month}
        sizes = sizes_by_ledger(project, agents=skill.harness != "chat")
        estimate = Estimate(skill=skill, suite=suite, start=start, sizes=sizes)
        rows.append({**_row(estimate, calls, likely), "expected_calls": usual, "budget": budget})
    shared = [] if len(rows) == 1 else [s.name for s in project.chosen(options.skill) if not s.own_budget]
    for row in rows:
        _show(console, row, "the budget of all skills together" if row["name"] in shared else "the budget")
    console.result(
        f"Assumed where the ledger has no sizes: {ANSWER_TOKENS} tokens an answer, four characters a token. What is at "
        "most is an upper bound: exact stops, early stops and what the ledger already has make it less."
    )
    if any(skill.harness != "chat" for skill in project.chosen(options.skill)):
        console.result(
            f"Agents are an estimate, no upper bound: {AGENT_TURNS} model calls a rollout, {AGENT_TOKENS} tokens of "
            "the agent's own with each, read from the provider's cache from the second on."
        )
    if options.json is not None:
        write_json(options.json, {"schema": "skillopt-ci/plan/1", "exit_code": 0, "skills": rows}, console.scrub)
    return 0


def _row(estimate: Estimate, calls: Calls, likely: Expected | None) -> dict[str, object]:
    """The bounds of one skill as JSON, and what the likely calls cost."""
    skill, most, usual = estimate.skill, estimate.stages(calls), None
    if likely is not None:
        stages = estimate.stages(likely_calls(calls, likely, len(skill.targets)))
        usual = sum(stages.values(), Spend()).as_json()
    held_out = estimate.suite.of(skill.gate.splits)
    one_gate = gate_calls(skill, held_out)
    gate = sum((estimate.rollouts(target, one_gate, held_out) for target in skill.targets), Spend())
    return {
        "name": skill.name,
        "harness": skill.harness,
        "train": {k: v.as_json() for k, v in most.items()},
        "train_total": sum(most.values(), Spend()).as_json(),
        "train_likely": usual,
        "known_sizes": estimate.known(),
        "target_calls": _parts(calls),
        "gate": (gate + estimate.judging(one_gate * len(skill.targets))).as_json(),
    }


def _tighter(one: Limits, other: Limits) -> Limits:
    """Of two limits the lower one, kind by kind."""
    both = ((each.name, (getattr(one, each.name), getattr(other, each.name))) for each in fields(Limits))
    return Limits(**{name: min((v for v in pair if v is not None), default=None) for name, pair in both})


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


def _show(console: Console, row: Mapping[str, Any], budget: str) -> None:
    usual, bound = row["expected_calls"], f"at most {_words(row['train_total'])}"
    if usual is None:
        console.result(f"{row['name']}: training {bound}")
    else:
        chat, val = row["harness"] == "chat", row["target_calls"]["start_validation"]
        first, *more = expectation_words(usual, val, chat=chat)
        judged = ", those of the judge with them" * (row["train"]["judge"]["calls"] > 0)
        console.result(f"{row['name']}: training {first}, {_sizes(row['train_likely'])}{judged}")
        for line in more:
            console.result(f"  {line}")
    ends = [words.format(row["budget"][key]) for key, words in _LIMITS.items() if row["budget"][key] is not None]
    if ends:
        console.result(f"  {budget} ends it at {' or '.join(ends)}")
    for role, answers in row["known_sizes"].items():
        console.result(f"  the {role}'s tokens as {answers} of its answers in the ledger had them")
    if usual is not None:
        console.result(f"  were every candidate measured to the end: {bound}")
    for stage, spend in row["train"].items():
        if spend["calls"]:
            console.result(f"  {stage}: {_words(spend)}")
    parts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in row["target_calls"].items())
    console.result(f"  target calls: {parts}")
    console.result(f"  one gate of this skill: {_words(row['gate'])}")


def _words(spend: Mapping[str, Any]) -> str:
    return f"{spend['calls']} calls, {_sizes(spend)}"


def _sizes(spend: Mapping[str, Any]) -> str:
    usd = "price unknown" if spend["usd"] is None else f"${_cents(Decimal(spend['usd']))}"
    tokens = spend["input_tokens"] + spend["output_tokens"]
    return f"about {round(tokens, min(0, _DIGITS - len(str(tokens)))):,} tokens, {usd}"


def _cents(usd: Decimal) -> str:
    """An estimate to the cent, where it has as much as one."""
    return f"{usd:.2f}" if usd >= _CENT else format_usd(usd)
