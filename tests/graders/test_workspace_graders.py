"""The graders that look at what an agent did: files, tool-calls, diff, script."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.scripts import suite_with_scripts, with_scripts
from skillopt_ci.core.task import Attachment, GraderSpec, Source, Suite, Task
from skillopt_ci.core.trajectory import Message, ToolCall, Trajectory
from skillopt_ci.errors import CallFailedError, ConfigError, LedgerError
from skillopt_ci.graders.base import Sandboxed
from skillopt_ci.graders.build import build, build_one
from skillopt_ci.graders.changes import changed_lines
from skillopt_ci.graders.noted import Noted
from skillopt_ci.graders.place import Place
from skillopt_ci.ledger import Ledger
from skillopt_ci.sandbox.base import Command, Finished, Sandbox
from skillopt_ci.sandbox.difference import difference
from skillopt_ci.sandbox.unconfined import Unconfined
from tests.fakes import MemoryTree
from tests.sandbox.places import alive, mark, of_kind

TASK = Task(
    id="t1",
    prompt="p",
    source=Source(file="evals/x/tasks.jsonl", line=1),
    expected=("3",),
    files=(Attachment(name="in.txt", data=b"1 2\n"), Attachment(name="old.txt", data=b"old\n")),
)
DIFF = "--- a/in.txt\n+++ b/in.txt\n@@ -1 +1 @@\n-1 2\n+1 2 3\n--- /dev/null\n+++ b/out/total.txt\n@@ -0,0 +1 @@\n+3\n"


def trajectory(**changes: Any) -> Trajectory:
    given: dict[str, Any] = {
        "messages": (Message(role="user", content="p"), Message(role="assistant", content="It is 3.")),
        "stop_reason": "stop",
        "served_model": "m",
        "artifacts": (Attachment(name="in.txt", data=b"1 2 3\n"), Attachment(name="out/total.txt", data=b"3\n")),
        "removed": ("old.txt",),
        "diff": DIFF,
        "tool_calls": (
            ToolCall(name="Read", arguments='{"path": "in.txt"}'),
            ToolCall(name="Bash", arguments='{"command": "pytest -q"}'),
            ToolCall(name="mcp__x__y", arguments="{}"),
        ),
        **changes,
    }
    return Trajectory(**given)


_ledgers = ExitStack()


@pytest.fixture(autouse=True)
def ledgers_are_closed() -> Iterator[None]:
    yield
    _ledgers.close()


def place(sandbox: Callable[[], Sandbox], ledger: Ledger | None = None) -> Place:
    ledger = ledger or _ledgers.enter_context(Ledger(None))
    return Place(sandbox=sandbox, confined=True, ledger=ledger, run="r")


def grade(kind: str, options: Mapping[str, object], hidden: bool | None = None, **changes: Any) -> Score:
    spec = GraderSpec(type=kind, options=options, hidden=hidden)
    return build_one(spec, None).grade(TASK, trajectory(**changes))


@pytest.mark.parametrize(
    ("kind", "options", "value"),
    [
        ("files", {"exists": ["in.txt", "out/total.txt", "out", "out/"]}, 1.0),
        ("files", {"exists": "missing.txt"}, 0.0),
        ("files", {"exists": ["in.txt", "old.txt"]}, 0.5),
        ("files", {"absent": ["old.txt", "x"]}, 1.0),
        ("files", {"absent": "in.txt"}, 0.0),
        ("files", {"content": {"out/total.txt": "3"}}, 1.0),
        ("files", {"content": {"out/total.txt": "4"}}, 0.0),
        ("files", {"content": {"out": "3"}}, 0.0),
        ("files", {"contains": {"in.txt": "2 3"}}, 1.0),
        ("files", {"regex": {"in.txt": r"^1 \d 3$", "out/total.txt": "^4"}}, 0.5),
        ("files", {"regex": {"in.txt": "^1 2 3\\Z"}, "flags": ""}, 0.0),
        ("tool-calls", {"used": "Bash"}, 1.0),
        ("tool-calls", {"used": ["Bash", "Write"]}, 0.5),
        ("tool-calls", {"used": {"name": "Bash", "arguments": "pytest"}}, 1.0),
        ("tool-calls", {"used": {"name": "Bash", "arguments": "rm -rf"}}, 0.0),
        ("tool-calls", {"used": {"arguments": "in.txt"}}, 1.0),
        ("tool-calls", {"not_used": "mcp__*"}, 0.0),
        ("tool-calls", {"not_used": ["Write", {"name": "Bash", "arguments": "curl"}]}, 1.0),
        ("tool-calls", {"order": ["Read", "Bash"]}, 1.0),
        ("tool-calls", {"order": ["Bash", "Read"]}, 0.0),
        ("tool-calls", {"order": ["Bash", "Bash"]}, 0.0),
        ("tool-calls", {"max_calls": 3}, 1.0),
        ("tool-calls", {"max_calls": 2, "used": "Read"}, 0.5),
        ("diff", {"contains": "1 2 3"}, 1.0),
        ("diff", {"contains": "total.txt"}, 0.0),
        ("diff", {"not_contains": "secret", "regex": r"^\+3$"}, 1.0),
        ("diff", {"only": ["in.txt", "out/*", "old.txt"]}, 1.0),
        ("diff", {"only": "out/*"}, 0.0),
        ("diff", {"max_lines": 3}, 1.0),
        ("diff", {"max_lines": 2}, 0.0),
        ("diff", {"empty": False}, 1.0),
        ("diff", {"empty": True}, 0.0),
    ],
)
def test_values(kind: str, options: dict[str, object], value: float) -> None:
    score = grade(kind, options)
    assert (score.value, score.passed) == (value, value == 1.0)
    assert score.why


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (b"a\n-- secret\nb\n", b"a\nb\n", ["--- secret"]),
        (b"a\n", b"a\n++ secret\n", ["+++ secret"]),
        (b"-- a/x\n", b"++ b/x\n@@ -1 +1 @@\n", ["--- a/x", "+++ b/x", "+@@ -1 +1 @@"]),
        (b"a\rb\x0cc\n", b"a\rb\x0cd\n", ["-c", "+d"]),
        (b"x\0", b"y\0", []),
    ],
)
def test_changed_lines_are_told_from_the_heads_of_files(old: bytes, new: bytes, lines: list[str]) -> None:
    both = difference("x", old, new, known=True) + difference("y", b"", b"z\n", known=True)
    assert changed_lines(both) == [*lines, "+z"]
    if lines:
        assert not grade("diff", {"not_contains": lines[0][1:]}, diff=both).passed


def test_what_was_not_kept_cannot_be_graded() -> None:
    omitted = ("big.bin: too large (3000000 bytes)", "link: a symbolic link")
    assert grade("files", {"exists": ["big.bin"]}, omitted=omitted).passed
    assert not grade("files", {"exists": ["link"]}, omitted=omitted).passed
    for more in ("23 more", "whatever comes after 50000 files"):
        for options in ({"absent": "secret.txt"}, {"exists": "x"}, {"content": {"x": "1"}}):
            with pytest.raises(CallFailedError, match=f"may be among what was not kept: {more}"):
                grade("files", options, omitted=(*omitted, more))
        known = {"exists": ["in.txt", "out", "big.bin"], "content": {"in.txt": "1 2 3"}}
        assert grade("files", known, omitted=(*omitted, more)).passed
        assert not grade("files", {"exists": "link"}, omitted=(*omitted, more)).passed
    with pytest.raises(CallFailedError, match=r"'big\.bin' was not kept: too large"):
        grade("files", {"content": {"big.bin": "x"}}, omitted=omitted)
    assert not grade("files", {"content": {"link": "x"}}, omitted=omitted).passed
    with pytest.raises(CallFailedError, match="too large to be kept whole"):
        grade("diff", {"contains": "x"}, diff=DIFF + "[... 9 characters of the diff left out ...]\n")


def test_a_file_that_is_no_text_has_no_content() -> None:
    artifacts = (Attachment(name="a", data=b"\xff"),)
    assert "no text file" in grade("files", {"content": {"a": "x"}}, artifacts=artifacts).why


def test_hints_say_no_more_than_they_may() -> None:
    options = {"content": {"out/total.txt": "the secret is 42"}}
    assert "42" in grade("files", options).why
    assert "42" not in grade("files", options).hint
    assert grade("files", options, hidden=True).hint == "0 of 1 check passed"
    assert "42" in grade("files", options, hidden=False).hint


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("files", {}, "checks nothing"),
        ("files", {"exists": [""]}, "holds an empty text"),
        ("files", {"exists": "../x"}, "must not have empty parts"),
        ("files", {"content": {"/etc/passwd": "x"}}, "must be a relative path"),
        ("files", {"content": {"a": 3}}, "must be a mapping of texts to texts"),
        ("files", {"regex": {"a": "("}}, "invalid pattern"),
        ("files", {"size": 3}, "unknown option 'size'"),
        ("tool-calls", {}, "checks nothing"),
        ("tool-calls", {"used": [3]}, "takes names of tools"),
        ("tool-calls", {"used": [{"tool": "x"}]}, "takes names of tools"),
        ("tool-calls", {"max_calls": -1}, "0 or more"),
        ("diff", {}, "checks nothing"),
        ("diff", {"max_lines": -1}, "0 or more"),
        ("script", {}, "'run' must be a command"),
        ("script", {"run": ""}, "'run' must be a command"),
        ("script", {"run": "echo 'x"}, "No closing quotation"),
        ("script", {"run": ["a", 3]}, "'run' must be a command"),
        ("script", {"run": "x", "timeout": 0}, "must be above 0"),
        ("script", {"run": "x", "files": {"../x": "y"}}, "must not have empty parts"),
        ("script", {"run": "x", "files": {"x": 3}}, "must be a mapping of texts to texts"),
    ],
)
def test_options_that_do_not_fit(kind: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=f"grader '{kind}'") as caught:
        grade(kind, options)
    assert words in str(caught.value)


def run_script(run: str | list[str], kind: str = "bubblewrap", task: Task = TASK, **more: Any) -> Score:
    sandbox = of_kind(kind)
    options = {"run": run, **more.pop("options", {})}
    grader = build(
        [GraderSpec(type="script", options=options, hidden=more.pop("hidden", None))], None, place(lambda: sandbox)
    )
    return grader.grade(task, trajectory(**more))


@pytest.mark.parametrize("kind", ["bubblewrap", "unconfined"])
@pytest.mark.parametrize(
    ("run", "value", "passed"),
    [
        ("test $(cat out/total.txt) = 3 && test ! -e old.txt", 1.0, True),
        ("grep -q 9 out/total.txt", 0.0, False),
        (["grep", "-q", "1 2 3", "in.txt"], 1.0, True),
        ("echo noise; echo '{\"score\": 0.25, \"why\": \"a quarter\"}'", 0.25, False),
        ("echo '{\"score\": 0.25, \"passed\": true}'", 0.25, True),
        ("echo '{\"score\": 1}'; exit 3", 1.0, True),
        ("echo '{\"score\": false}'", 0.0, False),
        ("echo '{\"score\": -0.0}'", 0.0, False),
        ("echo '{the score: 3}'; exit 2", 0.0, False),
        ("echo '[1]'; echo '{\"value\": 1}'; exit 2", 0.0, False),
        ("grep -q 'It is 3' \"$ANSWER_FILE\" && grep -q '+3' \"$DIFF_FILE\"", 1.0, True),
        ("python3 -c \"import json,os; t=json.load(open(os.environ['TASK_FILE'])); "
         "r=json.load(open(os.environ['TRAJECTORY_FILE'])); assert t['expected']==['3']; "
         "assert r['tool_calls'][1]['name']=='Bash'\"", 1.0, True),
    ],
)  # fmt: skip
def test_scripts(run: str | list[str], value: float, passed: bool, kind: str) -> None:
    score = run_script(run, kind)
    assert (score.value, score.passed) == (value, passed)


@pytest.mark.parametrize(
    ("run", "options", "words"),
    [
        ("sleep 100", {"timeout": 1}, "ran into a limit \\(timeout\\)"),
        ("kill -SEGV $$", {}, "it crashed \\(code -11\\)"),
        ("no-such-program-x", {}, "it crashed \\(code 127\\)"),
        ("exit 139", {}, "it crashed \\(code 139\\)"),
        ("echo '{\"score\": 2}'", {}, "the score must lie in"),
        ("echo '{\"score\": NaN}'", {}, "the score must lie in"),
        (f"echo '{{\"score\": 1{'0' * 400}}}'", {}, "the score must lie in"),
        (f"echo '{{\"score\": 1{'0' * 5000}}}'", {}, "looks like a score and is not JSON"),
        ("python3 -c \"print({'why': 'mine', 'score': 0.2})\"", {}, "looks like a score and is not JSON"),
        ("echo '{score: 0.2}'", {}, "looks like a score and is not JSON"),
        ('echo \'{"score": 1, "passed": 1}\'', {}, "'passed' must be true or false"),
        ("yes", {}, "ran into a limit \\(output\\)"),
    ],
)
def test_scripts_that_say_nothing_are_failures(run: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(CallFailedError, match=words) as caught:
        run_script(run, options=options)
    assert caught.value.kind == "script"


def test_a_workspace_that_was_not_kept_is_no_ground_for_a_score() -> None:
    with pytest.raises(CallFailedError, match="not kept whole"):
        run_script("true", omitted=("big: too large (3000000 bytes)",))
    assert run_script("test ! -e link", omitted=("link: a symbolic link",)).passed


def test_set_up_comes_before_what_the_agent_changed() -> None:
    task = Task(id="t", prompt="p", source=TASK.source, files=TASK.files, setup=("echo made > made.txt; rm old.txt",))
    assert run_script("test $(cat made.txt) = made && test \"$(cat in.txt)\" = '1 2 3'", task=task).passed


def test_the_limits_of_a_script_are_not_those_of_the_set_up() -> None:
    task = replace(TASK, setup=("sleep 1.2", "yes | head -c 3000000"))
    spec = GraderSpec(type="script", options={"run": "test -e in.txt", "timeout": 1})
    grader = build([spec], None, place(lambda: of_kind("bubblewrap")))
    assert grader.grade(task, trajectory()).passed


def test_files_of_a_script_are_beside_the_workspace() -> None:
    options = {"files": {"check.py": "import sys\nsys.exit(0 if open('out/total.txt').read() == '3\\n' else 1)\n"}}
    assert run_script('python3 "$GRADER_DIR/check.py"', options=options).passed
    assert run_script("test ! -e check.py", options=options).passed


def test_a_script_sees_nothing_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-host-0123456789")
    run = f"cat /proc/*/environ | tr '\\0' '\\n' | grep -q sk-of-the-host || test -e {Path(__file__).parent}"
    assert run_script(run).value == 0.0


def test_nothing_is_left_of_a_script() -> None:
    word = mark()
    assert run_script(f"(setsid sleep {word} &) ; true").passed
    assert alive(word) == []


def test_words_of_a_script() -> None:
    said = 'echo \'{"score": 0, "why": "expected 42", "hint": "look again"}\''
    score = run_script(said)
    assert (score.why, score.hint) == ("the script gave 0.00: expected 42", "the script gave 0.00: look again")
    assert run_script(said, hidden=True).hint == "the script gave 0.00"
    assert run_script(said, hidden=False).hint == score.why
    plain = run_script("echo expected 42 >&2; exit 1")
    assert (plain.why, plain.hint) == ("the script ended with code 1: expected 42", "the script ended with code 1")


def test_scripts_inside_combinations_get_the_sandbox() -> None:
    inner = {"type": "script", "run": "true"}
    for outer in ("all", "any", "weighted"):
        spec = GraderSpec(type=outer, options={"graders": [{"type": "exact"}, {"type": "any", "graders": [inner]}]})
        score = build([spec], None, place(lambda: of_kind("bubblewrap"))).grade(TASK, trajectory())
        assert score.value == {"all": 0.0, "any": 1.0, "weighted": 0.5}[outer]


def test_without_a_sandbox_a_script_is_a_failure() -> None:
    with pytest.raises(CallFailedError, match="has no sandbox here"):
        grade("script", {"run": "true"})


def test_a_sandbox_is_made_only_for_scripts() -> None:
    def never() -> Sandbox:
        raise ConfigError("no sandbox")

    assert (
        build([GraderSpec(type="files", options={"exists": "in.txt"})], None, place(never))
        .grade(TASK, trajectory())
        .passed
    )
    with pytest.raises(ConfigError, match="no sandbox"):
        build([GraderSpec(type="script", options={"run": "true"})], None, place(never)).grade(TASK, trajectory())


def test_why_a_grader_failed_stands_in_the_ledger() -> None:
    inner = build_one(GraderSpec(type="script", options={"run": "exit 127"}), None)
    assert isinstance(inner, Sandboxed)
    for ledger in (Ledger(None), Ledger(None, replay_only=True)):
        with ledger:
            noted = Noted(inner.within(place(lambda: of_kind("unconfined"), ledger)), ledger, "r")
            with pytest.raises(CallFailedError, match="it crashed"):
                noted.grade(TASK, trajectory())
            label, kind, words = "task t1, script", "script", "grader 'script': it crashed (code 127)"
            assert ledger.failures(9) == ([] if ledger.replay_only else [(label, kind, words)])
            with pytest.raises(CallFailedError, match="not kept whole"):
                noted.grade(TASK, trajectory(omitted=("big: too large (3000000 bytes)",)))
            lost = [f for f in ledger.failures(9) if f[:2] == ("task t1, its graders", "grader")]
            assert len(lost) == (0 if ledger.replay_only else 1)
    with Ledger(None) as ledger:
        right = build_one(GraderSpec(type="exact"), None)
        said = trajectory(messages=(Message(role="assistant", content="3"),))
        assert Noted(right, ledger, "r").grade(TASK, said).passed
        assert ledger.failures(9) == []


class Dice(Unconfined):
    """A sandbox whose scripts print another score each time, or crash where `codes` says so."""

    def __init__(self, *codes: int) -> None:
        super().__init__(Event())
        self.runs, self._codes = 0, codes

    def run(self, command: Command, /) -> Finished:
        self.runs += 1
        code = self._codes[self.runs - 1] if self.runs <= len(self._codes) else 0
        said = b'{"score": 0.%d, "why": "w%d", "hint": "h"}' % (self.runs, self.runs)
        return Finished(ended="exit", returncode=code, stdout=said, stderr=b"", seconds=0.1)


def rolled(dice: Dice, ledger: Ledger, task: Task = TASK, **more: Any) -> Score:
    options, hidden = {"run": "x", **more.pop("options", {})}, more.pop("hidden", None)
    spec = GraderSpec(type="script", options=options, hidden=hidden)
    where = replace(place(lambda: dice, ledger), confined=more.pop("confined", True))
    return build([spec], None, where).grade(task, trajectory(**more))


def test_a_script_that_says_something_else_each_time_is_asked_once() -> None:
    with Ledger(None) as ledger:
        dice = Dice()
        first = rolled(dice, ledger)
        assert (first.value, first.why, first.hint) == (0.1, "the script gave 0.10: w1", "the script gave 0.10: h")
        assert rolled(dice, ledger) == first
        assert rolled(dice, ledger, seconds=9.0, tool_version="2", usd=None) == first  # nothing that a script sees
        assert rolled(dice, ledger, hidden=True).hint == "the script gave 0.10"  # other words, the same verdict
        assert dice.runs == 1
        assert rolled(dice, ledger).checks[0].evidence == first.why
        (kept,) = ledger.export()
        assert (kept["kind"], kept["stream"], kept["usd"], kept["label"]) == (
            "grade/0",
            "grade",
            "0",
            "task t1, script",
        )
        assert ledger.spend_by_stage() == ()  # no call, no stage of the costs
        ledger.replay_only = True
        assert rolled(dice, ledger) == first


@pytest.mark.parametrize(
    "other",
    [
        {"options": {"run": "y"}}, {"options": {"files": {"a.py": "1"}}}, {"options": {"timeout": 5}},
        {"options": {"memory_mb": 100}}, {"confined": False}, {"removed": ()}, {"diff": "x"}, {"tool_calls": ()},
        {"denied": ("Bash",)}, {"artifacts": ()}, {"messages": (Message(role="assistant", content="4"),)},
        {"stop_reason": "length"}, {"skills_used": ("x",)},
        {"task": replace(TASK, expected=("4",))}, {"task": replace(TASK, setup=("true",))},
        {"task": replace(TASK, files=())}, {"task": replace(TASK, metadata={"a": 1})}, {"task": replace(TASK, id="t2")},
    ],
    ids=str,
)  # fmt: skip
def test_what_a_script_can_see_is_in_the_key(other: dict[str, Any]) -> None:
    with Ledger(None) as ledger:
        dice = Dice()
        rolled(dice, ledger)
        rolled(dice, ledger, **other)
        assert len(ledger.export()) == 2


def test_a_script_that_failed_is_asked_again_but_in_a_replay() -> None:
    with Ledger(None) as ledger:
        dice = Dice(139)
        for replay_only in (False, True):  # a replay fails as it failed
            ledger.replay_only = replay_only
            with pytest.raises(CallFailedError, match="it crashed"):
                rolled(dice, ledger)
        assert (dice.runs, len(ledger.failures(9))) == (1, 1)
        ledger.replay_only = False
        assert rolled(dice, ledger).value == 0.2
        ledger.replay_only = True
        assert rolled(dice, ledger).value == 0.2
        assert rolled(dice, ledger, diff="other").value == 0.3  # nothing is known of it, and it costs nothing
        assert len(ledger.export()) == 1


@pytest.mark.parametrize(
    "value", ['{"score": "x"}', '{"score": 2, "passed": null}', "{}", '{"code": []}', '{"code": 1}']
)
def test_a_damaged_record_of_a_script_is_named(tmp_path: Path, value: str) -> None:
    path = tmp_path / "l.sqlite"
    with Ledger(path) as ledger:
        rolled(Dice(), ledger)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("update purchases set value=?", (value,))
    with Ledger(path) as ledger, pytest.raises(LedgerError, match="record of a script is damaged"):
        rolled(Dice(), ledger)


def test_a_run_that_is_stopped_gives_no_score() -> None:
    stop = Event()
    stop.set()
    grader = build([GraderSpec(type="script", options={"run": "true"})], None, place(lambda: Unconfined(stop)))
    with pytest.raises(CallFailedError) as caught:
        grader.grade(TASK, trajectory())
    assert caught.value.kind == "interrupted"


TREE = MemoryTree(
    {"evals/x/check.py": "print(1)\n", "evals/x/bad": b"\xff", "big": b"x" * (1024 * 1024 + 1), "check.py": "2"}
)


def test_scripts_are_read_with_the_rules() -> None:
    spec = GraderSpec(type="script", options={"run": "x", "files": ["check.py"]})
    task = Task(id="t", prompt="p", source=TASK.source, graders=(spec, GraderSpec(type="exact")))
    (found,) = suite_with_scripts(Suite(tasks=(task,)), TREE).tasks
    assert found.graders is not None
    assert found.graders[0].options == {"run": "x", "files": {"check.py": "print(1)\n"}}
    assert found.graders[1] == GraderSpec(type="exact")
    assert suite_with_scripts(Suite(tasks=(TASK,)), TREE).tasks == (TASK,)
    nested = GraderSpec(type="any", options={"graders": [{"type": "script", "run": "x", "files": ["check.py"]}, 3]})
    (made,) = with_scripts([nested], TREE, "")
    assert made.options["graders"] == [{"type": "script", "run": "x", "files": {"check.py": "2"}}, 3]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["missing.py"], "no such file"),
        (["bad"], "not a UTF-8 text"),
        (["../../big"], "larger than 1 MiB"),
        (["check.py", "../../check.py"], "two files of a script grader"),
    ],
)
def test_files_of_scripts_that_cannot_be_read(files: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        with_scripts([GraderSpec(type="script", options={"run": "x", "files": files})], TREE, "evals/x")
