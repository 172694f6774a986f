"""Claude Code's `--output-format stream-json`, read into a transcript. Seen with version 2.1.329.

A run that failed says `"subtype": "success"` with `is_error`; a run whose tools were denied ends like one that went
well. What counts as the skill's own result and what as a failure is decided here.
"""

from collections.abc import Mapping
from typing import Any

from skillopt_ci.core.json_values import count, mapping, sequence
from skillopt_ci.core.trajectory import Message, StopReason, ToolCall
from skillopt_ci.harnesses.transcript import (
    MESSAGE_CHARS,
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

_SYNTHETIC = "<synthetic>"  # the command line's own words in the model's place


def read_claude(stream: str, skills: Mapping[str, str]) -> Transcript:
    """Read a whole stream; lines that are no event are skipped. `skills` as in `Draft`."""
    draft = Draft(skills)
    begun: Mapping[str, Any] = {}
    result: Mapping[str, Any] | None = None
    models: dict[str, None] = {}
    for event in events(stream):
        kind, subtype = event.get("type"), event.get("subtype")
        if kind == "assistant" and not event.get("parent_tool_use_id"):
            _assistant(draft, mapping(event.get("message")), models)
        elif kind == "user":
            _results(draft, mapping(event.get("message")))
        elif kind == "system" and subtype == "init":
            begun = begun or event
        elif kind == "system" and subtype == "permission_denied":
            draft.denied[text(event.get("tool_use_id"))] = text(event.get("tool_name"))
        elif kind == "result":
            result = event
    ended, broken = _end(result)
    if ended == "stop" and result is not None:
        _answer(draft, text(result.get("result")))
    for denial in sequence((result or {}).get("permission_denials")):
        denied = mapping(denial)
        draft.denied[text(denied.get("tool_use_id"))] = text(denied.get("tool_name"))
    return Transcript(
        messages=tuple(draft.messages),
        tool_calls=tuple(draft.calls.values()),
        denied=tuple(draft.denied.values()),
        skills_used=tuple(draft.used),
        served_model=next(iter(models), ""),
        tool_version=text(begun.get("claude_code_version")),
        ended=ended,
        broken=broken,
    )


def _assistant(draft: Draft, message: Mapping[str, Any], models: dict[str, None]) -> None:
    model = text(message.get("model"))
    if model == _SYNTHETIC:
        return
    if model:
        models[model] = None
    for item in sequence(message.get("content")):
        block = mapping(item)
        if block.get("type") == "text":
            draft.say(text(block.get("text")))
        elif block.get("type") == "tool_use":
            name, given = text(block.get("name")), mapping(block.get("input"))
            draft.call(text(block.get("id")), ToolCall(name=name, arguments=as_json(given)))
            if name == "Skill":
                draft.use(text(given.get("skill")).strip().lstrip("/"))


def _results(draft: Draft, message: Mapping[str, Any]) -> None:
    for item in sequence(message.get("content")):
        block = mapping(item)
        key = text(block.get("tool_use_id"))
        if block.get("type") == "tool_result" and key in draft.calls:
            call = draft.calls[key]
            said = clipped(_words(block.get("content")), RESULT_CHARS)
            draft.call(key, ToolCall(name=call.name, arguments=call.arguments, result=said))


def _words(content: object) -> str:
    """A tool's result: a text, or a list of blocks of which the texts are kept."""
    if isinstance(content, str):
        return text(content)
    return "\n".join(text(mapping(block).get("text")) for block in sequence(content))


def _answer(draft: Draft, answer: str) -> None:
    """The last message is the answer, also when that is empty and something was said on the way."""
    if not draft.messages or draft.messages[-1].content != answer:
        draft.messages.append(Message(role="assistant", content=clipped(answer, MESSAGE_CHARS)))


def _end(result: Mapping[str, Any] | None) -> tuple[StopReason | None, Broken | None]:
    if result is None:
        return None, None
    if not result.get("is_error"):
        return "stop", None
    if result.get("subtype") == "error_max_turns":
        return "turns", None
    if result.get("stop_reason") == "refusal":
        return "refusal", None
    if result.get("api_error") == "max_output_tokens":
        return "length", None
    if result.get("terminal_reason") == "prompt_too_long":
        return "context_overflow", None
    words = text(result.get("result")) or "; ".join(text(e) for e in sequence(result.get("errors")))
    words = words or text(result.get("subtype")) or "the run ended with an error that it does not name"
    status = count(result.get("api_error_status"))
    if status:
        return None, http_failure(status, words)
    if result.get("terminal_reason") == "api_error":
        return None, Broken(kind="network", message=clipped(words, WORDS_CHARS))
    return None, Broken(kind="crash", message=clipped(words, WORDS_CHARS))
