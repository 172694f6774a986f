"""A gate's result read back by the job that publishes it."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.verdict import GateReport
from skillopt_ci.errors import UsageError
from skillopt_ci.report.gate_result import (
    COMMENT_ROOM,
    MAX_BYTES,
    Accepted,
    GateResult,
    accept_hint,
    comment_text,
    read_gate_result,
    status_words,
)
from skillopt_ci.report.jsonout import error_json, gate_json

SHA = "a" * 40
HOSTILE = "@team fixes #1 ::error::x ##[error] <img src=x> ](http://evil.example) `|` --> \r\n\x1b[31m \u202e [skip ci]"


def side(mean: float | None = 0.5, tokens: int | None = 10) -> dict[str, Any]:
    return {"mean": mean, "low": None, "high": None, "tokens": tokens}


def one(**changes: Any) -> dict[str, Any]:
    return {
        "name": "invoices", "target": "openai/m", "verdict": "regression", "reason": "loss-shown", "base": side(0.7),
        "head": side(0.6), "effect": {"mean": -0.1, "low": -0.2, "high": 0.0}, "n_tasks": 50, "golden_failed": [],
        "margin": 0.05, "tasks": [{"id": "t1", "base": 1.0, "head": 0.0, "outcome": "regressed"}], **changes,
    }  # fmt: skip


def value(**changes: Any) -> dict[str, Any]:
    return {
        "schema": "skillopt-ci/gate/1", "verdict": "regression", "reason": "loss-shown", "exit_code": 1,
        "base": {"ref": "main", "sha": SHA, "policy_sha": SHA}, "head": {"ref": "x", "sha": SHA}, "policy_changed": [],
        "skills": [one()], "spend": {"paid": {"calls": 1280, "usd": "0.42"}}, **changes,
    }  # fmt: skip


def read(data: Any) -> GateResult:
    return read_gate_result(json.dumps(data).encode(), "gate.json")


class TestReading:
    def test_what_the_gate_writes_is_read(self) -> None:
        report = GateReport(verdict="not-applicable", reason="unchanged", exit_code=0, head_sha=SHA)
        result = read(gate_json(report))
        assert (result.state, result.head_sha, result.exit_code) == ("success", SHA, 0)
        failed = read(error_json("gate", exit_code=5, reason="git", message="no such commit"))
        assert (failed.state, failed.head_sha, failed.exit_code) == ("error", None, 5)

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "not JSON"),
            (b"[" * 100_000, "not JSON"),
            (b'{"a": NaN}', "NaN is no number of JSON"),
            (b"\xff", "not JSON"),
            (b"{}", "the whole: 'schema' is a required property"),
            (b" " * (MAX_BYTES + 1), "larger than"),
        ],
    )
    def test_what_is_no_result(self, data: bytes, words: str) -> None:
        with pytest.raises(UsageError, match=re.escape(words)):
            read_gate_result(data, "gate.json")

    @pytest.mark.parametrize(
        "changes",
        [
            {"verdict": "perfect"}, {"exit_code": 0}, {"exit_code": True}, {"reason": "Loss shown"}, {"skills": [{}]},
            {"head": {"sha": "main"}}, {"head": {"sha": f"{SHA}\n"}}, {"skills": [one(effect={"mean": "x"})]},
            {"verdict": None, "exit_code": 0}, {"verdict": "pass", "exit_code": 3}, {"policy_changed": [1]},
            {"spend": {"paid": {"calls": -1, "usd": None}}}, {"skills": [one(name="x" * 4001)]},
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_refused(self, changes: dict[str, Any]) -> None:
        with pytest.raises(UsageError):
            read(value(**changes))

    @given(st.binary(max_size=300))
    def test_nothing_else_is_raised(self, data: bytes) -> None:
        with pytest.raises(UsageError):
            read_gate_result(data, "gate.json")


class TestWords:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({}, "Regression: invoices. invoices -10.0 pt"),
            ({"verdict": "pass", "exit_code": 0}, "Pass: a loss of the margin is ruled out. invoices -10.0 pt"),
            ({"verdict": "not-applicable", "exit_code": 0, "skills": []}, "Not applicable: loss-shown"),
            (
                {"verdict": "not-applicable", "exit_code": 0, "message": "no skill changed"},
                "Not applicable: no skill changed",
            ),
            (
                {"verdict": "inconclusive", "reason": "undecided", "exit_code": 0},
                "Inconclusive: neither a loss nor its absence is shown. invoices -10.0 pt",
            ),
            (
                {
                    "verdict": "inconclusive",
                    "reason": "undecided",
                    "exit_code": 0,
                    "skills": [one(verdict="inconclusive", reason="undecided", p=0.01, p_threshold=0.0193)],
                },
                "Inconclusive: a loss is seen that does not count. invoices -10.0 pt",
            ),
            ({"verdict": "inconclusive", "reason": "budget", "exit_code": 4}, "Inconclusive: budget"),
            ({"verdict": None, "reason": "provider", "exit_code": 5}, "No verdict: provider"),
            ({"skills": [], "reason": "golden-broken"}, "Regression: golden-broken."),
            (
                {"skills": [one(name="lost", effect=None, verdict="inconclusive", reason="budget"), one()]},
                "Regression: invoices. invoices -10.0 pt",
            ),
        ],
    )
    def test_status(self, changes: dict[str, Any], words: str) -> None:
        assert status_words(read(value(**changes))) == words

    def test_hostile_words_in_a_status(self) -> None:
        words = status_words(read(value(skills=[one(name=HOSTILE)])), Accepted(by="octo", reason=HOSTILE * 5))
        assert len(words) <= 140
        assert words.isprintable()
        assert "##[" not in words

    def test_comment(self) -> None:
        text = comment_text(read(value(policy_changed=["skillopt.yml"])), "https://example.org/1", None, "Hint.")
        for words in (
            "### Skill gate: FAIL",
            "| invoices | openai/m | FAIL | 70.0 | 60.0 | -10.0 [-20.0, +0.0] | 50 | 10 -> 10 |",
            "- worse (1): t1",
            "not yet in force: skillopt.yml.",
            "Hint.",
            f"Head {SHA[:12]}, base {SHA[:12]}, rules and tasks from {SHA[:12]}.",
            "Paid: 1,280 calls, 0.42 USD. Report: https://example.org/1 .",
        ):
            assert words in text
        assert "Simulated models" not in text

    @pytest.mark.parametrize(
        ("told", "wanted"),
        [
            (
                {"verdict": "pass", "reason": "loss-ruled-out"},
                "- invoices: a loss of 5 points or more is ruled out on these tasks.",
            ),
            (
                {"verdict": "pass", "reason": "loss-ruled-out", "base": side(0.0)},
                "ruled out on these tasks; the base passes none of them, so no loss could show.",
            ),
            (
                {"verdict": "inconclusive", "reason": "undecided", "minimum_detectable_effect": 0.14},
                "nor its absence is shown; these tasks can show a loss of 14.0 points or more.",
            ),
            (
                {"verdict": "inconclusive", "reason": "undecided"},
                "- invoices: neither a loss nor its absence is shown.",
            ),
            (
                {"verdict": "inconclusive", "reason": "undecided", "p": 0.001, "p_threshold": 0.019},
                "- invoices: a loss is seen that does not count: smaller than `gate.min_effect`, or not in fresh runs",
            ),
            (
                {"verdict": "inconclusive", "reason": "undecided", "p": 0.02, "p_threshold": 0.019},
                "- invoices: neither a loss nor its absence is shown.",
            ),
            (
                {"verdict": "inconclusive", "reason": "undecided", "p": None, "p_threshold": 0.019},
                "- invoices: neither a loss nor its absence is shown.",
            ),
            ({"p": 0.00001}, "- invoices: a loss is shown (p<0.0001)."),
            ({"p": 0.0123, "base": side(0.0)}, "- invoices: a loss is shown (p=0.0123)."),
        ],
    )
    def test_what_the_outcome_says(self, told: dict[str, Any], wanted: str) -> None:
        skill = one(**told)
        whole = {"verdict": skill["verdict"], "reason": skill["reason"]}
        whole["exit_code"] = {"pass": 0, "inconclusive": 3, "regression": 1}[skill["verdict"]]
        assert wanted in comment_text(read(value(skills=[skill], **whole)), "", None)

    @pytest.mark.parametrize(
        "told", [{"golden_failed": ["g"], "p": 0.5}, {}, {"verdict": "inconclusive", "reason": "infrastructure"}]
    )
    def test_an_outcome_that_says_nothing_of_a_loss(self, told: dict[str, Any]) -> None:
        text = comment_text(read(value(skills=[one(**told)])), "", None)
        assert "- invoices:" not in text

    def test_figures_that_are_none_are_refused(self) -> None:
        for key in ("margin", "minimum_detectable_effect", "p"):
            with pytest.raises(UsageError, match=key):
                read(value(skills=[one(**{key: "5"})]))

    def test_what_was_not_measured_is_not_zero(self) -> None:
        bare = one(
            effect=None, n_tasks=None, base=side(None, None), head=side(None), verdict=None, reason="budget", tasks=[]
        )
        nothing = {"paid": {"calls": 0, "usd": None}}
        told = {"verdict": "inconclusive", "reason": "budget", "exit_code": 4, "skills": [bare], "spend": nothing}
        unknown = {"head": {"sha": None}, "base": {"sha": None, "policy_sha": None}, "simulated": True}
        text = comment_text(read(value(**told, **unknown)), "", None)
        assert "| NO VERDICT (budget) | not measured | not measured | not measured | - | - -> 10 |" in text
        assert "price unknown" in text
        assert "Simulated models" in text
        assert "Head unknown, base unknown." in text

    def test_golden_and_better(self) -> None:
        skill = one(golden_failed=["g1"], tasks=[{"id": "t2", "outcome": "improved"}])
        text = comment_text(read(value(skills=[skill])), "", None)
        assert "- golden tasks broken: g1" in text
        assert "- better (1): t2" in text

    def test_hostile_words_in_a_comment(self) -> None:
        skill = one(
            name=HOSTILE, target=HOSTILE, tasks=[{"id": HOSTILE, "outcome": "regressed"}], golden_failed=[HOSTILE]
        )
        hostile = value(skills=[skill], policy_changed=[HOSTILE], message=HOSTILE)
        text = comment_text(read(hostile), "", Accepted(by=HOSTILE, reason=HOSTILE), accept_hint("skillopt:accept-x"))
        for word in ("@team", "#1 ", "<img", "](http://", "-->", "\x1b", "\u202e", "\r"):
            assert word not in text
        assert all(line.count("|") == 9 for line in text.splitlines() if line.startswith("| "))

    def test_a_comment_fits(self) -> None:
        tasks = [{"id": f"\U0001f600{n}" * 60, "outcome": "regressed"} for n in range(40)]
        text = comment_text(read(value(skills=[one(name=f"s{n}", tasks=tasks) for n in range(60)])), "", None)
        assert len(text.encode("utf-16-le")) // 2 <= COMMENT_ROOM
        assert "and 20 more." in text
        assert "Left out because of the size limit" in text
