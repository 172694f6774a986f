"""What both kinds of sandbox do: run to the end, keep the limits, leave nothing behind."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.harnesses.agency import Agency
from skillopt_ci.sandbox.base import Command, Door, Limits, Sandbox, make_root
from tests.sandbox.places import PATH, alive, gone, mark, of_kind, run

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["bubblewrap", "unconfined"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return of_kind(request.param)


def test_output_exit_code_and_working_directory(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run(sandbox, tmp_path, "pwd; echo oops >&2; exit 3")
    assert (done.returncode, done.ended, done.stderr) == (3, "exit", b"oops\n")
    assert done.stdout.decode().strip() == str(sandbox.view(tmp_path) / "work")
    assert done.seconds > 0


def test_a_signal_is_a_negative_code(sandbox: Sandbox, tmp_path: Path) -> None:
    assert run(sandbox, tmp_path, "kill -TERM $$").returncode == -signal.SIGTERM


def test_the_environment_is_what_was_given(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-host")
    make_root(tmp_path)
    done = sandbox.run(Command(argv=("/usr/bin/env",), root=tmp_path, env={"PATH": PATH, "WORD": "a b\nc"}))
    assert done.stdout.decode().splitlines() == [f"PATH={PATH}", "WORD=a b", "c"]


def test_nothing_of_ours_is_open_in_it(sandbox: Sandbox, tmp_path: Path) -> None:
    """Whoever held the supervisor's socket could report that all went well, or that no time is over."""
    done = run(sandbox, tmp_path, "for n in {3..9}; do { : <&$n; } 2>/dev/null && echo $n; done; echo x >&4")
    assert done.stdout.strip() == b""
    assert b"Bad file descriptor" in done.stderr


@pytest.mark.parametrize("word", ["a\0b", "\ud800"])
def test_an_argument_that_no_program_can_have(sandbox: Sandbox, tmp_path: Path, word: str) -> None:
    with pytest.raises(CallFailedError, match="cannot run 'echo' in the sandbox") as caught:
        sandbox.run(Command(argv=("echo", word), root=make_root(tmp_path), env={"PATH": PATH}))
    assert caught.value.kind == "sandbox"


def test_names_without_contents_fill_a_disk_too(sandbox: Sandbox, tmp_path: Path) -> None:
    script = "i=0; while :; do : > $i; i=$((i+1)); done"
    assert run(sandbox, tmp_path, script, Limits(seconds=60, disk_mb=2)).ended == "disk"
    assert len(list((tmp_path / "work").iterdir())) >= 1500


def test_standard_input_of_any_size_and_bytes(sandbox: Sandbox, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    assert run(sandbox, tmp_path, "cat", stdin=data).stdout == data
    assert run(sandbox, tmp_path, "true", stdin=data).returncode == 0
    assert run(sandbox, tmp_path, "cat").stdout == b""


def test_what_it_writes_below_its_root_is_there(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run(sandbox, tmp_path, 'echo hi > a.txt; mkdir -p b && touch "b/$(printf "\\xff")"')
    assert done.returncode == 0
    assert (tmp_path / "work" / "a.txt").read_text() == "hi\n"


def test_a_root_that_was_locked_is_open_again(sandbox: Sandbox, tmp_path: Path) -> None:
    assert run(sandbox, tmp_path, "echo hi > a.txt; chmod 0 ..").returncode == 0
    assert (tmp_path / "work" / "a.txt").read_text() == "hi\n"


def test_a_program_that_is_not_there(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(CallFailedError, match="cannot run 'no-such-program' in the sandbox: No such file") as caught:
        sandbox.run(Command(argv=("no-such-program",), root=make_root(tmp_path), env={"PATH": PATH}))
    assert caught.value.kind == "sandbox"


def test_a_hang_is_interrupted_first(sandbox: Sandbox, tmp_path: Path) -> None:
    script = "trap 'echo told; exit 5' INT; while :; do sleep 0.05; done"
    done = run(sandbox, tmp_path, script, Limits(seconds=1))
    assert (done.ended, done.returncode, done.stdout) == ("timeout", 5, b"told\n")


def test_what_ignores_every_signal_is_killed(sandbox: Sandbox, tmp_path: Path) -> None:
    word = mark()
    script = f"trap '' INT TERM HUP; setsid sleep {word} & disown; while :; do sleep 0.05; done"
    done = run(sandbox, tmp_path, script, Limits(seconds=0.5))
    assert (done.ended, done.returncode) == ("timeout", -signal.SIGKILL)
    assert alive(word) == []


def test_daemons_end_with_the_command(sandbox: Sandbox, tmp_path: Path) -> None:
    word = mark()
    script = f"(setsid nohup sleep {word} >/dev/null 2>&1 &) ; setsid bash -c 'sleep {word} & sleep {word}' & exit 0"
    done = run(sandbox, tmp_path, script)
    assert (done.ended, done.returncode) == ("exit", 0)
    assert alive(word) == []


def test_processes_that_multiply(sandbox: Sandbox, tmp_path: Path) -> None:
    """A bomb that ends by itself: the kernel does not count the processes of root, and tests may run as root."""
    word = mark()
    script = f"f() {{ (( $1 )) && {{ f $(($1 - 1)) & f $(($1 - 1)) & }}; sleep {word}; }}; f 7"
    done = run(sandbox, tmp_path, script, Limits(seconds=30, processes=40))
    assert done.ended == "processes" or b"fork" in done.stderr
    assert gone(word)


def test_too_many_processes_end_it(sandbox: Sandbox, tmp_path: Path) -> None:
    word = mark()
    script = f"for i in $(seq 20); do sleep {word} & done; wait"
    done = run(sandbox, tmp_path, script, Limits(seconds=30, processes=12))
    assert done.ended == "processes" or b"fork" in done.stderr  # the kernel was first, as it counts for who is not root
    assert alive(word) == []


def test_too_much_memory_ends_it(sandbox: Sandbox, tmp_path: Path) -> None:
    script = "a=$(head -c 60000000 /dev/zero | tr '\\0' x); b=$a$a$a; sleep 60"
    assert run(sandbox, tmp_path, script, Limits(seconds=50, memory_mb=100)).ended == "memory"


def test_a_full_disk_ends_it(sandbox: Sandbox, tmp_path: Path) -> None:
    script = "for i in $(seq 100); do head -c 4000000 /dev/zero > f$i; sleep 0.05; done"
    assert run(sandbox, tmp_path, script, Limits(seconds=50, disk_mb=20)).ended == "disk"


def test_deleted_files_that_are_open_count_too(sandbox: Sandbox, tmp_path: Path) -> None:
    script = (
        'for i in $(seq 10 40); do eval "exec $i>f$i"; rm f$i; head -c 4000000 /dev/zero >&$i; sleep 0.05; done;'
        "sleep 60"
    )
    assert run(sandbox, tmp_path, script, Limits(seconds=50, disk_mb=20)).ended == "disk"


def test_one_file_cannot_be_larger_than_the_disk(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run(sandbox, tmp_path, "head -c 50000000 /dev/zero > big", Limits(seconds=50, disk_mb=5))
    assert (tmp_path / "work" / "big").stat().st_size <= 6 * 1024 * 1024
    assert done.ended == "disk"


def test_a_flood_of_output_ends_it(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run(sandbox, tmp_path, "yes", Limits(seconds=50, output_bytes=10_000))
    assert (done.ended, len(done.stdout)) == ("output", 10_000)
    done = run(sandbox, tmp_path, "yes >&2", Limits(seconds=50, output_bytes=10_000))
    assert (done.ended, len(done.stderr), done.stdout) == ("output", 10_000, b"")


def test_output_of_just_the_limit_is_fine(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run(sandbox, tmp_path, "printf 1234567890", Limits(seconds=50, output_bytes=10))
    assert (done.ended, done.stdout) == ("exit", b"1234567890")


@pytest.mark.parametrize("kind", ["bubblewrap", "unconfined"])
def test_it_ends_when_the_run_is_stopped(kind: str, tmp_path: Path) -> None:
    stop, word = threading.Event(), mark()
    sandbox = of_kind(kind, stop)
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    done = run(sandbox, tmp_path, f"sleep {word}")
    timer.join()
    assert done.ended == "stopped"
    assert alive(word) == []


_PARENT = """
import sys, threading
from pathlib import Path
from tests.sandbox.places import of_kind, run
print("ready", flush=True)
run(of_kind(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
"""


@pytest.mark.parametrize("kind", ["bubblewrap", "unconfined"])
def test_a_killed_parent_leaves_nothing(kind: str, tmp_path: Path) -> None:
    of_kind(kind)  # skips where there is none
    word = mark()
    script = f"trap '' INT TERM HUP; setsid sleep {word} & touch started; sleep {word}"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, kind, str(tmp_path), script], env=env, cwd=ROOT)
    started = tmp_path / "work" / "started"
    while not started.exists():
        assert parent.poll() is None
    assert alive(word)
    parent.kill()
    parent.wait()
    assert gone(word)


def test_the_gateway_has_an_address(sandbox: Sandbox) -> None:

    url = sandbox.gateway_url(Door(socket=Path("/run/x"), port=4711))
    assert url == ("http://127.0.0.1:9100" if sandbox.confined else "http://127.0.0.1:4711")


def test_a_command_cannot_report(sandbox: Sandbox, tmp_path: Path) -> None:
    """A command may print anything, also what looks like a report, and has no socket to send one to."""
    done = run(sandbox, tmp_path, "echo memory 0; ls -l /proc/self/fd; exit 4")
    assert (done.ended, done.returncode) == ("exit", 4)
    assert done.stdout.startswith(b"memory 0\n")
    assert b"pipe:" in done.stdout
    assert b"socket:" not in done.stdout


def test_without_bubblewrap_only_the_unconfined_get_a_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    agency = Agency(threading.Event(), confined=False)
    assert agency.sandbox().confined is False
    assert agency.sandbox() is agency.sandbox()
    with pytest.raises(ConfigError, match="not installed"):
        Agency(threading.Event(), confined=True).sandbox()
