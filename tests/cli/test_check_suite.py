"""`check` on the quality of a suite: every finding with file, line, and what to do."""

import json
from pathlib import Path
from typing import Any

import pytest

from skillopt_ci.ledger import Ledger
from tests.cli.world import (
    CONFIG,
    GOOD,
    PATH,
    SKILL,
    TASKS,
    call,
    call_json,
    config,
    files,
    repository,
    task,
    tasks,
    write,
)  # fmt: skip
from tests.forge.repo import Repo

QUIET = {"models": {"type": "simulated", "noise": 0}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "p", files(providers=QUIET))
    return tmp_path / "p"


def rewrite(root: Path, *rows: dict[str, Any]) -> None:
    write(root, {TASKS: "".join(json.dumps(row) + "\n" for row in rows)})


def some(count: int = 30, split: str = "test") -> list[dict[str, Any]]:
    return [task(n, split if n > 1 else ("train", "val")[n]) for n in range(count)]


def test_a_suite_of_templates_has_no_alarms_but_its_size(root: Path) -> None:
    write(root, {TASKS: tasks(40, 40, 140)})
    assert call(root, "check").lines == []


def test_golden_tasks_that_the_gate_never_runs_are_told(root: Path) -> None:
    rewrite(root, *({**row, "golden": n in (0, 5)} for n, row in enumerate(some())))
    (line,) = [line for line in call(root, "check").lines if "golden" in line]
    assert line.startswith(
        f"{TASKS}:1: warning: the golden task 't000' (train) is never run by the gate, which runs test"
    )
    rewrite(root, *({**row, "golden": n < 3} for n, row in enumerate(some())))
    assert "golden task 't000' (train) and 1 other are never run" in call(root, "check").err
    write(root, {CONFIG: config(providers=QUIET, gate={"splits": ["train", "val", "test"]})})
    assert "golden" not in call(root, "check").err


def test_contradictions_are_errors(root: Path) -> None:
    rewrite(root, *some(), {**task(2, "test"), "id": "again", "expected": "2026-01-01"})
    done, value = call_json(root, "check")
    assert done.code == 2
    (line,) = [line for line in done.lines if "asks the same" in line]
    assert line.startswith(f"{TASKS}:31: asks the same as 't002' at {TASKS}:3 and expects another answer")
    assert [p["warning"] for p in value["problems"] if "asks the same" in p["message"]] == [False]


def test_leaks_are_warnings(root: Path) -> None:
    text = " ".join(f"word{n}" for n in range(40))
    rewrite(root, *some(), {**task(40, "train"), "context": text}, {**task(41, "test"), "context": text + " end"})
    done = call(root, "check")
    (line,) = [line for line in done.lines if "runs of words" in line]
    assert done.code == 0
    assert line.startswith(f"{TASKS}:32: warning: ")
    assert f"'t040' at {TASKS}:31, of the split 'train'" in line
    assert "remove one, or give both one `split` or `metadata.cluster`" in line


def test_a_judge_of_form_alone(root: Path) -> None:
    skill = {"path": PATH, "tasks": [TASKS], "graders": [{"type": "judge", "rubric": "Is well formatted."}]}
    write(root, {CONFIG: config(skills=[skill], judge={"provider": "models", "model": "j"})})
    done = call(root, "check")
    assert done.code == 0
    assert [line for line in done.lines if line.startswith(f"{TASKS}:1: warning: its judge looks at the form")]


def test_a_suite_too_small_for_its_margin_is_told_at_the_margin(root: Path) -> None:
    write(root, {CONFIG: config(providers=QUIET, gate={"margin": 0.1})})
    done = call(root, "check")
    line_of_margin = config(providers=QUIET, gate={"margin": 0.1}).split("\n").index('  "margin": 0.1') + 1
    (line,) = [line for line in done.lines if "held-out" in line]
    assert line == (
        f"{CONFIG}:{line_of_margin}:13: warning: invoices: 12 held-out tasks show a loss of 17 points or more, and "
        "gate.margin is 10: smaller losses will be inconclusive; have 35 tasks, or `margin: 0.18` "
        "(`skillopt-ci power` says more)"
    )
    power = call(root, "power", "--effect", "10")
    assert "to show 10 points: 35 tasks" in power.out  # the two agree
    assert "smallest margin that suits the suite: 0.18" in power.out
    write(root, {CONFIG: config(providers=QUIET, gate={"margin": 0.2})})
    assert not [line for line in call(root, "check").lines if "held-out" in line]


def test_attachments_that_cannot_be_sent_and_those_that_are_missing(root: Path) -> None:
    write(root, {"evals/invoices/sheet.xlsx": b"PK\x03\x04\xff\xfe", "evals/invoices/note.txt": "text"})
    odd = {**task(40, "test"), "files": {"sheet.xlsx": "sheet.xlsx"}}
    rewrite(root, *some(), odd, {**task(41, "test"), "files": {"note.txt": "note.txt"}})
    done = call(root, "check")
    assert done.code == 2
    (line,) = [line for line in done.lines if "attachment" in line]
    assert line.startswith(f"{TASKS}:31: attachment 'sheet.xlsx' is no UTF-8 text")
    rewrite(root, *some(), {**task(40, "test"), "files": {"gone.txt": "gone.txt"}})
    done = call(root, "check")
    assert (
        done.code,
        [line for line in done.lines if f"{TASKS}:31: files: 'gone.txt' cannot be read" in line] != [],
    ) == (
        2,
        True,
    )


def test_tasks_that_nobody_reviewed(root: Path) -> None:
    rewrite(
        root, *some(), {**task(40, "test"), "tags": ["unreviewed"]}, {"prompt": "TODO", "expected": "x", "split": "val"}
    )
    done = call(root, "check")
    assert done.code == 2
    assert f"{TASKS}:31: is marked as not reviewed; review it, then remove the mark" in done.lines
    assert f"{TASKS}:32: warning: its prompt or expected answer is a placeholder; write the real one" in done.lines


# --- what the ledger knows


def test_without_a_ledger_nothing_is_known_and_none_is_made(root: Path) -> None:
    assert not [line for line in call(root, "check").lines if "stored run" in line]
    assert not (root / ".skillopt").exists()


@pytest.mark.parametrize("command", [["baseline"], ["eval", "--split", "test", "--runs", "4"]])
def test_tasks_that_always_pass_or_fail(root: Path, command: list[str]) -> None:
    rows = [*(task(n, "train" if n < 4 else "val") for n in range(8)), *(task(n, "test") for n in range(20, 28))]
    rows[9]["expected"] = "never said"
    write(root, {PATH: SKILL + "- Answer with only the value, nothing else.\n- Write dates as YYYY-MM-DD.\n"})
    rewrite(root, *rows)
    assert not [line for line in call(root, "check").lines if "stored run" in line]
    assert call(root, *command).code == 0
    told = [line for line in call(root, "check").lines if "stored run" in line]
    assert len(told) == 2
    assert told[0].startswith(f"{TASKS}:9: warning: 7 of 8 tasks passed in every stored run ('t020', 't022', ")
    assert told[1].startswith(f"{TASKS}:10: warning: failed in all {8 if command == ['baseline'] else 4} stored runs")
    write(root, {PATH: SKILL})  # another skill: what was bought says nothing about it
    assert not [line for line in call(root, "check").lines if "stored run" in line]


def test_what_scripts_said_is_known_and_none_is_run(root: Path, tmp_path: Path) -> None:
    log = tmp_path / "ran"
    graders = [{"type": "script", "run": f"echo x >> {log}; exit 1"}]
    skills = [{"path": PATH, "tasks": [TASKS], "graders": graders}]
    write(root, {CONFIG: config(sandbox="off", skills=skills)})
    rewrite(root, *(task(n, split) for n, split in enumerate(["train"] * 4 + ["val"] * 4 + ["test"] * 6)))
    assert call(root, "eval", "--split", "test", "--runs", "4").code == 0
    ran = log.read_text()
    assert ran.count("x") >= 6
    told = [line for line in call(root, "check").lines if "stored run" in line]
    assert len(told) == 6
    assert "failed in all 4 stored runs" in told[0]
    graders[0]["run"] += " "  # another script: what it would say is not known, and check runs none
    write(root, {CONFIG: config(sandbox="off", skills=skills)})
    assert not [line for line in call(root, "check").lines if "stored run" in line]
    assert log.read_text() == ran


def test_a_ledger_that_cannot_be_read_is_no_reason_to_fail(root: Path) -> None:
    before = call(root, "check").lines
    write(root, {".skillopt/ledger.sqlite": "not a ledger"})
    done = call(root, "check")
    assert (done.code, done.lines) == (0, before)
    write(root, {PATH: "---\nname: ["})
    (root / ".skillopt/ledger.sqlite").unlink()
    with Ledger(root / ".skillopt/ledger.sqlite"):
        pass
    assert call(root, "check").code == 2


def test_files_of_other_tools_are_checked_alike(tmp_path: Path) -> None:
    evals = {
        "skill_name": "invoices",
        "evals": [
            {"id": 1, "prompt": "Sort these.", "expectations": ["Is well formatted", "Has headings"]},
            {"id": 2, "prompt": "Example prompt", "expectations": ["Names the city"]},
        ],
    }
    skill = {"path": PATH, "tasks": ["evals/evals.json"]}
    repository(tmp_path / "p", skills=[skill], judge={"provider": "models", "model": "j"})
    write(tmp_path / "p", {"evals/evals.json": json.dumps(evals, indent=1)})
    lines = call(tmp_path / "p", "check").lines
    assert [line.split("; ")[0] for line in lines if line.startswith("evals/evals.json:")] == [
        "evals/evals.json: no task is in the split 'test', which is needed here",
        "evals/evals.json: no task is in the split 'val', which is needed here",
        "evals/evals.json:4: warning: its judge looks at the form of an answer alone, and a wrong answer passes",
        "evals/evals.json:12: warning: its prompt or expected answer is a placeholder",
    ]


def test_what_of_a_skill_is_not_installed_is_told(root: Path) -> None:
    write(root, files(harness={"type": "command", "run": ["agent"], "version": "1"}))
    folder = (root / PATH).parent
    (folder / "references").mkdir()
    (folder / "references" / "shared.md").symlink_to("../SKILL.md")
    (folder / "up").symlink_to("..")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "link").symlink_to("/etc/passwd")
    name = folder.relative_to(root).as_posix()
    said = [line for line in call(root, "check").lines if "is not installed with the skill" in line]
    assert [line.split(":")[0] for line in said] == [f"{name}/.hidden", f"{name}/references/shared.md", f"{name}/up"]
    write(root, files(providers=QUIET))  # chat sends the body only
    assert not any("is not installed" in line for line in call(root, "check").lines)


def test_of_a_command_without_tools_nobody_knows_what_it_opened(root: Path) -> None:
    harness: dict[str, Any] = {"type": "command", "run": ["agent"], "version": "1"}
    rows = [*some(), {"id": "q", "prompt": "A song?", "should_trigger": False, "graders": [], "split": "test"}]
    for tools, told in ((None, 1), ({"name": "tool"}, 0)):
        write(root, files(harness={**harness, **({"tools": tools} if tools else {})}))
        rewrite(root, *rows)
        done = call(root, "check")
        assert sum("about whether the skill triggers" in line for line in done.lines) == told
        assert f"{28 if told else 29} test tasks" in done.out


def test_what_only_an_agent_does_is_told_under_chat(root: Path) -> None:
    rows = [{**row, "setup": ["make"]} for row in some()]
    rewrite(root, *rows)
    done = call(root, "check")
    assert done.code == 0
    assert f"{TASKS}:1: warning: `setup` of 30 tasks is ignored: direct chat has no workspace" in done.err + done.out
    rewrite(root, {**rows[0], "graders": [{"type": "diff", "only": ["a"]}]}, *rows[1:])
    refused = call(root, "check")
    assert refused.code == 2
    assert f"{TASKS}:1: grader 'diff' looks at changes that an agent makes to files" in refused.err + refused.out


@pytest.mark.parametrize(
    ("grader", "words"),
    [
        ("{type: exact, ignorecase: true}", "grader 'exact': unknown option 'ignorecase'"),
        ("{type: regex}", "grader 'regex': "),
        ("{type: regex, pattern: '('}", "grader 'regex': "),
    ],
)
def test_a_grader_of_the_configuration_is_blamed_there(root: Path, grader: str, words: str) -> None:
    plain = config(providers=QUIET).replace('"graders": [', '"graders": [\n  {"type": "exact"},\n  ' + grader + ",")
    write(root, {CONFIG: plain})
    line = next(n for n, text in enumerate(plain.splitlines(), 1) if grader in text)
    done = call(root, "check")
    assert done.code == 2
    assert next(said for said in done.lines if "grader" in said and "warning" not in said).startswith(
        f"{CONFIG}:{line}:3: {words}"
    )
    assert TASKS not in done.err


def test_what_no_commit_can_have_is_told(tmp_path: Path) -> None:
    said = (
        "git ignores it, has it with other capitals, or it is in a submodule: no commit has it by this name, and "
        "gates, which compare commits, cannot read it"
    )
    made = Repo(tmp_path / "repo")
    entry = {"path": "kept/SKILL.md", "tasks": ["evals/*.jsonl"], "graders": [{"type": "exact"}]}
    write(
        made.root, {CONFIG: config(skills=[entry]), "kept/SKILL.md": GOOD, **_suites("evals/a.jsonl", "evals/b.jsonl")}
    )
    assert said not in call(made.root, "check").err  # what is not committed yet can be
    write(made.root, {".gitignore": "kept/\nevals/\n"})
    shown = call(made.root, "check").lines
    assert f"kept/SKILL.md: warning: {said}" in shown
    assert f"evals/a.jsonl: warning: {said} (nor 1 more)" in shown
    made("add", "-f", "kept", "evals")  # ignored by their names, and committed all the same
    assert said not in call(made.root, "check").err
    inner = Repo(tmp_path / "inner")
    inner.commit({"SKILL.md": GOOD})
    made("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.root), "sub")
    write(made.root, {CONFIG: config(skills=[{**entry, "path": "sub/SKILL.md"}])})
    assert [line for line in call(made.root, "check").lines if said in line] == [f"sub/SKILL.md: warning: {said}"]


def _suites(*paths: str) -> dict[str, str]:
    return {path: json.dumps({"prompt": f"What does {path} say?", "expected": path}) + "\n" for path in paths}
