"""Samples of inspect_ai: `input`, `target`, `choices`, as a JSON list, JSON Lines or CSV.

Source: UKGovernmentBEIS/inspect_ai, `src/inspect_ai/dataset/_dataset.py`, `_sources/{json,csv}.py`. The scorer is not
in the data: the skill's graders hold, except for `choices`, which are listed in the prompt and graded by `choice`.
"""

import base64
import binascii
import posixpath
from collections.abc import Sequence
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from skillopt_ci.core.task import Attachment, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.document import parse_json
from skillopt_ci.suites.fields import beside, safe_name
from skillopt_ci.suites.foreign import AGENT, Node, Report, top, written
from skillopt_ci.suites.making import Checks, Draft, clean_id, make, spec
from skillopt_ci.suites.tables import as_node, rows

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CHAT = "a conversation of several turns"
SEVERAL = "several choices that are right together; `choice` takes one"
_SYSTEM = "a system prompt of its own; the skill takes its place"
_REASONS = MappingProxyType({"sandbox": AGENT, "setup": AGENT, "checkpoint": AGENT})
_JSON_COLUMNS = ("choices", "metadata", "files", "sandbox")


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The samples of one file."""
    report = Report(tree, path)
    nodes = _rows(report, data) if path.lower().endswith(".csv") else top(report, data)
    return report.result([_task(node) for node in nodes])


def _rows(report: Report, data: bytes) -> list[Node]:
    made: list[Node] = []
    for line, cells in rows(report, data):
        for key in _JSON_COLUMNS:
            cells[key] = _structure(key, cells.get(key))
        made.append(as_node(report, line, cells))
    return made


def _structure(key: str, cell: object) -> object:
    """A cell that holds a list or mapping; choices may also stand between commas."""
    if not isinstance(cell, str):
        return None
    try:
        return parse_json(cell)
    except ValueError:
        return [c.strip() for c in cell.split(",")] if key == "choices" else cell


def _task(node: Node) -> Task | None:
    given = node.get("id")
    node.name = clean_id(str(given)) if isinstance(given, str | int) and not isinstance(given, bool) else ""
    prompt = prompt_of(node, "input")
    if prompt is None:
        node.lose_item(CHAT)
        return None
    choices = node.some_texts("choices")
    shown = _images(node)
    checks = Checks()
    expected = tuple(t for t in node.some_texts("target") if t.strip())
    if choices:
        if not 2 <= len(choices) <= len(_LETTERS) or len(set(choices)) < len(choices):
            node.wrong(f"'choices' must be 2 to {len(_LETTERS)} different texts", "choices")
        if len(expected) > 1 or _several(expected, choices):
            node.lose_item(SEVERAL)
            return None
        listed = "\n".join(
            f"{letter}) {' '.join(text.split())}" for letter, text in zip(_LETTERS, choices, strict=False)
        )
        prompt = f"{prompt}\n\n{listed}"
        checks.others.append(spec("choice", choices=list(choices)))
    draft = Draft(
        id=node.name,
        prompt=prompt,
        expected=expected,
        files=tuple(sorted((*_files(node), *shown), key=lambda f: f.name)),
        metadata=MappingProxyType(_metadata(node)),
    )
    node.lose_rest(_REASONS)
    return make(node, draft, checks)


def _metadata(node: Node) -> dict[str, object]:
    """A mapping, or one written as JSON in a text."""
    value = node.get("metadata")
    found = _structure("metadata", value) if isinstance(value, str) else None
    return found if isinstance(found, dict) else node.mapping("metadata")


def _several(expected: Sequence[str], choices: Sequence[str]) -> bool:
    """Whether an answer has several letters, such as `AC`: inspect asks for all of them."""
    letters = _LETTERS[: len(choices)]
    return any(len(one) > 1 and one not in choices and set(one) <= set(letters) for one in expected)


def prompt_of(node: Node, key: str) -> str | None:
    """The text of a prompt, or of the one message of the user; None for a conversation."""
    value = node.get(key)
    if not isinstance(value, list):
        return written(value) or ""
    messages = node.nodes(key)
    users = [m for m in messages if m.get("role") == "user"]
    systems = [m for m in messages if m.get("role") in ("system", "developer")]
    if len(users) != 1 or len(users) + len(systems) != len(messages):
        return None
    for one in systems:
        one.lose_item(_SYSTEM)
    content = users[0].get("content")
    if isinstance(content, list):
        parts = users[0].nodes("content")
        for one in parts:
            if one.get("type") not in ("text", "image"):
                one.lose_item("a part of a message that is neither text nor image")
        content = "\n".join(one.text("text") for one in parts if one.get("type") == "text")
    return content if isinstance(content, str) else ""


def _images(node: Node) -> tuple[Attachment, ...]:
    """Images in the one message of the user, from beside the samples or from data URLs; those of the web are lost."""
    value = node.get("input")
    messages = [m for m in value if isinstance(m, dict) and m.get("role") == "user"] if isinstance(value, list) else []
    if len(messages) != 1 or not isinstance(messages[0].get("content"), list):
        return ()
    made: dict[str, bytes] = {}
    for number, message in enumerate(node.nodes("input")):
        if message.item.value is not messages[0]:
            continue
        for one in message.nodes("content"):
            if one.get("type") != "image":
                continue
            source = one.text("image")
            data = _data_url(source) if source.startswith("data:") else _read(node, source)
            name = posixpath.basename(source) if not source.startswith("data:") else f"image-{number + len(made)}"
            if data is None or not safe_name(name) or name in made:
                one.lose_item("an image that is not beside the samples")
            else:
                made[name] = data
                one.get("detail")
    return tuple(Attachment(name=name, data=data) for name, data in made.items())


def _files(node: Node) -> tuple[Attachment, ...]:
    """Files as inspect finds them: a data URL, a path that exists beside the samples, else the text itself."""
    made = []
    for name, content in sorted(node.mapping("files").items()):
        if not safe_name(name) or not isinstance(content, str):
            node.wrong(f"'files': {name[:60]!r} must be a relative path with a text", "files")
            continue
        data = _data_url(content) if content.startswith("data:") else _read(node, content)
        made.append(Attachment(name=name, data=content.encode() if data is None else data))
    return tuple(made)


def _data_url(url: str) -> bytes | None:
    head, _, body = url.partition(",")
    try:
        return base64.b64decode(body, validate=True) if head.endswith(";base64") else unquote_to_bytes(body)
    except binascii.Error:
        return None


def _read(node: Node, name: str) -> bytes | None:
    place = beside(node.path, name) if "\n" not in name and len(name) < 500 else None
    try:
        return node.report.tree.read(place) if place and node.report.tree.glob(place) else None
    except ConfigError:
        return None
