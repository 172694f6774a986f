"""Errors become words, files and exit codes in one place."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import run, write_json, write_output, write_text
from skillopt_ci.cli.main import main
from skillopt_ci.cli.options import Options
from skillopt_ci.cli.output import append
from skillopt_ci.errors import GitError, SkilloptError
from tests.cli.world import CONFIG, PATH, SKILL, TASKS, config, tasks, write


@pytest.fixture(autouse=True)
def _handler() -> object:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def code_of(body: Callable[[Console], int], options: Options | None = None, command: str = "train") -> object:
    with pytest.raises(SystemExit) as left:
        run(command, options or Options(), body)
    return left.value.code


def interrupted(_console: Console) -> int:
    raise KeyboardInterrupt


def terminated(_console: Console) -> int:
    os.kill(os.getpid(), signal.SIGTERM)
    return 0


def hung_up(_console: Console) -> int:
    os.kill(os.getpid(), signal.SIGHUP)
    return 0


def test_below_nohup_a_closed_terminal_is_nothing() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert code_of(hung_up) == 0


@pytest.mark.parametrize("body", [interrupted, terminated, hung_up])
def test_an_interruption_is_130(body: Callable[[Console], int], capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(body) == 130
    assert capsys.readouterr().err == (
        "error: interrupted; what was bought is in the ledger, and the same command continues\n"
    )


@pytest.mark.parametrize("command", ["gate", "train", "eval", "check"])
def test_an_error_is_left_in_the_files_that_machines_read(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Options(json=tmp_path / "a/out.json", junit=tmp_path / "b/out.xml", summary=tmp_path / "c.md")

    def body(_console: Console) -> int:
        raise GitError("no such commit")

    assert code_of(body, options, command) == 5
    value = json.loads((tmp_path / "a/out.json").read_text(encoding="utf-8"))
    assert value["schema"] == f"skillopt-ci/{command}/1"
    assert (value["exit_code"], value["reason"], value["message"]) == (5, "git", "no such commit")
    text = (tmp_path / "b/out.xml").read_text(encoding="utf-8")
    assert f'<testcase name="{command}"' in text
    assert 'message="no such commit"' in text
    assert not (tmp_path / "c.md").exists()
    assert capsys.readouterr().err == "error: no such commit\n"


def test_a_place_that_goes_away_meanwhile_is_said_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "out"

    def body(_console: Console) -> int:
        place.mkdir()
        raise GitError("no such commit")

    assert code_of(body, Options(json=place)) == 5
    told = capsys.readouterr().err.splitlines()
    assert told == ["error: no such commit", f"error: {place}: cannot be written: Is a directory"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]  # nothing half-written is left


def test_a_pipe_is_written_to_and_a_link_is_never_followed(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    link.symlink_to(tmp_path / "goal")
    (tmp_path / "goal").write_text("old", encoding="utf-8")
    assert code_of(lambda _: 0, Options(json=pipe, junit=link)) == 0  # probed, and nothing written
    write_output(pipe, "{}")
    write_text(link, "new")
    assert os.read(reader, 10) == b"{}"
    os.close(reader)
    assert pipe.is_fifo()
    assert (link.is_symlink(), link.read_text(encoding="utf-8")) == (False, "new")
    assert (tmp_path / "goal").read_text(encoding="utf-8") == "old"


HOSTILE = "a\n::add-mask::x\r  ::error::y\u2028::stop-commands::z \x9b2J \u202e \x1b]0;t\x07 ##[error]\\###[group]"


@pytest.mark.parametrize("place", ["-", "/dev/stdout"])
def test_what_goes_to_stdout_tells_no_terminal_and_no_runner_what_to_do(
    place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    write_output(Path(place), f"<pre>{HOSTILE}</pre>\n")
    append(Path(place), HOSTILE)
    write_json(Path(place), {"model": HOSTILE, "n\u00e4me": "\ud800"}, lambda text: text.replace("group", "***"))
    out = capfd.readouterr().out
    assert not [line for line in re.split("[\r\n\x85\u2028\u2029]", out) if line.lstrip().startswith("::")]
    assert "##[" not in out
    assert out.replace("\n", "").isprintable()
    value = json.loads(out[out.index("{") :])
    assert value == {"model": HOSTILE.replace("group", "***"), "n\u00e4me": "\ud800"}


def test_half_a_character_is_an_escape_in_a_file(tmp_path: Path) -> None:
    write_text(tmp_path / "x", 'a "\ud800"')
    assert (tmp_path / "x").read_bytes() == b'a "\\ud800"'
    with pytest.raises(SkilloptError, match="cannot be written"):
        write_text(tmp_path / "x/y", "")


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_is_closed_is_not_written_to_and_changes_no_code(closed: str, tmp_path: Path) -> None:
    write(tmp_path, {PATH: SKILL, TASKS: tasks(1, 2, 2), CONFIG: config()})
    command = [
        "sh",
        "-c",
        f'exec "$@" {closed}',
        "sh",
        sys.executable,
        "-m",
        "skillopt_ci",
        "eval",
        "--json",
        "out.json",
    ]
    spent = []
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, "error" in done.stdout + done.stderr) == (0, False)
        spent.append(json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["spend"]["paid"]["calls"])
    assert spent == [2, 0]


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize("command", ["check", "init", "eval --json out.json"])
def test_a_folder_that_is_gone_is_said(command: str, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    words = f'rmdir "$PWD"; exec "$@" {command}'
    path = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        ["sh", "-c", words, "sh", sys.executable, "-m", "skillopt_ci"],
        cwd=gone,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        2,
        "error: the folder that this runs in is gone: go to one that is there\n",
    )


@pytest.mark.parametrize(
    ("words", "code"), [(["--version"], 0), (["--help"], 0), (["nope"], 2), ([], 2), (["eval", "--runs", "0"], 2)]
)
def test_the_entry_point_leaves_with_a_code_of_the_table(
    words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sys.argv
    sys.argv = ["skillopt-ci", *words]
    try:
        with pytest.raises(SystemExit) as left:
            main()
    finally:
        sys.argv = before
    assert (left.value.code or 0) == code
    shown = capsys.readouterr()
    assert shown.out + shown.err


def test_an_interruption_while_modules_are_imported_is_130_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt", encoding="utf-8")
    path = os.pathsep.join(map(str, (tmp_path, Path(__file__).parents[2])))
    done = subprocess.run(
        [sys.executable, "-m", "skillopt_ci", "check"],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["gate", "--json", "OUT", "--no-such-option"], "No such option '--no-such-option'."),
        (["eval", "--runs", "0", "--json=OUT"], "Invalid value for '--runs': 0 is not in the range 1<=x<=100."),
        (["check", "--json", "OUT", "--config"], "Option '--config' requires an argument."),
    ],
)
def test_what_is_wrong_with_the_command_line_is_in_its_json(words: list[str], told: str, tmp_path: Path) -> None:
    place = tmp_path / "out.json"
    place.write_text("of an earlier run", encoding="utf-8")
    before = sys.argv
    sys.argv = ["skillopt-ci", *(word.replace("OUT", str(place)) for word in words)]
    try:
        with pytest.raises(SystemExit) as left:
            main()
    finally:
        sys.argv = before
    value = json.loads(place.read_text(encoding="utf-8"))
    assert value["schema"] == f"skillopt-ci/{words[0]}/1"
    assert (value["exit_code"], left.value.code, value["reason"], value["message"]) == (2, 2, "config", told)


def test_what_only_looks_like_json_on_a_command_line_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "x.txt"
    place.write_text("precious", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for line in ("diff -- --json x.txt extra", "eval --skill --json=x.txt --bogus", f"gate --json {'a' * 300} --bogus"):
        monkeypatch.setattr(sys, "argv", ["skillopt-ci", *line.split()])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 2
        assert "Traceback" not in capsys.readouterr().err
    assert [p.read_text(encoding="utf-8") for p in tmp_path.iterdir()] == ["precious"]
