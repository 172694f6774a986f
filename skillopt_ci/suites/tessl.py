"""Tessl scenarios: a folder each with `task.md` and `criteria.json`, a weighted checklist for a judge.

Source: tesslio/good-oss-citizen, `tiles/*/evals/*/`.
"""

import posixpath
from types import MappingProxyType

from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.document import Document
from skillopt_ci.suites.foreign import AGENT, WEIGHTS, Node, Report
from skillopt_ci.suites.making import Checks, Draft, clean_id, make

TASK, CRITERIA = "task.md", "criteria.json"
_REASONS = MappingProxyType({"type": WEIGHTS})


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The one task of a scenario's folder."""
    report = Report(tree, path)
    folder = posixpath.dirname(path)
    criteria_path = posixpath.join(folder, CRITERIA)
    text = report.text(path, data)
    criteria = report.read(criteria_path)
    document = None if criteria is None else report.document(criteria_path, criteria)
    if text is None or document is None:
        return report.result([])
    node = Node(report, Document(path=path, value={"task": text}, places={}))
    rubric = Node(report, document)
    node.name = rubric.name = clean_id(posixpath.basename(folder) or "scenario")
    checks = Checks()
    checks.context = rubric.text("context")
    for one in rubric.nodes("checklist"):
        name, description = one.text("name"), one.text("description")
        weight = one.get("max_score")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < 1e6:
            one.lose("max_score", "a weight must be a number above 0")
            weight = 1.0
        checks.criteria.append(": ".join(part for part in (name, description) if part))
        checks.weights.append(float(weight))
        one.lose_rest(_REASONS)
    if rubric.text("type") not in ("", "weighted_checklist"):
        rubric.lose_part("type", f"the type {rubric.text('type')[:60]!r} is not known here")
    rubric.lose_rest({})
    others = [p for p in tree.glob(f"{folder}/*" if folder else "*") if posixpath.basename(p) not in (TASK, CRITERIA)]
    if others:
        node.lose_part("task", f"{len(others)} other files of its folder: the scenario {AGENT}")
    return report.result([make(node, Draft(id=node.name, prompt=node.text("task").strip()), checks)])
