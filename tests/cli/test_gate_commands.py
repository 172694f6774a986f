"""calibrate, power, ablate, and the gate's cost in plan."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from skillopt_ci.cli.power import power_lines
from skillopt_ci.core.merge_gate import MergeRule
from skillopt_ci.core.power import power
from tests.cli.world import CONFIG, GOOD, PATH, SKILL, TASKS, call, call_json, config, repository, task, write
from tests.forge.repo import Repo
from tests.integration.process import KEY
from tests.loopback import Call, Loopback, Reply, chat_reply, error_reply
from tests.report.test_junit import suite_of

ENV = {"LOCAL_KEY": KEY}
QUIET = {"models": {"type": "simulated", "noise": 0}}
NOISY = {"models": {"type": "simulated", "noise": 0.3}}


def repo_of(root: Path, *, skill: str = GOOD, tests: int = 10, **changes: Any) -> Repo:
    return repository(root, skill=skill, **{"sizes": (1, 12, tests), "providers": QUIET, **changes})


def remote(server: Loopback) -> dict[str, Any]:
    return {"models": {"type": "openai", "base_url": server.openai_url, "api_key_env": "LOCAL_KEY"}}


def failing(share: int) -> Loopback:
    """A server that answers, except for one task in `share`."""

    def answer(made: Call) -> Reply:
        number = int(made.user_text.partition("INV-")[2][:4])
        return error_reply(400, "no") if number % share == 0 else chat_reply("x")

    return Loopback(answer)


def cases(root: Path) -> list[ET.Element]:
    return suite_of((root / "j.xml").read_text(encoding="utf-8")).findall("testcase")


# --- calibrate


def test_calibrate_buys_its_runs_once_and_measures_the_gate(tmp_path: Path) -> None:
    made = repo_of(tmp_path / "repo", providers=NOISY)
    done, value = call_json(made.root, "calibrate", "--gates", "100", "--repeats", "2")
    (entry,) = value["skills"]
    assert (done.code, value["schema"]) == (0, "skillopt-ci/calibrate/1")
    assert set(entry) == {
        "name", "target", "n_tasks", "false_block_rate", "unchanged", "losses", "variance", "flip_rates",
        "minimum_detectable_effect", "recommended", "live",
    }  # fmt: skip
    assert (entry["name"], entry["n_tasks"], entry["unchanged"]["gates"]) == ("invoices", 10, 100)
    assert 0 <= entry["false_block_rate"] <= 0.2
    assert [c["loss"] for c in entry["losses"]] == [0.05, 0.1]
    assert entry["losses"][1]["regression"] >= entry["false_block_rate"]
    assert len(entry["flip_rates"]) == 10
    assert 0 < max(entry["flip_rates"].values()) <= 1
    assert set(entry["recommended"]) == {"tasks", "rounds", "margin"}
    assert entry["live"]["gates"] == 2
    calls = value["spend"]["paid"]["calls"]
    assert 12 * 10 + 2 * 10 <= calls <= 12 * 10 + 2 * 4 * 10
    for words in ("100 simulated gates at each true loss", "| 5 pt |", "tasks that disagree with themselves most: t0"):
        assert words in done.out
    assert done.out.startswith("**Simulated models:**")
    assert f"Paid: {calls} calls, " in done.out
    again = call_json(made.root, "calibrate", "--gates", "100", "--repeats", "2", "--replay-only")[1]
    assert (again["spend"]["paid"]["calls"], again["skills"]) == (0, value["skills"])


def test_calibrate_leaves_the_stored_base_alone(tmp_path: Path) -> None:
    made = repo_of(tmp_path / "repo", tests=4)
    call(made.root, "calibrate", "--gates", "100")
    _, value = call_json(made.root, "baseline")
    assert value["spend"]["paid"]["calls"] == 32


def test_calibrate_on_a_deterministic_target(tmp_path: Path) -> None:
    made = repo_of(tmp_path / "repo")
    done, value = call_json(made.root, "calibrate", "--gates", "100", "--repeats", "1", "--junit", "j.xml")
    (entry,) = value["skills"]
    (case,) = cases(made.root)
    assert (case.attrib["classname"], case.attrib["name"]) == ("invoices", entry["target"])
    assert "0.0% of 100 simulated gates blocked" in str(case[0].text)
    assert (entry["false_block_rate"], entry["variance"], set(entry["flip_rates"].values())) == (0, 0, {0})
    assert entry["live"] == {"gates": 1, "regressions": 0}
    assert "tasks that disagree with themselves most: none" in done.out


def test_a_golden_task_that_an_unchanged_skill_breaks_counts_in_the_live_gates(tmp_path: Path) -> None:
    """The provider forgets one answer after the twelve runs: as the suite it passes, as a golden task it blocks."""
    left = [12 * 40]

    def answer(made: Call) -> Reply:
        left[0] -= 1
        number = int(made.user_text.partition("INV-")[2][:4])
        return chat_reply("wrong" if left[0] < 0 and number == 3 else str(task(number, "test")["expected"]))

    rows = [{**task(n, "test"), "golden": n == 3} for n in range(40)]
    with Loopback(answer) as server:
        made = repo_of(tmp_path / "repo", providers=remote(server), gate={"margin": 0.1})
        write(made.root, {TASKS: "".join(json.dumps(row) + "\n" for row in rows)})
        _, value = call_json(made.root, "calibrate", "--gates", "100", "--repeats", "1", env=ENV)
    assert value["skills"][0]["live"] == {"gates": 1, "regressions": 1}


def test_a_suite_that_blocks_unchanged_skills_is_a_failure_in_junit(tmp_path: Path) -> None:
    made = repo_of(tmp_path / "repo", providers=NOISY)
    write(made.root, {TASKS: "".join(json.dumps({**task(n, "test"), "golden": True}) + "\n" for n in range(10))})
    _, value = call_json(made.root, "calibrate", "--gates", "100", "--repeats", "0", "--junit", "j.xml")
    rate = value["skills"][0]["false_block_rate"]
    assert rate > 0.05 + 3 * (0.05 * 0.95 / 100) ** 0.5
    (case,) = cases(made.root)
    assert (case[0].tag, f"{100 * rate:.1f}% of 100" in case[0].attrib["message"]) == ("failure", True)


def test_calibrate_without_enough_results_says_why(tmp_path: Path) -> None:
    with failing(5) as server:
        made = repo_of(tmp_path / "repo", providers=remote(server))
        done, value = call_json(made.root, "calibrate", env=ENV)
    assert (done.code, value["reason"]) == (3, "infrastructure")
    assert "more than 5% of the runs gave no result; `ledger failures` says why" in done.lines[-1]


def test_task_ids_in_the_summary_of_calibrate_are_data(tmp_path: Path) -> None:
    rows = [{**task(n, "test"), "id": f"[l{n}](http://e.org) @team <b>"} for n in range(6)]
    made = repo_of(tmp_path / "repo", providers=NOISY)
    write(made.root, {TASKS: "".join(json.dumps(row) + "\n" for row in rows)})
    done = call(made.root, "calibrate", "--gates", "100", "--repeats", "0")
    assert done.code == 0
    for bad in ("<b>", "@team", " [l", "http://"):
        assert bad not in done.out


# --- power


def test_power_is_offline_and_needs_no_key(tmp_path: Path) -> None:
    role = {"provider": "openai", "model": "gpt-5.4-mini"}
    made = repo_of(tmp_path / "repo", tests=50, target=role, optimizer=role, providers=None)
    done, value = call_json(made.root, "power")
    (row,) = value["skills"]
    assert (done.code, value["schema"], row["n_tasks"]) == (0, "skillopt-ci/power/1", 50)
    assert (row["variance"], row["variance_measured"]) == (0.11, False)
    assert row["minimum_detectable_effect"] == pytest.approx(0.083, abs=1e-3)  # the table of docs/gate.md
    assert row["wanted"] == 0.05
    assert 120 < row["tasks_for_wanted"] < 160
    assert "50 tasks, variance of a run 0.110 (assumed; `skillopt-ci baseline` measures it)" in done.out
    assert "a gate shows losses of 8.4 points or more (80% power)" in done.out
    assert call_json(made.root, "power", "--effect", "10")[1]["skills"][0]["tasks_for_wanted"] < 50


def test_power_uses_the_stored_runs(tmp_path: Path) -> None:
    made = repo_of(tmp_path / "repo")
    call(made.root, "baseline")
    done, value = call_json(made.root, "power")
    (row,) = value["skills"]
    assert (row["variance"], row["variance_measured"]) == (0, True)
    assert row["minimum_detectable_effect"] == pytest.approx(0.1)  # one task of ten
    assert "(measured)" in done.out
    assert "scored 0" not in done.out


def test_where_no_run_scores_anything_no_loss_can_show(tmp_path: Path) -> None:
    made = repo_of(tmp_path / "repo", skill=SKILL.replace("- Answer", "- Do not answer"))
    said = "every known run scored 0: no loss can show until some of the tasks pass"
    assert said not in call(made.root, "power").out  # nothing is known yet
    assert f"- {said}" in call(made.root, "calibrate", "--gates", "100", "--repeats", "0").out
    call(made.root, "baseline")
    assert f"  {said}" in call(made.root, "power").out
    found = power(MergeRule(), n_tasks=1, base_runs=2, variance=None, wanted=0.1)
    assert [said in power_lines(found, [row]) for row in ([0.0, None], [0.0, 1.0], [None])] == [True, False, False]


def test_power_says_when_no_number_is_enough(tmp_path: Path) -> None:
    made = repo_of(tmp_path / "repo", tests=3, gate={"margin": 0.001})
    done = call(made.root, "power")
    assert (
        "more than 100,000 tasks with the rounds as they are; no number of rounds up to 16 shows 0.1 points" in done.out
    )


def test_power_and_calibrate_reckon_with_the_min_effect(tmp_path: Path) -> None:
    made = repo_of(tmp_path / "repo", tests=50, gate={"min_effect": 0.2})
    done, value = call_json(made.root, "power")
    (row,) = value["skills"]
    assert row["minimum_detectable_effect"] == pytest.approx(0.224, abs=1e-3)
    assert (row["tasks_for_wanted"], row["rounds_for_wanted"], row["smallest_margin"]) == (None, None, 0.23)
    least = "gate.min_effect (20 points)"
    shows = f"losses of 22.4 points or more (80% power), and blocks none below {least}"
    needs = f"to show 5 points: no tasks and rounds are enough, as a shown loss below {least} does not block"
    assert shows in done.out
    assert needs in done.out
    assert "min_effect" not in call(made.root, "check").err  # what is chosen is no mistake
    calibrated = call(made.root, "calibrate", "--gates", "100", "--repeats", "0").out
    assert f"and blocks none below {least}" in calibrated
    assert needs in calibrated


def test_power_shows_a_loss_above_the_min_effect_with_enough_tasks(tmp_path: Path) -> None:
    made = repo_of(tmp_path / "repo", tests=50, gate={"min_effect": 0.2})
    assert "to show 25 points: 12 tasks" in call(made.root, "power", "--effect", "25").out


@pytest.mark.parametrize("effect", ["0", "-3", "101", "x"])
def test_power_wants_an_effect_in_points(tmp_path: Path, effect: str) -> None:
    assert call(repo_of(tmp_path / "repo").root, "power", "--effect", effect).code == 2


# --- ablate


@pytest.mark.parametrize(
    ("skill", "verdict", "words"),
    [(GOOD, "helps", "the body helps"), (SKILL.replace("- Answer", "- Do not answer"), "not-shown", "no effect")],
)
def test_ablate_says_whether_the_body_does_anything(tmp_path: Path, skill: str, verdict: str, words: str) -> None:
    made = repo_of(tmp_path / "repo", skill=skill)
    done, value = call_json(made.root, "ablate", "--junit", "j.xml")
    assert [case[0].tag for case in cases(made.root)] == ["system-out"]  # passed, and what is said of it
    (row,) = value["skills"]
    assert (done.code, value["schema"], row["verdict"]) == (0, "skillopt-ci/ablate/1", verdict)
    assert (row["split"], row["n_tasks"], value["spend"]["paid"]["calls"]) == ("val", 12, 2 * 2 * 12)
    assert words in done.out
    assert "12 val tasks x 2 runs per arm" in done.out
    assert f"Paid: {value['spend']['paid']['calls']} calls, " in done.out
    assert call_json(made.root, "ablate", "--replay-only")[1]["skills"] == value["skills"]


def test_ablate_sees_a_body_that_harms(tmp_path: Path) -> None:
    def answer(made: Call) -> Reply:
        number = int(made.user_text.partition("INV-")[2][:4])
        alone = made.body["messages"][0]["role"] == "user"
        return chat_reply(str(task(number, "val")["expected"]) if alone else "Gladly!")

    with Loopback(answer) as server:
        made = repo_of(tmp_path / "repo", providers=remote(server))
        done, value = call_json(made.root, "ablate", "--runs", "1", "--junit", "j.xml", env=ENV)
    (row,) = value["skills"]
    assert (row["verdict"], row["without"], row["with"]) == ("harms", 1, 0)
    assert row["effect"]["high"] < 0
    assert "the body HARMS" in done.out
    assert [case[0].tag for case in cases(made.root)] == ["failure"]


def test_ablate_without_enough_results_is_no_verdict(tmp_path: Path) -> None:
    with failing(3) as server:
        made = repo_of(tmp_path / "repo", providers=remote(server))
        done, value = call_json(made.root, "ablate", "--junit", "j.xml", env=ENV)
    assert (done.code, value["skills"][0]["verdict"]) == (3, None)
    assert [case[0].tag for case in cases(made.root)] == ["error"]
    assert "too many runs gave no result" in done.out


def test_ablate_counts_the_tasks_that_were_measured_on_both_sides(tmp_path: Path) -> None:
    def answer(made: Call) -> Reply:
        number = int(made.user_text.partition("INV-")[2][:4])
        alone = made.body["messages"][0]["role"] == "user"
        return Reply(status=400) if number == 1 and not alone else chat_reply(str(task(number, "val")["expected"]))

    with Loopback(answer) as server:
        made = repo_of(tmp_path / "repo", sizes=(1, 30, 1), providers=remote(server))
        done, value = call_json(made.root, "ablate", env=ENV)
    assert (done.code, value["skills"][0]["n_tasks"]) == (0, 29)
    assert "29 of 30 val tasks x 2 runs per arm" in done.out


def test_ablate_on_the_test_split_opens_it(tmp_path: Path) -> None:
    made = repo_of(tmp_path / "repo")
    assert call(made.root, "ablate", "--split", "test", "--runs", "1").code == 0
    write(made.root, {PATH: SKILL})
    assert call_json(made.root, "gate")[1]["skills"][0]["test_opened"] == 2


# --- plan


def test_plan_is_an_upper_bound_of_a_gate(tmp_path: Path) -> None:
    targets = [{"provider": "models", "model": name} for name in ("small", "other")]
    made = repo_of(tmp_path / "repo", providers=NOISY, target=None, targets=targets, gate={"max_rounds": 3})
    rows = [{**task(n, "val" if n < 2 else "test"), "golden": n == 4} for n in range(12)]
    rows.append({**task(20, "train")})
    made.commit({TASKS: "".join(json.dumps(row) + "\n" for row in rows)})
    planned = call_json(made.root, "plan")[1]["skills"][0]["gate"]["calls"]
    assert planned == 2 * (10 * (3 + 3) + 1)  # two targets; a golden task is run four times
    write(made.root, {PATH: GOOD.replace("only the value", "just the value")})
    assert call_json(made.root, "gate")[1]["spend"]["paid"]["calls"] <= planned


def test_each_command_refuses_a_suite_without_held_out_tasks(tmp_path: Path) -> None:
    made = repo_of(tmp_path / "repo")
    write(made.root, {CONFIG: config(providers=QUIET), TASKS: json.dumps(task(1, "train")) + "\n"})
    for command in ("baseline", "calibrate", "power"):
        done = call(made.root, command)
        assert done.code == 2
        assert "no task is in the split 'test', which is needed here" in done.err
