import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from skillopt_ci.core.rollout import Failure
from skillopt_ci.core.task import Attachment
from skillopt_ci.core.trajectory import Message, ToolCall, Trajectory, Usage
from skillopt_ci.core.trigger import Rate, Triggers
from skillopt_ci.errors import UsageError
from skillopt_ci.report.escape import scrubber
from skillopt_ci.report.parts import UNCONFINED
from skillopt_ci.report.run_folder import RunFolder
from skillopt_ci.report.triggering import both_json, read_triggers
from tests.report.samples import BEST, HIDDEN, START, STEPS, evaluation, result, training

SECRET = "key-123456"
CONFIG = {"b": SECRET, "a": [1, None, {"k" + SECRET: "v"}], "name": "invoices", "path": "skills/invoices/SKILL.md"}


def files(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def fill(path: Path, *, show_heldout: bool = False) -> dict[str, bytes]:
    folder = RunFolder(path, scrubber([SECRET]), show_heldout=show_heldout)
    folder.write_config(CONFIG)
    for step in STEPS:
        folder.write_step(step)
    folder.write_meta_notes(2, f"notes {SECRET}")
    folder.finish(training(), simulated=True, pull_request=f"# PR {SECRET}\n")
    return files(path)


def test_names_are_those_of_the_contract(tmp_path: Path) -> None:
    made = fill(tmp_path / "run")
    step = ("rollouts.jsonl", "edits.json", "verdict.json")
    assert set(made) == {
        *("config.json", "history.json", "best_skill.md", "rejected.json", "junit.xml"),
        *("skills/skill_v0000.md", "skills/skill_v0001.md"),
        *(
            "report.json",
            "report.md",
            "report.html",
            "pull_request.md",
            "meta_skill/epoch_02/meta_notes.md",
            "test/verdict.json",
        ),
        *(f"steps/step_000{n}/{name}" for n in (1, 2, 3) for name in step),
        *(f"steps/step_000{n}/candidate_skill.md" for n in (1, 2)),
        *(f"slow_update/epoch_02/{name}" for name in (*step, "candidate_skill.md")),
    }


def test_triggers_are_in_every_report(tmp_path: Path) -> None:
    half = Rate(value=0.5, low=0.25, high=0.75)
    start = Triggers(precision=half, recall=None, chosen=3, missed=1, false_alarms=3, left=2, missing=4, tasks=9)
    best = replace(start, precision=Rate(value=1.0, low=0.6, high=1.0), missing=0)
    made = result()
    assert made.confirmation is not None
    entry = training(replace(made, confirmation=replace(made.confirmation, triggers=(start, best))))
    folder = RunFolder(tmp_path, scrubber([SECRET]))
    folder.write_config(CONFIG)
    for step in STEPS:
        folder.write_step(step)
    folder.finish(entry, simulated=True)
    told = files(tmp_path)
    for name in ("report.md", "report.html"):
        for word in ("precision 50.0 [25.0, 75.0], recall not measured over 9 tasks", "precision 100.0 [60.0, 100.0]"):
            assert word in told[name].decode(), (name, word)
    sides = json.loads(told["report.json"])["skills"][0]["test"]["triggers"]
    assert (read_triggers(sides["start"]), read_triggers(sides["best"])) == (start, best)
    for damaged in (None, [], {}, {**sides["start"], "left": "x"}, {**sides["start"], "precision": {"value": 1}}):
        assert read_triggers(damaged) is None
    gate = both_json("base", "head", (start, None))["triggers"]
    assert gate == {"base": start.as_json(), "head": None}
    assert both_json("base", "head", (None, None)) == {}


def test_notes_that_were_not_given_leave_the_reason(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, scrubber([SECRET]))
    folder.write_meta_notes(3, "old", Failure(stage="meta notes", kind="malformed", message=f"twice {SECRET}"))
    made = files(tmp_path)
    assert made["meta_skill/epoch_03/meta_notes.md"] == b"old\n"
    told = json.loads(made["meta_skill/epoch_03/failure.json"])
    assert told == {"stage": "meta notes", "kind": "malformed", "message": "twice ***"}


def test_contents(tmp_path: Path) -> None:
    made = fill(tmp_path / "run")
    assert made["best_skill.md"] == BEST.text.encode()  # CRLF and the missing last newline too
    assert b"\r\n" in made["best_skill.md"]
    assert json.loads(made["history.json"])[0]["val_mean"] == 0.75
    assert len(json.loads(made["history.json"])) == 4
    assert (
        made["config.json"] == b'{\n  "a": [\n    1,\n    null,\n    {\n      "k***": "v"\n    }\n  ],\n  "b": "***",\n'
        b'  "name": "invoices",\n  "path": "skills/invoices/SKILL.md"\n}\n'
    )
    assert [e["status"] for e in json.loads(made["steps/step_0001/edits.json"])] == ["kept", "kept", "unmatched"]
    verdict = json.loads(made["steps/step_0001/verdict.json"])
    assert (verdict["action"], verdict["n_rollouts"], verdict["tasks"][1]) == (
        "accept",
        4,
        {"id": "t2|<b>", "mean": 0.0},
    )
    assert json.loads(made["steps/step_0003/verdict.json"])["n_rollouts"] == 0
    assert {"op", "reason", "effect"} <= set(json.loads(made["rejected.json"])[0])
    assert made["report.md"].startswith(b"**Simulated models:**")
    assert json.loads(made["report.json"])["simulated"] is True
    assert ET.fromstring(made["junit.xml"]).tag == "testsuites"


def test_rollouts_show_words_of_train_tasks_only(tmp_path: Path) -> None:
    train, val, failed = (json.loads(x) for x in fill(tmp_path / "a")["steps/step_0001/rollouts.jsonl"].splitlines())
    assert (train["why"], train["messages"][0]["content"]) == (HIDDEN, HIDDEN)
    assert train["messages"][1]["content"] == "***\u2028\ud800"
    assert (val["score"], val["passed"]) == (0.5, False)
    assert not {"why", "messages", "tool_calls"} & set(val)
    assert failed["failure"] == {"stage": "target", "kind": "timeout"}
    assert failed["score"] is None
    assert "seconds" not in train
    shown = json.loads(fill(tmp_path / "b", show_heldout=True)["steps/step_0001/rollouts.jsonl"].splitlines()[1])
    assert shown["why"] == HIDDEN


def test_rollouts_of_agents_say_what_was_done(tmp_path: Path) -> None:
    step = STEPS[0]
    done = Trajectory(
        messages=(Message(role="user", content="p"), Message(role="assistant", content="done")),
        stop_reason="stop",
        served_model="m",
        usage=Usage(input_tokens=9, cached_tokens=4, output_tokens=2),
        tool_calls=(ToolCall(name="Bash", arguments="{}", result="r"),),
        artifacts=(Attachment(name="out.txt", data=b"1"),),
        removed=("in.txt",),
        omitted=("link: a symbolic link",),
        diff=f"+{SECRET}\n",
        denied=("WebFetch",),
        skills_used=("invoices",),
        tool_version="2.1.329",
        calls=3,
        usd=Decimal("0.0123"),
    )
    train, held = (replace(r, trajectory=done) for r in step.rollouts[:2])
    RunFolder(tmp_path, scrubber([SECRET])).write_step(replace(step, rollouts=(train, held)))
    lines = (tmp_path / "steps" / "step_0001" / "rollouts.jsonl").read_text().splitlines()
    shown, hidden = (json.loads(line) for line in lines)
    always = {
        "tool_version": "2.1.329",
        "turns": 3,
        "tokens": {"input": 9, "cached": 4, "output": 2},
        "usd": "0.0123",
        "denied": ["WebFetch"],
        "skills_used": ["invoices"],
    }
    texts = {"files": ["out.txt"], "removed": ["in.txt"], "omitted": ["link: a symbolic link"], "diff": "+***\n"}
    assert {k: shown[k] for k in (*always, *texts)} == {**always, **texts}
    assert {k: hidden[k] for k in always} == always
    assert not set(texts) & set(hidden)


def test_no_secret_anywhere_and_the_same_bytes_again(tmp_path: Path) -> None:
    first = fill(tmp_path / "a")
    assert [name for name, data in first.items() if SECRET.encode() in data] == []
    assert fill(tmp_path / "a") == first == fill(tmp_path / "b")


def test_an_earlier_proposal_goes_away(tmp_path: Path) -> None:
    fill(tmp_path)
    for confined in (False, True):
        folder = RunFolder(tmp_path, str, confined=confined)
        folder.finish(training(), simulated=False, pull_request="# PR")
        body = (tmp_path / "pull_request.md").read_text()
        assert body == ("# PR" if confined else f"{UNCONFINED}\n\n# PR")
        folder.finish(training(), simulated=False)
        assert not (tmp_path / "pull_request.md").exists()


def test_the_measurement_of_a_skill_that_nothing_was_made_of(tmp_path: Path) -> None:
    fill(tmp_path, show_heldout=True)
    made = result(best=START, confirmation=None, closing=evaluation((1.0, 0.0), (1 / 3, None)))
    RunFolder(tmp_path, str).finish(training(made), simulated=False)
    assert json.loads((tmp_path / "test/verdict.json").read_text()) == {
        "runs": 2,
        "tasks": [{"id": "t1", "start": [1.0, 0.0]}, {"id": "t2|<b>", "start": [0.333333, None]}],
    }
    RunFolder(tmp_path, str).finish(training(result(confirmation=None)), simulated=False)
    assert not list((tmp_path / "test").iterdir())


def test_steps_and_versions_of_another_way_go_away(tmp_path: Path) -> None:
    """As where the ledger is gone and the same run is bought again: it ends after fewer steps."""
    before = fill(tmp_path)
    mine = tmp_path / "steps/step_notes.txt"
    mine.write_text("a reviewer's own words")
    assert {"skills/skill_v0001.md", "steps/step_0001/candidate_skill.md", "steps/step_0003/verdict.json"} <= set(
        before
    )
    step = replace(STEPS[0], action="skip", candidate=None, decision=None)
    RunFolder(tmp_path, str).write_step(step)
    shorter = replace(result(), steps=(step,), versions=(), best=result().start, confirmation=None)
    RunFolder(tmp_path, str).finish(training(shorter), simulated=False)
    assert [p.name for p in sorted((tmp_path / "steps").iterdir())] == [f"step_{step.number:04d}", mine.name]
    assert not (tmp_path / f"steps/step_{step.number:04d}/candidate_skill.md").exists()
    assert [p.name for p in (tmp_path / "skills").iterdir()] == ["skill_v0000.md"]
    assert list((tmp_path / "slow_update").glob("*")) == []


def test_what_a_killed_process_was_writing_goes_away(tmp_path: Path) -> None:
    made = fill(tmp_path)
    for name in ("", "steps/step_0001/", "skills/"):
        (tmp_path / f"{name}.skillopt-writing-x1y2z3_4").write_bytes(b"half a fi")
    outside, folder = tmp_path.parent / "outside", tmp_path / "steps/.skillopt-writing-folder"
    outside.write_text("kept")
    folder.mkdir()
    (tmp_path / "skills/.skillopt-writing-link").symlink_to(outside)
    assert fill(tmp_path) == made
    assert (folder.is_dir(), outside.read_text()) == (True, "kept")


def test_an_unfinished_run_keeps_its_history(tmp_path: Path) -> None:
    fill(tmp_path)
    before = (tmp_path / "history.json").read_bytes()
    RunFolder(tmp_path, str).finish(training(None, result=None, exit_code=5, message="no key"), simulated=False)
    assert (tmp_path / "history.json").read_bytes() == before
    assert json.loads((tmp_path / "report.json").read_bytes())["exit_code"] == 5


@pytest.mark.parametrize("link", ["", "steps", "steps/step_0001", "steps/step_0001/edits.json"])
def test_symbolic_links_are_refused(tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    run = tmp_path / "run"
    place = run / link if link else run
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(outside)
    with pytest.raises(UsageError, match="is a symbolic link"):
        RunFolder(run, str).write_step(STEPS[0])
    assert list(outside.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(UsageError, match=r"run/config\.json: cannot be written: "):
        RunFolder(tmp_path / "run", str).write_config({})
    (tmp_path / "other" / "config.json").mkdir(parents=True)
    with pytest.raises(UsageError, match="cannot be written"):
        RunFolder(tmp_path / "other", str).write_config({})
    assert [p.name for p in (tmp_path / "other").iterdir()] == ["config.json"]


def test_versions_in_order(tmp_path: Path) -> None:
    two = result(versions=(BEST, STEPS[0].incumbent))
    folder = RunFolder(tmp_path, str)
    folder.write_config(CONFIG)
    folder.finish(training(two), simulated=False)
    versions = [(tmp_path / f"skills/skill_v000{n}.md").read_bytes().decode() for n in range(3)]
    assert versions == [START.text, BEST.text, STEPS[0].incumbent.text]
