"""The events of `codex exec --json`, read into a transcript. Seen with version 0.169.0.

Codex has no tool for skills: it opens a skill by reading its SKILL.md in a shell command. Errors come as words only;
those of the model's endpoint are told apart by the status in them.
"""

import re
from collections.abc import Mapping
from typing import Any

from skillopt_ci.core.json_values import mapping, sequence
from skillopt_ci.core.trajectory import Message, StopReason, ToolCall
from skillopt_ci.harnesses.transcript import (
    ARGUMENT_CHARS,
    RESULT_CHARS,
    WORDS_CHARS,
    Broken,
    Draft,
    Transcript,
    as_json,
    clipped,
    events,
    http_failure,
    text,
)

_TOOLS = ("command_execution", "file_change", "mcp_tool_call", "web_search", "collab_tool_call")
_STATUS = re.compile(r"(?:unexpected status|last status:) (\d{3})\b")
_OVERFLOW = ("ran out of room in the model's context window", "context_length_exceeded")
_SERVER = ("high demand", "at capacity", "overloaded", "server_error", "internal server error")
_NETWORK = ("connection failed", "error sending request", "stream disconnected", "stream closed", "timed out")


def read_codex(stream: str, skills: Mapping[str, str]) -> Transcript:
    """Read a whole stream; lines that are no event are skipped. `skills` as in `Draft`."""
    draft = Draft(skills)
    ended: StopReason | None = None
    broken: Broken | None = None
    silent = False  # since the last tool call
    for event in events(stream):
        kind = event.get("type")
        if kind in ("item.started", "item.updated", "item.completed"):
            item = mapping(event.get("item"))
            _item(draft, item, done=kind == "item.completed")
            silent = item.get("type") in _TOOLS or (silent and item.get("type") != "agent_message")
        elif kind == "turn.completed":
            ended, broken = "stop", None
        elif kind == "turn.failed":
            words = text(mapping(event.get("error")).get("message"))
            ended, broken = _failure(words)
    if ended == "stop" and silent:  # words on the way are no answer
        draft.messages.append(Message(role="assistant", content=""))
    return Transcript(
        messages=tuple(draft.messages),
        tool_calls=tuple(draft.calls.values()),
        denied=tuple(draft.denied.values()),
        skills_used=tuple(draft.used),
        ended=ended,
        broken=broken,
    )


def _item(draft: Draft, item: Mapping[str, Any], *, done: bool) -> None:
    kind, key = text(item.get("type")), text(item.get("id"))
    if kind == "agent_message":
        if done:
            draft.say(text(item.get("text")))
        return
    if kind == "command_execution":
        call = ToolCall(name=kind, arguments=clipped(text(item.get("command")), ARGUMENT_CHARS), result=_output(item))
    elif kind == "file_change":
        call = ToolCall(name=kind, arguments=as_json(sequence(item.get("changes"))), result=text(item.get("status")))
    elif kind in _TOOLS:
        given = {k: v for k, v in item.items() if k not in ("id", "type", "result", "status", "error")}
        call = ToolCall(name=kind, arguments=as_json(given), result=text(item.get("status")))
    else:
        return  # reasoning, plans, and errors that are none (a deprecation, a model without metadata)
    draft.call(key, call)
    if item.get("status") == "declined":
        draft.denied[key] = kind


def _output(item: Mapping[str, Any]) -> str:
    said = clipped(text(item.get("aggregated_output")), RESULT_CHARS)
    code = item.get("exit_code")
    return f"{said}\nExit code {code}".lstrip("\n") if isinstance(code, int) and code else said


def _failure(words: str) -> tuple[StopReason | None, Broken | None]:
    lower = words.lower()
    if any(sign in lower for sign in _OVERFLOW):
        return "context_overflow", None
    if "reason: max_output_tokens" in lower:
        return "length", None
    if "reason: content_filter" in lower:
        return "refusal", None
    words = words or "the run failed and says no reason"
    status = _STATUS.search(words)
    if status:
        return None, http_failure(int(status[1]), words)
    if words.lstrip().startswith("{"):  # the body of a 400, as it came
        return None, http_failure(400, words)
    if any(sign in lower for sign in _SERVER):
        return None, Broken(kind="server", message=clipped(words, WORDS_CHARS))
    if any(sign in lower for sign in _NETWORK):
        return None, Broken(kind="network", message=clipped(words, WORDS_CHARS))
    return None, Broken(kind="crash", message=clipped(words, WORDS_CHARS))
