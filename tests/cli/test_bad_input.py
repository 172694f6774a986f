"""Bad input: one clear message with its place, the right exit code, no traceback, nothing lost."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.world import CONFIG, PATH, SKILL, TASKS, bytes_of, call, call_json, config, files, task, tasks, write
from tests.forge.repo import Repo

ESCAPES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def lines(*values: Any) -> str:
    return "".join(json.dumps(v) + "\n" for v in values)


def text(*rows: str) -> str:
    return "\n".join(rows) + "\n"


YAML = ("version: 1", "target: {provider: simulated, model: a}", "optimizer: {provider: simulated, model: a}")
ENTRY = ("skills:", f"  - path: {PATH}", f"    tasks: [{TASKS}]", "    graders: [{type: exact}]")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({CONFIG: text(*YAML, "concurency: 3", *ENTRY)}, r"skillopt\.yml:4:1: .*perhaps you meant 'concurrency'\?"),
        ({CONFIG: text(*YAML, *ENTRY, "  bad: [")}, r"skillopt\.yml:\d+:\d+: "),
        ({CONFIG: ""}, r"skillopt\.yml: the file is empty; `skillopt-ci init` writes one"),
        ({CONFIG: b"version: 1\n# \xff\n"}, r"skillopt\.yml:2: not valid UTF-8 \(byte 0xff\)"),
        ({CONFIG: text("version: 2", *ENTRY)}, r"skillopt\.yml:1:10: version 2 is not one"),
        ({TASKS: ""}, rf"{TASKS}: there are no tasks"),
        ({TASKS: lines(task(1, "val"), task(1, "val"))}, rf"{TASKS}:2: the id 't001' is taken by {TASKS}:1"),
        ({TASKS: lines(task(1, "val")) + "{oops\n"}, rf"{TASKS}:2:2: not valid JSON"),
        ({TASKS: lines({**task(1, "val"), "split": "vall"})}, rf"{TASKS}:1.*vall"),
        (
            {TASKS: lines(task(1, "val"), {**task(1, "train"), "id": "other"})},
            rf"{TASKS}:2: the same prompt in two splits",
        ),
        (
            {TASKS: lines(task(1, "val"), task(2, "test"))},
            rf"{TASKS}: no task is in the split 'train', which is needed",
        ),
        ({TASKS: "# BOOTSTRAP_PENDING_REVIEW\n" + tasks()}, rf"{TASKS}:1: the file is marked as not reviewed"),
        ({PATH: b"# Skill\n\n\xe4\n"}, rf"{PATH}:3:1: not valid UTF-8 \(byte 0xe4\)"),
        ({PATH: "---\nname: [\n---\n# x\n"}, rf"{PATH}:\d+:\d+: the frontmatter .*not valid YAML"),
        ({PATH: "---\nname: invoices\n"}, rf"{PATH}:1:1: .*never closed"),
        (
            {CONFIG: config(skills=[{"path": "../up/SKILL.md", "tasks": [TASKS]}])},
            r"skillopt\.yml:\d+:\d+: .*must not leave the repository",
        ),
        (
            {CONFIG: config(skills=[{"path": PATH, "tasks": ["../t.jsonl"]}])},
            r"skillopt\.yml:\d+:\d+: .*must not leave the repository",
        ),
        ({CONFIG: config(skills=[{"path": "skills/no/SKILL.md", "tasks": [TASKS]}])}, r"there is no file 'skills/no"),
        ({CONFIG: config(skills=[{"path": PATH, "tasks": ["evals/none.jsonl"]}])}, r"evals/none\.jsonl: no task file"),
        ({CONFIG: config(target={"provider": "openai", "model": "${MODEL}"})}, r"\$\{MODEL\} is not expanded"),
    ],
)
@pytest.mark.parametrize("command", ["check", "train"])
def test_what_is_wrong_in_a_file_is_said_with_its_place(
    tmp_path: Path, changes: dict[str, str | bytes], words: str, command: str
) -> None:
    root = tmp_path / "p"
    write(root, {**files(), **changes})
    before = bytes_of(root)
    done = call(root, command)
    assert done.code == 2
    told = [line for line in done.lines if "warning:" not in line]
    assert len(told) == 1
    assert re.search(words, told[0])
    assert not ESCAPES.search(done.err)
    after = bytes_of(root)
    assert {n: after[n] for n in before} == before


def test_an_attachment_that_chat_cannot_send_is_said_and_an_image_is_none(tmp_path: Path) -> None:
    root = tmp_path / "p"
    lines = tasks().splitlines()
    for at, name in ((0, "book.xlsx"), (1, "page.png")):
        lines[at] = json.dumps({**json.loads(lines[at]), "files": {name: name}})
    beside = TASKS.rpartition("/")[0]
    files_of_tasks = {f"{beside}/book.xlsx": b"PK\x03\x04\xff", f"{beside}/page.png": b"\x89PNG\r\n\x1a\n\xff"}
    write(root, {**files(), TASKS: "\n".join(lines) + "\n", **files_of_tasks})
    done = call(root, "check")
    assert done.code == 2
    told = [line for line in done.lines if "warning:" not in line]
    assert [line.split(" is no ")[0] for line in told] == [f"{TASKS}:1: attachment 'book.xlsx'"]


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    wrong = text(*YAML, "concurency: 3", "budget: {calls: -1}", *ENTRY)
    write(tmp_path / "p", {**files(), CONFIG: wrong})
    done, value = call_json(tmp_path / "p", "check")
    assert [line.split(" ")[0] for line in done.lines] == ["skillopt.yml:4:1:", "skillopt.yml:5:17:"]
    assert value["schema"] == "skillopt-ci/check/1"
    assert [(p["line"], p["column"]) for p in value["problems"]] == [(4, 1), (5, 17)]


@pytest.mark.parametrize("what", ["skill", "folder", "tasks"])
@pytest.mark.parametrize("command", ["check", "eval"])
def test_a_symbolic_link_is_refused(tmp_path: Path, what: str, command: str) -> None:
    root = tmp_path / "p"
    write(root, files())
    write(tmp_path / "far", {"SKILL.md": SKILL, "t.jsonl": tasks()})
    place, goal = {
        "skill": (root / PATH, tmp_path / "far/SKILL.md"),
        "folder": (root / PATH, tmp_path / "far"),
        "tasks": (root / TASKS, tmp_path / "far/t.jsonl"),
    }[what]
    place.unlink()
    if what == "folder":
        place = place.parent
        place.rmdir()
    place.symlink_to(goal)
    done = call(root, command)
    assert done.code == 2
    told = [line for line in done.lines if "warning:" not in line]
    assert len(told) == 1
    assert "is a symbolic link; only files of the repository itself are read" in told[0]


@pytest.mark.parametrize("command", ["train", "eval", "gate"])
def test_a_missing_key_is_named_before_anything_happens(tmp_path: Path, command: str) -> None:
    repo = Repo(tmp_path / "p")
    role = {"provider": "openai", "model": "gpt-5.4-mini"}
    repo.commit(files(target=role, optimizer=role, providers=None))
    write(repo.root, {PATH: SKILL + "- More.\n"})
    done, value = call_json(repo.root, command)
    assert (done.code, value["reason"]) == (2, "config")
    told = [line for line in done.lines if line.startswith("error: ")]
    assert told == [
        "error: provider 'openai' needs a key: set the environment variable OPENAI_API_KEY "
        "(or name another one in 'api_key_env')"
    ]


@pytest.mark.parametrize("command", ["check", "plan", "eval", "train", "report", "gate"])
def test_without_a_configuration_it_says_how_to_get_one(tmp_path: Path, command: str) -> None:
    (tmp_path / ".git").mkdir()
    done = call(tmp_path, command)
    assert done.code == 2
    assert len(done.lines) == 1


@pytest.mark.parametrize("command", ["check", "plan", "eval", "train", "report"])
@pytest.mark.parametrize(
    ("name", "words"),
    [("nope.yml", "there is no such file"), ("folder", "is a folder; name the file in it")],
)
def test_a_configuration_that_is_none_is_named(tmp_path: Path, command: str, name: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    done = call(tmp_path, command, "--config", name)
    assert (done.code, done.lines) == (2, [f"error: --config {name}: {words}"])


def test_a_configuration_of_another_name_or_beside_another_one_is_said(tmp_path: Path) -> None:
    write(tmp_path, {**files(), ".github/skillopt.yml": "version: 1\n"})
    said = ".github/skillopt.yml: warning: is not read, as there is a skillopt.yml; remove one of the two"
    assert said in call(tmp_path, "check").lines
    assert said not in call(tmp_path, "check", "--config", CONFIG).lines
    (tmp_path / ".github/skillopt.yml").unlink()
    write(tmp_path, {"inner/skillopt.yaml": ""})
    assert call(tmp_path / "inner", "check").code == 0  # the right one is above
    (tmp_path / "inner/skillopt.yaml").unlink()
    (tmp_path / CONFIG).rename(tmp_path / "skillopt.yaml")
    done = call(tmp_path, "check")
    words = f"error: {tmp_path / 'skillopt.yaml'}: rename it to skillopt.yml, or name it with --config"
    assert (done.code, done.lines) == (2, [words])


def test_a_configuration_without_rights_or_in_place_of_a_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / CONFIG).mkdir()
    (tmp_path / ".git").mkdir()
    done = call(tmp_path, "check")
    assert done.code == 2
    assert "no skillopt.yml here or above" in done.lines[0]


@pytest.mark.parametrize("option", ["--json", "--junit", "--summary"])
@pytest.mark.parametrize("place", ["taken/x", "folder"])
def test_a_result_that_cannot_be_written_is_said_before_anything_is_bought(
    tmp_path: Path, option: str, place: str
) -> None:
    root = tmp_path / "p"
    write(root, {**files(), "taken": "a file", "folder/x": ""})
    done = call(root, "train", option, place)
    assert done.code == 2
    assert len([line for line in done.lines if line.lower().startswith("error: ")]) == 1
    assert place.partition("/")[0] in done.lines[-1]
    assert not (root / ".skillopt").exists()


@pytest.mark.parametrize("command", ["ablate", "calibrate", "judge"])
def test_commands_that_write_no_junit_file_do_not_take_the_name_of_one(tmp_path: Path, command: str) -> None:
    write(tmp_path, {**files(), "old.xml": "of an earlier command"})
    done = call(tmp_path, command, "--junit", "old.xml")
    assert done.code == 2
    assert "No such option '--junit'" in done.lines[-1]
    assert not (tmp_path / ".skillopt").exists()


@pytest.mark.parametrize("command", [["eval"], ["train"], ["ledger", "stats"]])
def test_a_ledger_that_is_none_is_left_alone(tmp_path: Path, command: list[str]) -> None:
    root = tmp_path / "p"
    garbage = b"This is not a database. " * 100
    write(root, {**files(), ".skillopt/ledger.sqlite": garbage})
    done = call(root, *command)
    assert done.code == 2
    assert len(done.lines) == 1
    assert "ledger.sqlite" in done.lines[0]
    assert (root / ".skillopt/ledger.sqlite").read_bytes() == garbage


def test_a_ledger_that_nobody_may_write_is_said(tmp_path: Path) -> None:
    root = tmp_path / "p"
    write(root, {**files(), ".skillopt": "a file in the way"})
    done = call(root, "eval")
    assert done.code == 2
    assert len(done.lines) == 1
    assert ".skillopt" in done.lines[0]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["report"], "no finished run in "),
        (["report", "nowhere"], "nowhere/report.json: No such file or directory; name the folder of a finished run"),
        (["pr"], "no finished run in "),
        (["pr", "--dry-run"], "no finished run in "),
        (["ledger", "stats"], "there is no ledger yet"),
        (["ledger", "--ledger", "x", "merge", "y"], "x: there is no ledger yet"),
        (["ledger", "--ledger", "evals", "stats"], "is a directory"),
        (["eval", "--max-usd", "-1"], "'-1' is not an amount above 0"),
        (["eval", "--max-usd", "nan"], "'nan' is not an amount above 0"),
        (["eval", "--max-calls", "0"], "0 is not in the range x>=1"),
        (["eval", "--split", "all"], "'all' is not one of"),
        (["train", "--skil", "x"], "No such option"),
        (["unknown"], "No such command 'unknown'"),
    ],
)
def test_a_wrong_use_is_exit_2_and_says_what_to_do(tmp_path: Path, args: list[str], words: str) -> None:
    write(tmp_path / "p", files())
    done = call(tmp_path / "p", *args)
    assert done.code == 2
    assert words in done.err


Spoil = Callable[[Path], None]


def _link(folder: Path) -> None:
    (folder / "report.md").unlink()
    (folder / "report.md").symlink_to(folder / "report.json")


@pytest.mark.parametrize(
    ("spoil", "command"),
    [
        (lambda f: (f / "report.json").write_text("{"), ["report", "--format", "json"]),
        (_link, ["report", "--format", "markdown"]),
        (lambda f: (f / "config.json").write_text("[]"), ["report"]),
        (lambda f: (f / "history.json").write_text("{}"), ["pr", "--dry-run"]),
        (lambda f: (f / "history.json").write_text('[{"action": "accept"}]'), ["pr", "--dry-run"]),
        (lambda f: (f / "config.json").write_text("[]"), ["pr", "--dry-run"]),
        (lambda f: (f / "best_skill.md").write_bytes(b"\xff"), ["pr", "--dry-run"]),
        (lambda f: (f / "skills/skill_v0000.md").unlink(), ["pr", "--dry-run"]),
    ],
)
def test_a_damaged_run_folder_is_said(trained: Path, spoil: Spoil, command: list[str]) -> None:
    (folder,) = (trained / ".skillopt/runs").iterdir()
    spoil(folder)
    done = call(trained, *command)
    assert done.code == 2
    assert len(done.lines) == 1
    assert folder.name in done.lines[0]


def test_a_run_folder_that_leads_elsewhere_is_not_written(tmp_path: Path) -> None:
    write(tmp_path / "p", files())
    (tmp_path / "far").mkdir()
    (tmp_path / "p/out").symlink_to(tmp_path / "far")
    done = call(tmp_path / "p", "train", "--run-dir", "out")
    assert done.code == 2
    assert "is a symbolic link" in done.lines[-1]
    assert list((tmp_path / "far").iterdir()) == []
