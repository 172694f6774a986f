"""Queries that should or should not make an agent choose the skill; only an agent harness can run them.

Formats: agentskills.io and skill-creator `[{"query", "should_trigger"}]` (also below `queries` or `evals`), waza
`trigger_tests.yaml` with `should_trigger_prompts` and `should_not_trigger_prompts`, and tables with a column
`should_trigger` (OpenAI's `<skill>.prompts.csv`).
"""

from collections.abc import Mapping
from types import MappingProxyType

from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import MODELS, Node, Report, top
from skillopt_ci.suites.making import Checks, Draft, clean_id, make, split_named
from skillopt_ci.suites.tables import as_node, is_table, rows

QUERY = ("query", "prompt", "input", "question")
LISTS = MappingProxyType({"should_trigger_prompts": True, "should_not_trigger_prompts": False})
_FLAG = "should_trigger"
_SAID = MappingProxyType({**dict.fromkeys(("true", "yes", "1"), True), **dict.fromkeys(("false", "no", "0"), False)})
WRAPPERS = ("queries", "evals", "tests", "cases")
_NOTES = ("reason", "confidence", "category", "notes", "rationale", "description", "difficulty", "name")


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The queries of one file as tasks without graders: what they test is whether the skill triggers."""
    report = Report(tree, path)
    tasks: list[Task | None] = []
    if is_table(path):
        return report.result([_task(as_node(report, line, _row(cells)), None) for line, cells in rows(report, data)])
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


def _row(cells: Mapping[str, object]) -> dict[str, object]:
    """A row of a table: its cells are texts."""
    row = {name.lower(): cell for name, cell in cells.items()}
    said = str(row.get(_FLAG, "")).strip().lower()
    return {**row, _FLAG: _SAID[said]} if said in _SAID else row


def _task(node: Node, wanted: bool | None) -> Task | None:
    given = node.get("id")
    node.name = clean_id(str(given)) if isinstance(given, str | int) and not isinstance(given, bool) else ""
    key = node.one_of(QUERY)
    should = node.flag(_FLAG) if wanted is None else wanted
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
