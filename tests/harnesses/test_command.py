"""The harness `command`: its options, its templates, and what it reads out of an agent's output."""

from dataclasses import replace
from pathlib import Path

import pytest

from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.harnesses.command import make
from skillopt_ci.harnesses.command_answer import Path as JsonPath
from skillopt_ci.harnesses.command_options import STRIPPED, fill, read_options
from tests.harnesses.agent_world import SAMPLE, SKILL, TASK, agents, options
from tests.loopback import messages_reply

RUN = {"run": ["agent", "{workspace}"]}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "needs `run`"),
        ({"run": []}, "needs `run`"),
        ({"run": 5}, "`run` must be a list of texts"),
        ({"run": "agent 'x"}, "`run`: No closing quotation"),
        ({**RUN, "colour": 1}, "unknown option 'colour'"),
        ({"run": ["agent", "{key}"]}, "unknown placeholder '{key}'"),
        ({**RUN, "prompt": "mail"}, "`prompt` must be stdin, arg or file"),
        ({**RUN, "prompt": "arg"}, "needs the placeholder '{prompt}'"),
        ({**RUN, "prompt": "file"}, "needs the placeholder '{prompt_file}'"),
        ({**RUN, "env": {"A": 1}}, "`env` must be a mapping of texts to texts"),
        ({**RUN, "pass_env": ["A B"]}, "no name of an environment variable"),
        ({**RUN, "pass_env": ["OPENAI_API_KEY"]}, "'OPENAI_API_KEY' looks like a secret"),
        ({**RUN, "pass_env": ["GITHUB_TOKEN"]}, "none enters the sandbox"),
        ({**RUN, "skills_folder": "../x"}, "must be a path that begins with"),
        ({**RUN, "skills_folder": "etc"}, "must be a path that begins with"),
        ({**RUN, "files": {"/etc/x": "y"}}, "must be a path that begins with"),
        ({**RUN, "readable": ["tools"]}, "must be an absolute path"),
        ({**RUN, "ok_codes": []}, "`ok_codes` must be a list of exit codes"),
        ({**RUN, "ok_codes": [256]}, "`ok_codes` must be a list of exit codes"),
        ({**RUN, "seconds": 0}, "`seconds` must be a number above 0"),
        ({**RUN, "turns": 1.5}, "`turns` must be a whole number above 0"),
        ({**RUN, "turns": True}, "`turns` must be a whole number above 0"),
        ({**RUN, "version": 3}, "`version` must be a list of texts"),
        ({**RUN, "answer": {"format": "xml"}}, "`answer.format` must be text, json or jsonl"),
        ({**RUN, "answer": {"path": "a"}}, "are for the formats json and jsonl"),
        ({**RUN, "answer": {"format": "json", "path": "a..b"}}, "the path 'a..b' is none"),
        ({**RUN, "answer": {"format": "json", "path": ".a"}}, "the path '.a' is none"),
        ({**RUN, "answer": {"format": "json", "path": "[" + "1" * 5000 + "]"}}, f"the path '[{'1' * 79}' is none"),
        ({**RUN, "answer": {"format": "json", "path": "a[x]"}}, "is none"),
        ({**RUN, "answer": {"format": "jsonl", "where": {"a": [1]}}}, "`answer.where` must be a mapping"),
        ({**RUN, "answer": 3}, "`answer` must be a mapping with the keys"),
        ({**RUN, "tools": {}}, "`tools` needs `name`"),
        ({**RUN, "tools": {"name": ""}}, "`tools.name` must be a text"),
    ],
)
def test_options_that_do_not_fit(given: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(given)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_smallest_options() -> None:
    found = read_options({"run": "agent --all '{workspace}'"})
    assert found.run == ("agent", "--all", "{workspace}")
    assert (found.prompt, found.concurrency, found.strip) == ("stdin", 4, STRIPPED)
    agent = make({"run": "agent", "turns": 7, "concurrency": 2})
    assert (agent.limits.turns, agent.concurrency, agent.skills_folder) == (7, 2, "home/.agents/skills")


def test_only_known_placeholders_are_filled() -> None:
    assert fill('{"key": "{token}", "x": {model}}', {"token": "T", "model": "m"}) == '{"key": "T", "x": m}'


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("", "x", "x"),
        ("a.b", {"a": {"b": "x"}}, "x"),
        ("a[0].b", {"a": [{"b": "x"}]}, "x"),
        ("[-1]", ["x", "y"], "y"),
        ("a-b_c", {"a-b_c": 3}, "3"),
        ("a", {"a": {"z": 1, "b": [True]}}, '{"b": [true], "z": 1}'),
        ("a", {"a": None}, None),
        ("a.b", {"a": "x"}, None),
        ("a[3]", {"a": [1]}, None),
        ("[0]", {"0": 1}, None),
    ],
)
def test_paths(path: str, value: object, found: str | None) -> None:
    assert JsonPath.parse(path).text(value) == found


def test_the_environment_and_the_placeholders() -> None:
    program = (
        "print(sorted(os.environ)); print(sys.argv[1:]); print(open(sys.argv[1]).read()); "
        "print(sys.stdin.read() == '', os.environ['MINE'], os.path.exists(sys.argv[3]))"
    )
    changes = {
        "run": ["python3", "{home}/agent.py", "{prompt_file}", "{model}", "{skills_dir}/invoices/SKILL.md"],
        "prompt": "file",
        "env": {"MINE": "{url}/v1"},
    }
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        said = w.run(program, **changes).answer.splitlines()
    assert said[0] == "['HOME', 'LANG', 'MINE', 'PATH', 'TMPDIR']"
    assert said[1] == "['/rollout/state/prompt.md', 'm', '/rollout/home/.agents/skills/invoices/SKILL.md']"
    assert said[2:] == ["What is the total?", "True http://127.0.0.1:9100/v1 True"]


def test_a_variable_of_the_host_is_passed_when_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLOUR", "blue")
    program = "print(os.environ.get('COLOUR'))"
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        assert w.run(program).answer == "None"
        assert w.run(program, pass_env=["COLOUR", "NOT_SET_HERE"]).answer == "blue"
        monkeypatch.setenv("COLOUR", "red")  # another value can change the answer: another rollout
        assert w.run(program, pass_env=["COLOUR", "NOT_SET_HERE"]).answer == "red"


def test_the_prompt_as_an_argument_is_never_a_shell_word() -> None:
    task = replace(TASK, prompt="$(touch hacked); `id` 'x' \"y\" {token} \n--help", context="More.")
    run = ["python3", "{home}/agent.py", "{prompt}"]
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        found = w.run("print(sys.argv[1])", task, run=run, prompt="arg")
    assert found.answer == f"{task.prompt}\n\nMore.".strip()
    assert found.artifacts == ()


def test_answers_from_json_lines_and_tools() -> None:
    program = """
import json
lines = [{"type": "tool", "part": {"tool": "bash", "input": {"command": "cat skills/invoices/SKILL.md"}, "out": "ok"}},
    {"type": "text", "part": {"text": "one "}}, {"type": "text", "part": {"text": "two"}}, {"type": "step"}]
print("noise"); [print(json.dumps(line)) for line in lines]
"""
    answer = {"format": "jsonl", "where": {"type": "text"}, "path": "part.text"}
    tools = {"where": {"type": "tool"}, "name": "part.tool", "arguments": "part.input", "result": "part.out"}
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        found = w.run(program, answer=answer, tools=tools)
        assert found.answer == "two"
        assert w.run(program, answer={**answer, "take": "join"}).answer == "one two"
        (call,) = found.tool_calls
        assert (call.name, call.arguments, call.result) == ("bash", '{"command": "cat skills/invoices/SKILL.md"}', "ok")
        assert found.skills_used == ("invoices",)
        with pytest.raises(CallFailedError, match=r"no answer at 'part\.nothing'") as caught:
            w.run(program, answer={**answer, "path": "part.nothing"})
        assert caught.value.kind == "malformed"


def test_answers_from_json_and_from_a_file() -> None:
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        program = 'print(\'{"result": [{"text": "a"}]}\')'
        assert w.run(program, answer={"format": "json", "path": "result[0].text"}).answer == "a"
        with pytest.raises(CallFailedError, match="not JSON"):
            w.run("print('x')", answer={"format": "json"})
        program = "open(sys.argv[1], 'w').write('from the file'); print('noise')"
        run = ["python3", "{home}/agent.py", "{output_file}"]
        assert w.run(program, run=run, answer={"from": "file"}).answer == "from the file"
        link = "os.symlink('/etc/passwd', sys.argv[1]); print('noise')"
        for nothing in (link, "print('noise')"):
            with pytest.raises(CallFailedError, match="wrote no file at") as caught:
                w.run(nothing, run=run, answer={"from": "file"})
            assert caught.value.kind == "malformed"
        assert w.run("open(sys.argv[1], 'w')", run=run, answer={"from": "file"}).answer == ""


def test_codes_that_are_fine() -> None:
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        assert w.run("print('done'); sys.exit(7)", ok_codes=[0, 7]).answer == "done"
        with pytest.raises(CallFailedError, match="ended with code 8"):
            w.run("print('done'); sys.exit(8)", ok_codes=[0, 7])


def test_a_workspaces_settings_are_taken_away() -> None:
    hostile = (".mcp.json", ".claude/settings.json", "sub/AGENTS.md", "CLAUDE.md", ".codex/config.toml")
    files = tuple(replace(TASK.files[0], name=name) for name in hostile)
    task = replace(TASK, files=(*TASK.files, *files), setup=("mkdir -p .gemini && touch .gemini/settings.json",))
    program = "print(sorted(os.path.join(d, f) for d, _, fs in os.walk('.') for f in fs))"
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        found = w.run(program, task, skills_folder="work/.claude/skills")
        assert found.answer == str(
            sorted(
                [
                    "./in.txt",
                    *(f"./.claude/skills/invoices/{n}" for n in ("SKILL.md", "references/a.md", "scripts/add.sh")),
                ]
            )
        )
        assert (found.diff, found.removed, found.artifacts) == ("", (), ())
        assert "./CLAUDE.md" in w.run(program, task, strip=[]).answer


def test_the_version_is_asked_of_the_program(tmp_path: Path) -> None:
    program = tmp_path / "agent"
    program.write_text("#!/bin/sh\necho \"$0 $1\" | sed 's/.*agent/agent 1.2/'; echo more\n")
    program.chmod(0o755)
    assert make({"run": [str(program), "-x"]}).identity()["version"] == "agent 1.2 --version"
    assert make({"run": ["x"], "version": [str(program), "v"]}).identity()["version"] == "agent 1.2 v"
    assert make({"run": ["x"], "version": "3.4"}).identity()["version"] == "3.4"
    for run in ([str(tmp_path / "missing")], ["false"]):
        with pytest.raises(ConfigError, match="says no version"):
            make({"run": run}).identity()


def test_what_is_to_be_read_must_be_there(tmp_path: Path) -> None:
    made = make({"run": ["x"], "readable": [str(tmp_path)]})
    assert made.readable == (tmp_path,)
    with pytest.raises(ConfigError, match=r"`readable`: there is no .*missing"):
        _ = make({"run": ["x"], "readable": [str(tmp_path / "missing")]}).readable


def test_where_the_program_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, link = tmp_path / "real" / "an-agent", tmp_path / "bin" / "an-agent"
    for path in (program, link):
        path.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    link.symlink_to(program)
    monkeypatch.setenv("PATH", f"{link.parent}:/usr/bin:/bin")

    def why(run: str, confined: bool = True, **more: object) -> str:
        return make({"run": [run, "-x"], **more}).missing(confined=confined)

    assert why("sh") == why("sh", confined=False) == ""
    assert why("{home}/agent") == why("./agent") == ""  # of the workspace: not there yet
    assert "is not on the agent's PATH (/usr/local/bin:/usr/bin:/bin); install it" in why("no-such-agent")
    assert f"; here it is {link}: write that, and its folder in `readable`" in why("an-agent")
    assert why("an-agent", env={"PATH": f"{link.parent}:/bin"}, confined=False) == ""
    assert why("an-agent", env={"PATH": "{home}/bin"}) == ""
    assert "there is no program at" in why(str(tmp_path / "nothing"))
    assert f"does not show {link};" in why(str(link))
    assert f"does not show {program};" in why(str(link), readable=[str(link.parent)])
    assert why(str(link), confined=False) == why(str(link), readable=[str(tmp_path)]) == ""
    assert "`readable`: there is no" in why("sh", readable=[str(tmp_path / "nothing")])
    assert not (tmp_path / "ran").exists()  # looking runs nothing


def test_nothing_of_the_checkout_is_asked_outside_the_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "agent"
    program.write_text("#!/bin/sh\ntouch ran\necho 1.2\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for given in (
        {"run": ["./agent"]},
        {"run": ["~nobody-of-this-name/agent"]},
        {"run": ["x"], "version": [f"../{tmp_path.name}/agent", "v"]},
    ):
        with pytest.raises(ConfigError, match=r"leads into the checkout.*write `version`"):
            make(given).identity()
    assert not (tmp_path / "ran").exists()


def test_a_sample_of_the_harness_is_like_any_other() -> None:
    with agents("bubblewrap", lambda _: messages_reply("3")) as w:
        harness = w.harness(options("print(ask('x'))"))
        first, second = harness.run(SKILL, TASK, SAMPLE), harness.run(SKILL, TASK, replace(SAMPLE, n=1))
        assert first.answer == second.answer == "3"
        assert len(w.server.calls) == 2
