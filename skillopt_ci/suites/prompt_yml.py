"""GitHub Models `.prompt.yml`: messages with variables, rows of test data, evaluators.

Source: github/gh-models, `pkg/prompt/prompt.go`, `cmd/eval/eval.go`. `equals` compares with case and wins over
`contains`, `startsWith` and `endsWith`, which do not; only the first of them that is given counts.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.document import parse_json
from skillopt_ci.suites.foreign import MODELS, Node, Report, top
from skillopt_ci.suites.making import Checks, Draft, make, spec
from skillopt_ci.suites.templates import LOGIC, render

_SYSTEM = "a system prompt of its own; the skill takes its place"
_CHAT = "a conversation of several turns"
_FILE_REASONS = MappingProxyType({"model": MODELS, "modelParameters": MODELS})


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """One task for each row of test data."""
    report = Report(tree, path)
    tasks: list[Task | None] = []
    for node in top(report, data):
        template = _template(node)
        shape = _shape(node)
        evaluators = node.nodes("evaluators")
        for row in node.nodes("testData"):
            tasks.append(_task(row.as_item(), template, evaluators, shape) if template is not None else None)
        for key in ("name", "description"):
            node.get(key)
        node.lose_rest(_FILE_REASONS)
    return report.result(tasks)


def _template(node: Node) -> str | None:
    """The user's message; None when there is not exactly one."""
    users = []
    for one in node.nodes("messages"):
        role, content = one.text("role"), one.text("content")
        if role == "user":
            users.append(content)
        else:
            one.lose_item(_SYSTEM if role == "system" else _CHAT)
    if len(users) != 1:
        node.lose_part("messages", _CHAT)
        return None
    return users[0]


def _shape(node: Node) -> dict[str, object] | None:
    """The JSON Schema that answers are asked for."""
    wanted, written = node.text("responseFormat"), node.text("jsonSchema")
    if wanted != "json_schema" or not written:
        return {} if wanted == "json_object" else None
    try:
        value = parse_json(written)
    except ValueError as error:
        node.wrong(f"'jsonSchema' is not valid JSON: {error}", "jsonSchema")
        return None
    schema = value.get("schema", value) if isinstance(value, dict) else None
    return schema if isinstance(schema, dict) else None


def _task(row: Node, template: str, evaluators: list[Node], shape: Mapping[str, object] | None) -> Task | None:
    values = {key: row.get(key) for key in row.item.value}
    prompt = render(template, values)
    if prompt is None:
        row.lose_item(LOGIC)
        return None
    checks = Checks()
    if shape is not None:
        checks.others.append(spec("json", whole=True, **({"schema": dict(shape)} if shape else {})))
    for one in evaluators:
        _evaluator(one, values, checks)
    return make(row, Draft(prompt=prompt, metadata=MappingProxyType(values)), checks)


def _evaluator(node: Node, values: Mapping[str, object], checks: Checks) -> None:
    node.get("name")
    texts = node.node("string")
    if texts:
        given = next((k for k in ("equals", "contains", "startsWith", "endsWith") if texts.text(k)), None)
        made = render(texts.text(given), values) if given else None
        if not given or made is None or not made.strip():
            checks.lose(node, LOGIC if given else "it compares with nothing")
            return
        _text(given, made, checks)
    elif (judge := node.node("llm")) is not None:
        choices = judge.nodes("choices")
        passing = [c.text("choice") for c in choices if c.get("score") == 1]
        for one in choices:
            one.get("score")
        rubric = render(judge.text("prompt").replace("{{completion}}", "the answer"), values)
        if rubric is None or not rubric.strip():
            checks.lose(node, LOGIC)
            return
        said = f" The right verdict is one of: {', '.join(passing)}." if passing else ""
        checks.criteria.append(f"{rubric}{said}")
        judge.lose_rest({"modelId": MODELS, "systemPrompt": "the judge's prompt is pinned", "choices": MODELS})
    else:
        uses = node.text("uses")
        checks.lose(node, f"the evaluator {uses[:60]!r} is GitHub's own" if uses else "an evaluator of an unknown kind")
        return
    node.lose_rest({})


def _text(kind: str, text: str, checks: Checks) -> None:
    if kind == "equals":
        checks.others.append(spec("exact", values=[text], strip=False))
    elif kind == "contains":
        checks.contains([text], ignore_case=True)
    else:
        pattern = rf"\A{re.escape(text)}" if kind == "startsWith" else rf"{re.escape(text)}\Z"
        checks.rules.append({"op": "regex", "arg": pattern, "flags": "i"})
