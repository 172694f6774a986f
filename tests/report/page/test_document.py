"""What the pages say, and what they cannot do."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from skillopt_ci.core.history import OtherTarget
from skillopt_ci.core.merge_gate import MergeRule
from skillopt_ci.core.screening import Screening
from skillopt_ci.core.spend import Spend, StageCost
from skillopt_ci.errors import UsageError
from skillopt_ci.report.escape import scrubber
from skillopt_ci.report.page.document import document, error_page
from skillopt_ci.report.page.from_results import eval_page, gate_page
from skillopt_ci.report.page.from_run import read_page
from skillopt_ci.report.page.markup import tag
from skillopt_ci.report.page.model import Side, Subject
from skillopt_ci.report.page.training import changes, dropped
from tests.report.page.pages import HISTORY, Reader, sample_gate, sample_scores, train_page, write_run
from tests.report.samples import (
    BETTER,
    HIDDEN,
    HOSTILE,
    MISSING,
    PAID,
    SCORE,
    START,
    decision,
    gate,
    record,
    result,
    rollout,
    scored,
    step,
    training,
    verdict,
)  # fmt: skip


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {
        "train": train_page(
            tmp_path_factory.mktemp("run") / "r", costs=(StageCost(stage="val", model="m", spend=PAID),)
        ),
        "gate": sample_gate(),
        "eval": sample_scores(),
        "error": error_page("skillopt-ci gate", HOSTILE),
    }


@pytest.mark.parametrize("name", ["train", "gate", "eval", "error"])
def test_a_page_is_well_formed_and_asks_for_nothing(pages: dict[str, str], name: str) -> None:
    page = Reader(pages[name])
    assert not page.names & {"script", "img", "link", "iframe", "object", "embed", "form", "input", "base"}
    assert {"header", "nav", "main", "footer", "h1", "title"} <= page.names
    assert not [key for _, found in page.elements for key in found if key.startswith("on") or key in ("src", "style")]
    assert all(place.startswith("#") for place in page.values("href"))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {place[1:] for place in page.values("href")} <= set(ids)
    assert {i for ref in page.values("aria-labelledby") for i in ref.split()} <= set(ids)
    (rules,) = [a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert rules is not None
    assert rules.startswith("default-src 'none'; style-src 'sha256-")
    assert ("html", {"lang": "en"}) in page.elements
    assert "\u202e" not in pages[name]
    assert "\x1b" not in pages[name]


def test_headings_and_tables_are_named(pages: dict[str, str]) -> None:
    for text in pages.values():
        page = Reader(text)
        tables = [a for t, a in page.elements if t == "table"]
        captions = [t for t, _ in page.elements if t == "caption"]
        assert len(tables) == len(captions)
        assert all("scope" in a for t, a in page.elements if t == "th")
        assert sum(t == "h1" for t, _ in page.elements) == 1
        assert all("aria-label" in a for t, a in page.elements if t == "svg" and a.get("role") == "img")


def test_a_training_is_told_verdict_first(pages: dict[str, str]) -> None:
    page = Reader(pages["train"])
    words = page.words
    sections = [str(found["id"]) for name, found in page.elements if name == "section"]
    parts = ("changes", "steps", "dropped", "tasks", "power", "history", "talks")
    assert sections == ["s1", *(f"s1-{part}" for part in parts), "cost", "configuration"]
    assert words.index("BETTER Improvement shown on the test split, one-sided only") < words.index("Simulated models")
    effect = BETTER.comparison.effect
    assert effect is not None
    assert f"{100 * effect.mean:+.1f} points" in words
    assert "Start, 8 runs" in words
    assert "evidence, train tasks: t7, @t8" in words.lower()
    assert "(selection estimate)" in words
    assert "rejected alone" in words
    assert "refused by policy" in words
    assert "1 more edit did not fit the edit budget" in words
    assert "accepted by ann against the gate: <b>known</b>" in words
    assert "40.0 → 70.0" in words
    rows = [line for line in pages["train"].split("<tr ") if "40.0 → " in line]
    assert ["release" in rows[1], "not merged" in rows[0], len(rows)] == [True, True, 2]
    assert "3 entries: 1 accepted and 2 rejected edits" in words  # this run's own line is not earlier
    assert "validation" in words
    assert "price unknown" in words
    assert '"model": "<m>"' in words
    assert "at most 40.0" in words
    for task in ("t1", "t2|<b>", "t3", "t4"):
        assert task in words


def test_the_figures_are_those_of_the_run(pages: dict[str, str], tmp_path: Path) -> None:
    train, gate_ = Reader(pages["train"]).words, Reader(pages["gate"]).words
    for told in (
        "Effect+50.0 points95% interval [-21.7, +88.3]on 4 held-out tasks, 2 runs per task and skill",
        "Start, 8 runs37.5 [9.2, 78.1]Best, 8 runs87.5 [39.6, 98.7]"
        "Validation (selection estimate, optimistic)50.0 → 75.0Skill size, tokens (rough)1 → 1Ended: all epochs done.",
        "4 held-out tasks: 1 lost, 3 won. 2 are flaky: runs of the same skill disagree.",
        "TaskStartBestt1○○ 0.0●● 100.0t4○○ 0.0●● 100.0t2|<b> flaky●○ 50.0●● 100.0",  # the largest first
        "up to 4 rounds the gate shows a loss of 31.5 points or more with 80% power; a pass rules out a loss of 5. "
        "Run-to-run noise is as measured here. More tasks, more base runs",
        "t7: 8 runs, mean 50.0",
        "Paid by this command: 3 calls, $0.42. Replayed from the ledger: 1 call, price unknown.",
        "Run0123456789abcdefGeneration1Seed42Trained at commitcccc",
    ):
        assert told in train
    for told in (
        "TargetOutcomeEffect (points)invoicesopenai/gpt-5.4-mini✗ FAIL-12.5 [-75.3, +58.7]other ",
        "dashed: the margin, -5Base, 4 runs75.0 [30.1, 95.4]Head, 4 runs62.5 [21.9, 90.8]"
        "On exactly these tasks-12.5 [-21.0, -4.0]",
        "always rightsometimes or partlynever rightalways right111sometimes or partly000never right100Lost: ",
        "t3● 100.0○ 0.0t2|<b>● 100.0◐ 50.0Won",
        "noise is assumed, as it was not measured here.",
        "This comparison took 1 round.",
    ):
        assert told in gate_
    assert {"#s1", "#s2"} <= set(Reader(pages["gate"]).values("href"))
    assert "Every skill and target" not in train
    none = words_without(write_run(tmp_path / "run"), "effect", "n_tasks")
    assert "Effect+" not in none.partition("What changed")[0]
    assert "Start, 8 runs37.5" in none


def words_without(folder: Path, *keys: str) -> str:
    """The words of a page of a run whose closing comparison lacks something."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    for key in keys:
        report["skills"][0]["test"].pop(key)
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    return Reader(document(read_page(folder, str))).words


def test_a_training_on_several_targets_shows_each(tmp_path: Path) -> None:
    others = (OtherTarget(target="p/large " + HOSTILE, confirmation=BETTER), OtherTarget(target="p/none"))
    page = train_page(tmp_path / "run", result=result(others=others), target="p/small")
    found = page.split("The test split on every target</caption>")[1].split("</table>")[0]
    rows = [Reader("<tr" + row.split("</tr>")[0] + "</tr>").words for row in found.split("<tr")[2:]]
    assert len(rows) == 3
    assert rows[0].startswith("p/small (trained on)37.587.5+50.0")
    assert rows[1].startswith(f"p/large {HOSTILE}"[:40])
    assert rows[2].startswith("p/nonenot measurednot measurednot measured0")
    assert "on every target" not in Reader(train_page(tmp_path / "one")).words


def test_the_chart_of_a_training_ends_with_the_score_that_was_used_for_selection(tmp_path: Path) -> None:
    page = train_page(tmp_path / "run", result=result(best_val_mean=0.7))
    assert "over 4 steps: from 50.0 to 70.0." in page
    assert "from 50.0 to 75.0" in train_page(tmp_path / "other")


def test_every_report_of_a_run_says_that_nothing_was_confined(tmp_path: Path) -> None:
    inside, outside = write_run(tmp_path / "a"), write_run(tmp_path / "b", confined=False)
    for name, said in (
        ("report.md", "**`sandbox: off`:** agents"),
        ("report.html", "sandbox: off: agents"),
        ("report.json", '"sandbox": "off"'),
        ("junit.xml", '<property name="sandbox" value="off" />'),
    ):
        assert said in (outside / name).read_text(encoding="utf-8")
        assert said not in (inside / name).read_text(encoding="utf-8")


def test_held_out_words_are_on_the_page_only_where_they_may(tmp_path: Path) -> None:
    said = replace(rollout("test", SCORE), trajectory=rollout("test", SCORE).trajectory)
    confirmed = replace(BETTER, rollouts=(said,))
    made = training(result(confirmation=confirmed))
    shut = write_run(tmp_path / "a", result=made.result)
    shown = write_run(tmp_path / "b", show_heldout=True, result=made.result)
    assert not (shut / "test/rollouts.jsonl").exists()
    assert "test, test" not in (shut / "report.html").read_text(encoding="utf-8")
    assert "test, test" in (shown / "report.html").read_text(encoding="utf-8")
    assert json.loads((shown / "test/rollouts.jsonl").read_text(encoding="utf-8"))["why"] == HIDDEN
    # a run without held-out words takes away what an earlier end of it left
    assert not (write_run(tmp_path / "b") / "test/rollouts.jsonl").exists()
    assert not (write_run(tmp_path / "b", result=result(confirmation=None)) / "test/verdict.json").exists()


def test_the_page_is_rebuilt_from_the_folder_alone(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    assert document(read_page(folder, str)) == (folder / "report.html").read_text(encoding="utf-8")
    (folder / "report.html").unlink()
    moved = folder.rename(tmp_path / "elsewhere")
    assert "Improvement shown" in document(read_page(moved, str))


def test_secrets_are_taken_out(tmp_path: Path) -> None:
    secret = "the held-out answer"
    folder = write_run(tmp_path / "run", show_heldout=True)
    assert secret in document(read_page(folder, str))
    assert secret not in document(read_page(folder, scrubber([secret, START.text])))


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"proposal": False}, "NOT SHOWN Improvement not shown on the test split."),
        ({"proposal": False, "result": result(confirmation=None)}, "NOT CONFIRMED Improvement not shown: the closing"),
        ({"proposal": False, "result": result(best=START, confirmation=None)}, "UNCHANGED No candidate was accepted"),
        ({"result": None, "exit_code": 5, "message": "no <key>"}, "NOT FINISHED Training did not finish: no <key>"),
        ({"test_opened": 3}, "was opened 3 times"),
        ({"proposal": False, "result": result(confirmation=MISSING)}, "1 not measured"),
        ({"result": result(steps=())}, "Improvement shown"),
        (
            {"proposal": False, "result": result(best=START, steps=(), confirmation=None, closing=BETTER.start)},
            "UNCHANGED Nothing was trained; the skill as it is scores 37.5 on the test split.",
        ),
    ],
)
def test_other_ends_of_a_training(tmp_path: Path, changes: dict[str, object], wanted: str) -> None:
    folder = write_run(tmp_path / "run", **changes)  # type: ignore[arg-type]
    assert wanted in Reader((folder / "report.html").read_text(encoding="utf-8")).words


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("report.json", "[]"),
        ("report.json", '{"skills": [{"spend": {"paid": {"calls": "x"}}, "steps": 1}]}'),
        ("config.json", "[]"),
        ("history.json", "{"),
        ("test/verdict.json", "{"),
    ],
)
def test_a_damaged_folder_is_one_error(tmp_path: Path, name: str, data: str) -> None:
    folder = write_run(tmp_path / "run")
    (folder / name).write_text(data, encoding="utf-8")
    with pytest.raises(UsageError, match=re.escape(name.rpartition("/")[2])):
        read_page(folder, str)


def test_what_a_stranger_wrote_into_the_folder_is_not_measured(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    (folder / "test/verdict.json").write_text('{"tasks": [{"id": 5, "start": [2, "x", null], "best": 3}]}')
    (folder / "steps/step_0001/rollouts.jsonl").write_text('{"messages": 5}\nx\n[]\n{"messages": [5, {"role": []}]}\n')
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["gate"] = {"splits": ["test"], "base_runs": 8, "margin": "x", "alpha": 1, "max_rounds": 4}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    page = document(read_page(folder, str))
    assert "1 held-out task: 1 not measured" in Reader(page).words
    assert "What the gate can show" not in Reader(page).words


def test_a_gate_of_several_skills(pages: dict[str, str]) -> None:
    page = Reader(pages["gate"])
    assert "FAIL The change makes the skill worse." in page.words
    assert "golden task broken" in page.words
    assert "Every skill and target" in page.words
    assert {"s1", "s2", "s1-changes", "policy"} <= set(page.values("id"))
    assert "the gate shows a loss of" in page.words
    assert HOSTILE.split("\n")[0].split("\u202e")[0].strip() in page.words


def test_a_gate_of_one_skill_says_its_line_and_the_trial() -> None:
    report = gate(verdict(rule=MergeRule(max_rounds=2)), head_policy=True, head_sha="d" * 40)
    words = Reader(document(gate_page(report, {}, simulated=False))).words
    assert "FAIL Regression shown: -12.5 pt on 4 tasks, p=0.0041 (<= 0.0194), round 1/2" in words
    assert "a trial, not a gate" in words
    assert "dashed: the margin, -5" in words
    assert "Simulated" not in words
    blank = gate(verdict(verdict=None, reason="policy-changed", look=None, comparison=None, base=None, head=None))
    assert "NO VERDICT" in Reader(document(gate_page(replace(blank, verdict=None), {}, simulated=False))).words


def test_scores(pages: dict[str, str]) -> None:
    words = Reader(pages["eval"]).words
    assert "invoices on simulated/reader: 75.0 of 100 on 4 test tasks" in words
    assert "4 tasks, 1 below 100 points." in words
    bad = scored(message="half of it is missing")
    told = Reader(document(eval_page(replace(bad, exit_code=3), title="t", simulated=True))).words
    assert "TOO MUCH MISSING" in told
    assert "half of it is missing" in told
    nothing = Reader(document(eval_page(replace(bad, entries=()), title="t", simulated=False))).words
    assert "Nothing was scored." in nothing


def test_history_lines_that_do_not_fit_are_passed_over(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    kept = (folder / "skill_history.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(kept) == len(HISTORY.splitlines()) - 2
    write_run(tmp_path / "run")
    from skillopt_ci.report.run_folder import RunFolder

    RunFolder(folder, str).write_history(b"")
    assert not (folder / "skill_history.jsonl").exists()


@pytest.mark.parametrize(("lines", "told"), [(4001, "1 more line after the first 4,000: not compared."), (4000, "")])
def test_a_change_after_what_is_compared_is_not_called_none(lines: int, told: str) -> None:
    texts = ("a\n" * lines, "a\n" * 4000)
    subject = Subject(name="a", old=Side(label="Start"), new=Side(label="Best"), texts=texts)
    words = Reader(tag("div", changes(subject, "a", {})).markup).words
    assert ("The text did not change." in words) == (not told)
    assert told in words


def test_an_edit_that_waited_is_told_once() -> None:
    waits, kept, other = record("waiting"), record("kept"), record("waiting", "replace")
    steps = (
        step(1, "skip", None, (waits, other)),
        step(2, "skip", None, (waits, other)),
        step(3, "accept", decision(0.75), (kept,)),
    )
    words = Reader(tag("div", dropped(Subject(name="a", old=Side(label="Start"), steps=steps))).markup).words
    assert words.count("left waiting") == 1  # the other one was kept at last
    assert "replace" in words


def test_an_edit_that_was_tried_again_with_others_is_told_once_and_what_that_showed_is_not_of_its_own_tasks() -> None:
    alone = replace(record("rejected-alone"), screening=Screening(gain=-0.25, runs=6))
    shown = Screening(gain=0.02, runs=40, evidence=1.5, together=True)
    waits, kept = (replace(record(s, op), screening=shown) for s, op in (("waiting", "add"), ("kept", "replace")))
    steps = (step(1, "skip", None, (alone,)), step(2, "accept", decision(0.75), (waits, kept)))
    subject = Subject(name="a", old=Side(label="Start"), steps=steps)
    words = Reader(tag("div", dropped(subject)).markup).words
    assert words.count("left waiting") == 1
    assert "rejected alone" not in words
    assert "-25" not in words
    assert "+2" not in words
    after = replace(subject, new=Side(label="Best"), texts=("old\nline\n", "new ``` line\n"))
    words = Reader(tag("div", changes(after, "a", {})).markup).words
    assert "Effect: by all its runs on train tasks, tried with others, +2.0 on 40 runs; on validation" in words


def test_tokens_that_nobody_told_are_unknown_not_zero(tmp_path: Path) -> None:
    silent = StageCost(stage="val", model="m", spend=Spend(calls=3, usd=None))
    cells = ["3", "unknown", "unknown", "price unknown"]
    page = train_page(tmp_path / "r", costs=(silent,))
    assert "".join(f"<td>{cell}</td>" for cell in cells) in re.sub(r"<td[^>]*>", "<td>", page)
    assert "1,200" in train_page(tmp_path / "s", costs=(replace(silent, spend=PAID),))
