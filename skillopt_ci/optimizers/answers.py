"""What the optimizer model must return, and how it is read: schemas and their checks."""

from collections.abc import Mapping
from dataclasses import replace

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.texts import utf8
from skillopt_ci.prompts import from_data
from skillopt_ci.providers.base import Schema

_TEXT: Mapping[str, object] = {"type": "string"}
_OPS = ("add", "replace", "delete")
MAX_EDITS_READ = 50
MAX_BODY_READ = 200_000  # characters; what a skill may have is the policy's to say


def _object(properties: Mapping[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


SKILL_EDITS = Schema(
    name="skill_edits",
    schema=_object(
        {
            "reasoning": _TEXT,
            "edits": {
                "type": "array",
                "items": _object(
                    {
                        "op": {"type": "string", "enum": list(_OPS)},
                        "target": _TEXT,
                        "content": _TEXT,
                        "rationale": _TEXT,
                        "evidence": {"type": "array", "items": _TEXT},
                    }
                ),
            },
        }
    ),
)
SKILL_DESCRIPTIONS = Schema(
    name="skill_descriptions",
    schema=_object(
        {
            "reasoning": _TEXT,
            "descriptions": {
                "type": "array",
                "items": _object(
                    {"description": _TEXT, "rationale": _TEXT, "evidence": {"type": "array", "items": _TEXT}}
                ),
            },
        }
    ),
)
RANKING = Schema(name="ranking", schema=_object({"order": {"type": "array", "items": {"type": "integer"}}}))
SLOW_UPDATE = Schema(name="slow_update", schema=_object({"reasoning": _TEXT, "guidance": _TEXT}))
META_NOTES = Schema(name="meta_notes", schema=_object({"notes": _TEXT}))

REWRITE = Schema(name="skill_rewrite", schema=_object({"reasoning": _TEXT, "body": _TEXT}))


def read_rewrite(value: object) -> tuple[str, str]:
    """The reason and the text of a `skill_rewrite` answer. Raises `ValueError` with words for the model."""
    body = read_text(value, "body", MAX_BODY_READ)
    if not body:
        raise ValueError("'body' must be the whole new text of the skill")
    return read_text(value, "reasoning", MAX_BODY_READ), body


def read_edits(value: object) -> list[Edit]:
    """Edits of a `skill_edits` answer. Raises `ValueError` with words for the model when it does not fit."""
    items = _mapping(value).get("edits")
    if not isinstance(items, list):
        raise ValueError("'edits' must be a list")
    return [_edit(item, number) for number, item in enumerate(items[:MAX_EDITS_READ], 1)]


def read_reasoning(value: object) -> str:
    """The words that stand beside the edits of a `skill_edits` answer; empty when there are none."""
    said = _mapping(value).get("reasoning")
    return from_data(utf8(said)).strip() if isinstance(said, str) else ""


def read_descriptions(value: object, old: str) -> list[Edit]:
    """Descriptions of a `skill_descriptions` answer as edits that replace the old one. Raises `ValueError`."""
    items = _mapping(value).get("descriptions")
    if not isinstance(items, list):
        raise ValueError("'descriptions' must be a list")
    found = []
    for number, item in enumerate(items[:MAX_EDITS_READ], 1):
        if not isinstance(item, dict):
            raise ValueError(f"description {number} must be an object")
        edit = _edit({**item, "op": "replace", "target": "", "content": item.get("description", "")}, number)
        found.append(replace(edit, op="describe", target=old, content=edit.content.strip()))
    return found


def _edit(value: object, number: int) -> Edit:
    if not isinstance(value, dict):
        raise ValueError(f"edit {number} must be an object")
    op = value.get("op")
    if op not in _OPS:
        raise ValueError(f"edit {number}: 'op' must be one of {', '.join(_OPS)}")
    texts = {}
    for key in ("target", "content", "rationale"):
        text = value.get(key, "")
        if not isinstance(text, str):
            raise ValueError(f"edit {number}: '{key}' must be a string")
        texts[key] = from_data(utf8(text))
    evidence = value.get("evidence", [])
    if not isinstance(evidence, list):
        raise ValueError(f"edit {number}: 'evidence' must be a list of task ids")
    ids = tuple(dict.fromkeys(utf8(str(e)) for e in evidence if isinstance(e, str | int)))
    return Edit(op=op, target=texts["target"], content=texts["content"], rationale=texts["rationale"], evidence=ids)


def read_order(value: object, count: int) -> list[int]:
    """Indices (from 0) in the model's order; what it left out follows in the given order. Raises `ValueError`."""
    order = _mapping(value).get("order")
    if not isinstance(order, list) or not all(isinstance(n, int) and not isinstance(n, bool) for n in order):
        raise ValueError("'order' must be a list of whole numbers")
    named = [n - 1 for n in dict.fromkeys(order) if 1 <= n <= count]
    if not named and count:
        raise ValueError(f"'order' must name edits by their numbers, 1 to {count}")
    return [*named, *(i for i in range(count) if i not in named)]


def read_text(value: object, key: str, limit: int) -> str:
    """A text of at most `limit` characters. Raises `ValueError` with words for the model."""
    text = _mapping(value).get(key)
    if not isinstance(text, str):
        raise ValueError(f"'{key}' must be a string")
    if len(text) > limit:
        raise ValueError(f"'{key}' has {len(text)} characters; at most {limit} are allowed")
    return from_data(utf8(text)).strip()


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError("the answer must be a JSON object")
    return value
