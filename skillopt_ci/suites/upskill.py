"""upskill's test cases: a JSON list, `{"cases": [...]}`, or the `tests` of a `skill_meta.json`.

Source: huggingface/upskill, `src/upskill/models.py`, `evaluate.py`. Texts are compared without case.
"""

from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import AGENT, CODE, Node, Report, top, written
from skillopt_ci.suites.making import Checks, Draft, inline, make


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The cases of one file."""
    report = Report(tree, path)
    tasks: list[Task | None] = []
    for node in top(report, data):
        lists = node.present(("cases", "tests"))
        if not lists:
            tasks.append(_task(node))
            continue
        for key in lists:
            tasks += [_task(one.as_item()) for one in node.nodes(key)]
        node.get("metadata")
        node.lose_rest({})
    return report.result(tasks)


def _task(node: Node) -> Task | None:
    checks = Checks()
    expected, context = node.node("expected"), node.node("context")
    files = {n: written(t) or "" for n, t in context.mapping("files").items()} if context else {}
    validator = node.get("validator")
    if validator is not None or node.get("output_file") is not None:
        checks.lost = True
        node.lose("validator", CODE)
        node.lose("validator_config", CODE)
        node.lose("output_file", AGENT)
    if expected and validator is None:
        checks.contains(expected.some_texts("contains"), ignore_case=True)
    for one in (expected, context):
        if one:
            one.lose_rest(dict.fromkeys(one.item.value, AGENT))
    draft = Draft(prompt=node.text("input"), files=inline(node, "context", files))
    node.lose_rest({})
    return make(node, draft, checks)
