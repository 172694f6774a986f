"""fastxyz skill-optimizer `suite.yml`: cases whose graders are commands. All of their grading is code, so it is lost.

Source: fastxyz/skill-optimizer, `examples/workbench/*/suite.yml`. What is left is a loss report that says so.
"""

from types import MappingProxyType

from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import AGENT, CODE, LIMITS, MODELS, Node, Report, items
from skillopt_ci.suites.making import Checks, Draft, clean_id, make

_REASONS = MappingProxyType(
    {
        **dict.fromkeys(("references", "env", "mcpServers", "mcpServices"), AGENT),
        **dict.fromkeys(("setup", "cleanup"), CODE),
        "models": MODELS,
        "model": MODELS,
        "timeoutSeconds": LIMITS,
        "appendSystemPrompt": "a system prompt of its own; the skill takes its place",
    }
)


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The cases of one file."""
    report = Report(tree, path)
    return report.result([_task(one) for one in items(report, data, "cases", known=("name",), reasons=_REASONS)])


def _task(node: Node) -> Task | None:
    node.name = clean_id(node.text("name"))
    checks = Checks()
    for one in node.nodes("graders"):
        checks.lose(one, CODE)
    draft = Draft(id=node.name, prompt=node.text("task"))
    node.lose_rest(_REASONS)
    return make(node, draft, checks)
