"""The simulated judge, and a filler for any other schema: JSON that fits, from what the request says."""

import re
from collections.abc import Mapping
from typing import cast

from skillopt_ci.core.digest import fraction
from skillopt_ci.providers.simulated_reading import sentences, words

_NEGATION = re.compile(r"\b(?:not|never|no|avoids?|without|free of)\b", re.IGNORECASE)
_LABELLED = re.compile(r"^\[(\w+)\] (.*?)(?=^\[\w+\] |\Z)", re.MULTILINE | re.DOTALL)
_EMPTY = {"must", "should", "answer", "state", "mention", "include", "say", "contain", "brief"}
_MET = 0.5  # share of a criterion's words that one sentence of the answer must have


def judge(prompt: str, schema: Mapping[str, object], seed: str) -> object:
    """A verdict in the shape of the schema: a criterion is met where its words occur in one sentence of the answer."""
    answer = _block(prompt, "answer")
    listed = [(m[1], m[2].strip()) for m in _LABELLED.finditer(_block(prompt, "criteria"))]
    criteria = [_criterion(label, text, answer) for label, text in listed]
    unmet = [text for (_, text), c in zip(listed, criteria, strict=True) if not c["met"]]
    values = {
        "criteria": criteria,
        "reason": f"{len(criteria) - len(unmet)} of {len(criteria)} criteria are met.",
        "advice": _advice(unmet[0], answer) if unmet else "",
    }
    return fitted(schema, values, seed)


def _block(prompt: str, name: str) -> str:
    """What stands between the marks of a block."""
    match = re.search(rf"<{name}-([0-9a-f]+)>\n(.*?)\n</{name}-\1>", prompt, re.DOTALL)
    return match[2] if match else ""


def _criterion(label: str, text: str, answer: str) -> dict[str, object]:
    """Every sentence of a criterion asks for something; the evidence is the passage nearest to the one that decides."""
    met, quote = True, ""
    for sentence in re.split(r"\n|(?<=[.;])\s+", text):
        wanted = set(words(sentence)) - _EMPTY
        if not wanted:
            continue
        shares = [(len(wanted & set(words(s))) / len(wanted), -i) for i, s in enumerate(sentences(answer))]
        share, index = max(shares, default=(0.0, 0))
        hit = share >= _MET
        if met:
            quote = (sentences(answer) or [answer])[-index].strip().split("\n")[-1][:200]
        met = met and hit != (_NEGATION.search(sentence) is not None)
    return {"label": label, "evidence": quote or answer.strip().split("\n")[0][:200], "met": met}


def _advice(criterion: str, answer: str) -> str:
    known = set(words(answer))
    lacking = [w for w in words(criterion) if w not in known and w not in ("must", "should", "mention", "state")]
    return f"Mention {' '.join(lacking[-2:])}." if lacking else "Keep to what is asked."


def fitted(schema: Mapping[str, object], values: object, seed: str) -> object:
    """A value of the schema's shape: taken from `values` where a name fits, else the plainest that is valid."""
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return values if values in choices else choices[int(fraction(seed, "enum", len(choices)) * len(choices))]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "null")
    if kind == "object":
        given = values if isinstance(values, Mapping) else {}
        properties = cast(Mapping[str, Mapping[str, object]], schema.get("properties") or {})
        return {name: fitted(part, given.get(name), f"{seed}\x1f{name}") for name, part in properties.items()}
    if kind == "array":
        items = cast(Mapping[str, object], schema.get("items") or {})
        return [fitted(items, v, f"{seed}\x1f{i}") for i, v in enumerate(values if isinstance(values, list) else [])]
    return _plainest(kind, values, seed)


def _plainest(kind: object, value: object, seed: str) -> object:
    if kind == "boolean":
        return value if isinstance(value, bool) else fraction(seed, "boolean") < 0.5
    if kind in ("number", "integer"):
        number = value if isinstance(value, (int, float)) else 0
        return int(number) if kind == "integer" else number
    if kind == "string":
        return value if isinstance(value, str) else ""
    return value
