"""Model answers as the agents' command lines want them: server-sent events of both protocols, scripted per test.

A script is a list of turns, one for each request of a rollout:

    with Loopback(playing(uses("Bash", command="date"), says("done"))) as server: ...

Which turn is due is read from the request itself (how often the model spoke before), so that several rollouts can run
at once.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import Call, Handler, Reply, error_reply

MODEL = "served-model-2026"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What the model does: words, tool calls (name, arguments), or a whole reply of the server."""

    text: str = ""
    tools: Sequence[tuple[str, Mapping[str, Any]]] = ()
    reply: Reply | None = None
    stop: str = ""
    tokens: tuple[int, int, int] = (100, 20, 7)
    """Fresh input, input read from the cache, output."""
    delay: float = 0.0
    extra: Mapping[str, Any] = field(default_factory=dict)


def says(text: str, **more: Any) -> Turn:
    """Words, and no tool."""
    return Turn(text=text, **more)


def uses(tool: str, **arguments: Any) -> Turn:
    """One tool call."""
    return Turn(tools=[(tool, arguments)])


def fails(status: int, message: str = "no", **more: Any) -> Turn:
    """An error of the endpoint."""
    return Turn(reply=error_reply(status, message, **more))


HANGS = Turn(reply=Reply(hang=True))
Script = Callable[[Call], Turn]


def playing(*turns: Turn) -> Handler:
    """These turns one after another; the last one for ever."""
    return by(lambda call: turns[min(answered(call), len(turns) - 1)])


def by(script: Script) -> Handler:
    """A handler from a script; speaks the protocol of the path that was asked."""
    return lambda call: reply(call, script(call))


def reply(call: Call, turn: Turn) -> Reply:
    """A turn in the words of the call's protocol."""
    if turn.reply is not None:
        return turn.reply
    events = _messages(turn, call.number) if "/messages" in call.path else _responses(turn, call.number)
    body = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
    return Reply(body=body.encode(), content_type="text/event-stream", delay=turn.delay)


def answered(call: Call) -> int:
    """How often the model has spoken in the conversation of a request."""
    if "messages" in call.body:
        return sum(m["role"] == "assistant" for m in call.body["messages"])
    own = ("function_call", "custom_tool_call", "local_shell_call")
    return sum(i.get("role") == "assistant" or i.get("type") in own for i in call.body.get("input", ()))


def texts(call: Call) -> str:
    """Everything a request says to the model: instructions, messages, tool results."""
    return json.dumps(call.body, ensure_ascii=False)


def tool_names(call: Call) -> list[str]:
    """The tools that a request offers."""
    return [str(t.get("name") or t.get("type")) for t in call.body.get("tools", ())]


def _messages(turn: Turn, number: int) -> list[dict[str, Any]]:
    fresh, cached, out = turn.tokens
    usage = {"input_tokens": fresh, "cache_creation_input_tokens": 0, "cache_read_input_tokens": cached}
    stop = turn.stop or ("tool_use" if turn.tools else "end_turn")
    message = {
        "id": f"msg_{number}", "type": "message", "role": "assistant", "model": MODEL, "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1},
    }  # fmt: skip
    events: list[dict[str, Any]] = [{"type": "message_start", "message": message}]
    blocks: list[tuple[dict[str, Any], dict[str, Any]]] = []
    if turn.text:
        blocks.append(({"type": "text", "text": ""}, {"type": "text_delta", "text": turn.text}))
    for index, (name, arguments) in enumerate(turn.tools):
        start = {"type": "tool_use", "id": f"toolu_{number}_{index}", "name": name, "input": {}}
        blocks.append((start, {"type": "input_json_delta", "partial_json": json.dumps(arguments)}))
    for index, (start, delta) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": stop, "stop_sequence": None, **turn.extra}
    events.append({"type": "message_delta", "delta": delta, "usage": {**usage, "output_tokens": out}})
    return [*events, {"type": "message_stop"}]


def _responses(turn: Turn, number: int) -> list[dict[str, Any]]:
    fresh, cached, out = turn.tokens
    base = {"id": f"resp_{number}", "object": "response", "model": MODEL, "created_at": 1}
    items: list[dict[str, Any]] = []
    if turn.text:
        part = {"type": "output_text", "text": turn.text, "annotations": []}
        items.append({"type": "message", "id": f"m_{number}", "role": "assistant", "content": [part]})
    for index, (name, arguments) in enumerate(turn.tools):
        call = {"type": "function_call", "id": f"f_{number}_{index}", "call_id": f"call_{number}_{index}"}
        items.append({**call, "name": name, "arguments": json.dumps(arguments)})
    usage = {
        "input_tokens": fresh + cached, "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": out, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": fresh + cached + out,
    }  # fmt: skip
    events: list[dict[str, Any]] = [{"type": "response.created", "response": {**base, "status": "in_progress"}}]
    for index, item in enumerate(items):
        events.append({"type": "response.output_item.added", "output_index": index, "item": item})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    done = {**base, "status": "completed", "output": items, "usage": usage, **turn.extra}
    return [*events, {"type": turn.stop or "response.completed", "response": done}]
