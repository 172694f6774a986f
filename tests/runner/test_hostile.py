"""Text of strangers through everything that the action writes: none of it is carried out, shown raw or believed."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from skillopt_ci.actions.outputs import RunnerFiles
from skillopt_ci.cli.action_results import OUTPUTS, fallback_summary, lines, outputs
from skillopt_ci.cli.console import Console
from tests.cli.world import CONFIG, PATH, SKILL, TASKS, config
from tests.loopback import Loopback, chat_reply, error_reply
from tests.runner.hostile import CORPUS
from tests.runner.protocol import Log, lines_of, parse, parse_file, read_summary
from tests.runner.world import Host, gate, job, pull_request

texts = st.lists(st.sampled_from(CORPUS) | st.text(max_size=6), min_size=1, max_size=4).map("".join)


def fired(text: str) -> list[str]:
    """Lines that the runner would carry out."""
    return [line for line in lines_of(text) if parse(line)]


def markup(markdown: str) -> list[str]:
    """What in a page is more than text: links, images, HTML; headings and lists are ours."""
    tokens = MarkdownIt("commonmark", {"linkify": False}).parse(markdown)
    inner = [child for token in tokens for child in token.children or []]
    return [t.type for t in (*tokens, *inner) if t.type in ("link_open", "image", "html_block", "html_inline")]


def result(text: str, schema: str = "skillopt-ci/gate/1") -> dict[str, Any]:
    """A result with a stranger's text in every place."""
    return {
        "schema": schema,
        "verdict": text,
        "reason": text,
        "message": text,
        "url": text,
        "proposal": text,
        "problems": [{"file": text, "line": text, "column": 1, "message": text, "warning": False}],
        "skills": [{"name": text, "path": text, "target": text, "verdict": text, "reason": text, "run_dir": text}],
        "spend": {"paid": {"usd": text}},
    }


@pytest.mark.parametrize("text", CORPUS)
def test_the_console_says_nothing_that_fires(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(verbose=True)
    for say in (console.say, console.detail, console.warn, console.error, console.result):
        say(text)
        say(f"before {text} after")
    out, err = capsys.readouterr()
    assert fired(out + err) == []
    assert "\x1b" not in out + err


@given(texts)
def test_annotations_say_one_thing_each(text: str) -> None:
    value = result(text)
    told = lines(value, "gate", 1, text, lambda t: t)
    log = Log().feed("\n".join(told))
    assert [c.name for c in log.commands] == ["error"] * len(told)
    assert log.text == []
    assert all(set(c.properties) <= {"file", "line", "col"} for c in log.commands)
    for command in log.commands:
        assert fired(command.data) == []


@given(texts)
def test_outputs_keep_their_names(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("step")
    files = RunnerFiles(output=folder / "output")
    told = outputs(result(text), 1)
    for name, value in told.items():
        files.set_output(name, value)
    found = parse_file((folder / "output").read_bytes().decode("utf-8"))
    assert set(found) == set(told) <= set(OUTPUTS)
    assert (found["exit-code"], found["proposal"], found["effect"], found["pr-number"]) == ("1", "", "", "")


@given(texts)
def test_a_summary_is_text(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    for value in (result(text), {**result(text), "problems": []}):
        shown = fallback_summary(value, "check", 2, "")
        assert markup(shown) == []
        files = RunnerFiles(summary=tmp_path_factory.mktemp("step") / "summary")
        files.add_summary(shown)
        assert files.summary is not None
        assert read_summary(files.summary)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    return Host(
        tmp_path_factory.mktemp("host"),
        sizes=(4, 4, 40),
        target={"provider": "openai", "model": "gpt-5.4-mini"},
        optimizer=None,
        providers=None,
    )


def test_what_models_and_their_servers_say(host: Host, tmp_path: Path) -> None:
    head = host.change("change", {PATH: SKILL}, pull=1)
    workspace = host.checkout(host.base)
    runner = job(tmp_path, workspace, "pull_request", pull_request(1, head, host.base, branch=CORPUS[0]))

    def answer(call: Any) -> Any:
        text = CORPUS[call.number % len(CORPUS)]
        return error_reply(400, text) if call.number % 5 == 0 else chat_reply(text)

    with Loopback(answer, record=False) as server:
        runner.env["OPENAI_BASE_URL"] = server.openai_url
        done = gate(runner, **{"openai-api-key": "sk-proj-0123456789abcdef"})
    assert done.outputs["exit-code"] in ("0", "1", "3"), done.raw
    assert {c.name for c in done.log.commands} <= {"add-mask", "error", "warning"}
    assert done.log.masks == {"sk-proj-0123456789abcdef"}
    # Without the runner's help, too: nothing in the log would fire if commands had not been stopped.
    token, _, rest = done.raw.split("::stop-commands::")[1].partition("\n")
    inside, end, _ = rest.partition(f"\n::{token}::\n")
    assert end
    assert "held-out tasks" in inside
    assert fired(inside) == []
    assert markup(done.summary) == []
    assert "evil.example" not in done.summary
    assert not list(tmp_path.rglob("PWNED"))


def test_files_of_a_pull_request_that_only_check_reads(host: Host, tmp_path: Path) -> None:
    rows = [{"id": text, "prompt": text, "expected": text, "split": text, text: text} for text in CORPUS]
    value = json.loads(config())
    value["skills"] += [{"path": text, "tasks": [text], text: text} for text in CORPUS if "\ud800" not in text]
    value |= dict.fromkeys((t for t in CORPUS if "\ud800" not in t), CORPUS[0])
    changes: dict[str, str | bytes] = {
        CONFIG: json.dumps(value),
        TASKS: "".join(json.dumps(row) + "\n" for row in rows),
        PATH: "---\nname: '::error::fired'\n---\n" + "\n".join(t for t in CORPUS if "\ud800" not in t),
        "skills/::error::fired/SKILL.md": "x",
        "skills/$(touch PWNED)/SKILL.md": "x",
    }
    for number, files in enumerate((changes, {k: v for k, v in changes.items() if k != CONFIG}), 2):
        head = host.change(f"hostile-{number}", files, pull=number)
        workspace = host.checkout(head, f"workspace-{number}")
        place = tmp_path / str(number)
        place.mkdir()
        done = job(place, workspace, "pull_request", pull_request(number, head, host.base)).use({"command": "check"})
        assert (done.ok, done.outputs["exit-code"]) == (False, "2"), done.raw
        assert {c.name for c in done.log.commands} <= {"error", "warning"}
        assert 0 < len(done.annotations) <= 20
        assert markup(done.summary) == []
        assert "Traceback" not in done.raw
        assert not list(tmp_path.rglob("PWNED"))
