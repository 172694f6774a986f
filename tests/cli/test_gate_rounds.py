"""The gate with stored base runs: what a comparison costs, and which runs it believes."""

import json
import sqlite3
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import CONFIG, GOOD, PATH, SKILL, TASKS, call, call_json, config, repository, task, write
from tests.forge.repo import Repo
from tests.integration.process import KEY, LEDGER
from tests.loopback import Call, Loopback, Reply, chat_reply, error_reply

ENV = {"LOCAL_KEY": KEY}
QUIET = {"models": {"type": "simulated", "noise": 0}}
NOISY = {"models": {"type": "simulated", "noise": 1}}  # every answer is spoiled
REWORDED = GOOD.replace("only the value", "just the value")
SIZES = (1, 1, 12)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A good skill with 12 held-out tasks, on models without noise."""
    return repository(tmp_path / "repo", skill=GOOD, sizes=SIZES, providers=QUIET)


def gate(root: Path, *args: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The gate's result, and its first skill's."""
    _, value = call_json(root, "gate", *args, env=ENV)
    return value, (value["skills"] or [{}])[0]


def paid(value: dict[str, Any]) -> int:
    calls: int = value["spend"]["paid"]["calls"]
    return calls


def baseline(root: Path, *args: str) -> dict[str, Any]:
    done, value = call_json(root, "baseline", *args, env=ENV)
    assert done.code == 0
    return value


def edit_ledger(root: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(root / LEDGER)) as ledger, ledger:
        ledger.execute(statement, values)


def age(root: Path, hours: float) -> None:
    """Let everything that was bought so far be that much older."""
    edit_ledger(root, "update purchases set bought_at = bought_at - ?", hours * 3600)


def streams(root: Path) -> dict[str, int]:
    """Purchases by the first part of their stream."""
    with closing(sqlite3.connect(root / LEDGER)) as ledger:
        rows = ledger.execute("select stream, count(*) from purchases group by stream").fetchall()
    found: dict[str, int] = {}
    for stream, count in rows:
        found[stream.partition("/")[0]] = found.get(stream.partition("/")[0], 0) + count
    return found


# --- what it costs


def test_with_a_stored_base_a_deterministic_target_costs_one_round(repo: Repo) -> None:
    assert paid(baseline(repo.root)) == 8 * 12
    write(repo.root, {PATH: REWORDED})
    value, entry = gate(repo.root)
    assert (value["verdict"], entry["rounds"], paid(value)) == ("pass", 1, 12)
    assert entry["n_rollouts"] == {"base": 96, "head": 12}
    assert value["spend"]["replayed"]["calls"] == 96
    assert entry["notes"] == []
    write(repo.root, {PATH: SKILL})
    value, entry = gate(repo.root)
    assert (value["verdict"], entry["rounds"], paid(value)) == ("regression", 1, 12)
    assert entry["p"] <= entry["p_threshold"] == pytest.approx(0.0194, abs=2e-4)


def test_equal_bytes_cost_nothing(repo: Repo) -> None:
    baseline(repo.root)
    write(repo.root, {"README.md": "more\n"})
    value, _ = gate(repo.root)
    assert (value["verdict"], paid(value), value["spend"]["replayed"]["calls"]) == ("not-applicable", 0, 0)
    assert value["message"] == "no configured skill changed"


def test_the_same_head_again_costs_nothing_and_ends_the_same(repo: Repo) -> None:
    baseline(repo.root)
    write(repo.root, {PATH: SKILL})
    value, _ = gate(repo.root)
    again, _ = gate(repo.root)
    assert paid(again) == 0
    assert again["skills"] == value["skills"]
    write(repo.root, {PATH: REWORDED})
    gate(repo.root)
    write(repo.root, {PATH: SKILL})  # and back
    back, _ = gate(repo.root, "--replay-only")
    assert (paid(back), back["skills"]) == (0, value["skills"])


def test_a_base_that_was_filled_meanwhile_does_not_roll_the_dice_again(tmp_path: Path) -> None:
    made = repository(
        tmp_path / "repo", skill=GOOD, sizes=SIZES, providers={"models": {"type": "simulated", "noise": 0.3}}
    )
    write(made.root, {PATH: REWORDED})
    value, entry = gate(made.root)
    write(made.root, {PATH: GOOD})
    assert paid(baseline(made.root)) == 96
    write(made.root, {PATH: REWORDED})
    again, same = gate(made.root)
    assert (paid(again), same) == (0, entry)
    other, fuller = gate_of(made, REWORDED + "- Be exact.\n")
    assert (fuller["n_rollouts"]["base"], other["base"]) == (96, value["base"])


def gate_of(repo: Repo, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    write(repo.root, {PATH: text})
    return gate(repo.root)


def test_without_stored_runs_the_base_is_measured_beside_and_never_stored(repo: Repo) -> None:
    write(repo.root, {PATH: SKILL})
    value, entry = gate(repo.root)
    assert value["verdict"] == "regression"
    assert streams(repo.root) == {"fresh": 12 * entry["rounds"], "head": 12 * entry["rounds"]}
    assert entry["n_rollouts"]["base"] == entry["n_rollouts"]["head"]
    _, other = gate_of(repo, REWORDED)  # another head of the same base: its runs are not used for it
    assert "base" not in streams(repo.root)
    assert value["spend"]["paid"]["calls"] == 24 * entry["rounds"]
    write(repo.root, {PATH: GOOD})
    ahead = "(`skillopt-ci baseline` measures it ahead)"
    write(repo.root, {PATH: SKILL})
    assert f"0 of 8 base runs are stored: the base runs beside the head {ahead}" in call(repo.root, "gate", env=ENV).err
    write(repo.root, {PATH: GOOD})
    assert paid(baseline(repo.root)) == 96  # nothing of it counts
    assert other["verdict"] == "pass"
    write(repo.root, {PATH: REWORDED.replace("just", "but")})
    assert ahead not in call(repo.root, "gate", env=ENV).err


# --- the baseline


def test_a_baseline_is_filled_once(repo: Repo) -> None:
    done, value = call_json(repo.root, "baseline", "--junit", str(repo.root.parent / "b.xml"))
    (entry,) = value["skills"]
    assert (value["schema"], done.code) == ("skillopt-ci/baseline/1", 0)
    assert (entry["split"], entry["n_tasks"], entry["n_rollouts"], entry["mean"]) == ("test", 12, 96, 1.0)
    assert len(list(ET.parse(repo.root.parent / "b.xml").getroot().iter("testcase"))) == 12
    assert "0 of 8 runs per task are stored" in done.err
    assert "Simulated models" in done.out
    again = baseline(repo.root)
    assert (paid(again), again["skills"]) == (0, value["skills"])
    assert streams(repo.root) == {"base": 96}


def test_a_baseline_that_was_cut_short_is_filled_up(repo: Repo) -> None:
    done, value = call_json(repo.root, "baseline", "--max-calls", "30")
    assert (done.code, value["reason"]) == (4, "budget")
    write(repo.root, {PATH: REWORDED})
    _, entry = gate(repo.root)
    assert entry["verdict"] == "pass"
    assert streams(repo.root)["fresh"] == 12 * entry["rounds"]  # two or three of eight are too few
    assert entry["n_rollouts"]["base"] == 30 + 12 * entry["rounds"]
    write(repo.root, {PATH: GOOD})
    assert paid(baseline(repo.root)) == 66


def test_a_baseline_of_several_targets_and_skills(tmp_path: Path) -> None:
    targets = [{"provider": "models", "model": name} for name in ("small", "other")]
    made = repository(tmp_path / "repo", skill=GOOD, sizes=(1, 1, 4), providers=QUIET, target=None, targets=targets)
    value = baseline(made.root)
    assert [(s["target"], s["n_rollouts"]) for s in value["skills"]] == [("models/small", 32), ("models/other", 32)]
    assert call(made.root, "baseline", "--skill", "nobody").code == 2


def test_too_many_missing_runs_of_a_baseline_are_exit_3(tmp_path: Path) -> None:
    def answer(made: Call) -> Reply:
        return error_reply(400, "no") if "INV-0003" in made.user_text else chat_reply("x")

    with Loopback(answer) as server:
        made = repository(tmp_path / "repo", sizes=(1, 1, 8), providers=remote(server))
        done, value = call_json(made.root, "baseline", env=ENV)
    assert done.code == 3
    assert "too many runs gave no result" in value["message"]


def remote(server: Loopback) -> dict[str, Any]:
    return {"models": {"type": "openai", "base_url": server.openai_url, "api_key_env": "LOCAL_KEY"}}


# --- old runs


def test_runs_older_than_the_limit_are_not_used_and_a_new_baseline_replaces_them(repo: Repo) -> None:
    baseline(repo.root)
    age(repo.root, 169)
    value, entry = gate_of(repo, REWORDED)
    assert entry["n_rollouts"]["base"] == entry["n_rollouts"]["head"]
    assert value["spend"]["replayed"]["calls"] == 0
    write(repo.root, {PATH: GOOD})
    assert paid(baseline(repo.root)) == 96
    assert streams(repo.root)["base"] == 192
    value, entry = gate_of(repo, SKILL)
    assert (entry["n_rollouts"]["base"], paid(value)) == (96, 12)
    assert value["spend"]["replayed"]["calls"] == 96  # of the new ones alone


def test_the_limit_is_the_configurations(tmp_path: Path) -> None:
    made = repository(tmp_path / "repo", skill=GOOD, sizes=SIZES, providers=QUIET, gate={"base_ttl_hours": 2})
    baseline(made.root)
    age(made.root, 1.9)
    assert gate_of(made, REWORDED)[1]["n_rollouts"]["base"] == 96
    age(made.root, 0.2)
    assert gate_of(made, SKILL)[1]["n_rollouts"]["base"] < 96


def test_after_a_day_one_fresh_round_of_the_base_must_agree(repo: Repo) -> None:
    baseline(repo.root)
    age(repo.root, 25)
    value, entry = gate_of(repo, REWORDED)
    assert (value["verdict"], entry["rounds"], paid(value)) == ("pass", 1, 24)
    assert (entry["n_rollouts"], entry["notes"]) == ({"base": 108, "head": 12}, [])


def test_a_drifted_provider_does_not_make_a_regression(repo: Repo) -> None:
    baseline(repo.root)
    repo.commit({CONFIG: config(providers=NOISY)})
    value, _ = gate_of(repo, REWORDED)  # a young base is believed, and the provider's decline is the skill's
    assert value["verdict"] == "regression"
    age(repo.root, 25)
    value, entry = gate_of(repo, REWORDED + "- Be exact.\n")
    assert value["verdict"] != "regression"
    (note,) = entry["notes"]
    assert note.startswith("96 stored base runs dropped: a fresh round of the base differs from them (p < 0.001)")
    assert entry["n_rollouts"]["base"] == entry["n_rollouts"]["head"]
    assert "96 stored base runs dropped" in call(repo.root, "gate").out


def test_another_model_under_the_name_voids_the_stored_runs(repo: Repo) -> None:
    baseline(repo.root)
    edit_ledger(repo.root, "update purchases set served_model = 'simulated/small-2025'")
    value, entry = gate_of(repo, REWORDED)
    assert value["verdict"] == "pass"
    assert entry["notes"] == ["96 stored base runs dropped: another model answers now (simulated/small)"]
    assert entry["n_rollouts"]["base"] == entry["n_rollouts"]["head"]


# --- golden tasks


def golden(number: int, *, of: int = 12) -> str:
    rows = [task(n, "test") for n in range(of)]
    rows[number]["golden"] = True
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_a_broken_golden_task_blocks_where_the_loss_alone_would_not(repo: Repo) -> None:
    repo.commit({TASKS: golden(4), CONFIG: config(providers=QUIET, gate={"min_effect": 1.0})})
    baseline(repo.root)
    value, entry = gate_of(repo, SKILL)  # dates are lost, and task 4 asks for one
    assert (value["verdict"], value["reason"], value["exit_code"]) == ("regression", "golden-broken", 1)
    assert (entry["golden_failed"], entry["golden_armed"], entry["rounds"]) == (["t004"], True, 1)
    assert paid(value) == 12 + 3
    assert (
        "FAIL: golden task broken (at least 3 of 4 runs fail, the base passes it): t004." in call(repo.root, "gate").out
    )


def test_golden_tasks_of_a_base_without_stored_runs_are_not_armed_and_said_so(repo: Repo) -> None:
    repo.commit({TASKS: golden(4), CONFIG: config(providers=QUIET, gate={"min_effect": 1.0})})
    value, entry = gate_of(repo, SKILL)
    assert (value["verdict"], value["exit_code"]) == ("inconclusive", 0)
    assert (entry["golden_failed"], entry["golden_armed"]) == ([], False)
    assert entry["notes"] == ["golden not armed: t004 (0/8)"]


def test_golden_tasks_that_hold(repo: Repo) -> None:
    repo.commit({TASKS: golden(4)})
    baseline(repo.root)
    value, entry = gate_of(repo, REWORDED)
    assert (value["verdict"], entry["golden_armed"], paid(value)) == ("pass", True, 12)


def test_a_golden_task_without_a_result_is_no_pass(tmp_path: Path) -> None:
    def answer(made: Call) -> Reply:
        number = made.user_text.partition("INV-")[2][:4]
        head = "just the value" in made.body["messages"][0]["content"]
        return (
            error_reply(400, "no")
            if head and number == "0004"
            else chat_reply(str(task(int(number), "test")["expected"]))
        )

    with Loopback(answer) as server:
        made = repository(tmp_path / "repo", skill=GOOD, providers=remote(server), gate={"base_runs": 7, "margin": 0.1})
        made.commit({TASKS: golden(4, of=24)})
        baseline(made.root)
        value, entry = gate_of(made, REWORDED)
    assert (value["verdict"], value["reason"], value["exit_code"]) == ("inconclusive", "infrastructure", 3)
    assert entry["message"] == "golden tasks without a result: t004"


# --- several comparisons


def several(root: Path, **changes: Any) -> Repo:
    """Two skills on two targets."""
    entry = json.loads(config())["skills"][0]
    targets = [{"provider": "models", "model": name} for name in ("small", "other")]
    skills = [entry, {**entry, "path": "skills/second/SKILL.md"}]
    made = repository(
        root,
        skill=GOOD,
        sizes=SIZES,
        **{"providers": QUIET, "target": None, "targets": targets, "skills": skills, **changes},
    )
    made.commit({"skills/second/SKILL.md": GOOD + "- Be kind.\n"})
    return made


def test_alpha_is_shared_by_all_comparisons_and_one_regression_decides(tmp_path: Path) -> None:
    made = several(tmp_path / "repo")
    baseline(made.root)
    write(made.root, {PATH: SKILL, "skills/second/SKILL.md": REWORDED + "- Be kind.\n"})
    value, _ = gate(made.root)
    found = {(s["name"], s["target"]): s["verdict"] for s in value["skills"]}
    assert found == {
        ("invoices", "models/small"): "regression",
        ("invoices", "models/other"): "regression",
        ("second", "models/small"): "pass",
        ("second", "models/other"): "pass",
    }
    assert (value["verdict"], value["exit_code"]) == ("regression", 1)
    assert [s["p_threshold"] for s in value["skills"]] == [pytest.approx(0.0043, abs=1e-4)] * 4  # alpha is .05 / 4


def test_the_whole_says_why_it_ended_and_not_what_another_skill_has_to_say(tmp_path: Path) -> None:
    made = several(tmp_path / "repo")
    described = GOOD.replace("description: Reads", "description: Finds")
    write(made.root, {PATH: described, "skills/second/SKILL.md": REWORDED + "- Be kind.\n"})
    value, entry = gate(made.root, "--max-calls", "5")
    assert (entry["reason"], value["reason"], value["exit_code"]) == ("body-unchanged", "budget", 4)
    assert entry["message"]
    assert value["message"].startswith("budget.calls: 5 of 5 calls are bought")


def test_a_second_skill_beside_it_does_not_soften_the_verdict_of_the_first(tmp_path: Path) -> None:
    made = several(tmp_path / "repo")
    baseline(made.root)
    write(made.root, {PATH: SKILL})
    alone, _ = gate(made.root)
    write(made.root, {"skills/second/SKILL.md": REWORDED + "- Be kind.\n"})
    both, _ = gate(made.root)
    assert [s for s in both["skills"] if s["name"] == "invoices"] == alone["skills"]
    thresholds = {s["name"]: s["p_threshold"] for s in both["skills"]}
    assert thresholds["second"] < thresholds["invoices"]


def test_every_comparison_must_pass(tmp_path: Path) -> None:
    made = several(tmp_path / "repo", gate={"on_inconclusive": "block", "max_rounds": 1})
    baseline(made.root, "--skill", "invoices")
    write(made.root, {PATH: REWORDED, "skills/second/SKILL.md": REWORDED + "- Be kind.\n"})
    value, _ = gate(made.root)
    assert [s["verdict"] for s in value["skills"]] == ["pass", "pass", "inconclusive", "inconclusive"]
    assert (value["verdict"], value["exit_code"]) == ("inconclusive", 3)


def test_a_missing_key_of_one_target_is_told_before_anything_is_bought(tmp_path: Path) -> None:
    targets = [{"provider": "models", "model": "small"}, {"provider": "openai", "model": "gpt-5.4-mini"}]
    made = repository(tmp_path / "repo", skill=GOOD, sizes=SIZES, providers=QUIET, target=None, targets=targets)
    write(made.root, {PATH: SKILL})
    done, value = call_json(made.root, "gate")
    assert (done.code, value["verdict"], paid(value)) == (2, None, 0)
    assert "OPENAI_API_KEY" in done.err
    assert streams(made.root) == {}
    done, value = call_json(made.root, "gate", "--without-key", "needs-maintainer")
    assert (done.code, value["reason"]) == (0, "needs-maintainer")


# --- what ends it early


class Dying:
    """Answers right; after some calls the key is refused, until it is healed."""

    def __init__(self, after: int) -> None:
        self.left = after
        self._lock = threading.Lock()

    def __call__(self, made: Call) -> Reply:
        with self._lock:
            self.left -= 1
            if self.left < 0:
                return error_reply(401, "expired")
        return chat_reply(str(task(int(made.user_text.partition("INV-")[2][:4]), "test")["expected"]))


def test_a_provider_that_dies_in_the_middle_is_no_verdict_and_the_same_command_goes_on(tmp_path: Path) -> None:
    script = Dying(20)
    with Loopback(script) as server:
        made = repository(tmp_path / "repo", skill=GOOD, sizes=SIZES, providers=remote(server), concurrency=1)
        write(made.root, {PATH: REWORDED})
        value, entry = gate(made.root)
        assert (value["verdict"], value["reason"], value["exit_code"]) == (None, "provider", 5)
        assert (entry["verdict"], entry["effect"], entry["p"], paid(value)) == (None, None, None, 20)
        script.left = 1000
        value, entry = gate(made.root)
    assert (value["verdict"], value["spend"]["replayed"]["calls"]) == ("pass", 20)
    assert paid(value) == 24 * entry["rounds"] - 20


def test_a_budget_that_ends_it_leaves_no_verdict_to_keep(repo: Repo) -> None:
    """A base that is filled after a comparison that was cut short is used when it goes on."""
    write(repo.root, {PATH: REWORDED})
    value, entry = gate(repo.root, "--max-calls", "20")
    assert (value["verdict"], value["reason"], value["exit_code"]) == ("inconclusive", "budget", 4)
    assert "budget.calls: 20 of 20 calls are bought" in entry["message"]
    write(repo.root, {PATH: GOOD})
    baseline(repo.root)
    value, entry = gate_of(repo, REWORDED)
    assert (value["verdict"], entry["n_rollouts"]) == ("pass", {"base": 96, "head": 12})
    assert paid(value) < 12


def test_how_often_the_test_split_was_opened_is_told(repo: Repo) -> None:
    baseline(repo.root)
    assert gate_of(repo, REWORDED)[1]["test_opened"] == 1
    assert gate_of(repo, SKILL)[1]["test_opened"] == 2
    rows = (repo.root / TASKS).read_text(encoding="utf-8") + json.dumps(task(90, "train")) + "\n"
    repo("stash", "-q")
    repo.commit({TASKS: rows})
    assert gate_of(repo, SKILL)[1]["test_opened"] == 3  # a train task does not make it a new split
    assert "was opened by 3 runs so far" in call(repo.root, "gate").out


# --- suites without information


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (lambda head, expected: expected, "pass"),
        (lambda head, expected: "wrong", "pass"),
        (lambda head, expected: "wrong" if head else expected, "regression"),
    ],
    ids=["all pass", "all fail", "all lost"],
)
def test_three_tasks(tmp_path: Path, answer: Callable[[bool, str], str], verdict: str) -> None:
    def reply(made: Call) -> Reply:
        expected = str(task(int(made.user_text.partition("INV-")[2][:4]), "test")["expected"])
        return chat_reply(answer("just the value" in made.body["messages"][0]["content"], expected))

    with Loopback(reply) as server:
        made = repository(tmp_path / "repo", skill=GOOD, sizes=(0, 0, 3), providers=remote(server))
        baseline(made.root)
        write(made.root, {PATH: REWORDED})
        value, entry = gate(made.root)
        text = call(made.root, "gate", env=ENV).out
    assert (value["verdict"], entry["n_tasks"], entry["rounds"]) == (verdict, 3, 1)
    assert entry["minimum_detectable_effect"] == pytest.approx(1 / 3, abs=1e-6)
    assert ("a pass says nothing" in text) == (entry["base"]["mean"] == 0)


def test_the_report_has_effect_intervals_power_and_cost(repo: Repo) -> None:
    baseline(repo.root)
    write(repo.root, {PATH: SKILL})
    text = call(repo.root, "gate").out
    for words in (
        "FAIL: regression shown: -",
        "pt on 12 tasks, p<0.0001 (<= 0.0193), round 1/4.",
        "This suite (pt) | All tasks like these (pt) | Rounds",
        "95% intervals, not adjusted for early stopping.",
        "This suite shows losses of ",
        "### Tasks of invoices that moved",
        "Paid: 12 calls",
    ):
        assert words in text
    assert "no regression" not in text.lower()


def test_the_rules_settings_reach_the_verdict(tmp_path: Path) -> None:
    settings = {"alpha": 0.1, "max_rounds": 1, "margin": 0.2, "pass_rule": "strict", "splits": ["val", "test"]}
    made = repository(tmp_path / "repo", skill=GOOD, sizes=(1, 6, 6), providers=QUIET, gate=settings)
    baseline(made.root)
    _, entry = gate_of(made, REWORDED)
    assert (entry["n_tasks"], entry["margin"], entry["p_threshold"]) == (12, 0.2, 0.1)
    assert "PASS: a loss of 20 points or more ruled out (90%, this suite)" in call(made.root, "gate").out
