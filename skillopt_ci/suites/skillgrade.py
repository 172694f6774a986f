"""skillgrade `eval.yaml`: tasks with a workspace, shell graders and rubrics.

Source: mgechev/skillgrade, `src/core/config.types.ts`. An instruction or rubric may be the name of a file beside it.
"""

import posixpath
from types import MappingProxyType

from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import AGENT, CODE, LIMITS, MODELS, WEIGHTS, Node, Report, top
from skillopt_ci.suites.making import Checks, Draft, clean_id, make, stage

_REASONS = MappingProxyType(
    {
        **dict.fromkeys(("agent", "provider", "docker", "environment", "acp"), AGENT),
        **dict.fromkeys(("trials", "grader_model", "model", "defaults"), MODELS),
        "timeout": LIMITS,
        "solution": CODE,
        "weight": WEIGHTS,
        "setup": CODE,
    }
)


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The tasks of one file."""
    report = Report(tree, path)
    tasks: list[Task | None] = []
    for node in top(report, data):
        tasks += [_task(one.as_item()) for one in node.nodes("tasks")]
        for key in ("version", "skill"):
            node.get(key)
        node.lose_rest(_REASONS)
    return report.result(tasks)


def _task(node: Node) -> Task | None:
    node.name = clean_id(node.text("name"))
    checks = Checks()
    for one in node.nodes("graders"):
        kind = one.text("type")
        if kind == "llm_rubric" and (rubric := _text(one, "rubric")):
            checks.criteria.append(rubric)
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
    found = node.report.beside(text.strip(), line=node.line_of(key))
    return (node.report.text(*found) if found else None) or ""
