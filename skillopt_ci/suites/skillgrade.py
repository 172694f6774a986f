"""skillgrade `eval.yaml`: tasks with a workspace, shell graders and rubrics.

Source: mgechev/skillgrade, `src/core/config.types.ts`. An instruction or rubric may be the name of a file beside it.
"""

import posixpath
from types import MappingProxyType

from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import AGENT, CODE, LIMITS, MODELS, Node, Report, items
from skillopt_ci.suites.making import Checks, Draft, clean_id, make, stage
from skillopt_ci.suites.weighing import INFORMS, weight_of

_REASONS = MappingProxyType(
    {
        **dict.fromkeys(("agent", "provider", "docker", "environment", "acp"), AGENT),
        **dict.fromkeys(("trials", "grader_model", "model", "defaults"), MODELS),
        "timeout": LIMITS,
        "solution": CODE,
        "setup": CODE,
    }
)


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The tasks of one file."""
    report = Report(tree, path)
    known = ("version", "skill")
    return report.result([_task(one) for one in items(report, data, "tasks", known=known, reasons=_REASONS)])


def _task(node: Node) -> Task | None:
    node.name = clean_id(node.text("name"))
    checks = Checks()
    for one in node.nodes("graders"):
        kind, weight = one.text("type"), weight_of(one)
        if not weight:
            checks.lose(one, INFORMS)
        elif kind == "llm_rubric" and (rubric := _text(one, "rubric")):
            checks.criteria.append(rubric)
            checks.weights.append(weight)
            one.lose_rest(_REASONS)
        else:
            checks.lose(one, CODE if kind == "deterministic" else f"the grader {kind[:60]!r} has no equal here")
    copied: list[tuple[str, str]] = []
    for one in node.nodes("workspace"):
        target, source = one.text("dest"), one.text("src")
        if target.startswith("/"):
            one.lose_item(AGENT)
        elif source:
            copied.append((target or posixpath.basename(source), source))
        one.lose("chmod", AGENT)
    files = stage(node, "workspace", copied, (posixpath.dirname(node.path),))
    draft = Draft(id=node.name, prompt=_text(node, "instruction"), files=files)
    node.lose_rest(_REASONS)
    return make(node, draft, checks)


def _text(node: Node, key: str) -> str:
    """A text, or the content of the file that it names."""
    text = node.text(key)
    if "\n" in text.strip() or not text.strip().endswith((".md", ".txt")) or " " in text.strip():
        return text
    return node.text_beside(key)
