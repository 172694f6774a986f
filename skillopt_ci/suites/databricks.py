"""Databricks' `ground_truth.yaml`: test cases with expected facts, patterns and guidelines.

Source: databricks-solutions/ai-dev-kit, `.test/src/skill_test/optimize/assertions.py`. Facts are texts compared without
case, patterns are Python's without case and may be counted. `metadata.category` stays in the metadata.
"""

from types import MappingProxyType

from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import AGENT, Node, Report, items
from skillopt_ci.suites.making import NO_PATTERN, Checks, Draft, clean_id, make

_COUNTS = "a count of matches"
_LIKE = "The answer agrees in substance with the reference."
_REASONS = MappingProxyType({"trace_expectations": AGENT, "expected_skills": AGENT, "is_multi_skill": AGENT})


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The test cases of one file."""
    report = Report(tree, path)
    return report.result([_task(one) for one in items(report, data, "test_cases", known=("metadata",), reasons={})])


def _task(node: Node) -> Task | None:
    node.name = clean_id(node.id("id") or "")
    inputs, expectations, outputs = (node.node(key) for key in ("inputs", "expectations", "outputs"))
    checks = Checks()
    if expectations:
        checks.contains(expectations.some_texts("expected_facts"), ignore_case=True)
        for one in expectations.entries("expected_patterns", also=(str,)):
            _pattern(expectations, one, checks)
        checks.criteria += [*expectations.some_texts("guidelines"), *expectations.some_texts("assertions")]
        if expectations.present(("expected_skills", "trace_expectations")):
            checks.lost = True  # a task that asks for nothing else is about agents
        expectations.lose_rest(_REASONS)
    if outputs:  # a stored answer says what a good one is like, and whether it ran
        response = outputs.get("response")
        checks.context = response if isinstance(response, str) else ""
        if checks.context.strip() and not checks.criteria and not checks.rules and not checks.lost:
            checks.criteria.append(_LIKE)  # nothing else says what is right
        elif checks.context.strip() and not checks.criteria:
            outputs.lose_part("response", "an example of an answer, without criteria for a judge")
        outputs.get("execution_success")
        outputs.lose_rest({})
    draft = Draft(
        id=node.name,
        prompt=inputs.text("prompt") if inputs else "",
        metadata=MappingProxyType(node.mapping("metadata")),
    )
    if inputs:
        inputs.lose_rest({})
    node.lose_rest({})
    return make(node, draft, checks)


def _pattern(parent: Node, one: object, checks: Checks) -> None:
    pattern = one.text("pattern") if isinstance(one, Node) else str(one)
    least = one.get("min_count") if isinstance(one, Node) else 1
    most = one.get("max_count") if isinstance(one, Node) else None
    if isinstance(one, Node):
        one.get("description")
    negate = least == 0 and most == 0
    counted = not negate and (least not in (None, 1) or most is not None)
    if counted or not checks.pattern(pattern, "python", flags="i", negate=negate):
        checks.lost = True
        reason = _COUNTS if counted else NO_PATTERN
        if isinstance(one, Node):
            one.lose_item(reason)
        else:
            parent.lose_part("expected_patterns", reason)
