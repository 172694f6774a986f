"""gbrain's skillopt-v1 benchmark: JSON Lines of {task_id, task, judge}; `held-out.jsonl` is the test split.

Source: patelnav/gbrain-evals, eval/data/skillopt-v1. Kinds of judge: `rule` (share of checks passed), `llm` (rubric);
`qrels` needs gbrain's own retrieval and is refused.
"""

import posixpath
from collections.abc import Mapping
from types import MappingProxyType

from skillopt_ci.core.task import GraderSpec, Source, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult, decode
from skillopt_ci.suites.fields import Fields
from skillopt_ci.suites.source import kind, parse_jsonl

HELD_OUT = "held-out.jsonl"
_FIELDS = ("task_id", "task", "judge")


def read(_tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The tasks of one file; fields the format does not know are kept in `metadata`, with one warning a name."""
    text, wrong = decode(path, data)
    if wrong:
        return ReadResult(tasks=(), problems=tuple(wrong))
    items, problems = parse_jsonl(path, text)
    tasks = []
    told: set[str] = set()
    for item in items:
        fields = Fields(path, item, problems)
        task = _task(fields)
        if not task:
            continue
        tasks.append(task)
        for key in sorted(set(task.metadata) - told):
            told.add(key)
            fields.warn(f"the field {key[:60]!r} has no meaning here; it is kept in the metadata")
    return ReadResult(tasks=tuple(tasks), problems=tuple(problems))


def _task(fields: Fields) -> Task | None:
    for key in ("task_id", "task"):
        if fields.get(key) is None:
            fields.wrong(f"'{key}' is missing")
    grader = _grader(fields)
    task = Task(
        id=fields.id("task_id") or "",
        prompt=fields.prompt("task"),
        source=Source(file=fields.path, line=fields.item.line),
        graders=(grader,) if grader else None,
        split="test" if posixpath.basename(fields.path) == HELD_OUT else None,
        metadata=MappingProxyType({k: v for k, v in fields.item.value.items() if k not in _FIELDS}),
    )
    return task if fields.ok else None


def _grader(fields: Fields) -> GraderSpec | None:
    judge = fields.get("judge")
    if not isinstance(judge, dict):
        fields.wrong(f'\'judge\' must be a mapping such as {{"kind": "rule", ...}}, not {kind(judge)}')
        return None
    name = judge.get("kind")
    if name == "rule":
        return _rule(fields, judge)
    if name == "llm":
        rubric = judge.get("rubric")
        if not isinstance(rubric, str) or not rubric.strip():
            fields.wrong("judge: 'rubric' must be a string that is not empty")
            return None
        if judge.get("model") is not None:
            fields.warn("judge: its 'model' is not used; the judge model of the configuration is")
        return GraderSpec(type="judge", options=MappingProxyType({"rubric": rubric}))
    said = "has no 'kind'" if name is None else f"the kind {str(name)[:60]!r} is not supported"
    fields.wrong(f"judge: {said}; use rule or llm")
    return None


def _rule(fields: Fields, judge: Mapping[str, object]) -> GraderSpec | None:
    checks = judge.get("checks")
    good = isinstance(checks, list) and all(
        isinstance(c, dict) and isinstance(c.get("op"), str) and set(c) <= {"op", "arg"} for c in checks
    )
    if not checks or not good:
        fields.wrong('judge: \'checks\' must be a list of {"op": ..., "arg": ...} that is not empty')
        return None
    return GraderSpec(type="rules", options=MappingProxyType({"checks": checks}))
