"""promptfoo's assertions as checks. Source: promptfoo/promptfoo, `src/assertions/*.ts`, `src/csv.ts`."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from skillopt_ci.suites.document import parse_document
from skillopt_ci.suites.foreign import AGENT, CODE, LIMITS, MODELS, Node, written
from skillopt_ci.suites.making import NO_PATTERN, Checks, spec
from skillopt_ci.suites.templates import LOGIC, as_javascript, render_all
from skillopt_ci.suites.weighing import INFORMS, OWN_NUMBER, Part, threshold_of, weight_of

REASONS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("javascript", "python", "ruby", "webhook"), CODE),
        **dict.fromkeys(("cost", "latency", "tokens-used"), LIMITS),
        **dict.fromkeys(("skill-used", "tool-call-f1", "trace-span-count", "trace-span-duration"), AGENT),
        **dict.fromkeys(("select-best", "max-score"), "it compares the answers of several prompts or models"),
        "levenshtein": "a number of edits; `similarity` measures their share of the text",
        "rouge-n": "ROUGE-N; `similarity` has ROUGE-L, another measure",
        **dict.fromkeys(("bleu", "gleu", "meteor"), "a measure of likeness that no grader here has"),
        **dict.fromkeys(("similar", "similar:cosine", "similar:dot", "similar:euclidean"), "a likeness of embeddings"),
    }
)
CHANGED = "it looks at the answer as code has changed it (`transform`)"
_JUDGED = ("llm-rubric", "model-graded-closedqa", "g-eval")
_LISTS = ("contains-all", "contains-any", "icontains-all", "icontains-any")
_FIELDS = MappingProxyType(
    {
        "threshold": OWN_NUMBER,
        "provider": MODELS,
        "rubricPrompt": "the judge's prompt is pinned",
        "metric": "names of metrics are not kept",
        "transform": CODE,
        "contextTransform": CODE,
        "config": CODE,
    }
)
_FIELD = re.compile(r'"(?P<quoted>(?:\\["\\]|""|[^"\\]|\\(?!["\\]))*)"\s*(?=,|\Z)|(?P<plain>[^\s,][^,]*)')
_ESCAPED = re.compile(r'[\\"](["\\])')
_FROM_TEXT = re.compile(r"(?P<type>(?:not-)?[a-z][a-z-]*)(?:\((?P<threshold>[0-9.]+)\))?(?::(?P<value>[\s\S]*))?")
_TYPED = frozenset(
    {*_LISTS, *REASONS, *_JUDGED, "contains", "icontains", "regex", "equals", "starts-with", "ends-with"}
)
_OTHERS = frozenset(
    {
        *("is-json", "contains-json", "similar", "levenshtein", "rouge-n", "bleu", "gleu", "meteor", "perplexity"),
        *("perplexity-score", "classifier", "factuality", "moderation", "answer-relevance", "context-recall"),
        *(
            "context-relevance",
            "context-faithfulness",
            "is-refusal",
            "is-sql",
            "contains-sql",
            "is-xml",
            "contains-xml",
        ),
        *("is-html", "contains-html", "word-count", "is-valid-openai-tools-call", "is-valid-function-call"),
    }
)


def from_text(text: str) -> dict[str, object]:
    """An assertion as a column `__expected` of a table writes it: `icontains: x`, `grade: x`, else equality."""
    for prefix, kind in (("javascript:", "javascript"), ("fn:", "javascript"), ("eval:", "javascript")):
        if text.startswith(prefix):
            return {"type": kind, "value": text.removeprefix(prefix)}
    for prefix, kind in (("grade:", "llm-rubric"), ("llm-rubric:", "llm-rubric"), ("python:", "python")):
        if text.startswith(prefix):
            return {"type": kind, "value": text.removeprefix(prefix)}
    if re.match(r"file://.*\.(?:py|js|ts|mjs|cjs)\b", text):
        return {"type": "python" if ".py" in text else "javascript", "value": text}
    found = _FROM_TEXT.fullmatch(text)
    kind = found["type"] if found else ""
    if not found or kind.removeprefix("not-") not in _TYPED | _OTHERS:
        return {"type": "equals", "value": text}
    value: object = (found["value"] or "").strip()
    if kind.removeprefix("not-") in _LISTS:
        value = _separated(str(value))
    made: dict[str, object] = {"type": kind, "value": value}
    return {**made, "threshold": float(found["threshold"])} if found["threshold"] else made


def part(node: Node, values: Mapping[str, object], *, changed: bool = False) -> Part:
    """One assertion, or a set of them. What cannot be expressed exactly is lost.

    `changed`: code changes the answer before anything looks at it, so nothing that is said of it can be checked here.
    """
    kind = node.text("type")
    weight = weight_of(node)
    if kind == "assert-set":
        parts = tuple(part(one, values, changed=changed) for one in node.nodes("assert"))
        made = Part(parts=parts, weight=weight, threshold=threshold_of(node, parts))
    else:
        checks = Checks()
        if weight and (changed or node.item.value.get("transform")):
            checks.lose(node, CHANGED)
        else:
            _assertion(node, kind, weight, values, checks)
        made = Part(checks=checks, weight=weight, hard=not checks.criteria)
    node.lose_rest(_FIELDS)
    return made


def _assertion(node: Node, kind: str, weight: float, values: Mapping[str, object], checks: Checks) -> None:
    base, negate = kind.removeprefix("not-"), kind.startswith("not-")
    if not weight:
        checks.lose(node, INFORMS)
        return
    try:
        value = render_all(_value(node), values)
    except ValueError as error:
        checks.lose(node, str(error))
        return
    reason = _add(base, negate, value, checks)
    if reason:
        checks.lose(node, reason)
    elif base not in _JUDGED:
        node.get("threshold")  # it says nothing there


def _value(node: Node) -> object:
    """The assertion's value, a file's content when it names one. Raises `ValueError` with the reason it is lost."""
    value = node.get("value")
    if not isinstance(value, str) or not value.startswith("file://"):
        return value
    name = value.removeprefix("file://")
    if "{{" in name:
        raise ValueError(LOGIC)
    if re.search(r"\.(?:js|mjs|cjs|ts|py|rb)(?::\w+)?$", name):
        raise ValueError(CODE)
    found = node.report.beside(name, line=node.line_of("value"))
    text = node.report.text(*found) if found else None
    if found is None or text is None:
        raise ValueError("its file cannot be read")
    if name.endswith((".json", ".yaml", ".yml")):
        document, wrong = parse_document(found[0], text)
        node.report.problems += wrong
        return document.value if document else None
    return text


def _add(base: str, negate: bool, value: object, checks: Checks) -> str:
    """Add one check; the reason it is lost, or nothing."""
    text = _text(value)
    lost = REASONS.get(base) or (AGENT if base.startswith("trajectory") else "")
    if lost:
        return lost
    if base in ("contains", "icontains") and text:
        (checks.lacks if negate else checks.contains)([text], ignore_case=base == "icontains")
    elif base in _LISTS:
        return _list(base, negate, value, checks)
    elif base == "regex" and text:
        return "" if checks.pattern(text, "javascript", negate=negate) else NO_PATTERN
    elif base in ("starts-with", "ends-with") and text:
        pattern = rf"\A{re.escape(text)}" if base == "starts-with" else rf"{re.escape(text)}\Z"
        checks.rules.append({"op": "not_regex" if negate else "regex", "arg": pattern, "flags": ""})
    elif base == "equals":
        return _equals(negate, value, checks)
    elif base in ("is-json", "contains-json") and not negate:
        return _json(base, value, checks)
    elif base in _JUDGED and not negate:
        texts = [t for t in map(written, value if isinstance(value, list) else [value]) if t and t.strip()]
        checks.criteria += texts
        return "" if texts else "it has no rubric of its own"
    else:
        return f"the assertion {'not-' if negate else ''}{base[:60] or '(none)'} has no equal grader here"
    return ""


def _list(base: str, negate: bool, value: object, checks: Checks) -> str:
    ignore_case = base.startswith("i")
    given = _separated(value) if isinstance(value, str) else value
    texts = [t for t in map(_text, given if isinstance(given, list) else []) if t is not None]
    if not any(t.strip() for t in texts):
        return "it names no texts"
    if base.endswith("all"):
        texts = [t for t in texts if t]
    elif not all(t.strip() for t in texts):
        return "one of its texts is empty, and so in nearly every answer"
    if not negate and base.endswith("all"):
        checks.contains(texts, ignore_case=ignore_case)
    elif not negate:
        checks.contains_any(texts, ignore_case=ignore_case)
    elif base.endswith("any") or len(texts) == 1:
        checks.lacks(texts, ignore_case=ignore_case)
    else:
        return f"the assertion not-{base} has no equal grader here"
    return ""


def _separated(value: str) -> list[str]:
    """Texts between commas, which stand in quotes where they have commas themselves."""
    fields = _FIELD.finditer(value)
    return [_ESCAPED.sub(r"\1", f["quoted"]) if f["quoted"] is not None else f["plain"].strip() for f in fields]


def _text(value: object) -> str | None:
    """A text, or a number as promptfoo compares with it."""
    return as_javascript(value) if isinstance(value, float) else written(value)


def _equals(negate: bool, value: object, checks: Checks) -> str:
    text = str(value).lower() if isinstance(value, bool) else _text(value)
    if text is not None and text.strip():
        if negate:
            checks.rules.append({"op": "not_regex", "arg": rf"\A{re.escape(text)}\Z", "flags": ""})
        else:
            checks.others.append(spec("exact", values=[text], strip=False))
        return ""
    if isinstance(value, dict | list) and not negate:
        checks.others.append(spec("json", whole=True, schema={"const": value}))
        return ""
    return "equality with nothing, or inequality with a structure, has no equal grader here"


def _json(base: str, value: object, checks: Checks) -> str:
    where = "whole" if base == "is-json" else "anywhere"
    if isinstance(value, str) and value.strip():
        document, wrong = parse_document("schema.yaml", value)
        if wrong or document is None or not isinstance(document.value, dict):
            return "its JSON Schema cannot be read"
        value = document.value
    if not value:
        checks.others.append(spec("json", **{where: True}))
        return ""
    if not isinstance(value, dict):
        return "its JSON Schema cannot be read"
    checks.others.append(spec("json", **{where: True}, schema=value))
    return ""
