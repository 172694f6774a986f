import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.report.junit import Case, eval_junit, gate_junit, junit, train_junit
from tests.report.samples import HIDDEN, HOSTILE, MISSING, gate, result, scored, training, verdict


def suite_of(text: str) -> ET.Element:
    """The one suite, after the checks that readers rely on."""
    root = ET.fromstring(text.encode("utf-8"))
    assert root.tag == "testsuites"
    (suite,) = root
    cases = suite.findall("testcase")
    assert {"name", "tests", "errors", "failures", "skipped", "time"} <= set(suite.attrib)
    assert int(suite.attrib["tests"]) == len(cases)
    for tag, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert int(suite.attrib[count]) == len([c for c in cases if c.find(tag) is not None])
    for case in cases:
        assert {"classname", "name", "time"} <= set(case.attrib)
        assert float(case.attrib["time"]) >= 0
    return suite


def outcomes(suite: ET.Element) -> dict[str, str]:
    bad = {c.attrib["name"]: [e.tag for e in c if e.tag != "system-out"] for c in suite.findall("testcase")}
    return {name: tags[0] if tags else "passed" for name, tags in bad.items()}


def properties(suite: ET.Element) -> dict[str, str]:
    return {p.attrib["name"]: p.attrib["value"] for p in suite.iter("property")}


@given(st.text(), st.text(), st.sampled_from(["passed", "failed", "error", "skipped"]))
def test_hostile_text_is_data(name: str, message: str, status: str) -> None:
    case = Case(id=name, classname=message, status=status, message=message, detail=name + HOSTILE)  # type: ignore[arg-type]
    suite = suite_of(junit(name, [case], {name: message}))
    assert list(outcomes(suite).values()) == [{"failed": "failure"}.get(status, status)]


def test_time() -> None:
    suite = suite_of(junit("s", [Case(id="a", classname="c", status="passed", seconds=1.25)], {}))
    assert suite[0].attrib["time"] == "1.250000"


def test_eval() -> None:
    suite = suite_of(eval_junit(scored()))
    assert outcomes(suite) == {"t1": "passed", "t2|<b>": "failure", "t3": "error", "t4": "skipped"}
    assert properties(suite)["invoices.test.mean"] == "0.750000"
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.attrib["message"] == "passed 0 of 1 runs, score 50.0"


def test_words_of_held_out_tasks_stay_out() -> None:
    assert HIDDEN not in eval_junit(scored())
    assert HIDDEN in eval_junit(scored(), show_heldout=True)
    assert HIDDEN in eval_junit(scored(split="train"))
    assert HIDDEN not in gate_junit(gate()) + train_junit([training()])


@pytest.mark.parametrize(
    ("verdict_", "reason", "code", "wanted"),
    [
        ("pass", "loss-ruled-out", 0, "passed"),
        ("not-applicable", "nothing-changed", 0, "skipped"),
        ("regression", "loss-shown", 1, "failure"),
        ("regression", "golden-broken", 1, "failure"),
        ("inconclusive", "undecided", 0, "skipped"),
        ("inconclusive", "undecided", 3, "failure"),
        ("inconclusive", "infrastructure", 3, "error"),
        ("inconclusive", "budget", 4, "error"),
        (None, "provider", 5, "error"),
        (None, "config", 2, "error"),
        (None, "needs-maintainer", 0, "skipped"),
        (None, "policy-changed", 1, "failure"),
    ],
)
def test_the_gate_case_follows_the_table(verdict_: str | None, reason: str, code: int, wanted: str) -> None:
    report = replace(gate(), verdict=verdict_, reason=reason, exit_code=code, skills=())  # type: ignore[arg-type]
    assert outcomes(suite_of(gate_junit(report))) == {"gate": wanted}


def test_the_gate_fails_and_its_tasks_inform() -> None:
    suite = suite_of(gate_junit(gate(policy_changed=("skillopt.yml", HOSTILE))))
    assert outcomes(suite) == {"gate": "failure", "t1": "passed", "t2|<b>": "passed", "t3": "passed", "t4": "passed"}
    failure = suite.find("testcase[@name='gate']/failure")
    assert failure is not None
    assert failure.attrib["message"] == (
        "regression: loss-shown; invoices on openai/gpt-5.4-mini: regression (loss-shown), -12.5 pt [-21.0, -4.0], "
        "round 1"
    )
    assert [c.findtext("system-out") for c in suite.findall("testcase")[2:4]] == [
        "regressed: 100.0 -> 50.0",
        "regressed: 100.0 -> 0.0",
    ]
    assert properties(suite)["policy_changed"].startswith("skillopt.yml, @team")
    passed = gate(verdict(verdict="pass"), verdict="pass", exit_code=0)
    assert set(outcomes(suite_of(gate_junit(passed))).values()) == {"passed"}


def test_each_skill_is_told_with_its_own_verdict() -> None:
    blank = verdict(name="other", verdict=None, reason="provider", suite_effect=None, comparison=None, message="dead")
    (case, *_) = suite_of(gate_junit(gate(verdict(), blank))).findall("testcase")
    assert case[0].attrib["message"].endswith("; other on openai/gpt-5.4-mini: no verdict (provider)")
    (case, *_) = suite_of(gate_junit(gate(blank, message="key refused"))).findall("testcase")
    assert case[0].attrib["message"] == "key refused"


def test_tasks_that_were_not_measured() -> None:
    comparison = MISSING.comparison
    for reason, wanted in (("infrastructure", "error"), ("undecided", "skipped")):
        one = verdict(verdict="inconclusive", reason=reason, comparison=comparison, head=None)
        suite = suite_of(gate_junit(gate(one)))
        assert outcomes(suite)["t2|<b>"] == wanted
        assert properties(suite)["invoices.openai/gpt-5.4-mini.head"] == "not measured"


def test_train() -> None:
    suite = suite_of(train_junit([training()]))
    assert outcomes(suite) == {"train": "passed", "t1": "passed", "t2|<b>": "passed", "t3": "passed", "t4": "passed"}
    told = properties(suite)
    assert told["invoices.proposal"] == "true"
    assert (told["invoices.test.start"], told["invoices.test.best"]) == ("0.375000", "0.875000")
    failed = replace(training(), result=None, exit_code=5, message=HOSTILE)
    (case,) = suite_of(train_junit([failed])).findall("testcase")
    assert case[0].attrib["message"].startswith("@team")
    assert outcomes(suite_of(train_junit([training(exit_code=3)])))["train"] == "error"
    unsure = training(result(confirmation=MISSING))
    assert outcomes(suite_of(train_junit([unsure])))["t2|<b>"] == "skipped"
    assert (
        properties(suite_of(train_junit([training(result(confirmation=None))])))["invoices.test.best"] == "not measured"
    )
