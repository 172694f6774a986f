"""The simulated judge, and a filler for any other schema: JSON that fits, from what the request says."""

import re
from collections.abc import Mapping
from typing import cast

from skillopt_ci.core.digest import fraction
from skillopt_ci.providers.simulated_prompts import inside
from skillopt_ci.providers.simulated_reading import sentences, words

_NEGATION = re.compile(r"\b(?:not|never|no|avoids?|without|free of)\b", re.IGNORECASE)
_MET = 0.5  # share of a criterion's words that one sentence of the answer must have
_MOST = 12


def judge(prompt: str, schema: Mapping[str, object], seed: str) -> object:
    """A verdict in the shape of the schema: every line of the rubric is a criterion, met where its words occur."""
    answer, rubric = inside(prompt, "answer"), inside(prompt, "rubric")
    rubric = re.split(r"\n\s*Accepted answers\b", rubric)[0]
    lines = [re.sub(r"^\s*(?:[-*]|\d+[.)])\s*", "", s) for s in re.split(r"\n|(?<=[.;])\s+", rubric) if s.strip()]
    criteria = [_criterion(line, answer) for line in lines[:_MOST] or ["answers the task"]]
    unmet = [c for c in criteria if not c["met"]]
    values = {
        "criteria": criteria,
        "passed": not unmet,
        "score": (len(criteria) - len(unmet)) / len(criteria),
        "reason": f"{len(criteria) - len(unmet)} of {len(criteria)} criteria are met.",
        "advice": _advice(str(unmet[0]["criterion"]), answer) if unmet else "",
    }
    return fitted(schema, values, seed)


def _criterion(line: str, answer: str) -> dict[str, object]:
    wanted = set(words(line)) - {"must", "should", "answer", "state", "mention", "include", "say", "contain", "brief"}
    absent = _NEGATION.search(line) is not None
    shares = [(len(wanted & set(words(s))) / max(1, len(wanted)), -i) for i, s in enumerate(sentences(answer))]
    share, index = max(shares, default=(0.0, 0))
    hit = share >= _MET
    quote = sentences(answer)[-index].split("\n")[-1][:200] if hit else ""
    return {"criterion": line, "kind": "absent" if absent else "present", "evidence": quote, "met": hit != absent}


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
