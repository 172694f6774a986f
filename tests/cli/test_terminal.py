"""What reaches a terminal: words where they belong, no colour codes in files, nothing of a stranger raw."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.main import COMMANDS, cli
from tests.cli.world import CONFIG, GOOD, PATH, TASKS, bytes_of, call, call_json, config, files, write
from tests.forge.repo import Repo
from tests.integration.process import KEY, environment, run
from tests.loopback import Loopback, chat_reply, error_reply, scripted

EVIL = "\x1b[2J\x1b]0;title\x07::error::stolen\u202e##[error]x\x9b31m\x08"
RAW = re.compile("[\x1b\x9b\x07\x08\u202e]|^\\s*::|##\\[", re.MULTILINE)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "p", files())
    return tmp_path / "p"


def in_terminal(root: Path, *args: str, **env: str) -> str:
    """What a command shows when stdout and stderr are a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "skillopt_ci", *args],
        cwd=root,
        env=environment(**{"TERM": "xterm-256color", "COLUMNS": "100", "CI": "", "NO_COLOR": "", **env}),
        stdout=theirs,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other side has closed it
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(timeout=30) in (0, 1, 2)
    return shown.decode("utf-8", "replace")


def test_colours_are_for_terminals_and_not_with_no_color(root: Path) -> None:
    write(root, {CONFIG: config().replace('"concurrency"', '"concurency"')})
    assert "\x1b[31m" in in_terminal(root, "check")
    assert "\x1b[" not in in_terminal(root, "check", NO_COLOR="1")
    assert "\x1b[" not in run(root, "check")[2]


def test_live_progress_is_for_terminals(root: Path) -> None:
    shown = in_terminal(root, "eval")
    assert "\x1b[" in shown
    assert "10/10" in shown
    assert "10 val tasks, 1 run each" in shown
    quiet = in_terminal(root, "eval", "--quiet", "--runs", "2")
    assert "10/10" not in quiet
    dumb = in_terminal(root, "eval", "--runs", "3", TERM="dumb")
    assert "\x1b[" not in dumb
    out = run(root, "eval")
    assert "\x1b" not in out[1] + out[2]


def test_a_person_reads_words_and_a_file_markdown(root: Path) -> None:
    contest = ["compare", "--methods", "skillopt,one-shot", "--rollouts", "40"]
    for args in (["eval"], ["baseline"], ["train"], ["ablate"], ["eval", "--matrix"], contest):
        shown, out = in_terminal(root, *args, "--quiet"), call(root, *args, "--quiet").out
        assert "**Simulated models:**" in out
        assert "Simulated models: these figures" in shown
        assert "| --- |" not in shown
        assert "\\_" not in shown
    assert "Skill scores: MEASURED" in in_terminal(root, "eval", "--quiet")
    assert "validation by step" in in_terminal(root, "train", "--generation", "1", "--quiet")


def test_a_gate_at_a_terminal_says_what_changes_and_what_the_suite_can_show(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "p")
    write(repo.root, files())
    repo("add", "-A")
    repo("commit", "-qm", "start")
    repo("checkout", "-qb", "change")
    write(repo.root, {PATH: "---\nname: n\ndescription: d\n---\n\nSay nothing.\n"})
    lines = (repo.root / TASKS).read_text(encoding="utf-8").splitlines()
    write(repo.root, {TASKS: "".join(f"{line}\n" for line in lines[1:])})
    shown = " ".join(in_terminal(repo.root, "gate", "--base", "main", "--quiet").split())
    assert re.search(r"Skill gate: \S+: (FAIL|INCONCLUSIVE)", shown)
    assert "Not in force: tasks of " in shown
    assert "removed (1): " in shown
    assert "This suite shows losses of " in shown
    assert "| --- |" not in shown


def test_quiet_leaves_results_and_errors(root: Path) -> None:
    done = call(root, "train", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert "## " in done.out
    assert call(root, "check", "--quiet").err == ""
    assert call(root, "train", "--quiet", "--generation", "9").err.startswith("error: --generation 9")


def test_verbose_says_more(root: Path) -> None:
    plain, verbose = call(root, "train", "--generation", "1"), call(root, "train", "--generation", "1", "--verbose")
    assert len(verbose.lines) > len(plain.lines)
    assert "validation of the start skill: 10 rollouts" in verbose.err
    assert "warning: 10 val tasks; below 20" in verbose.err


@pytest.mark.parametrize("command", ["eval", "train"])
def test_what_models_and_tasks_say_never_reaches_the_terminal_raw(root: Path, command: str) -> None:
    lines = (root / TASKS).read_text(encoding="utf-8").splitlines()
    evil = [{**json.loads(line), "id": f"::error::##[x]{n}", "metadata": {"m": EVIL}} for n, line in enumerate(lines)]
    edits = {
        "reasoning": EVIL,
        "edits": [{"op": "add", "target": "", "content": f"- {EVIL}", "rationale": EVIL, "evidence": [EVIL]}],
    }
    with Loopback(
        lambda made: chat_reply(json.dumps(edits) if "response_format" in made.body else f"::error::{EVIL}")
    ) as server:
        providers = {"models": {"type": "openai", "base_url": server.openai_url}}
        write(
            root,
            {
                CONFIG: config(providers=providers),
                TASKS: "".join(json.dumps(line) + "\n" for line in evil),
            },
        )
        done = call(root, command, "--verbose", "--summary", "s.md", "--junit", "j.xml")
    assert done.code == 0
    assert not RAW.search(done.out + done.err)
    assert not RAW.search((root / "j.xml").read_text(encoding="utf-8"))
    assert not RAW.search(call(root, "ledger", "export").out)
    if command == "train":
        for form in ("markdown", "junit", "html", "json"):
            assert not RAW.search(call(root, "report", "--format", form).out)


def test_what_a_server_says_in_an_error_is_one_plain_line(root: Path) -> None:
    with Loopback(scripted(error_reply(403, f"{EVIL}\n::error::{EVIL}"))) as server:
        write(root, {CONFIG: config(providers={"models": {"type": "openai", "base_url": server.openai_url}})})
        done, value = call_json(root, "eval")
    assert done.code == 5
    assert not RAW.search(done.err)
    assert len([line for line in done.lines if "403" in line]) == 1
    assert not re.search("[\x1b\x9b\x07\x08\u202e]", value["message"])


def test_a_console_writes_no_commands_of_a_runner_and_no_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(verbose=True)
    console.scrub = lambda text: text.replace("secret", "***")
    for write_line in (console.say, console.detail, console.warn, console.error, console.result):
        write_line(f"first secret\n  ::add-mask::x\n{EVIL}")
    shown = capsys.readouterr()
    assert "secret" not in shown.out + shown.err
    assert shown.err.count("*** ") + shown.err.count("***\n") == 4
    assert not RAW.search(shown.out + shown.err)
    assert "  : :add-mask::x" in shown.out


@pytest.mark.parametrize("asked", [True, False])
def test_a_key_that_stands_in_a_task_is_in_nothing_that_a_command_writes(root: Path, asked: bool) -> None:
    named = files(report={"show_heldout": True})
    write(root, {**named, TASKS: str(named[TASKS]).replace('"t0', f'"{KEY}-0')})
    options = [text for name in ("json", "junit", "html", "summary") for text in (f"--{name}", f"out/{name}")]
    env = {"OPENAI_API_KEY": KEY, "GITHUB_STEP_SUMMARY": "out/summary"}
    done = call(root, "eval", *(options if asked else options[:-2]), env=env)
    written = bytes_of(root / "out")
    assert (done.code, sorted(written)) == (0, ["html", "json", "junit", "summary"])
    assert all(b"***-0" in data for data in written.values())
    assert KEY not in done.out + done.err + "".join(data.decode() for data in written.values())


def test_a_reader_that_goes_away_does_not_change_the_exit_code(root: Path) -> None:
    write(root, {PATH: b"\xff"})
    command = f"'{sys.executable}' -m skillopt_ci check; echo \"code $?\" >&3"
    done = subprocess.run(
        ["bash", "-c", f"({{ {command}; }} | true) 3>&1"],
        cwd=root,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "code 2\n"
    assert "Traceback" not in done.stderr


def test_a_summary_is_appended_and_the_runners_own_is_used(root: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.md"
    own.write_text("before\n", encoding="utf-8")
    done = call(root, "eval", "--summary", str(own))
    call(root, "eval", "--summary", str(own))
    text = own.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.count("## Skill scores") == 2
    assert done.out.strip() in text
    runner = tmp_path / "runner.md"
    call(root, "eval", env={"GITHUB_STEP_SUMMARY": str(runner)})
    assert runner.read_text(encoding="utf-8").count("## Skill scores") == 1
    lost = call(root, "eval", env={"GITHUB_STEP_SUMMARY": str(root)})
    assert lost.code == 0
    assert lost.lines[-1].startswith("warning: ")


def test_json_is_written_also_when_a_command_fails(root: Path) -> None:
    for command, schema in (("train", "train"), ("eval", "eval"), ("gate", "gate")):
        done, value = call_json(root, command, "--skill", "nope")
        assert (done.code, value["schema"]) == (2, f"skillopt-ci/{schema}/1")
        assert value["message"]
    done, value = call_json(root, "report")
    assert (done.code, value["schema"], value["reason"]) == (2, "skillopt-ci/report/1", "config")


def test_help_of_every_command_and_the_words_of_the_list() -> None:
    runner = CliRunner()
    shown = runner.invoke(cli, ["--help"]).output
    for name, words in COMMANDS.items():
        assert name in shown
        command = cli.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        assert command.help == words
        help_text = runner.invoke(cli, [name, "--help"])
        assert help_text.exit_code == 0
        assert words.split()[0] in help_text.output
    assert "130 interrupted" in shown
    assert runner.invoke(cli, ["--version"]).output.startswith("skillopt-ci, version ")
    assert cli.get_command(None, "nope") is None  # type: ignore[arg-type]


def test_the_process_ends_with_the_codes_of_the_table(root: Path) -> None:
    assert run(root, "--version")[0] == 0
    code, out, err = run(root, "nope")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == "Error: No such command 'nope'."
    assert run(root, "schema")[1].startswith("{")


def test_a_bug_of_ours_is_one_line_and_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from skillopt_ci.cli.guard import run as guarded
    from skillopt_ci.cli.options import Options

    def broken(console: Console) -> int:
        console.scrub = lambda text: text.replace("hunter2", "***")
        raise RuntimeError("hunter2\nand more")

    place = tmp_path / "out.json"
    with pytest.raises(SystemExit) as left:
        guarded("gate", Options(json=place), broken)
    assert left.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("unexpected error: RuntimeError: *** and more; this is a bug: please report it with ")
    report = Path(line.rpartition(" ")[2])
    assert "RuntimeError: ***" in report.read_text(encoding="utf-8")
    report.unlink()
    assert json.loads(place.read_text(encoding="utf-8"))["reason"] == "unexpected"
    with pytest.raises(SystemExit):
        guarded("gate", Options(debug=True), broken)
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "hunter2" not in told


def test_the_skill_that_is_good_already_scores_full(tmp_path: Path) -> None:
    write(tmp_path / "p", files(GOOD, providers={"models": {"type": "simulated", "noise": 0}}))
    done, value = call_json(tmp_path / "p", "eval", "--split", "test")
    assert (done.code, value["skills"][0]["mean"]) == (0, 1.0)


def test_a_text_of_blank_lines_alone_is_said_in_no_square_of_time(capsys: pytest.CaptureFixture[str]) -> None:
    Console().result("\n \t" * 400_000 + "\n \t::error::x")  # in square time this takes hours
    assert capsys.readouterr().out.endswith("\n \t: :error::x\n")
