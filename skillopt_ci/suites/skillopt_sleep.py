"""SkillOpt-Sleep's mined tasks: `{"format": "skillopt_sleep.tasks.v1", "reviewed", "tasks": [...]}` or a bare list.

Source: microsoft/SkillOpt, `skillopt_sleep/types.py`, `tasks_file.py`, `judges.py`. Its check operators have gbrain's
names and other meanings: texts are compared without case, patterns without the flag `m`, a section may also be a bold
line or a label. They are translated operator by operator. A file that says `"reviewed": false` is refused.
"""

import re
from types import MappingProxyType

from skillopt_ci.core.task import SPLITS, Split, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import AGENT, Node, Report, top, written
from skillopt_ci.suites.making import NO_PATTERN, Checks, Draft, clean_id, make

_SPLITS = MappingProxyType({"replay": "train", "holdout": "val"} | {s: s for s in SPLITS})
_LEGACY = "a framing of the system's own; the skill takes its place"
_NOTES = ("project", "outcome", "source_sessions", "origin", "derived_from", "skill_hint")
_FILE = ("format", "project", "transcript_source", "n_sessions", "target_skill_path", "reviewed")


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The tasks of one file."""
    report = Report(tree, path)
    tasks: list[Task | None] = []
    for node in top(report, data):
        if "tasks" not in node.item.value:
            tasks.append(_task(node))
            continue
        if node.flag("reviewed") is False:
            node.wrong('the file says "reviewed": false; review its tasks, then set it to true', "reviewed")
            continue
        tasks += [_task(one.as_item()) for one in node.nodes("tasks")]
        for key in _FILE:
            node.get(key)
        node.lose_rest({})
    return report.result(tasks)


def _task(node: Node) -> Task | None:
    node.name = clean_id(node.id("id") or "")
    if not node.name:
        node.wrong("'id' is missing")
    checks = Checks()
    kind, reference = node.text("reference_kind", "none"), node.text("reference")
    expected: tuple[str, ...] = ()
    if kind == "exact" and reference.strip():
        expected = (reference,)
        words = re.findall(r"\w+", reference)
        if words:  # found anywhere in the answer, whatever stands between the words
            checks.rules.append({"op": "regex", "arg": r"[^\w]+".join(map(re.escape, words)), "flags": "i"})
        else:
            checks.lose(node, "an exact reference without words is never met")
    elif kind == "rubric" and isinstance(node.item.value.get("rubric"), str) and node.text("rubric").strip():
        checks.criteria.append(node.text("rubric"))  # written apart from the reference: then that is an answer
        checks.context = reference
    elif kind == "rubric" and reference.strip():
        checks.criteria.append(reference)
    elif kind == "rule":
        judge = node.node("judge")
        for check in judge.nodes("checks") if judge else []:
            _check(check, checks)
        if judge:
            judge.get("kind")
            judge.lose_rest({})
    notes = {n: node.get(n) for n in _NOTES if node.item.value.get(n) not in (None, "", [])}
    draft = Draft(
        id=node.name,
        prompt=node.prompt("intent"),
        expected=expected,
        context=node.text("context_excerpt"),
        split=_split(node),
        tags=node.some_texts("tags"),
        metadata=MappingProxyType(notes),
    )
    node.get("judge")
    node.lose_rest({"system": _LEGACY, "attempted_solution": "an earlier attempt; tasks hold none"})
    return make(node, draft, checks)


def _split(node: Node) -> Split | None:
    name = node.text("split")
    if not name:
        return None
    known = _SPLITS.get(name)
    if known is None:
        node.wrong(f"unknown split {name[:60]!r} (train, val or test)", "split")
    return next((s for s in SPLITS if s == known), None)


def _check(node: Node, checks: Checks) -> None:
    op, arg = node.text("op"), written(node.get("arg")) or ""
    name = re.escape(arg)
    if op not in ("no_refusal",) and not arg.strip():
        node.wrong(f"check {op[:60]!r}: 'arg' is missing")
    elif op == "contains":
        checks.contains([arg], ignore_case=True)
    elif op == "not_contains":
        checks.lacks([arg], ignore_case=True)
    elif op == "regex":
        if not checks.pattern(arg, "python"):
            checks.lose(node, NO_PATTERN)
    elif op == "section_present":
        line = rf"^\s{{0,3}}(#{{1,6}}\s*.*{name}|\*\*.*{name}.*\*\*\s*:?)\s*$|^\s*{name}\s*:"
        checks.rules.append({"op": "regex", "arg": line, "flags": "im"})
    elif op == "section_contains":
        checks.rules.append({"op": "regex", "arg": rf"^ {{0,3}}#{{1,6}}(?:[ \t]+|$)[^\n]*{name}", "flags": "im"})
    elif op in ("min_chars", "max_chars"):
        if not re.fullmatch(r"[0-9]{1,9}", arg.strip()):
            node.wrong(f"check '{op}': 'arg' must be a whole number from 0 on, not {arg[:60]!r}", "arg")
        checks.rules.append({"op": op, "arg": int(arg) if arg.strip().isdecimal() and len(arg) < 10 else 0})
    elif op == "no_refusal":
        checks.rules.append({"op": op})
    else:
        checks.lose(node, AGENT if op == "tool_called" else f"the operator {op[:60]!r} always passes there")
    node.lose_rest({})
