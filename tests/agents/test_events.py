"""Both event streams, as the real command lines wrote them (streams/), and torn in every way."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.trajectory import Message
from skillopt_ci.harnesses.claude_events import read_claude
from skillopt_ci.harnesses.codex_events import read_codex
from skillopt_ci.harnesses.transcript import Broken, Transcript, answered, clipped, names_skill, telling_line

STREAMS = Path(__file__).parent / "streams"
SKILLS = {"demo-skill": ""}
NAMES = sorted(p.stem for p in STREAMS.glob("*.jsonl"))


def raw(name: str) -> str:
    return (STREAMS / f"{name}.jsonl").read_text(encoding="utf-8")


def read(name: str, stream: str | None = None) -> Transcript:
    reader = read_claude if name.startswith("claude") else read_codex
    return reader(raw(name) if stream is None else stream, SKILLS)


def answer(transcript: Transcript) -> str | None:
    return transcript.messages[-1].content if transcript.messages else None


@pytest.mark.parametrize(
    ("name", "ended"),
    [
        ("claude-ok", "stop"), ("claude-denied", "stop"), ("claude-parallel", "stop"), ("claude-empty", "stop"),
        ("claude-turns", "turns"), ("claude-refusal", "refusal"), ("claude-length", "length"),
        ("claude-context", "context_overflow"), ("codex-ok", "stop"), ("codex-skill", "stop"), ("codex-fail", "stop"),
        ("codex-patch", "stop"), ("codex-plan", "stop"), ("codex-empty", "stop"), ("codex-incomplete", "length"),
        ("codex-filter", "refusal"), ("codex-context", "context_overflow"),
    ],
)  # fmt: skip
def test_what_is_the_skills_own_result(name: str, ended: str) -> None:
    got = read(name)
    assert (got.ended, got.broken) == (ended, None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("claude-400", "request"), ("claude-401", "auth"), ("claude-429", "rate-limit"), ("claude-529", "server"),
        ("claude-refused", "network"), ("codex-400", "request"), ("codex-401", "auth"), ("codex-429", "rate-limit"),
        ("codex-500", "server"), ("codex-refused", "network"),
    ],
)  # fmt: skip
def test_what_is_a_failure(name: str, kind: str) -> None:
    got = read(name)
    assert got.ended is None
    assert got.broken is not None
    assert got.broken.kind == kind
    assert got.broken.message


def test_every_recorded_stream_is_looked_at() -> None:
    marks = [test_what_is_the_skills_own_result, test_what_is_a_failure]
    seen = {case[0] for t in marks for mark in t.pytestmark for case in mark.args[1]}  # type: ignore[attr-defined]
    assert seen == set(NAMES)


def test_claude_tools_and_skills() -> None:
    got = read("claude-ok")
    assert answer(got) == "The answer is 4."
    assert [(c.name, c.result) for c in got.tool_calls] == [("Skill", "Launching skill: demo-skill"), ("Bash", "hi")]
    assert json.loads(got.tool_calls[1].arguments) == {"command": "echo hi > a.txt; cat a.txt"}
    assert got.skills_used == ("demo-skill",)
    assert (got.served_model, got.tool_version) == ("served-model-2026", "2.1.329")


def test_claude_denials_are_told() -> None:
    got = read("claude-denied")
    assert got.denied == ("Write",)
    assert answer(got) == "could not"
    broken_off = raw("claude-denied").rsplit("\n", 2)[0]  # without the result that lists them
    assert read("claude-denied", broken_off).denied == ("Write",)


def test_words_on_the_way_are_no_answer() -> None:
    assert answer(read("claude-empty")) == ""
    spoke = {"type": "assistant", "message": {"model": "m", "content": [{"type": "text", "text": "I will look"}]}}
    assert answer(read("claude-empty", json.dumps(spoke) + "\n" + raw("claude-empty"))) == ""
    lines = [line for line in raw("codex-plan").splitlines() if '"text":"ok"' not in line.replace(": ", ":")]
    got = read("codex-plan", "\n".join(lines))
    assert [m.content for m in got.messages] == ["I will run two", ""]


def test_codex_tools_and_skills() -> None:
    got = read("codex-skill")
    assert got.skills_used == ("demo-skill",)
    assert got.tool_calls[0].name == "command_execution"
    assert "BODYMARK" in got.tool_calls[0].result
    assert read("codex-fail").tool_calls[0].result == "Exit code 3"
    changed = read("codex-patch").tool_calls
    assert [(c.name, json.loads(c.arguments)[0]["kind"], c.result) for c in changed] == [
        ("file_change", "add", "completed")
    ]
    assert [c.result for c in read("codex-plan").tool_calls] == ["1\n", "2\n"]


def test_a_declined_command_of_codex_is_a_denial() -> None:
    item = {"id": "i", "type": "command_execution", "command": "rm", "aggregated_output": "", "status": "declined"}
    got = read_codex(json.dumps({"type": "item.completed", "item": item}), {})
    assert got.denied == ("command_execution",)


def test_a_stream_that_breaks_off_has_no_end() -> None:
    for name in ("claude-ok", "codex-ok"):
        got = read(name, "\n".join(raw(name).splitlines()[:-1]))
        assert (got.ended, got.broken) == (None, None)
        assert got.tool_calls


def test_a_skill_is_used_by_its_path_or_its_text() -> None:
    line = "Answer with only the value that was asked for."
    skills = {"invoices": telling_line(f"# Invoices\n\n- {line}\n"), "old-invoices": ""}

    def used(command: str, output: str = "") -> tuple[str, ...]:
        item = {"id": "1", "type": "command_execution", "command": command, "aggregated_output": output}
        return read_codex(json.dumps({"type": "item.completed", "item": item}), skills).skills_used

    assert used("cat /s/invoices/SKILL.md") == ("invoices",)
    assert used("cat /s/old-invoices/SKILL.md") == ("old-invoices",)
    assert used("cat invoices//SKILL.md") == ("invoices",)
    assert used("cd invoices && cat S*", f"x\n- {line}\n") == ("invoices",)
    assert used("ls invoices; find . -name SKILL.md") == ()
    assert used("cat invoices/SKILL.mdx invoices/other/SKILL.md") == ()


def test_claude_counts_only_skills_that_are_there() -> None:
    def used(name: Any, tool: str = "Skill") -> tuple[str, ...]:
        block = {"type": "tool_use", "id": "1", "name": tool, "input": {"skill": name, "file_path": name}}
        return read_claude(json.dumps({"type": "assistant", "message": {"content": [block]}}), SKILLS).skills_used

    assert used("demo-skill") == used("/demo-skill") == ("demo-skill",)
    assert used("other") == used(None) == used(["demo-skill"]) == ()
    assert used("/s/demo-skill/SKILL.md", "Read") == ("demo-skill",)


def test_a_subagents_words_are_not_the_agents() -> None:
    block = {"type": "text", "text": "from below"}
    event = {"type": "assistant", "parent_tool_use_id": "t", "message": {"model": "m", "content": [block]}}
    assert read_claude(json.dumps(event), {}).messages == ()


def test_an_endless_stream_is_not_kept_whole() -> None:
    line = json.dumps({"type": "item.completed", "item": {"type": "agent_message", "text": "word " * 10}})
    got = read_codex(f"{line}\n" * 5000, {})
    assert len(got.messages) == 2000
    item = {"id": "1", "type": "command_execution", "command": "x" * 50_000, "aggregated_output": "y" * 50_000}
    call = read_codex(json.dumps({"type": "item.completed", "item": item}), {}).tool_calls[0]
    assert max(len(call.arguments), len(call.result)) < 9_000


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("unexpected status 503 Service Unavailable: x", "server"), ("unexpected status 404 Not Found: x", "request"),
        ("exceeded retry limit, last status: 504 Gateway Timeout", "timeout"),
        ("Selected model is at capacity", "server"),
        ("something nobody has seen", "crash"), ("", "crash"),
        ("stream disconnected before completion: boom", "network"),
    ],
)  # fmt: skip
def test_codex_errors_by_their_words(text: str, kind: str) -> None:
    got = read_codex(json.dumps({"type": "turn.failed", "error": {"message": text}}), {})
    assert got.broken is not None
    assert got.broken.kind == kind
    assert got.broken.message


def test_claude_errors_without_a_status() -> None:
    result = {"type": "result", "subtype": "error_during_execution", "is_error": True, "errors": ["boom", 3]}
    got = read_claude(json.dumps(result), {})
    assert got.broken is not None
    assert (got.broken.kind, got.broken.message) == ("crash", "boom; ")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += _paths(inner, (*path, key))
    return found


@given(st.data())
def test_no_mutated_event_is_a_traceback(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    lines = [json.loads(line) for line in raw(name).splitlines()]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        places = _paths(lines[at])
        if not places:
            continue
        *outer, last = data.draw(st.sampled_from(places))
        holder = lines[at]
        for key in outer:
            holder = holder[key]
        holder[last] = data.draw(_json)
    got = read(name, "\n".join(json.dumps(line) for line in lines))
    assert got.ended is None or got.broken is None
    assert all(isinstance(m.content, str) and m.role == "assistant" for m in got.messages)
    json.dumps([m.content for m in got.messages]).encode()


@given(st.sampled_from(NAMES), st.integers(0, 20_000), st.binary(max_size=20), st.integers(0, 60))
def test_no_torn_stream_is_a_traceback(name: str, at: int, junk: bytes, cut: int) -> None:
    stream = raw(name)
    at %= len(stream)
    got = read(name, stream[:at] + junk.decode("utf-8", "replace") + stream[at + cut :])
    assert got.ended is None or got.broken is None


def test_hostile_lines() -> None:
    lines = [
        '{"type":' * 100_000,
        '{"type": "result", "num_turns": ' + "9" * 5000 + "}",
        '{"type": "assistant"',
        "[]",
        "{}",
    ]
    lone = '{"type": "assistant", "message": {"content": [{"type": "text", "text": "a\\ud800b"}]}}'
    got = read_claude("\n".join([*lines, lone]), {})
    assert [m.content for m in got.messages] == ["a?b"]
    assert read_codex("\n".join(lines), {}) == Transcript()


def test_clipped_and_names() -> None:
    assert clipped("ab", 2) == "ab"
    long = clipped("a" * 50 + "END", 30)
    assert long.endswith("END")
    assert "23 characters left out" in long
    assert names_skill("x a.b/SKILL.md", "a.b")
    assert not names_skill("x aab/SKILL.md", "a.b")
    assert telling_line("short\n") == ""


def test_an_answer_without_a_model_is_none() -> None:
    transcript = Transcript(messages=(Message(role="assistant", content="Total cost: 0"),), ended="stop")
    nothing = answered(transcript, 0)
    assert nothing.ended is None
    assert nothing.broken == Broken(kind="agent", message="no model was asked: Total cost: 0")
    assert answered(transcript, 1) == transcript
    assert answered(Transcript(ended="turns"), 0).ended == "turns"
