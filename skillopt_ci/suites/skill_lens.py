"""skill-lens `*.eval.yaml`: cases with assertions and a judge.

Source: EmadMokhtar/skill-evaluator, `docs/eval-files.md`, `evaluators/assertion.py`. Texts are compared with case,
patterns are Python's, `equals` strips the answer. A placeholder that `init` wrote is refused, as there.
"""

from types import MappingProxyType

from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import AGENT, LIMITS, Node, Report, items
from skillopt_ci.suites.making import NO_PATTERN, Checks, Draft, clean_id, make, spec

PLACEHOLDER = "TODO(skill-eval)"  # what `skill-eval init` writes
_REASONS = MappingProxyType({"tools": AGENT, "trajectory": AGENT, "budget": LIMITS})


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The cases of one file."""
    report = Report(tree, path)
    if PLACEHOLDER.encode() in data:
        line = data.count(b"\n", 0, data.index(PLACEHOLDER.encode())) + 1
        report.wrong(f"a field still holds the placeholder {PLACEHOLDER}; fill it in", line=line)
        return report.result([])
    return report.result([_task(one) for one in items(report, data, "cases", known=(), reasons={})])


def _task(node: Node) -> Task | None:
    node.name = clean_id(node.text("name"))
    checks = Checks()
    for one in node.nodes("assertions"):
        _assertion(one, checks)
    judge = node.node("judge")
    if judge:
        checks.criteria += judge.some_texts("rubric")
        checks.context = judge.text("expected")
        judge.lose_rest({})
    draft = Draft(id=node.name, prompt=node.text("task"), should_trigger=_trigger(node), tags=node.some_texts("tags"))
    node.lose_rest(_REASONS)
    return make(node, draft, checks)


def _trigger(node: Node) -> bool | None:
    """Whether the skill should be reached for: said where it is only offered."""
    trajectory = node.node("trajectory")
    if not trajectory:
        node.get("mode")
        return None
    wanted = trajectory.flag("skill_triggered") if node.text("mode") == "offered" else None
    trajectory.lose_rest(dict.fromkeys(trajectory.item.value, AGENT))
    return wanted


def _assertion(node: Node, checks: Checks) -> None:
    kind, value = node.text("kind"), node.text("value")
    if kind in ("contains", "not_contains") and value.strip():
        (checks.contains if kind == "contains" else checks.lacks)([value], ignore_case=False)
    elif kind == "regex" and value:
        if not checks.pattern(value, "python"):
            checks.lose(node, NO_PATTERN)
    elif kind == "equals" and value.strip() and value == value.strip():
        checks.others.append(spec("exact", values=[value]))
    else:
        checks.lose(node, f"the assertion {kind[:60]!r} has no equal grader here")
    node.lose_rest({})
