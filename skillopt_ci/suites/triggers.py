"""Queries that should or should not make an agent choose the skill; only an agent harness can run them.

Formats: agentskills.io and skill-creator `[{"query", "should_trigger"}]` (also below `queries` or `evals`), waza
`trigger_tests.yaml` with `should_trigger_prompts` and `should_not_trigger_prompts`.
"""

from types import MappingProxyType

from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import MODELS, Node, Report, top
from skillopt_ci.suites.making import Checks, Draft, clean_id, make, split_named

QUERY = ("query", "prompt", "input", "question")
LISTS = MappingProxyType({"should_trigger_prompts": True, "should_not_trigger_prompts": False})
WRAPPERS = ("queries", "evals", "tests", "cases")
_NOTES = ("reason", "confidence", "category", "notes", "rationale", "description", "difficulty", "name")


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The queries of one file as tasks without graders: what they test is whether the skill triggers."""
    report = Report(tree, path)
    tasks: list[Task | None] = []
    for node in top(report, data):
        lists = [*LISTS, *WRAPPERS]
        if not node.present(lists):
            tasks.append(_task(node, None))
            continue
        for key in node.present(lists):
            tasks += [_task(one.as_item(), LISTS.get(key)) for one in node.nodes(key)]
        for key in ("skill", "skill_name", "name", "description", "version", "$schema", "metadata"):
            node.get(key)
        node.lose_rest({"runs": MODELS, "runs_per_query": MODELS, "threshold": MODELS, "model": MODELS})
    return report.result(tasks)


def _task(node: Node, wanted: bool | None) -> Task | None:
    given = node.get("id")
    node.name = clean_id(str(given)) if isinstance(given, str | int) and not isinstance(given, bool) else ""
    key = node.one_of(QUERY)
    should = node.flag("should_trigger") if wanted is None else wanted
    if should is None and node.ok:
        node.wrong("'should_trigger' is missing: true or false")
    notes = {n: node.get(n) for n in _NOTES if node.item.value.get(n) is not None}
    draft = Draft(
        id=node.name,
        prompt=node.prompt(key) if key else "",
        split=split_named(node),
        should_trigger=should,
        tags=node.some_texts("tags"),
        metadata=MappingProxyType(notes),
    )
    node.lose_rest({})
    return make(node, draft, Checks())
