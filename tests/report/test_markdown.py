import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from skillopt_ci.core.compare import Comparison
from skillopt_ci.core.history import NOT_AGAIN
from skillopt_ci.core.merge_gate import MergeRule, look
from skillopt_ci.core.screening import Screening, ScreenRule, why_not
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.stats import Effect
from skillopt_ci.core.suite_edits import SuiteEdits
from skillopt_ci.core.texts import plural
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.core.verdict import EvalReport, SkillVerdict
from skillopt_ci.report.escape import md_text
from skillopt_ci.report.markdown import eval_summary, gate_summary, pull_request_sections, train_summary, verdict_line
from skillopt_ci.report.parts import LIMIT, PULL_REQUEST_LIMIT, SIMULATED, capped, gain, ids, points, spending
from tests.report.samples import (
    BETTER,
    HIDDEN,
    HOSTILE,
    LOOK,
    MISSING,
    START,
    compared,
    confirmation,
    decision,
    evaluation,
    gate,
    record,
    result,
    scored,
    step,
    training,
    verdict,
)

BLIND = replace(LOOK, decision="inconclusive", reason="infrastructure", p=None, difference=None)
SAME = confirmation((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0))
SUMMARIES = [
    train_summary([training()], simulated=False),
    train_summary([training(result(confirmation=MISSING), proposal=False, message=HOSTILE)], simulated=False),
    gate_summary(gate(), simulated=False),
    gate_summary(gate(verdict(message=HOSTILE, name=HOSTILE), message=HOSTILE, base_ref=HOSTILE), simulated=False),
    eval_summary(scored(message=HOSTILE), simulated=False),
    "\n\n".join(pull_request_sections(training(), simulated=False)),
]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.outside_code: list[str] = []
        self.code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.code = tag in ("pre", "code")

    def handle_data(self, data: str) -> None:
        if not self.code:
            self.outside_code.append(data)

    def handle_endtag(self, tag: str) -> None:
        self.code = False


@pytest.mark.parametrize("text", SUMMARIES)
class TestEverySummary:
    def test_hostile_text_is_data(self, text: str) -> None:
        shown = _Page()
        shown.feed(MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text))
        names = {tag for tag, _ in shown.tags}
        blocks = {"h2", "h3", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "pre", "code", "strong"}
        assert names <= blocks
        plain = "".join(shown.outside_code)
        assert "@team" not in plain
        assert "#1" not in plain
        assert "http://" not in plain
        assert "\u202e" not in text
        assert "\x1b" not in text

    def test_nothing_of_held_out_tasks(self, text: str) -> None:
        assert HIDDEN not in text

    def test_never_says_that_nothing_regressed(self, text: str) -> None:
        assert "no regression" not in text.lower()
        assert "spend" not in text.lower() or "Paid" in text
        assert "Paid: 3 calls, 1,200 + 300 tokens, 0.42 USD." in text


def test_simulated_is_said_first() -> None:
    for text in (
        train_summary([training()], simulated=True),
        gate_summary(gate(), simulated=True),
        eval_summary(scored(), simulated=True),
        "\n\n".join(pull_request_sections(training(), simulated=True)),
    ):
        assert text.startswith(SIMULATED)
        assert "nothing about the quality of a real model" in SIMULATED
    assert not any(SIMULATED in text for text in SUMMARIES)


class TestTrain:
    def test_what_became_of_every_edit(self) -> None:
        dead, good = record("kept"), record("kept", "replace")
        alone = replace(record("rejected-alone", "delete"), reason="alone it gained +0 points")
        again = replace(record("refused"), reason=f"{NOT_AGAIN}not better (an earlier run)")
        pruned = replace(dead, status="pruned", reason="no worse with less text")
        steps = (
            step(1, "accept", decision(0.75), (dead, good, alone, replace(alone, status="refused"), again)),
            replace(step(2, "accept", decision(0.75), (pruned,)), kind="prune"),
            replace(step(3, "reject", decision(0.7), (good, replace(good, status="undecided"))), kind="prune"),
            step(4, "reject", decision(0.7), (record("rejected"), record("rejected", "replace"))),
            replace(step(5, "reject", decision(0.7), (replace(record("rejected"), reason=""),)), reason="not better"),
            step(6, "skip", None, (record("waiting"),)),
            step(7, "skip", None, (record("waiting"),)),
        )
        text = train_summary([training(result(steps=steps))], simulated=False)
        accepted = text.split("### Accepted edits")[1].split("###")[0]
        assert "new ``` line" in accepted
        assert "script" not in accepted  # pruned later
        assert "- Step 1, delete, rejected alone: gone (alone it gained +0 points)" in text
        assert "- Step 1, delete, refused by policy: gone" in text
        assert "- Step 1, add, refused: " in text
        assert "(not bought again: not better (an earlier run))" in text
        assert "- Step 2, add, pruned: " in text
        assert "(no worse with less text)" in text
        assert "- Step 3, replace, " not in text  # what pruning left in the skill
        assert "- Step 4, add, rejected with its bundle: " in text
        assert "- Step 5, add, rejected alone: " in text  # nothing was with it
        assert " (not better)\n" in text
        assert "- Step 6, " not in text  # told where it was looked at last
        assert "- Step 7, add, left waiting: " in text

    def test_the_claim(self) -> None:
        text = train_summary([training()], simulated=False)
        said = "Improvement shown on the test split, one-sided only: the 95% CI [-21.7, +88.3] includes 0."
        assert text.startswith(f"## Training of invoices\n\n**{said}**\n\n")
        assert "Test split (touched once): 37.5 -> 87.5, +50.0 pt, 95% CI [" in text
        assert "], 4 tasks x 2 runs per arm. Validation score 75.0 was used for selection and is optimistic." in text
        assert "- Better (3): t1, t2&#124;&lt;b&gt;, t4\n- Worse (1): t3" in text
        why = md_text(f"{HOSTILE}; 1 target without a result (timeout)", 200)
        assert f"| 1 | 1 | edit | accepted | 50.0 -> 75.0 (+25.0) | 2 kept, 1 unmatched | {why} |" in text
        assert f"**Step 1: add** {md_text(HOSTILE, 500)} (train tasks: t7, " in text
        assert "50.0 -> at most 40.0 (stopped early)" in text
        assert "| 4 | 2 | slow update | rejected | not measured | 1 rejected |" in text
        assert "| 3 | 1 | edit | skipped | not gated | none |" in text
        assert "Validation (selection estimate)" in text
        assert "````diff\n- old\n- line\n+ new ``` line\n````" in text
        assert "- Step 1, delete, did not match the text: gone (" in text
        assert "over-budget:" not in text
        assert "No skill was trained" not in text
        assert "1 + 2 tokens, price unknown" in text

    def test_improvement_not_shown(self) -> None:
        text = train_summary([training(result(confirmation=SAME), proposal=False)], simulated=False)
        assert "**Improvement not shown on the test split.**" in text
        assert "+0.0 pt, 95% CI [-" in text
        assert "The interval includes 0. One-sided confidence that the best skill is better: 50.0%." in text
        assert "that changed" not in text

    def test_an_interval_above_0_gives_its_confidence(self) -> None:
        sure = replace(BETTER.comparison, effect=Effect(mean=0.5, low=0.1, high=0.9), confidence_better=0.987)
        text = train_summary([training(result(confirmation=replace(BETTER, comparison=sure)))], simulated=False)
        assert "**Improvement shown on the test split.**" in text
        assert "+50.0 pt, 95% CI [+10.0, +90.0], 4 tasks" in text
        assert "optimistic. One-sided confidence that the best skill is better: 98.7%." in text
        assert "includes 0" not in text

    @pytest.mark.parametrize(("value", "words"), [(1.0, "above 99.9%"), (0.9994, "99.9%"), (0.0001, "below 0.1%")])
    def test_nothing_is_certain(self, value: float, words: str) -> None:
        sure = replace(BETTER.comparison, confidence_better=value)
        text = train_summary([training(result(confirmation=replace(BETTER, comparison=sure)))], simulated=False)
        assert f"confidence that the best skill is better: {words}." in text

    def test_too_much_missing(self) -> None:
        text = train_summary([training(result(confirmation=MISSING), proposal=False)], simulated=False)
        assert "38% of the runs are missing: too many to decide." in text
        assert ", 3 tasks x 2 runs per arm." in text
        turned = replace(MISSING, comparison=compared(MISSING.best, MISSING.start))
        assert ", 3 tasks x 2 runs" in train_summary([training(result(confirmation=turned))], simulated=False)
        assert "- Not measured (1): t2" in text
        nothing = confirmation((None,), (None,), (None,), (None,))
        text = train_summary([training(result(confirmation=nothing), proposal=False)], simulated=False)
        assert "nothing was measured on both sides" in text

    def test_unchanged_unconfirmed_and_unfinished(self) -> None:
        unchanged = training(result(best=START, steps=(), confirmation=None), proposal=False)
        text = train_summary([unchanged], simulated=False)
        assert "**No candidate was accepted; the skill is unchanged (all epochs done).**" in text
        assert "### " not in text  # neither edits nor steps
        alone = replace(unchanged, result=replace(unchanged.result, closing=evaluation((1.0,), (0.0,), (None,))))
        text = train_summary([replace(alone, message="a run was lost")], simulated=False)
        assert re.search(r"Test split \(touched once\): 50\.0, 95% CI \[[\d.]+, [\d.]+\], 2 tasks\.", text)
        assert text.count("a run was lost") == 1
        ended = train_summary([training(result(stopped="money"), message="money")], simulated=False)
        assert ended.count("money") == 1
        unconfirmed = training(result(confirmation=None, stopped="budget: 1 USD"), proposal=False, test_opened=0)
        text = train_summary([unconfirmed], simulated=False)
        assert "the closing comparison on the test split was not made (budget: 1 USD)" in text
        assert "Test split: not opened." in text
        failed = replace(training(), result=None, message="the key was refused")
        assert "**Training did not finish: the key was refused**" in train_summary([failed], simulated=False)
        assert train_summary([], simulated=False) == "No skill was trained.\n"

    def test_the_test_split_opened_again_is_said(self) -> None:
        assert "Test split (opened 3 times for this suite)" in train_summary([training(test_opened=3)], simulated=False)

    def test_long_runs_are_capped(self) -> None:
        many = tuple(step(n, "reject", None, (record("rejected"),)) for n in range(1, 900))
        text = train_summary([training(result(steps=many))], simulated=False)
        assert len(text) <= LIMIT
        assert "_Left out because of the size limit: " in text
        assert "Paid: 3 calls" in text
        sections = pull_request_sections(training(result(steps=many)), simulated=False)
        assert 100 < len("\n\n".join(sections)) <= PULL_REQUEST_LIMIT
        assert sections[-1].startswith("_Left out because of the size limit: ")
        few = train_summary([training(result(steps=many[:40]))], simulated=False)
        assert "- and 10 more" in few


class TestGate:
    def test_fail(self) -> None:
        text = gate_summary(gate(), simulated=False)
        first = "**invoices** on openai/gpt-5.4-mini: FAIL: regression shown: -12.5 pt"
        assert text.startswith(f"## Skill gate: FAIL\n\n{first}")
        told = "on 4 tasks, p=0.0041 (<= 0.0194), round 1/4; tasks that look worse: t2&#124;&lt;b&gt;, t3."
        assert told in text
        assert "| 75.0 (4 runs) | 62.5 (4 runs) | -12.5 [-21.0, -4.0] | -12.5 [" in text
        assert "95% intervals, not adjusted for early stopping." in text
        assert "| t3 | 100.0 | 0.0 | worse |" in text
        assert (
            "invoices: This suite shows losses of 8.3 pt or more (80% power), the margin is 5.0 pt: more tasks, more "
            "base runs or a larger margin would suit it."
        ) in text
        assert "invoices: The test split of this suite was opened by 1 run so far." in text
        assert (
            "Base: origin/main (bbbbbbbbbbbb), configuration and tasks from cccccccccccc. Head: HEAD (not a commit)."
            in text
        )

    @pytest.mark.parametrize(
        ("one", "wanted"),
        [
            (
                verdict(verdict="pass"),
                "PASS: a loss of 5 points or more ruled out (about 90%, this suite): -12.5 pt on 4 tasks, round 1/4.",
            ),
            (verdict(verdict="pass", rule=MergeRule(pass_rule="strict", alpha=0.01)), "ruled out (99%, this suite): "),
            (verdict(verdict="pass", rule=MergeRule(max_rounds=1)), "ruled out (95%, this suite): "),
            (verdict(verdict="pass", rule=MergeRule(alpha=0.1)), "ruled out (about 80%, this suite): "),
            (verdict(verdict="pass", margin=None), "PASS: a loss of the margin or more ruled out "),
            (
                verdict(verdict="inconclusive", reason="undecided", look=replace(LOOK, p=0.231)),
                "INCONCLUSIVE: -12.5 pt on 4 tasks, p=0.2310 (> 0.0194), round 1/4; this suite can show regressions of "
                "8.3 pt or more; not blocked (policy: pass).",
            ),
            (
                verdict(verdict="inconclusive", reason="undecided", look=replace(LOOK, p=0.5, reason="futile")),
                "round 1/4, as further rounds would hardly show a loss; this suite can show regressions of 8.3 pt or ",
            ),
            (verdict(verdict="inconclusive", reason="undecided", blocking=True), "; blocked (policy: block)."),
            (
                verdict(verdict="inconclusive", reason="undecided", rule=MergeRule(min_effect=0.2)),
                "INCONCLUSIVE: a loss is shown that is smaller than gate.min_effect (20 points): -12.5 pt on 4 tasks, "
                "p=0.0041 (<= 0.0194), round 1/4; not blocked (policy: pass).",
            ),
            (
                verdict(verdict="inconclusive", reason="undecided", look=replace(LOOK, reason="not-confirmed")),
                "INCONCLUSIVE: -12.5 pt on 4 tasks against stored base runs older than a day (p=0.0041 (<= 0.0194), "
                "round 1/4), which fresh runs of both sides do not show; not blocked (policy: pass). Measure the base",
            ),
            (
                verdict(verdict="inconclusive", reason="infrastructure", look=replace(BLIND, missing_head=0.15)),
                "INCONCLUSIVE: 15% of the runs gave no result, too many to decide; blocked.",
            ),
            (
                verdict(verdict="inconclusive", reason="infrastructure", message="golden tasks without a result: t3"),
                "INCONCLUSIVE: golden tasks without a result: t3; blocked.",
            ),
            (
                verdict(reason="golden-broken", golden_failed=("t3",), look=BLIND),
                "FAIL: golden task broken (at least 3 of 4 runs fail, the base passes it): t3.",
            ),
            (
                verdict(verdict="not-applicable", reason="new-skill", message="a new skill", look=None),
                "NOT APPLICABLE: a new skill",
            ),
            (verdict(verdict=None, reason="provider", look=None), "NO VERDICT: provider"),
        ],
    )
    def test_words(self, one: SkillVerdict, wanted: str) -> None:
        assert wanted in verdict_line(one)

    def test_a_policy_of_its_own_decides_what_an_undecided_skill_is_told(self) -> None:
        undecided = verdict(verdict="inconclusive", reason="undecided", name="other")
        text = gate_summary(gate(verdict(), undecided), simulated=False)  # the gate as a whole blocks
        assert text.count("not blocked (policy: pass)") == 1

    def test_what_a_reader_should_know_besides(self) -> None:
        one = verdict(
            verdict="pass",
            notes=("400 stored base runs dropped: @team",),
            base=evaluation((0.0,), (0.0,), (0.0,), (0.0,)),
            minimum_detectable_effect=0.04,
            test_opened=3,
        )
        text = gate_summary(gate(one), simulated=False)
        assert "This suite shows losses" not in text  # where the base passes nothing it shows none
        for wanted in (
            "invoices: 400 stored base runs dropped: @&#8203;team",
            "invoices: Tasks whose own runs look worse (some do by chance): t2&#124;&lt;b&gt;, t3.",
            "invoices: The base passes none of these tasks: no loss could show, and a pass says nothing.",
            "invoices: The test split of this suite was opened by 3 runs so far.",
        ):
            assert wanted in text

    def test_what_the_suite_can_show_is_said_where_the_base_passes_something(self) -> None:
        one = verdict(base=evaluation((0.0,), (1.0,), (0.0,), (0.0,)), minimum_detectable_effect=0.04)
        text = gate_summary(gate(one), simulated=False)
        assert "invoices: This suite shows losses of 4.0 pt or more (80% power)." in text

    def test_a_pass_of_few_runs_that_hardly_differ_says_what_it_leaves_open(self) -> None:
        always = evaluation(*[(1.0,) * 5] * 4)
        found = look([[1.0] * 8] * 20, [[1.0]] * 20, 1, MergeRule())
        one = verdict(verdict="pass", reason="loss-ruled-out", margin=0.05, look=found, base=always, head=always)
        text = gate_summary(gate(one), simulated=False)
        assert "a loss of 5 points that is spread thin over the tasks would look like this in about 36% of" in text
        assert "spread thin" not in gate_summary(gate(replace(one, verdict="inconclusive")), simulated=False)

    def test_edits_of_the_rules_are_listed_and_diffed_as_data(self) -> None:
        many = tuple(f"n{i}" for i in range(60))
        edits = SuiteEdits(skill="invoices", added=many, removed=(HOSTILE,), changed=(("t1", ("prompt", "golden")),))
        report = gate(
            policy_changed=("skillopt.yml",),
            policy_diffs=(("skillopt.yml", f"-a: 1\n+b: {HOSTILE}"),),
            suite_edits=(edits, SuiteEdits(skill="x", unreadable="evals/x.jsonl:3: no JSON")),
        )
        text = gate_summary(report, simulated=False)
        assert "Changed here and not yet in force, the base's hold: skillopt.yml." in text
        assert "### Policy changed: not in force, and not run" in text
        assert "- tasks of invoices: added (60): n0, " in text
        assert "n49 and 10 more; removed (1): @&#8203;team" in text
        assert "; changed (1): t1 (prompt, golden)" in text
        assert "- tasks of x: cannot be read as they would be: evals/x.jsonl:3: no JSON" in text
        assert "skillopt.yml:\n\n````diff\n-a: 1\n+b: @team" in text
        shown = _Page()
        shown.feed(MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text))
        assert "script" not in {tag for tag, _ in shown.tags}

    def test_a_trial_of_the_heads_rules_says_so(self) -> None:
        text = gate_summary(gate(head_policy=True), simulated=False)
        assert "**Judged by the head's own rules and tasks (`--with-head-policy`)**: a trial, not a gate." in text
        assert "trial" not in gate_summary(gate(), simulated=False)

    def test_nothing_to_judge(self) -> None:
        report = replace(
            gate(), verdict="not-applicable", reason="nothing-changed", skills=(), base_sha=None, base_ref=None
        )
        text = gate_summary(report, simulated=False)
        assert text.startswith("## Skill gate: NOT APPLICABLE\n\nnothing-changed\n\nBase: unknown (not a commit)")
        assert "| Skill |" not in text
        assert "### " not in text

    def test_policy_and_missing(self) -> None:
        one = verdict(verdict="inconclusive", reason="infrastructure", comparison=MISSING.comparison, head_tokens=None)
        text = gate_summary(gate(one, policy_changed=("skillopt.yml",)), simulated=False)
        assert "Changed here and not yet in force, the base's hold: skillopt.yml." in text
        assert "Not measured on both sides: t2" in text
        assert " -> - |" in text
        nothing = verdict(suite_effect=None, comparison=MISSING.comparison, base=None)
        text = gate_summary(gate(nothing), simulated=False)
        assert "| invoices | openai/gpt-5.4-mini | not measured | 62.5 (4 runs) | not measured | " in text
        assert "invoices: This suite shows losses of 8.3 pt or more" in text
        assert "### Tasks of invoices that moved" in text

    def test_many_changed_tasks(self) -> None:
        tasks = tuple(f"t{i:03}" for i in range(120))
        pairs = tuple(replace(verdict().comparison.pairs[2], task_id=t) for t in tasks)  # type: ignore[union-attr]
        comparison = Comparison(
            pairs=pairs,
            effect=Effect(mean=-1.0, low=-1.0, high=-0.9),
            confidence_better=0.0,
            missing_base=0.0,
            missing_head=0.0,
        )
        text = gate_summary(gate(verdict(comparison=comparison)), simulated=False)
        assert "| t049 | 100.0 | 0.0 | worse |\n\nand 70 more." in text
        assert "| t050 |" not in text


def test_what_screening_says_of_an_edit_is_not_cut() -> None:
    why = NOT_AGAIN + why_not(Screening(gain=-0.25, runs=18, evidence=1.0, taken=0.25), ScreenRule())
    unsure = replace(record("rejected-alone"), reason=why)
    told = train_summary([training(result(steps=(step(1, "skip", None, (unsure,)),)))], simulated=False)
    assert "than luck (help is believed at 8 times))" in told


class TestEval:
    def test_scores(self) -> None:
        text = eval_summary(scored(), simulated=False)
        assert "| invoices | simulated/reader | test | 75.0 | [" in text
        assert "| 2 of 4 | 2 |" in text
        assert "\n\nthe suite is small\n\n" in eval_summary(scored(message="the suite is small"), simulated=False)
        assert "invoices: 1 task below 100: t2" in text
        assert "run scored anything" not in text
        assert "invoices: 2 tasks not measured: t3, t4; `skillopt-ci ledger failures` says why." in text

    def test_nothing(self) -> None:
        text = eval_summary(EvalReport(exit_code=5, message="the key was refused"), simulated=False)
        assert text.startswith("## Nothing was scored\n\n**the key was refused**\n\nPaid: 0 calls")
        empty = eval_summary(scored(evaluation=evaluation((None,))), simulated=False)
        assert "| not measured | not measured | 0 of 1 |" in empty


class TestParts:
    def test_numbers(self) -> None:
        assert (plural(0, "call"), plural(1, "call"), plural(1200, "call")) == ("0 calls", "1 call", "1,200 calls")
        assert (points(0.705), points(None), gain(0.095), gain(-0.0001), gain(0)) == (
            "70.5",
            "not measured",
            "+9.5",
            "+0.0",
            "+0.0",
        )

    def test_ids(self) -> None:
        assert ids([]) == ""
        assert ids([f"t{i}" for i in range(51)]).endswith("t49 and 1 more")

    def test_spending(self) -> None:
        one = Spend(calls=1, usd=Decimal("0.000001"))
        assert spending(one, Spend()) == (
            "Paid: 1 call, tokens unknown, 0.000001 USD. Replayed from the ledger: 0 calls, 0 + 0 tokens, 0 USD."
        )
        told = Spend(calls=2, usage=Usage(input_tokens=1200, output_tokens=0), usd=None)
        assert spending(told, one).startswith("Paid: 2 calls, 1,200 + 0 tokens, price unknown.")

    def test_cap_counts_as_hosts_do(self) -> None:
        text = capped(["a", "\U0001f600" * 200, "b"], 500)
        assert text.startswith("a\n\n_Left out because of the size limit: 2 of 3 parts.")
        assert capped(["a", "b"]) == "a\n\nb\n"
        for letter, most in (("x", 389), ("\U0001f600", 194)):
            whole = [n for n in range(450) if capped([letter * n], 500) == letter * n + "\n"]
            assert whole == list(range(most + 1))


def test_words_about_one_of_several_targets_name_it() -> None:
    other = verdict(target="local/m")
    text = gate_summary(gate(verdict(), other), simulated=False)
    assert "### Tasks of invoices on openai/gpt-5.4-mini that moved" in text
    assert "### Tasks of invoices on local/m that moved" in text
    assert "\ninvoices: " not in text
    assert "### Tasks of invoices that moved" in gate_summary(gate(), simulated=False)
    two = scored()
    two = replace(two, entries=(*two.entries, replace(two.entries[0], target="local/m")))
    assert "\ninvoices on local/m: 1 task below 100: " in eval_summary(two, simulated=False)
