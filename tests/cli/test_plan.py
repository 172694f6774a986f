"""`plan`: what training probably takes and costs, and at most, before anything is bought."""

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.cli.estimates import TRAJECTORY_TOKENS, likely_calls
from skillopt_ci.core.costs import Calls
from skillopt_ci.core.expected import Expected
from skillopt_ci.core.skill import parse_skill
from skillopt_ci.core.trajectory import Usage
from tests.cli.world import CONFIG, GOOD, PATH, SKILL, answers, call, call_json, config, files, write

MINI = {"provider": "openai", "model": "gpt-5.4-mini"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "p", files())
    return tmp_path / "p"


def planned(root: Path) -> dict[str, Any]:
    """What `plan` says of the one skill."""
    row: dict[str, Any] = call_json(root, "plan")[1]["skills"][0]
    return row


def test_plan_is_an_upper_bound_in_calls_tokens_and_usd(root: Path) -> None:
    done, value = call_json(root, "plan")
    (row,) = value["skills"]
    assert done.code == 0
    assert row["train"]["target"]["calls"] == sum(row["target_calls"].values())
    assert row["gate"]["usd"] == "0"
    optimizer = row["train"]["optimizer"]  # reads the skill and a minibatch of two runs
    read = parse_skill(SKILL.encode(), path=PATH, name="invoices").tokens + 2 * TRAJECTORY_TOKENS
    assert optimizer["input_tokens"] == optimizer["calls"] * read > 0
    assert "What is at most is an upper bound" in done.out
    bought = call_json(root, "train")[1]["skills"][0]["spend"]["paid"]["calls"]
    assert bought <= row["train_total"]["calls"]
    usual = row["expected_calls"]
    assert usual["low"] <= usual["likely"] <= usual["high"] <= row["train_total"]["calls"]
    assert f"training probably takes about {usual['likely']} calls of target and optimizer, about " in done.out
    assert not usual["limited"]
    limit = usual["likely"] - 1
    write(root, {CONFIG: config(budget={"calls": limit})})
    limited, told = call_json(root, "plan")
    assert told["skills"][0]["expected_calls"]["likely"] == limit
    assert "as far as budget.calls allows" in limited.out
    assert "too little for a first gate" not in limited.out


def test_plan_says_that_a_small_budget_of_calls_has_no_room_for_a_gate(root: Path) -> None:
    """And what such a run takes: it keeps the closing comparison back to the end, and never makes it."""
    limit = planned(root)["expected_calls"]["likely"] // 2
    write(root, {CONFIG: config(budget={"calls": limit})})
    done, value = call_json(root, "plan")
    (row,) = value["skills"]
    usual = row["expected_calls"]
    assert usual["low"] == usual["likely"] == limit - row["target_calls"]["confirmation"]
    assert usual["gates_from"] > limit
    assert (
        f"too little for a first gate beside the closing comparison, without which no edit is accepted: a budget.calls "
        f"of about {usual['gates_from']} has room for one" in done.out
    )
    assert row["train_likely"]["calls"] == usual["likely"]
    trained, told = call_json(root, "train")
    assert (trained.code, told["skills"][0]["spend"]["paid"]["calls"]) == (4, usual["likely"])


def test_plan_knows_the_pass_rate_that_the_ledger_has(root: Path) -> None:
    """From `eval`, or from the first validation of a training; of another text of the skill it says nothing."""
    write(root, {CONFIG: config(train={**json.loads(config())["train"], "epochs": 6})})

    def told() -> tuple[str, dict[str, Any]]:
        done, value = call_json(root, "plan")
        return done.out, value["skills"][0]["expected_calls"]

    out, guess = told()
    assert (guess["pass_rate"], guess["tasks_known"]) == (None, 0)
    assert guess["likely_if_most_pass"] < guess["likely"]
    assert f"50% of the tasks pass with the skill as it is (about {guess['likely_if_most_pass']} when 90% do, 10" in out
    assert "`skillopt-ci eval` finds out with 10 rollouts" in out
    _, scored = call_json(root, "eval")
    passed = scored["skills"][0]["mean"]  # every task is right or wrong
    out, known = told()
    assert (known["pass_rate"], known["tasks_known"], known["likely_if_most_pass"]) == (passed, 10, None)
    assert f"by the ledger {100 * passed:.0f}% of 10 tasks pass" in out
    assert known["likely"] != guess["likely"]
    shutil.rmtree(root / ".skillopt")
    call(root, "train")
    assert told()[1]["pass_rate"] is not None
    write(root, {PATH: SKILL + "- One more line.\n"})
    assert told()[1]["pass_rate"] is None


def test_plan_knows_what_earlier_runs_of_the_same_settings_took(root: Path) -> None:
    """Of those that came to their end by themselves; a judge's calls are not among them."""
    judge = {"provider": "models", "model": "j"}
    skill = {**json.loads(config())["skills"][0], "graders": [{"type": "judge", "rubric": "It has the date."}]}

    def earlier() -> tuple[list[int], int, str]:
        done, value = call_json(root, "plan")
        found = value["skills"][0]["expected_calls"]
        return found["earlier_runs"], found["likely"], done.out

    write(root, {CONFIG: config(judge=judge, skills=[skill])})
    took = []
    for seed in ("1", "2"):
        (entry,) = call_json(root, "train", "--seed", seed)[1]["skills"]
        took.append(sum(row["calls"] for row in entry["costs"] if row["stage"] != "judge"))
        assert any(row["stage"] == "judge" for row in entry["costs"])
    assert call(root, "train", "--seed", "3", "--max-calls", "150").code == 4
    runs, likely, out = earlier()
    assert (runs, likely) == (took, round(sum(took) / 2))
    assert f"earlier runs with these settings took {', '.join(map(str, runs))}" in out
    write(root, {PATH: SKILL + "- One more line.\n"})
    assert earlier()[0] == []


def test_plan_needs_no_ledger_that_can_be_read(root: Path) -> None:
    _, expected = call_json(root, "plan")
    write(root, {".skillopt/ledger.sqlite": b"no ledger"})
    done, value = call_json(root, "plan")
    assert (done.code, value) == (0, expected)


def test_plan_of_a_skill_that_passes_everything(root: Path) -> None:
    write(root, {CONFIG: config(providers={"models": {"type": "simulated", "noise": 0}}), PATH: GOOD})
    _, scored = call_json(root, "eval")
    assert scored["skills"][0]["mean"] == 1
    done, value = call_json(root, "plan")
    assert value["skills"][0]["expected_calls"]["likely"] == 10
    assert "training probably takes about 10 calls of target and optimizer, about" in done.out
    assert "  10 when validation is perfect already, " in done.out
    assert call_json(root, "train")[1]["skills"][0]["spend"]["paid"]["calls"] == 10


def test_plan_knows_prices_and_says_when_it_does_not(root: Path) -> None:
    role = {"provider": "openai", "model": "gpt-5.4-mini"}
    write(root, {CONFIG: config(target=role, optimizer=role, providers=None)})
    _, value = call_json(root, "plan")
    assert Decimal(value["skills"][0]["train_total"]["usd"]) > 0
    write(root, {CONFIG: config(target={**role, "model": "nobody-knows-it"}, optimizer=role, providers=None)})
    done, value = call_json(root, "plan")
    assert value["skills"][0]["train_total"]["usd"] is None
    assert "price unknown" in done.out


def test_plan_counts_in_cents_and_says_where_the_budget_ends_it(root: Path) -> None:
    role = {"provider": "openai", "model": "gpt-5.4-mini"}
    limits = {"usd": 2.5, "calls": 70, "minutes": 15, "month_usd": 9}
    write(root, {CONFIG: config(target=role, optimizer=role, providers=None, budget=limits)})
    done, value = call_json(root, "plan")
    assert value["skills"][0]["budget"] == {"usd": "2.5", "calls": 70, "minutes": 15, "month_usd": "9"}
    ends = "  the budget ends it at $2.5 or 70 calls or 15 minutes or $9 of all runs in this month"
    assert ends in done.out.splitlines()
    prices = [
        word.rstrip(",") for line in done.out.splitlines() if " calls, about " in line for word in line.split("$")[1:]
    ]
    assert len(prices) == 4
    assert all(len(price.partition(".")[2]) == 2 for price in prices)
    write(root, {CONFIG: config(budget=None)})
    assert "the budget ends it" not in call(root, "plan").out


def test_plan_says_that_skills_share_the_budget_of_a_command(root: Path) -> None:
    first = json.loads(config())["skills"][0]
    second = {**first, "path": "skills/second/SKILL.md"}
    third = {**first, "path": "skills/third/SKILL.md", "budget": {"calls": 50}}
    more = {skill["path"]: GOOD for skill in (second, third)}
    write(root, {CONFIG: config(skills=[first, second, third], budget={"usd": 2}), **more})
    shown = call(root, "plan").out.splitlines()
    assert [line for line in shown if "ends it at $" in line] == [
        "  the budget of all skills together ends it at $2",
        "  the budget of all skills together ends it at $2",
        "  the budget ends it at $2 or 50 calls",
    ]
    assert "  the budget ends it at $2" in call(root, "plan", "--skill", "second").out.splitlines()


def test_plan_names_the_end_that_comes_first_of_a_skills_own_budget_and_the_commands(root: Path) -> None:
    skill = {**json.loads(config())["skills"][0], "budget": {"calls": 60, "minutes": 10}}
    write(root, {CONFIG: config(budget={"calls": 40, "minutes": 20}, skills=[skill])})
    done, value = call_json(root, "plan")
    assert value["skills"][0]["budget"] == {"usd": None, "calls": 40, "minutes": 10, "month_usd": None}
    assert "  the budget ends it at 40 calls or 10 minutes" in done.out.splitlines()


def test_plan_without_an_optimizer_or_with_a_judge(root: Path) -> None:
    judge = {"provider": "models", "model": "j"}
    skill = {**json.loads(config())["skills"][0], "graders": [{"type": "judge", "rubric": "Is it right?", "votes": 3}]}
    write(root, {CONFIG: config(optimizer=None, judge=judge, skills=[skill])})
    done, value = call_json(root, "plan")
    stages = value["skills"][0]["train"]
    assert (stages["optimizer"]["calls"], stages["judge"]["calls"]) == (0, 3 * stages["target"]["calls"])
    assert "judge: " in done.out
    gate = value["skills"][0]["gate"]["calls"]
    targets = [{"provider": "models", "model": name} for name in ("m", "large")]
    write(root, {CONFIG: config(optimizer=None, judge=judge, skills=[skill], target=None, targets=targets)})
    (row,) = call_json(root, "plan")[1]["skills"]
    closing = row["target_calls"]["confirmation"]
    assert row["gate"]["calls"] == 2 * gate  # every rollout and its three votes, on each
    assert row["train"]["target models/large"]["calls"] == closing > 0
    assert row["train"]["judge"]["calls"] == 3 * (row["train"]["target"]["calls"] + closing)


def test_plan_counts_the_judge_where_a_budget_of_calls_does(root: Path) -> None:
    skill = {**json.loads(config())["skills"][0], "graders": [{"type": "judge", "rubric": "Is it right?", "votes": 3}]}
    judged: dict[str, Any] = {"judge": {"provider": "models", "model": "j"}, "skills": [skill]}
    write(root, {CONFIG: config(**judged)})
    free = planned(root)
    limit = 7 * free["expected_calls"]["likely"] // 2  # with room for a first gate
    write(root, {CONFIG: config(**judged, budget={"calls": limit})})
    row = planned(root)
    assert row["expected_calls"]["limited"]
    assert row["expected_calls"]["high"] <= limit / 3.5
    assert limit / 2 < row["train_likely"]["calls"] <= limit < free["train_likely"]["calls"]


def test_plan_knows_that_a_rollout_of_an_agent_is_many_calls_of_a_budget(root: Path) -> None:
    write(root, {CONFIG: config(harness={"type": "codex"})})
    limit = 7 * planned(root)["expected_calls"]["likely"]  # with room for a first gate
    write(root, {CONFIG: config(harness={"type": "codex"}, budget={"calls": limit})})
    row = planned(root)
    assert row["expected_calls"]["limited"]
    assert limit / 2 < row["train_likely"]["calls"] <= limit


def test_plan_takes_no_answers_of_chat_for_rollouts_of_an_agent(root: Path) -> None:
    roles: dict[str, Any] = {"target": MINI, "optimizer": MINI, "providers": None}
    write(root, {CONFIG: config(**roles, harness={"type": "codex"})})
    before = planned(root)
    answers(root, MINI["model"], 20, Usage(input_tokens=90, output_tokens=5))
    assert planned(root) == before
    answers(root, MINI["model"], 20, Usage(input_tokens=90_000, output_tokens=5_000), calls=6)
    assert planned(root)["known_sizes"] == {"target": 20}
    write(root, {CONFIG: config(**roles)})
    row = planned(root)
    assert row["train"]["target"]["output_tokens"] == 5 * row["train"]["target"]["calls"]


def test_plan_tells_the_likely_cost_before_the_bound(root: Path) -> None:
    write(root, {CONFIG: config(target=MINI, optimizer=MINI, providers=None)})
    done, value = call_json(root, "plan")
    (row,) = value["skills"]
    likely, most, usual = row["train_likely"], row["train_total"], row["expected_calls"]
    assert likely["calls"] == usual["likely"] < most["calls"]
    assert 0 < Decimal(likely["usd"]) < Decimal(most["usd"])
    first, *further = done.out.splitlines()
    calls = f"about {usual['likely']} calls of target and optimizer, about "
    assert first.startswith(f"invoices: training probably takes {calls}")
    assert first.endswith(f"${Decimal(likely['usd']):.2f}")
    bound = f"  were every candidate measured to the end: at most {most['calls']} calls, "
    assert any(line.startswith(bound) for line in further)


def test_plan_tells_no_likely_cost_of_other_methods(root: Path) -> None:
    write(root, {CONFIG: config(train={"method": "human"})})
    done, value = call_json(root, "plan")
    assert value["skills"][0]["train_likely"] is None
    assert done.out.startswith(f"invoices: training at most {value['skills'][0]['train_total']['calls']} calls, about ")


@pytest.mark.parametrize("served", ["gpt-5.4-mini", "gpt-5.4-mini-2026-03-17", "openai/gpt-5.4-mini"])
def test_plan_takes_the_sizes_that_answers_of_the_same_model_had(root: Path, served: str) -> None:
    write(root, {CONFIG: config(target=MINI, optimizer={**MINI, "model": "gpt-5.4"}, providers=None)})
    before = planned(root)
    answers(root, served, 6, Usage(input_tokens=5_000, output_tokens=3_000))
    answers(root, served, 3, Usage(input_tokens=5_000, output_tokens=6_000), stream="eval/val")
    answers(root, served, 50, Usage(input_tokens=5_000, output_tokens=9_000), stream="optimizer")
    answers(root, "gpt-5.4-2026-02-02", 10, Usage(input_tokens=9_000, cached_tokens=4_000, output_tokens=2_000))
    assert planned(root) == before  # nine answers are few, and others' say nothing
    answers(root, served, 1, Usage(input_tokens=5_000, output_tokens=4_000), stream="test")
    row = planned(root)
    calls = row["train"]["target"]["calls"]
    assert row["known_sizes"] == {"target": 10}
    assert row["train"]["target"]["output_tokens"] == 4_000 * calls
    # What it will be sent is known without them.
    assert row["train"]["target"]["input_tokens"] == before["train"]["target"]["input_tokens"]
    assert row["train"]["optimizer"] == before["train"]["optimizer"]
    assert Decimal(row["train_likely"]["usd"]) > 5 * Decimal(before["train_likely"]["usd"])
    assert "  the target's tokens as 10 of its answers in the ledger had them" in call(root, "plan").out.splitlines()


def test_plan_takes_what_the_optimizer_and_the_judge_read_before(root: Path) -> None:
    skill = {**json.loads(config())["skills"][0], "graders": [{"type": "judge", "rubric": "Is it right?"}]}
    judge, optimizer = {**MINI, "model": "gpt-5.4-nano"}, {**MINI, "model": "gpt-5.4"}
    write(root, {CONFIG: config(target=MINI, optimizer=optimizer, judge=judge, providers=None, skills=[skill])})
    used = Usage(input_tokens=7_000, cached_tokens=3_000, output_tokens=900)
    answers(root, "gpt-5.4", 20, used, stream="optimizer")
    answers(root, "gpt-5.4-nano", 30, Usage(input_tokens=400, output_tokens=100), stream="judge")
    row = planned(root)
    assert row["known_sizes"] == {"judge": 30, "optimizer": 20}
    asked, judged = row["train"]["optimizer"], row["train"]["judge"]
    assert (asked["input_tokens"], asked["output_tokens"]) == (7_000 * asked["calls"], 900 * asked["calls"])
    assert (judged["input_tokens"], judged["output_tokens"]) == (400 * judged["calls"], 100 * judged["calls"])
    assert "those of the judge with them" in call(root, "plan").out.splitlines()[0]
    write(root, {CONFIG: config(target=MINI, optimizer=optimizer, judge=judge, providers=None)})
    assert planned(root)["known_sizes"] == {"optimizer": 20}  # no grader asks the judge


def test_after_a_run_plan_knows_what_its_calls_took(root: Path) -> None:
    (entry,) = call_json(root, "train")[1]["skills"]
    paid = [row for row in entry["costs"] if row["stage"] != "optimizer"]
    row = planned(root)
    answered, tokens = (sum(one[key] for one in paid) for key in ("calls", "output_tokens"))
    assert row["known_sizes"]["target"] == answered
    assert row["train"]["target"]["output_tokens"] == round(row["train"]["target"]["calls"] * tokens / answered)


@given(
    st.builds(
        Calls,
        start_validation=st.integers(0, 99),
        rollouts=st.integers(0, 99),
        screening=st.integers(0, 99),
        validation=st.integers(0, 99),
        slow_update=st.integers(0, 99),
        confirmation=st.integers(0, 99),
        optimizer=st.integers(0, 99),
    ),
    st.integers(0, 900),
    st.floats(0, 1),
    st.integers(1, 4),
)
def test_likely_calls_are_of_the_roles_and_within_their_bounds(
    calls: Calls, likely: int, reading: float, targets: int
) -> None:
    most = calls.target + calls.optimizer + (targets - 1) * calls.confirmation
    found = likely_calls(calls, Expected(low=0, likely=likely, high=likely, reading=reading), targets)
    everybody = found.target + found.optimizer + (targets - 1) * found.confirmation
    assert everybody <= min(likely, most)
    assert everybody == likely or found.optimizer == calls.optimizer or found.target == calls.target
    assert min(found.rollouts, found.optimizer, found.confirmation) >= 0
    assert found.optimizer <= calls.optimizer
    blind = likely_calls(calls, Expected(low=0, likely=likely, high=likely, reading=reading, gates_from=9), targets)
    assert (blind.confirmation, blind.optimizer) == (0, found.optimizer)  # that end never makes the closing comparison
    assert found.confirmation == calls.confirmation or likely < most
    assert found.confirmation in (0, calls.confirmation)
