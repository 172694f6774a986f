import json
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.spend import Spend
from skillopt_ci.core.suite_edits import SuiteEdits
from skillopt_ci.core.verdict import EvalReport
from skillopt_ci.report.jsonout import dump, dump_line, error_json, eval_json, gate_json, train_json
from tests.report.samples import BEST, MISSING, START, evaluation, gate, result, scored, training, verdict


def test_gate_keys_are_those_of_the_contract() -> None:
    value = gate_json(gate())
    assert list(value) == [
        "schema",
        "verdict",
        "reason",
        "exit_code",
        "base",
        "head",
        "policy_changed",
        "skills",
        "spend",
    ]
    assert value["schema"] == "skillopt-ci/gate/1"
    assert value["base"] == {"ref": "origin/main", "sha": "b" * 40, "policy_sha": "c" * 40}
    assert value["head"] == {"ref": "HEAD", "sha": None}
    (entry,) = json.loads(dump(value))["skills"]
    assert set(entry) == {
        *("name", "path", "target", "harness", "verdict", "reason", "rounds", "base", "head", "effect", "suite_effect"),
        *(
            "p",
            "minimum_detectable_effect",
            "n_tasks",
            "n_rollouts",
            "golden_failed",
            "golden_armed",
            "suspects",
            "tasks",
        ),
        *("margin", "p_threshold", "intervals", "notes", "test_opened"),
    }
    assert entry["base"]["mean"] == 0.75
    assert 0 < entry["base"]["low"] < 0.75 < entry["base"]["high"] < 1
    assert entry["base"]["digest"] == START.digest
    assert entry["head"]["tokens"] == BEST.tokens
    assert entry["effect"]["mean"] == -0.125
    assert entry["effect"]["confidence"] == 0.95
    assert entry["suite_effect"] == {"mean": -0.125, "low": -0.21, "high": -0.04}
    assert (entry["p"], entry["p_threshold"], entry["minimum_detectable_effect"]) == (0.0041, 0.0194, 0.083)
    assert (entry["margin"], entry["intervals"]) == (0.05, "not adjusted for early stopping")
    assert (entry["golden_failed"], entry["golden_armed"], entry["suspects"]) == ([], True, ["t2|<b>", "t3"])
    assert (entry["n_tasks"], entry["n_rollouts"]) == (4, {"base": 4, "head": 4})
    assert [t["outcome"] for t in entry["tasks"]] == ["same", "regressed", "regressed", "improved"]


def test_edits_of_the_rules_are_told_only_where_there_are_some() -> None:
    edits = SuiteEdits(skill="invoices", added=("a",), removed=("b",), changed=(("c", ("prompt", "golden")),))
    unread = SuiteEdits(skill="x", unreadable="f:1: no")
    value = gate_json(gate(policy_diffs=(("skillopt.yml", "-a\n+b"),), suite_edits=(edits, unread), head_policy=True))
    assert value["head_policy"] is True
    assert value["policy_edits"] == {
        "diffs": [{"path": "skillopt.yml", "diff": "-a\n+b"}],
        "tasks": [
            {
                "skill": "invoices",
                "added": ["a"],
                "removed": ["b"],
                "changed": [{"id": "c", "fields": ["prompt", "golden"]}],
                "unreadable": None,
            },
            {"skill": "x", "added": [], "removed": [], "changed": [], "unreadable": "f:1: no"},
        ],
    }
    only = gate_json(gate(suite_edits=(unread,)))["policy_edits"]
    assert isinstance(only, dict)
    assert (only["diffs"], len(only["tasks"])) == ([], 1)


def test_gate_spend() -> None:
    spend = gate_json(gate())["spend"]
    assert spend == {
        "paid": {"calls": 3, "input_tokens": 1200, "output_tokens": 300, "usd": "0.42"},
        "replayed": {"calls": 0, "input_tokens": 0, "output_tokens": 0, "usd": "0"},
    }


def test_what_was_not_measured_is_null() -> None:
    blank = verdict(
        verdict="not-applicable",
        comparison=None,
        base=None,
        head=None,
        base_digest=None,
        base_tokens=None,
        look=None,
        suite_effect=None,
        minimum_detectable_effect=None,
    )
    (entry,) = json.loads(dump(gate_json(gate(blank, verdict=None))))["skills"]
    assert entry["base"] == {"digest": None, "mean": None, "low": None, "high": None, "tokens": None}
    assert (entry["effect"], entry["n_tasks"], entry["tasks"]) == (None, None, [])
    assert (entry["suite_effect"], entry["p"], entry["minimum_detectable_effect"]) == (None, None, None)
    assert "notes" not in entry
    assert (entry["n_rollouts"], "message" in entry) == ({"base": 0, "head": 0}, False)
    half = verdict(comparison=MISSING.comparison, message="two runs were lost")
    (entry,) = json.loads(dump(gate_json(gate(half))))["skills"]
    assert (entry["n_tasks"], len(entry["tasks"]), entry["message"]) == (3, 4, "two runs were lost")
    nothing = evaluation((None,), (None,))
    entry = json.loads(dump(eval_json(scored(evaluation=nothing))))["skills"][0]
    assert (entry["mean"], entry["low"], entry["n_tasks"], entry["tasks"][0]["mean"]) == (None, None, 0, None)


def test_train() -> None:
    value = json.loads(dump(train_json([training()], exit_code=0)))
    assert set(value) == {"schema", "exit_code", "proposal", "skills"}
    assert value["proposal"] is True
    (entry,) = value["skills"]
    assert (entry["steps"], entry["accepted"], entry["rejected"]) == (4, 1, 2)
    assert entry["selection"] == {"start": 0.5, "best": 0.75}
    assert (entry["start"], entry["best"]) == (START.digest, BEST.digest)
    assert entry["test"]["n_tasks"] == 4
    assert entry["test"]["opened"] == 1
    assert entry["test"]["start"]["mean"] == 0.375
    assert entry["test"]["effect"]["mean"] == 0.5
    assert entry["spend"]["replayed"]["usd"] is None


def test_train_without_a_result_or_a_confirmation() -> None:
    failed = replace(training(), result=None, proposal=False, exit_code=5, message="key refused")
    unconfirmed = training(result(confirmation=None), proposal=False)
    value = json.loads(dump(train_json([failed, unconfirmed], exit_code=5, message="key refused")))
    assert value["proposal"] is False
    assert value["message"] == "key refused"
    first, second = value["skills"]
    assert (first["best"], first["steps"], first["selection"], first["test"]) == (None, None, None, None)
    assert first["message"] == "key refused"
    assert second["test"] is None
    alone = evaluation((1.0, 0.0), (None,), (1.0,))
    made = train_json([training(result(best=START, confirmation=None, closing=alone))], exit_code=0)
    test = json.loads(dump(made))["skills"][0]["test"]
    assert (test["n_tasks"], test["runs"], test["start"]["mean"], test["effect"]) == (2, 2, 0.75, None)
    missing = train_json([training(result(confirmation=MISSING))], exit_code=0)
    assert json.loads(dump(missing))["skills"][0]["test"]["n_tasks"] == 3


def test_eval() -> None:
    value = json.loads(dump(eval_json(scored())))
    assert value["schema"] == "skillopt-ci/eval/1"
    (entry,) = value["skills"]
    assert (entry["split"], entry["mean"], entry["n_tasks"], entry["n_rollouts"]) == ("test", 0.75, 2, 2)
    assert [t["mean"] for t in entry["tasks"]] == [1.0, 0.5, None, None]


def test_simulated_figures_say_so_and_real_ones_do_not() -> None:
    for value in (
        gate_json(gate(), simulated=True),
        train_json([training()], exit_code=0, simulated=True),
        eval_json(scored(), simulated=True),
    ):
        assert value["simulated"] is True
    assert "simulated" not in eval_json(scored())


def test_errors_have_the_same_shape() -> None:
    value = error_json("gate", exit_code=2, reason="config", message="no such skill")
    assert set(gate_json(gate())) | {"message"} == set(value)
    assert (value["verdict"], value["skills"], value["message"]) == (None, [], "no such skill")
    told = error_json("train", exit_code=5, reason="provider", message="m")
    assert (told["reason"], told["proposal"], told["skills"]) == ("provider", False, [])
    assert error_json("plan", exit_code=2, reason="config", message="m")["schema"] == "skillopt-ci/plan/1"
    told = error_json("eval", exit_code=5, reason="provider", message="m")
    assert set(eval_json(EvalReport(exit_code=5))) | {"message", "reason"} == set(told)
    paid, replayed = Spend(calls=2, usd=Decimal("0.5")), Spend(calls=1)
    for command in ("gate", "eval", "train", "ablate"):
        ended = error_json(command, exit_code=4, reason="budget", message="m", spent=(paid, replayed))
        assert ended["spend"] == {"paid": paid.as_json(), "replayed": replayed.as_json()}


@given(st.dictionaries(st.text(), st.text()))
def test_dump_is_utf8_json_with_one_form(value: dict[str, str]) -> None:
    for text in (dump(value), dump_line(value)):
        assert text.endswith("\n")
        again = json.loads(text.encode("utf-8"))
        assert again == value
    assert dump_line(value).count("\n") == 1


def test_lone_surrogates_are_escaped() -> None:
    assert json.loads(dump({"a": "\ud800"}).encode("utf-8")) == {"a": "\ud800"}
