"""A server on 127.0.0.1 that speaks OpenAI chat and responses and Anthropic messages, by a script.

    with Loopback(lambda call: chat_reply("hello")) as server:
        OpenAI(base_url=server.openai_url, api_key="k")

The handler gets each request as a `Call` and returns a `Reply`. Requests are recorded in `server.calls`.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request; header names in lower case. `number` counts from 0."""

    number: int
    path: str
    headers: Mapping[str, str]
    body: Any
    raw: bytes = b""

    @property
    def user_text(self) -> str:
        """All user messages, whatever the protocol."""
        messages = self.body.get("messages") or self.body.get("input") or []
        return "\n".join(m["content"] for m in messages if m["role"] == "user")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is sent back; `delay` in seconds before it. `hang`: nothing is sent until the server closes.
    `drip`: first a hundred spaces, so many seconds apart."""

    status: int = 200
    body: bytes | Mapping[str, Any] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay: float = 0.0
    hang: bool = False
    drip: float = 0.0


Handler = Callable[[Call], Reply]


class Loopback:
    """The server; a context manager that leaves no socket and no thread behind."""

    def __init__(self, handler: Handler, *, record: bool = True) -> None:
        self._handler = handler
        self._record = record
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._count = 0
        self.calls: list[Call] = []
        self._server = _Server(("127.0.0.1", 0), _RequestHandler)
        self._server.loopback = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Without a path: what Anthropic and Azure want as base."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def openai_url(self) -> str:
        """With /v1: what OpenAI clients want as base."""
        return self.url + "/v1"

    def __enter__(self) -> "Loopback":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop; wakes what hangs and ends connections that clients keep open."""
        self._closing.set()
        self._server.shutdown()
        self._server.end_connections()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, headers: Mapping[str, str], raw: bytes) -> Reply | None:
        """The scripted reply, or None to drop the connection."""
        with self._lock:
            body = json.loads(raw) if raw else None
            call = Call(number=self._count, path=path, headers=headers, body=body, raw=raw)
            self._count += 1
            if self._record:
                self.calls.append(call)
        reply = self._handler(call)
        if reply.hang:
            self._closing.wait()
            return None
        if reply.delay:
            time.sleep(reply.delay)
        return reply

    def drip(self, client: Any, seconds: float) -> None:
        """A hundred spaces, until the server closes or the client gives up (`OSError`)."""
        for _ in range(100):
            if self._closing.wait(seconds):
                return
            client.write(b" ")
            client.flush()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 256
    loopback: Loopback

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """Wake the threads that wait for the next request of a kept-alive connection."""
        with self._open_lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client was faster


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one segment for head and body
    server: _Server

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.loopback.answer(self.path, headers, raw)
        if reply is None:
            self.close_connection = True
            return
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        try:
            self.send_response(reply.status)
            said = {"content-type": reply.content_type, "content-length": str(len(body)), **reply.headers}
            for name, value in said.items():
                self.send_header(name, value)
            self.end_headers()
            if reply.drip:
                self.server.loopback.drip(self.wfile, reply.drip)
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            self.close_connection = True  # the client gave up

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Silent."""


def scripted(*replies: Reply) -> Handler:
    """These replies one after another; the last one for ever."""
    return lambda call: replies[min(call.number, len(replies) - 1)]


def chat_reply(
    text: str | None, *, finish: str = "stop", tokens: tuple[int, int, int] = (10, 0, 5), refusal: str | None = None
) -> Reply:
    """An answer of /chat/completions. `tokens`: prompt, cached of these, completion."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    return Reply(
        body={
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "served-model",
            "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
            "usage": {
                "prompt_tokens": tokens[0], "completion_tokens": tokens[2], "total_tokens": tokens[0] + tokens[2],
                "prompt_tokens_details": {"cached_tokens": tokens[1]},
            },
        }
    )  # fmt: skip


def responses_reply(
    text: str, *, incomplete: str | None = None, tokens: tuple[int, int, int] = (10, 0, 5), refusal: str | None = None
) -> Reply:
    """An answer of /responses. `incomplete`: the reason, when it was cut off."""
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    if refusal is not None:
        part = {"type": "refusal", "refusal": refusal}
    return Reply(
        body={
            "id": "resp_1", "object": "response", "created_at": 1, "model": "served-model",
            "status": "incomplete" if incomplete else "completed",
            "incomplete_details": {"reason": incomplete} if incomplete else None,
            "output": [
                {"type": "reasoning", "id": "rs_1", "summary": []},
                {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]},
            ],
            "usage": {
                "input_tokens": tokens[0], "input_tokens_details": {"cached_tokens": tokens[1]},
                "output_tokens": tokens[2], "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": tokens[0] + tokens[2],
            },
        }
    )  # fmt: skip


def messages_reply(
    content: str | Sequence[Mapping[str, Any]], *, stop: str = "end_turn", tokens: tuple[int, int, int] = (10, 0, 5)
) -> Reply:
    """An answer of /v1/messages. `tokens`: fresh input, cache reads beside it, output."""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
    return Reply(
        body={
            "id": "msg_1", "type": "message", "role": "assistant", "model": "served-model", "content": blocks,
            "stop_reason": stop, "stop_sequence": None,
            "usage": {
                "input_tokens": tokens[0], "cache_read_input_tokens": tokens[1], "cache_creation_input_tokens": 0,
                "output_tokens": tokens[2],
            },
        }
    )  # fmt: skip


def error_reply(
    status: int, message: str, *, code: str | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """An error as OpenAI words it (`code`) and Anthropic (`type`)."""
    error = {"message": message, "type": code or "invalid_request_error", "param": None, "code": code}
    return Reply(status=status, body={"type": "error", "error": error}, headers=headers or {})


def strict_schema_problem(schema: Mapping[str, Any], where: str = "schema") -> str | None:
    """What OpenAI's strict mode would refuse: an open object, a property that is not required. None: it fits."""
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False:
            return f"{where}: 'additionalProperties' is required to be false"
        missing = sorted(set(properties) - set(schema.get("required", ())))
        if missing:
            return f"{where}: not required: {', '.join(missing)}"
        for name, inner in properties.items():
            problem = strict_schema_problem(inner, f"{where}.{name}")
            if problem:
                return problem
    return strict_schema_problem(schema["items"], f"{where}[]") if "items" in schema else None
